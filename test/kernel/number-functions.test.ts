import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeType, LogicalType, Schema } from '../../src/data/schema.ts';
import type { Expression } from '../../src/kernel/expression.ts';
import { ExpressionTypes } from '../../src/kernel/forms.ts';
import type { Value } from './naive-expression.ts';
import { call, column, evaluate, int } from './evaluate.ts';

const DOUBLE = LogicalType.double();
const FLOAT = LogicalType.float();
const BIGINT = LogicalType.bigint();
const INT = LogicalType.int();

/** Of a value in a column and literals behind it; NULL gives NULL. */
function of(name: string, type: LogicalType, value: Value, ...after: number[]): unknown {
  const [result, absent] = evaluate({ v: type }, [[value], [null]], call(name, column(0), ...after.map(int)));
  assert.equal(absent, null);
  return result;
}

function typeOf(name: string, type: LogicalType, ...after: number[]): string {
  return describeType(new ExpressionTypes(Schema.of({ v: type })).typeOf(call(name, column(0), ...after.map(int))));
}

test('decimals are rounded exactly, and have the type that Flink gives them', () => {
  const type = LogicalType.decimal(10, 3);
  assert.equal(typeOf('CEIL', type), 'DECIMAL(10, 0)');
  assert.equal(typeOf('ROUND', type, 1), 'DECIMAL(9, 1)');
  assert.equal(typeOf('ROUND', type, 5), 'DECIMAL(10, 3)');
  assert.equal(typeOf('TRUNCATE', type, -2), 'DECIMAL(8, 0)');
  assert.equal(of('CEIL', type, 1_001n), 2);
  assert.equal(of('CEIL', type, -1_999n), -1);
  assert.equal(of('FLOOR', type, 1_999n), 1);
  assert.equal(of('FLOOR', type, -1_001n), -2);
  assert.equal(of('ROUND', type, 1_250n, 1), 13);
  assert.equal(of('ROUND', type, -1_250n, 1), -13);
  assert.equal(of('ROUND', type, 155_500n, -2), 200);
  assert.equal(of('TRUNCATE', type, -1_999n, 1), -19);
  assert.equal(of('TRUNCATE', type, 199_999n, -2), 100);
  assert.equal(of('SIGN', type, -5n), -1000);
  assert.equal(
    of('ROUND', LogicalType.decimal(38, 10), 12_345_678_901_234_567_890_123_456_789n, 2),
    123_456_789_012_345_678_901n,
  );
});

test('integers are rounded to tens in their type', () => {
  assert.equal(of('ROUND', INT, 1555, -2), 1600);
  assert.equal(of('ROUND', INT, -1550, -2), -1600);
  assert.equal(of('TRUNCATE', INT, -1555, -2), -1500);
  assert.equal(of('ROUND', BIGINT, 2n ** 60n + 5n, -1), 2n ** 60n + 4n);
  assert.equal(of('ROUND', LogicalType.tinyint(), 127, -1), -126);
  assert.equal(of('CEIL', BIGINT, 2n ** 60n), 2n ** 60n);
  assert.equal(of('SIGN', BIGINT, -(2n ** 60n)), -1);
});

test('doubles are rounded by the digits that they are written with', () => {
  assert.equal(of('ROUND', DOUBLE, 2.345, 2), 2.35);
  assert.equal(of('ROUND', DOUBLE, -2.5), -3);
  assert.equal(of('ROUND', DOUBLE, 1.5e300, 2), 1.5e300);
  assert.equal(of('ROUND', DOUBLE, 155.5, -1), 160);
  assert.equal(of('ROUND', FLOAT, Math.fround(0.15), 1), Math.fround(0.2));
  assert.equal(of('TRUNCATE', DOUBLE, 42.359, 2), 42.35);
  assert.equal(of('TRUNCATE', DOUBLE, -1e-10, 2), 0);
  assert.equal(of('CEIL', DOUBLE, 1.2), 2);
  assert.equal(of('FLOOR', FLOAT, -1.5), -2);
  assert.throws(() => of('ROUND', DOUBLE, NaN, 2), /NaN cannot be rounded/);
  fc.assert(
    fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: 0, max: 3 }), (value, digits) => {
      const rounded = of('ROUND', DOUBLE, value, digits) as number;
      assert.ok(Math.abs(rounded - value) <= 0.5 * 10 ** -digits + 1e-9);
    }),
    { numRuns: 100 },
  );
});

test('functions of doubles take numbers of every type', () => {
  assert.equal(of('POWER', LogicalType.decimal(5, 1), 25n, 2), 6.25);
  assert.equal(of('POWER', LogicalType.decimal(30, 1), 25n, 2), 6.25);
  assert.equal(of('SQRT', BIGINT, 2n ** 60n), 2 ** 30);
  assert.equal(of('LOG', INT, 2, 8), 3);
  assert.equal(of('LOG', DOUBLE, Math.E), 1);
  assert.equal(of('LN', INT, 0), -Infinity);
  assert.equal(of('LOG10', INT, 1000), 3);
  assert.equal(of('LOG2', INT, 8), 3);
  assert.equal(of('EXP', INT, 0), 1);
  assert.equal(of('ATAN2', INT, 1, 1), Math.PI / 4);
  assert.equal(of('DEGREES', DOUBLE, Math.PI), 180);
  assert.equal(of('RADIANS', INT, 180), Math.PI);
  assert.equal(of('COT', DOUBLE, Math.PI / 4), 1 / Math.tan(Math.PI / 4));
  for (const name of ['SIN', 'COS', 'TAN', 'ASIN', 'ATAN', 'SINH', 'TANH'])
    assert.equal(of(name, INT, 0), name === 'COS' ? 1 : 0, name);
  assert.equal(of('ACOS', INT, 1), 0);
  assert.equal(of('COSH', INT, 0), 1);
  assert.deepEqual(evaluate({ v: INT }, [[1]], call('PI')), [Math.PI]);
  assert.deepEqual(evaluate({ v: INT }, [[1]], call('E')), [Math.E]);
});

test('numbers are written in other bases', () => {
  assert.equal(of('BIN', INT, 4), '100');
  assert.equal(of('BIN', BIGINT, -1n), '1'.repeat(64));
  assert.equal(of('HEX', INT, 20), '14');
  assert.equal(of('HEX', BIGINT, -1n), 'F'.repeat(16));
  assert.equal(of('HEX', LogicalType.string(), 'hä'), '68C3A4');
  assert.deepEqual(of('UNHEX', LogicalType.string(), '68c3'), Uint8Array.of(0x68, 0xc3));
  assert.deepEqual(of('UNHEX', LogicalType.string(), '123'), Uint8Array.of(0, 0x23));
  assert.equal(of('UNHEX', LogicalType.string(), 'x'), null);
});

test('FLOAT is rounded to 32 bits after each operation, and NaN is equal to nothing', () => {
  const types = { a: FLOAT, b: FLOAT, i: INT };
  const rows = [
    [Math.fround(0.1), Math.fround(0.2), 16_777_217],
    [NaN, NaN, 1],
  ];
  const binary = (
    kind: 'arithmetic' | 'comparison',
    operator: '+' | '=' | '<',
    left: number,
    right: number,
  ): Expression => ({ kind, operator, left: column(left), right: column(right) }) as Expression;
  assert.deepEqual(evaluate(types, rows, binary('arithmetic', '+', 0, 1)), [Math.fround(0.3), NaN]);
  // An INT may have more digits than a FLOAT holds.
  assert.deepEqual(evaluate(types, [[0, 16_777_216, 16_777_217]], binary('comparison', '=', 1, 2)), [true]);
  assert.deepEqual(evaluate(types, rows, binary('comparison', '=', 0, 1)), [false, false]);
  assert.deepEqual(evaluate(types, rows, binary('comparison', '<', 0, 1)), [true, false]);
  assert.deepEqual(evaluate(types, rows, { kind: 'same-as', left: column(0), right: column(1) }), [false, false]);
});
