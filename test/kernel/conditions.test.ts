import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LogicalType } from '../../src/data/schema.ts';
import type { Expression, LiteralValue } from '../../src/kernel/expression.ts';
import { anyValue } from './any-columns.ts';
import { column, evaluate, int, literal, text } from './evaluate.ts';

const membership = (...values: LiteralValue[]): Expression => ({ kind: 'in', input: column(0), values });

test('IN finds what a list of literals holds, short or long, with NULLs of three values', () => {
  const types = [
    LogicalType.int(),
    LogicalType.bigint(),
    LogicalType.double(),
    LogicalType.string(),
    LogicalType.boolean(),
    LogicalType.float(),
  ];
  fc.assert(
    fc.property(
      fc
        .constantFrom(...types)
        .chain((type) =>
          fc.tuple(
            fc.constant(type),
            fc.array(anyValue(type), { minLength: 1, maxLength: 6 }),
            fc.array(anyValue(type), { maxLength: 14 }),
          ),
        ),
      ([type, inputs, list]) => {
        const rows = [...inputs, ...list.slice(0, 3)].map((value) => [value]);
        const wanted = rows.map(([value]) => {
          if (value === null || value === undefined) return null;
          // Unlike `includes`, equality does not find NaN.
          return list.some((other) => other === value) ? true : list.includes(null) ? null : false;
        });
        assert.deepEqual(evaluate({ a: type }, rows, membership(...list)), wanted);
      },
    ),
    { numRuns: 300 },
  );
});

test('IN takes decimals, and no value of another type', () => {
  const list = [1, 2n, 10n ** 20n, 4, 5, 6, 7, 8, 9, 10];
  for (const values of [list.slice(0, 4), list])
    assert.deepEqual(evaluate({ a: LogicalType.decimal(30, 2) }, [[2n], [10n ** 20n], [3n]], membership(...values)), [
      true,
      true,
      false,
    ]);
  assert.throws(() => evaluate({ a: LogicalType.int() }, [[1]], membership('x')), /IN is not defined for INT/);
});

test('GREATEST and LEAST have the type that all operands can have, and are NULL when one is', () => {
  const extreme = (which: 'greatest' | 'least', ...operands: Expression[]): Expression => ({
    kind: 'extreme',
    which,
    operands,
  });
  const types = { i: LogicalType.int(), d: LogicalType.decimal(4, 1), l: LogicalType.bigint() };
  const rows = [
    [3, 25n, 2n ** 60n],
    [2, 25n, 1n],
    [null, 25n, 1n],
  ];
  const all = [column(0), column(1), column(2)];
  assert.deepEqual(evaluate(types, rows, extreme('greatest', ...all)), [2n ** 60n * 10n, 25n, null]);
  assert.deepEqual(evaluate(types, rows, extreme('least', ...all)), [25n, 10n, null]);
  const strings = { s: LogicalType.string(), t: LogicalType.string() };
  assert.deepEqual(evaluate(strings, [['b', 'a']], extreme('greatest', column(0), column(1), text('\uffee'))), [
    '\uffee',
  ]);
  assert.deepEqual(evaluate(strings, [['b', 'a']], extreme('least', column(0), column(1))), ['a']);
  assert.throws(() => evaluate(types, rows, extreme('least', column(0), text('a'))), /LEAST is not defined/);
});

test('IS TRUE and IS FALSE are never NULL', () => {
  const is = (truth: boolean): Expression => ({ kind: 'is-true', input: column(0), truth });
  const rows = [[true], [false], [null]];
  assert.deepEqual(evaluate({ b: LogicalType.boolean() }, rows, is(true)), [true, false, false]);
  assert.deepEqual(evaluate({ b: LogicalType.boolean() }, rows, is(false)), [false, true, false]);
});

test('a branch that is not taken never fails', () => {
  const zero = literal(0, LogicalType.int());
  const fails: Expression = { kind: 'arithmetic', operator: '/', left: int(1), right: zero };
  const branch: Expression = {
    kind: 'case',
    branches: [
      {
        when: { kind: 'is-true', input: column(0), truth: true },
        then: { kind: 'extreme', which: 'least', operands: [fails, zero] },
      },
    ],
    otherwise: zero,
  };
  assert.deepEqual(evaluate({ b: LogicalType.boolean() }, [[false], [null]], branch), [0, 0]);
  assert.throws(() => evaluate({ b: LogicalType.boolean() }, [[true]], branch), /Division by zero/);
});
