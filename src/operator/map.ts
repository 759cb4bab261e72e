/** `map`: one record out for each record in. */

import { FunctionOperator } from './function-operator.ts';
import type { MapFunction, OrClass } from './functions.ts';
import type { InlineCode } from './inline-code.ts';
import type { OperatorDefinition } from './operator.ts';
import { isLambda, refusePromise } from './user-function.ts';

export type MapLambda<T, R> = (value: T) => R;

/** `key` makes the keyed state of a function object speak of the record's key. */
export function map<T, R>(
  given: MapLambda<T, R> | OrClass<MapFunction<T, R>>,
  key?: (value: never) => unknown,
): OperatorDefinition {
  if (isLambda(given)) {
    return {
      kind: 'map',
      input: 'records',
      output: 'records',
      inline: (code) => writeMap(code, `${code.bind(given)}(${code.value})`),
    };
  }
  return {
    kind: 'map',
    input: 'records',
    output: 'records',
    create: () => new FunctionOperator<MapFunction<T, R>, R>(given, key !== undefined),
    inline: (code) => {
      writeKey(code, key);
      writeMap(code, `${code.self}.f.map(${code.value})`);
    },
    ...keySelectors(key),
  };
}

function writeMap(code: InlineCode, call: string): void {
  const result = code.fresh('mapped');
  code.line(`const ${result} = ${call};`);
  code.line(`if (${result} instanceof Promise) ${code.bind(refusePromise)}('map');`);
  code.emit(result);
}

/** Makes the record's key current, where the operator is keyed. */
export function writeKey(code: InlineCode, key: ((value: never) => unknown) | undefined): void {
  if (key !== undefined) code.line(`${code.self}.backend.setCurrentKey(${code.bind(key)}(${code.value}));`);
}

/** The part of a definition that says by which keys an operator has state. */
export function keySelectors(key: ((value: never) => unknown) | undefined): Pick<OperatorDefinition, 'keySelectors'> {
  return key === undefined ? {} : { keySelectors: [key] };
}
