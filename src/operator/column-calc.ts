/** `filter` and `select` over column batches: one generated kernel, called from the text of the chain. */

import type { ColumnBatch } from '../data/column-batch.ts';
import { Calc, type NamedExpression } from '../kernel/calc.ts';
import type { Expression } from '../kernel/expression.ts';
import { describeExpression } from '../kernel/describe-expression.ts';
import type { Schema } from '../data/schema.ts';
import type { OperatorDefinition } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

export interface ColumnCalcOptions {
  readonly schema: Schema;
  /** Rows for which it is not true are left out. */
  readonly condition?: Expression;
  /** The columns of the output; without, those of the input. */
  readonly outputs?: readonly NamedExpression[];
}

/** @throws GRAPH_INVALID when an expression has no type. */
export function columnCalc({
  schema,
  condition,
  outputs,
}: ColumnCalcOptions): OperatorDefinition & { readonly schema: Schema } {
  const options = { schema, condition, outputs, tag: 'calc' };
  // Typed here, so that what has no type is refused while the graph is built.
  const calc = new Calc(options);
  return {
    kind: outputs === undefined ? 'column-filter' : 'column-calc',
    input: 'columns',
    output: 'columns',
    schema: calc.schema,
    create: () => new ColumnCalc(new Calc(options)),
    inline: (code) => {
      const result = code.fresh('calculated');
      code.line(`const ${result} = ${code.self}.run(${code.value});`);
      code.line(`if (${result} !== undefined) {`);
      code.emit(result);
      code.line('}');
    },
    describe: {
      ...(condition === undefined ? {} : { where: describeExpression(condition, schema) }),
      ...(outputs === undefined
        ? {}
        : {
            select: outputs
              .map(({ name, expression }) => `${describeExpression(expression, schema)} AS ${name}`)
              .join(', '),
          }),
    },
  };
}

/** A kernel of its own for each subtask: it keeps the memory of the batch that it made last. */
class ColumnCalc extends PlainOperator<ColumnBatch> {
  readonly #calc: Calc;

  constructor(calc: Calc) {
    super();
    this.#calc = calc;
  }

  run(batch: ColumnBatch): ColumnBatch | undefined {
    return this.#calc.run(batch, this.context.gate.settled);
  }
}
