/** `reduce` on a keyed stream: the user's function combines the accumulated value with each record. */

import type { OrClass, ReduceFunction } from './functions.ts';
import { keyedFold } from './keyed-fold.ts';
import type { OperatorDefinition } from './operator.ts';
import { isLambda, refusePromise } from './user-function.ts';

export type ReduceLambda<T> = (accumulated: T, value: T) => T;

export function reduce<T>(
  key: (value: T) => unknown,
  given: ReduceLambda<T> | OrClass<ReduceFunction<T>>,
  batch: boolean,
): OperatorDefinition {
  const lambda = isLambda(given) ? given : undefined;
  return keyedFold<ReduceFunction<T>>({
    kind: 'reduce',
    key: key,
    f: isLambda(given) ? undefined : given,
    batch,
    write: (code, previous, next) => {
      const f = lambda === undefined ? `${code.self}.f.reduce` : code.bind(lambda);
      code.line(`const ${next} = ${previous} === undefined ? ${code.value} : ${f}(${previous}, ${code.value});`);
      code.line(`if (${next} instanceof Promise) ${code.bind(refusePromise)}('reduce');`);
    },
  });
}
