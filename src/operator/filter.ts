/** `filter`: keeps the records for which the function says true. */

import { FunctionOperator } from './function-operator.ts';
import type { FilterFunction, OrClass } from './functions.ts';
import type { InlineCode } from './inline-code.ts';
import { keySelectors, writeKey } from './map.ts';
import type { OperatorDefinition } from './operator.ts';
import { isLambda, refusePromise } from './user-function.ts';

export type FilterLambda<T> = (value: T) => boolean;

export function filter<T>(
  given: FilterLambda<T> | OrClass<FilterFunction<T>>,
  key?: (value: never) => unknown,
): OperatorDefinition {
  if (isLambda(given)) {
    return {
      kind: 'filter',
      input: 'records',
      output: 'records',
      inline: (code) => writeFilter(code, `${code.bind(given)}(${code.value})`),
    };
  }
  return {
    kind: 'filter',
    input: 'records',
    output: 'records',
    create: () => new FunctionOperator<FilterFunction<T>, T>(given, key !== undefined),
    inline: (code) => {
      writeKey(code, key);
      writeFilter(code, `${code.self}.f.filter(${code.value})`);
    },
    ...keySelectors(key),
  };
}

/** A promise is neither true nor false, though JavaScript would take it for true. */
function writeFilter(code: InlineCode, call: string): void {
  const keep = code.fresh('keep');
  code.line(`const ${keep} = ${call};`);
  code.line(`if (${keep} instanceof Promise) ${code.bind(refusePromise)}('filter');`);
  code.line(`if (${keep}) {`);
  code.emit(code.value);
  code.line('}');
}
