/** `process` on two connected streams, without and with keys. */

import { KeyedContext, KeyedProcessOperator } from './keyed-process-operator.ts';
import type {
  CoProcessFunction,
  KeyedCoProcessFunction,
  OrClass,
  StateDeclarations,
  StateHandles,
} from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { ElementContext, ProcessOperator } from './process-operator.ts';
import type { TimerService } from '../state/timers.ts';
import { declaredStates } from './user-function.ts';

export function coProcess<A, B, R>(given: OrClass<CoProcessFunction<A, B, R>>): OperatorDefinition {
  return {
    kind: 'co-process',
    input: 'records',
    output: 'records',
    create: () => new CoProcessingOperator(given),
    changelog: false,
  };
}

/** One key selector per input: their keys are the same keys. */
export function keyedCoProcess<K, A, B, R, S extends StateDeclarations>(
  key1: (value: A) => K,
  key2: (value: B) => K,
  given: OrClass<KeyedCoProcessFunction<K, A, B, R, S>>,
): OperatorDefinition {
  return {
    kind: 'keyed-co-process',
    input: 'records',
    output: 'records',
    create: () => new KeyedCoProcessingOperator(key1, key2, given),
    states: () => declaredStates(given),
    keySelectors: [key1, key2],
    changelog: false,
  };
}

class CoProcessingOperator<A, B, R> extends ProcessOperator<CoProcessFunction<A, B, R>, R> implements InputOperator<A> {
  constructor(given: OrClass<CoProcessFunction<A, B, R>>) {
    super(given, false);
  }

  protected override createContext(context: OperatorContext<never>): ElementContext {
    return new ElementContext(context, this.runtime);
  }

  element(value: A, timestamp: Timestamp): void {
    this.enter(undefined, timestamp);
    this.emitted(this.f.processElement1(value, this.ctx, this.out), undefined, timestamp, 'process');
  }

  element2(value: B, timestamp: Timestamp): void {
    this.enter(undefined, timestamp);
    this.emitted(this.f.processElement2(value, this.ctx, this.out), undefined, timestamp, 'process');
  }
}

class KeyedCoProcessingOperator<K, A, B, R, S extends StateDeclarations>
  extends KeyedProcessOperator<K, S, KeyedCoProcessFunction<K, A, B, R, S>, R>
  implements InputOperator<A>
{
  readonly #key1: (value: A) => K;
  readonly #key2: (value: B) => K;

  constructor(key1: (value: A) => K, key2: (value: B) => K, given: OrClass<KeyedCoProcessFunction<K, A, B, R, S>>) {
    super(given);
    this.#key1 = key1;
    this.#key2 = key2;
  }

  protected override createKeyedContext(
    context: OperatorContext<never>,
    state: StateHandles<S>,
    timers: TimerService,
  ): KeyedContext<K, S> {
    return new KeyedContext(context, this.runtime, state, timers);
  }

  element(value: A, timestamp: Timestamp): void {
    const key = this.#key1(value);
    this.enter(key, timestamp);
    this.emitted(this.f.processElement1(value, this.ctx, this.out), key, timestamp, 'process');
  }

  element2(value: B, timestamp: Timestamp): void {
    const key = this.#key2(value);
    this.enter(key, timestamp);
    this.emitted(this.f.processElement2(value, this.ctx, this.out), key, timestamp, 'process');
  }
}
