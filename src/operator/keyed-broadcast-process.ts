/**
 * `process` on a keyed stream connected with a broadcast stream. Input 0 has a key, its state and timers, and reads
 * the broadcast state; input 1 has no key, writes the broadcast state, and may visit the keyed state of all keys.
 */

import type { AnyStateDescriptor, MapStateDescriptor, StateHandle } from '../state/descriptor.ts';
import type { KeyedBackend } from '../state/keyed-backend.ts';
import type { BroadcastState } from '../state/operator-state.ts';
import type { TimerService } from '../state/timers.ts';
import { BroadcastStates, type BroadcastDescriptors } from './broadcast-states.ts';
import { stateHandle } from './function-operator.ts';
import type {
  KeyedBroadcastContext,
  KeyedBroadcastProcessFunction,
  OrClass,
  ReadOnlyBroadcastState,
  StateDeclarations,
  StateHandles,
} from './functions.ts';
import { KeyedContext, KeyedProcessOperator } from './keyed-process-operator.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { ElementContext } from './process-operator.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { declaredStates } from './user-function.ts';

export function keyedBroadcastProcess<K, T, B, R, S extends StateDeclarations>(
  key: (value: T) => K,
  descriptors: BroadcastDescriptors,
  given: OrClass<KeyedBroadcastProcessFunction<K, T, B, R, S>>,
): OperatorDefinition {
  return {
    kind: 'keyed-broadcast-process',
    input: 'records',
    output: 'records',
    create: () => new KeyedBroadcastProcessingOperator(key, descriptors, given),
    states: () => declaredStates(given),
    keySelectors: [key],
    changelog: false,
  };
}

class KeyedReadingContext<K, S> extends KeyedContext<K, S> {
  readonly #states: BroadcastStates;

  constructor(
    context: OperatorContext<never>,
    runtime: RuntimeContext,
    state: StateHandles<S>,
    timers: TimerService,
    states: BroadcastStates,
  ) {
    super(context, runtime, state, timers);
    this.#states = states;
  }

  getBroadcastState<BK, BV>(descriptor: MapStateDescriptor<BK, BV>): ReadOnlyBroadcastState<BK, BV> {
    return this.#states.readable(descriptor);
  }
}

class KeylessWritingContext<K> extends ElementContext implements KeyedBroadcastContext<K> {
  readonly #states: BroadcastStates;
  readonly #backend: KeyedBackend;

  constructor(context: OperatorContext<never>, runtime: RuntimeContext, states: BroadcastStates) {
    super(context, runtime);
    this.#states = states;
    this.#backend = context.keyedBackend();
  }

  getBroadcastState<BK, BV>(descriptor: MapStateDescriptor<BK, BV>): BroadcastState<BK, BV> {
    return this.#states.writable(descriptor);
  }

  applyToKeyedState<D extends AnyStateDescriptor>(descriptor: D, visit: (key: K, state: StateHandle<D>) => void): void {
    const handle = stateHandle(this.#backend, descriptor);
    // A visit may clear the state it is shown, so the keys are listed first.
    for (const key of Array.from(this.#backend.keys(descriptor.name))) {
      this.#backend.setCurrentKey(key);
      visit(key as K, handle);
    }
  }
}

class KeyedBroadcastProcessingOperator<K, T, B, R, S extends StateDeclarations>
  extends KeyedProcessOperator<K, S, KeyedBroadcastProcessFunction<K, T, B, R, S>, R, KeyedReadingContext<K, S>>
  implements InputOperator<T>
{
  readonly #key: (value: T) => K;
  readonly #descriptors: BroadcastDescriptors;
  #writing!: KeylessWritingContext<K>;

  constructor(
    key: (value: T) => K,
    descriptors: BroadcastDescriptors,
    given: OrClass<KeyedBroadcastProcessFunction<K, T, B, R, S>>,
  ) {
    super(given);
    this.#key = key;
    this.#descriptors = descriptors;
  }

  protected override createKeyedContext(
    context: OperatorContext<never>,
    state: StateHandles<S>,
    timers: TimerService,
  ): KeyedReadingContext<K, S> {
    const states = new BroadcastStates(context, this.#descriptors);
    this.#writing = new KeylessWritingContext(context, this.runtime, states);
    return new KeyedReadingContext(context, this.runtime, state, timers, states);
  }

  /** Elements of the broadcast side have no key; what they return lazily needs none. */
  override enter(key: unknown, timestamp: Timestamp): void {
    if (key === undefined) this.#enterKeyless(timestamp);
    else super.enter(key, timestamp);
  }

  #enterKeyless(timestamp: Timestamp): void {
    this.out.at = timestamp;
    this.#writing.at = timestamp;
  }

  override watermark(timestamp: Timestamp): void {
    this.#writing.watermark = timestamp;
    super.watermark(timestamp);
  }

  element(value: T, timestamp: Timestamp): void {
    const key = this.#key(value);
    this.enter(key, timestamp);
    this.emitted(this.f.processElement(value, this.ctx, this.out), key, timestamp, 'process');
  }

  element2(value: B, timestamp: Timestamp): void {
    this.#enterKeyless(timestamp);
    this.emitted(this.f.processBroadcastElement(value, this.#writing, this.out), undefined, timestamp, 'process');
  }
}
