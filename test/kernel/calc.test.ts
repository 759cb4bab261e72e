import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MillstreamError } from '../../src/base/error.ts';
import { rowsOf } from '../../src/data/column-rows.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { Calc } from '../../src/kernel/calc.ts';
import type { Expression } from '../../src/kernel/expression.ts';
import { ExpressionTypes } from '../../src/kernel/forms.ts';
import { anyRow, anyShape, batchOf, PLAIN, type Row, shown, WIDE_SCHEMA } from './any-columns.ts';
import { anyExpression, type Target } from './any-expression.ts';
import { NaiveExpressions, NaiveFailure, type Value } from './naive-expression.ts';

const naive = new NaiveExpressions(new ExpressionTypes(WIDE_SCHEMA));
const TARGETS: readonly Target[] = ['int', 'bigint', 'double', 'boolean', 'varchar'];

/** What the reference says of a batch: the rows that are left with their outputs, or that it fails. */
function expected(
  rows: readonly Row[],
  condition: Expression | undefined,
  outputs: readonly Expression[],
): Value[][] | 'failure' {
  try {
    return rows
      .filter((row) => condition === undefined || naive.evaluate(condition, row) === true)
      .map((row) => outputs.map((output) => shown(naive.evaluate(output, row))));
  } catch (error) {
    if (error instanceof NaiveFailure) return 'failure';
    throw error;
  }
}

test('a calc computes what the reference computes, for every layout of a batch', () => {
  fc.assert(
    fc.property(
      fc.option(anyExpression('boolean'), { nil: undefined }),
      fc.array(
        fc.constantFrom(...TARGETS).chain((target) => anyExpression(target)),
        { minLength: 1, maxLength: 3 },
      ),
      fc.array(fc.tuple(fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 12 }), anyShape), {
        minLength: 1,
        maxLength: 3,
      }),
      (condition, outputs, batches) => {
        const calc = new Calc({
          schema: WIDE_SCHEMA,
          condition,
          outputs: outputs.map((expression, i) => ({ name: `o${i}`, expression })),
          tag: 'test',
        });
        for (const [rows, shape] of batches) {
          const wanted = expected(rows, condition, outputs);
          if (wanted === 'failure') {
            assert.throws(
              () => calc.run(batchOf(WIDE_SCHEMA, rows, shape)),
              (error) => error instanceof MillstreamError && error.code === 'EXPRESSION_FAILED',
            );
            continue;
          }
          const result = calc.run(batchOf(WIDE_SCHEMA, rows, shape));
          const got = result === undefined ? [] : rowsOf(result).map((row) => outputs.map((_, i) => row[`o${i}`]));
          assert.deepEqual(got, wanted);
        }
      },
    ),
    { numRuns: 1500 },
  );
});

test('what occurs several times has one value, wherever it is reached first', () => {
  fc.assert(
    fc.property(
      anyExpression('boolean', 1),
      anyExpression('varchar', 2),
      fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 8 }),
      anyShape,
      (when, text, rows, shape) => {
        const again: Expression = {
          kind: 'concat',
          operands: [text, { kind: 'call', function: 'REVERSE', operands: [text] }],
        };
        const outputs: Expression[] = [
          { kind: 'case', branches: [{ when, then: again }], otherwise: text },
          { kind: 'is-null', input: again },
          text,
          again,
        ];
        const calc = new Calc({
          schema: WIDE_SCHEMA,
          outputs: outputs.map((expression, i) => ({ name: `o${i}`, expression })),
          tag: 'test',
        });
        const wanted = expected(rows, undefined, outputs);
        if (wanted === 'failure') {
          assert.throws(() => calc.run(batchOf(WIDE_SCHEMA, rows, shape)), MillstreamError);
          return;
        }
        const result = calc.run(batchOf(WIDE_SCHEMA, rows, shape));
        assert.ok(result);
        assert.deepEqual(
          rowsOf(result).map((row) => outputs.map((_, i) => row[`o${i}`])),
          wanted,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('a condition alone keeps the columns as they are and narrows the selection', () => {
  fc.assert(
    fc.property(
      anyExpression('boolean'),
      fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 20 }),
      anyShape,
      (condition, rows, shape) => {
        const wanted = expected(
          rows,
          condition,
          WIDE_SCHEMA.fields.map((_, index) => ({ kind: 'column', index })),
        );
        const calc = new Calc({ schema: WIDE_SCHEMA, condition, tag: 'test' });
        const batch = batchOf(WIDE_SCHEMA, rows, shape);
        if (wanted === 'failure') {
          assert.throws(() => calc.run(batch), MillstreamError);
          return;
        }
        const result = calc.run(batch);
        assert.deepEqual(
          result === undefined ? [] : rowsOf(result).map((row) => WIDE_SCHEMA.fields.map((field) => row[field.name])),
          wanted,
        );
        if (result !== undefined) assert.equal(result.columns, batch.columns);
      },
    ),
    { numRuns: 500 },
  );
});

const LONGS = Schema.of({ a: LogicalType.notNull(LogicalType.bigint()), b: LogicalType.notNull(LogicalType.bigint()) });
const A: Expression = { kind: 'column', index: 0 };
const B: Expression = { kind: 'column', index: 1 };

function product(): Calc {
  return new Calc({
    schema: LONGS,
    outputs: [{ name: 'p', expression: { kind: 'arithmetic', operator: '*', left: A, right: B } }],
    tag: 'test',
  });
}

test('a product beyond 2^53 of factors below it is exact, and the batches after it are doubles again', () => {
  const calc = product();
  const kinds: string[] = [];
  const values: unknown[] = [];
  for (let i = 0; i < 20; i++) {
    const factor = i === 1 ? 94_906_267n : 3n;
    const result = calc.run(batchOf(LONGS, [[factor, factor]]));
    assert.ok(result);
    kinds.push((result.columns[0] as { kind: string }).kind);
    values.push(rowsOf(result)[0]?.['p']);
  }
  assert.equal(values[1], 94_906_267n * 94_906_267n);
  assert.deepEqual(
    values.filter((_, i) => i !== 1),
    new Array(19).fill(9),
  );
  assert.deepEqual(
    kinds.filter((kind) => kind === 'i64'),
    ['i64'],
  );
});

test('an intermediate result beyond 2^53 makes the batch exact though the result is small', () => {
  const square: Expression = { kind: 'arithmetic', operator: '*', left: A, right: A };
  const difference: Expression = {
    kind: 'arithmetic',
    operator: '-',
    left: square,
    right: { kind: 'arithmetic', operator: '*', left: B, right: B },
  };
  const calc = new Calc({ schema: LONGS, outputs: [{ name: 'd', expression: difference }], tag: 'test' });
  const result = calc.run(batchOf(LONGS, [[94_906_267n, 94_906_266n]]));
  assert.ok(result);
  assert.equal(rowsOf(result)[0]?.['d'], 94_906_267 + 94_906_266);
});

test('64-bit integers wrap around as in Java', () => {
  const result = product().run(
    batchOf(LONGS, [
      [2n ** 62n, 2n],
      [2n ** 62n, 4n],
    ]),
  );
  assert.ok(result);
  assert.deepEqual(rowsOf(result), [{ p: -(2n ** 63n) }, { p: 0 }]);
});

test('-0 never arises among integers', () => {
  const schema = Schema.of({ i: LogicalType.int(), l: LogicalType.bigint() });
  const column = (index: number): Expression => ({ kind: 'column', index });
  const int = (value: number): Expression => ({ kind: 'literal', value, type: LogicalType.int() });
  const outputs = ([0, 1] as const).flatMap((index): Expression[] => [
    { kind: 'negate', input: column(index) },
    { kind: 'arithmetic', operator: '*', left: column(index), right: int(-5) },
    { kind: 'arithmetic', operator: '/', left: column(index), right: int(-5) },
    {
      kind: 'arithmetic',
      operator: '%',
      left: { kind: 'arithmetic', operator: '-', left: column(index), right: int(4) },
      right: int(2),
    },
  ]);
  const calc = new Calc({
    schema,
    outputs: outputs.map((expression, i) => ({ name: `o${i}`, expression })),
    tag: 'test',
  });
  const result = calc.run(batchOf(schema, [[0, 0n]]));
  assert.ok(result);
  for (const value of Object.values(rowsOf(result)[0] as object))
    assert.ok(Object.is(value, 0), `${String(value)} is 0`);
});

test('what a CASE does not choose is not computed', () => {
  const zero: Expression = { kind: 'literal', value: 0, type: LogicalType.bigint() };
  const quotient: Expression = { kind: 'arithmetic', operator: '/', left: A, right: B };
  const guarded: Expression = {
    kind: 'case',
    branches: [{ when: { kind: 'comparison', operator: '=', left: B, right: zero }, then: zero }],
    otherwise: quotient,
  };
  const calc = new Calc({ schema: LONGS, outputs: [{ name: 'q', expression: guarded }], tag: 'test' });
  const result = calc.run(
    batchOf(LONGS, [
      [7n, 0n],
      [7n, 2n],
    ]),
  );
  assert.ok(result);
  assert.deepEqual(rowsOf(result), [{ q: 0 }, { q: 3 }]);
  const bare = new Calc({ schema: LONGS, outputs: [{ name: 'q', expression: quotient }], tag: 'test' });
  assert.throws(() => bare.run(batchOf(LONGS, [[7n, 0n]])), /EXPRESSION_FAILED.*Division by zero/);
});

test('a row that the condition leaves out is not computed', () => {
  const nonZero: Expression = {
    kind: 'comparison',
    operator: '<>',
    left: B,
    right: { kind: 'literal', value: 0, type: LogicalType.bigint() },
  };
  const calc = new Calc({
    schema: LONGS,
    condition: nonZero,
    outputs: [{ name: 'q', expression: { kind: 'arithmetic', operator: '/', left: A, right: B } }],
    tag: 'test',
  });
  const result = calc.run(
    batchOf(LONGS, [
      [7n, 0n],
      [7n, 2n],
    ]),
  );
  assert.ok(result);
  assert.deepEqual(rowsOf(result), [{ q: 3 }]);
});

test('columns that are handed on keep their memory', () => {
  const calc = new Calc({
    schema: LONGS,
    outputs: [
      { name: 'b', expression: B },
      { name: 'a', expression: A },
    ],
    tag: 'test',
  });
  const batch = batchOf(LONGS, [[1n, 2n]], { ...PLAIN, selection: true });
  const result = calc.run(batch);
  assert.ok(result);
  assert.deepEqual(rowsOf(result), [{ b: 2, a: 1 }]);
  assert.deepEqual(result.columns, [batch.columns[1], batch.columns[0]]);
});

test('doubles become text as Java writes them', () => {
  const schema = Schema.of({ d: LogicalType.double(), f: LogicalType.float() });
  const cast = (index: number): Expression => ({
    kind: 'cast',
    input: { kind: 'column', index },
    type: LogicalType.string(),
    onFailure: 'fail',
  });
  const calc = new Calc({
    schema,
    outputs: [
      { name: 'd', expression: cast(0) },
      { name: 'f', expression: cast(1) },
    ],
    tag: 'test',
  });
  const cases: readonly (readonly [number, string, string])[] = [
    [1, '1.0', '1.0'],
    [-0, '-0.0', '-0.0'],
    [0.1, '0.1', '0.1'],
    [123456.789, '123456.789', '123456.79'],
    [1e7, '1.0E7', '1.0E7'],
    [9999999, '9999999.0', '9999999.0'],
    [0.001, '0.001', '0.001'],
    [0.00099, '9.9E-4', '9.9E-4'],
    [1.5e300, '1.5E300', 'Infinity'],
    [-12345678.9, '-1.23456789E7', '-1.2345679E7'],
    [NaN, 'NaN', 'NaN'],
  ];
  const result = calc.run(
    batchOf(
      schema,
      cases.map(([value]) => [value, Math.fround(value)]),
    ),
  );
  assert.ok(result);
  assert.deepEqual(
    rowsOf(result).map((row) => [row['d'], row['f']]),
    cases.map(([, d, f]) => [d, f]),
  );
});

test('VARCHAR(n) is cut and CHAR(n) is filled up, by characters', () => {
  const schema = Schema.of({ s: LogicalType.string() });
  const cast = (type: LogicalType): Expression => ({
    kind: 'cast',
    input: { kind: 'column', index: 0 },
    type,
    onFailure: 'fail',
  });
  const calc = new Calc({
    schema,
    outputs: [
      { name: 'v', expression: cast(LogicalType.varchar(3)) },
      { name: 'c', expression: cast(LogicalType.char(3)) },
    ],
    tag: 'test',
  });
  const result = calc.run(batchOf(schema, [['😀😀😀😀'], ['a']]));
  assert.ok(result);
  assert.deepEqual(rowsOf(result), [
    { v: '😀😀😀', c: '😀😀😀' },
    { v: 'a', c: 'a  ' },
  ]);
});

test('an expression without a type is refused when it is compiled', () => {
  const schema = Schema.of({ s: LogicalType.string(), i: LogicalType.int() });
  const s: Expression = { kind: 'column', index: 0 };
  const i: Expression = { kind: 'column', index: 1 };
  const refused = (expression: Expression, message: RegExp): void => {
    assert.throws(() => new Calc({ schema, outputs: [{ name: 'x', expression }], tag: 'test' }), message);
  };
  refused(
    { kind: 'arithmetic', operator: '+', left: s, right: i },
    /GRAPH_INVALID.*"\+" is not defined for STRING and INT/,
  );
  refused({ kind: 'comparison', operator: '<', left: s, right: i }, /not defined for STRING and INT/);
  refused({ kind: 'logic', operator: 'and', operands: [i] }, /AND is not defined for INT/);
  refused({ kind: 'text', function: 'lower', input: i }, /LOWER is not defined for INT/);
  refused({ kind: 'column', index: 5 }, /column 5/);
  refused({ kind: 'literal', value: 'x', type: LogicalType.int() }, /"x" is no value of the type INT/);
  refused({ kind: 'case', branches: [{ when: i, then: s }], otherwise: s }, /WHEN is not defined for INT/);
  refused(
    { kind: 'cast', input: i, type: LogicalType.date(), onFailure: 'fail' },
    /CAST is not defined for INT and DATE/,
  );
  assert.throws(() => new Calc({ schema, condition: i, tag: 'test' }), /A condition must be a BOOLEAN, but is a INT/);
});
