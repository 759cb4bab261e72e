/** `process` on a stream without keys: a function over elements with side outputs. */

import type { OrClass, ProcessFunction } from './functions.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, Timestamp } from './operator.ts';
import { ElementContext, ProcessOperator } from './process-operator.ts';

export function process<T, R>(given: OrClass<ProcessFunction<T, R>>): OperatorDefinition {
  return {
    kind: 'process',
    input: 'records',
    output: 'records',
    create: () => new ProcessingOperator(given),
    changelog: false,
  };
}

class ProcessingOperator<T, R> extends ProcessOperator<ProcessFunction<T, R>, R> implements InputOperator<T> {
  constructor(given: OrClass<ProcessFunction<T, R>>) {
    super(given, false);
  }

  protected override createContext(context: OperatorContext<never>): ElementContext {
    return new ElementContext(context, this.runtime);
  }

  element(value: T, timestamp: Timestamp): void {
    this.enter(undefined, timestamp);
    this.emitted(this.f.processElement(value, this.ctx, this.out), undefined, timestamp, 'process');
  }
}
