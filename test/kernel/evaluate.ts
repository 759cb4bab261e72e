/** Expressions evaluated in every layout that a batch can have. */
import assert from 'node:assert/strict';
import { rowsOf } from '../../src/data/column-rows.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { Calc } from '../../src/kernel/calc.ts';
import type { Expression, LiteralValue } from '../../src/kernel/expression.ts';
import { batchOf, PLAIN, type Row, type Shape } from './any-columns.ts';

const SHAPES: readonly Shape[] = [
  PLAIN,
  { ...PLAIN, selection: true, bitmaps: true },
  { ...PLAIN, wide: true },
  { ...PLAIN, dictionary: true },
  { selection: true, dictionary: true, wide: true, bitmaps: true },
];

/** The value of an expression in each row, which has to be the same for every layout. */
export function evaluate(
  types: Readonly<Record<string, LogicalType>>,
  rows: readonly Row[],
  expression: Expression,
): unknown[] {
  const schema = Schema.of(types);
  const calc = new Calc({ schema, outputs: [{ name: 'o', expression }], tag: 'test' });
  const results = SHAPES.map((shape) => {
    const result = calc.run(batchOf(schema, rows, shape));
    assert.ok(result);
    return rowsOf(result).map((row) => row['o']);
  });
  for (const result of results) assert.deepEqual(result, results[0]);
  return results[0] as unknown[];
}

export function column(index: number): Expression {
  return { kind: 'column', index };
}

export function literal(value: LiteralValue, type: LogicalType): Expression {
  return { kind: 'literal', value, type };
}

export function cast(input: Expression, type: LogicalType, onFailure: 'fail' | 'null' = 'fail'): Expression {
  return { kind: 'cast', input, type, onFailure };
}
