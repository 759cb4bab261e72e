/** `aggregate` on a keyed stream: Flink's AggregateFunction, emitting the result after each record. */

import type { AggregateFunction } from '../state/descriptor.ts';
import type { OrClass, RichFunction } from './functions.ts';
import { keyedFold } from './keyed-fold.ts';
import type { OperatorDefinition } from './operator.ts';
import { refusePromise } from './user-function.ts';

export function aggregate<In, Acc, Out>(
  key: (value: In) => unknown,
  given: OrClass<AggregateFunction<In, Acc, Out>>,
  batch: boolean,
): OperatorDefinition {
  type Aggregate = AggregateFunction<In, Acc, Out> & RichFunction;
  return keyedFold<Aggregate>({
    kind: 'aggregate',
    key: key,
    f: given,
    batch,
    write: (code, previous, next) => {
      const { self, value } = code;
      code.line(
        `const ${next} = ${self}.f.add(${value}, ${previous} === undefined ? ${self}.f.createAccumulator() : ${previous});`,
      );
      code.line(`if (${next} instanceof Promise) ${code.bind(refusePromise)}('aggregate');`);
    },
    result: (f, accumulator) => f.getResult(accumulator),
  });
}
