/** `process` on a stream connected with a broadcast stream: input 0 reads the broadcast state, input 1 writes it. */

import type { MapStateDescriptor } from '../state/descriptor.ts';
import type { BroadcastState } from '../state/operator-state.ts';
import { BroadcastStates, type BroadcastDescriptors } from './broadcast-states.ts';
import type { BroadcastProcessFunction, OrClass, ReadOnlyBroadcastState } from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { ElementContext, ProcessOperator } from './process-operator.ts';
import type { RuntimeContext } from './runtime-context.ts';

export function broadcastProcess<T, B, R>(
  descriptors: BroadcastDescriptors,
  given: OrClass<BroadcastProcessFunction<T, B, R>>,
): OperatorDefinition {
  return {
    kind: 'broadcast-process',
    input: 'records',
    output: 'records',
    create: () => new BroadcastProcessingOperator(descriptors, given),
    changelog: false,
  };
}

class ReadingContext extends ElementContext {
  readonly #states: BroadcastStates;

  constructor(context: OperatorContext<never>, runtime: RuntimeContext, states: BroadcastStates) {
    super(context, runtime);
    this.#states = states;
  }

  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): ReadOnlyBroadcastState<K, V> {
    return this.#states.readable(descriptor);
  }
}

class WritingContext extends ElementContext {
  readonly #states: BroadcastStates;

  constructor(context: OperatorContext<never>, runtime: RuntimeContext, states: BroadcastStates) {
    super(context, runtime);
    this.#states = states;
  }

  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): BroadcastState<K, V> {
    return this.#states.writable(descriptor);
  }
}

class BroadcastProcessingOperator<T, B, R>
  extends ProcessOperator<BroadcastProcessFunction<T, B, R>, R, ReadingContext>
  implements InputOperator<T>
{
  readonly #descriptors: BroadcastDescriptors;
  #writing!: WritingContext;

  constructor(descriptors: BroadcastDescriptors, given: OrClass<BroadcastProcessFunction<T, B, R>>) {
    super(given, false);
    this.#descriptors = descriptors;
  }

  protected override createContext(context: OperatorContext<never>): ReadingContext {
    const states = new BroadcastStates(context, this.#descriptors);
    this.#writing = new WritingContext(context, this.runtime, states);
    return new ReadingContext(context, this.runtime, states);
  }

  override enter(key: unknown, timestamp: Timestamp): void {
    super.enter(key, timestamp);
    this.#writing.at = timestamp;
  }

  override watermark(timestamp: Timestamp): void {
    this.#writing.watermark = timestamp;
    super.watermark(timestamp);
  }

  element(value: T, timestamp: Timestamp): void {
    this.enter(undefined, timestamp);
    this.emitted(this.f.processElement(value, this.ctx, this.out), undefined, timestamp, 'process');
  }

  element2(value: B, timestamp: Timestamp): void {
    this.enter(undefined, timestamp);
    this.emitted(this.f.processBroadcastElement(value, this.#writing, this.out), undefined, timestamp, 'process');
  }
}
