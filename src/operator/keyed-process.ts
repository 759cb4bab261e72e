/** `process` on a keyed stream: a function over elements with keyed state and timers. */

import { KeyedContext, KeyedProcessOperator } from './keyed-process-operator.ts';
import type { KeyedProcessFunction, OrClass, StateDeclarations, StateHandles } from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import type { TimerService } from '../state/timers.ts';
import { declaredStates } from './user-function.ts';

export function keyedProcess<K, T, R, S extends StateDeclarations>(
  key: (value: T) => K,
  given: OrClass<KeyedProcessFunction<K, T, R, S>>,
): OperatorDefinition {
  return {
    kind: 'keyed-process',
    input: 'records',
    output: 'records',
    create: () => new KeyedProcessingOperator(key, given),
    states: () => declaredStates(given),
    keySelectors: [key],
    changelog: false,
  };
}

class KeyedProcessingOperator<K, T, R, S extends StateDeclarations>
  extends KeyedProcessOperator<K, S, KeyedProcessFunction<K, T, R, S>, R>
  implements InputOperator<T>
{
  readonly #key: (value: T) => K;

  constructor(key: (value: T) => K, given: OrClass<KeyedProcessFunction<K, T, R, S>>) {
    super(given);
    this.#key = key;
  }

  protected override createKeyedContext(
    context: OperatorContext<never>,
    state: StateHandles<S>,
    timers: TimerService,
  ): KeyedContext<K, S> {
    return new KeyedContext(context, this.runtime, state, timers);
  }

  element(value: T, timestamp: Timestamp): void {
    const key = this.#key(value);
    this.enter(key, timestamp);
    this.emitted(this.f.processElement(value, this.ctx, this.out), key, timestamp, 'process');
  }
}
