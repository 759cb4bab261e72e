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

export function text(value: string | null): Expression {
  return literal(value, LogicalType.string());
}

export function int(value: number | null): Expression {
  return literal(value, LogicalType.int());
}

export function cast(input: Expression, type: LogicalType, onFailure: 'fail' | 'null' = 'fail'): Expression {
  return { kind: 'cast', input, type, onFailure };
}

export function call(name: string, ...operands: readonly Expression[]): Expression {
  return { kind: 'call', function: name, operands };
}

/** The value of a function whose operands are literals, and whose operands are columns, which are the same. */
export function apply(name: string, values: readonly LiteralValue[], types: readonly LogicalType[]): unknown {
  const columns = Object.fromEntries(types.map((type, i) => [`c${i}`, type]));
  const rows = [[...values], [...values]];
  const literals = values.map((value, i) => literal(value, types[i] as LogicalType));
  const indexes = values.map((_, i) => column(i));
  const mixed = values.map((_, i) => (i === 0 ? indexes : literals)[i] as Expression);
  const results = [indexes, literals, mixed].flatMap((operands) => evaluate(columns, rows, call(name, ...operands)));
  for (const result of results) assert.deepEqual(result, results[0], name);
  return results[0];
}
