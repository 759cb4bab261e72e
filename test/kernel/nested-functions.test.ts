import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsFromRows, rowsOf } from '../../src/data/column-rows.ts';
import { describeType, LogicalType, Schema } from '../../src/data/schema.ts';
import { Calc } from '../../src/kernel/calc.ts';
import type { Expression } from '../../src/kernel/expression.ts';
import { ExpressionTypes } from '../../src/kernel/forms.ts';
import { apply, call, column, evaluate, int, literal, text } from './evaluate.ts';

const BIGINT = LogicalType.bigint();
const STRING = LogicalType.string();

/** Of rows that hold any values. */
function over(
  types: Readonly<Record<string, LogicalType>>,
  rows: readonly unknown[][],
  expression: Expression,
): unknown[] {
  const schema = Schema.of(types);
  const names = schema.fields.map((field) => field.name);
  const objects = rows.map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
  const result = new Calc({ schema, outputs: [{ name: 'o', expression }], tag: 'test' }).run(
    columnsFromRows(schema, objects),
  );
  assert.ok(result);
  return rowsOf(result).map((row) => row['o']);
}

test('constructors make values whose types say what they hold', () => {
  const types = { l: BIGINT, d: LogicalType.decimal(20, 2), s: STRING };
  const rows = [
    [2n ** 60n, 150n, 'a'],
    [1n, null, null],
  ];
  assert.deepEqual(evaluate(types, rows, call('ARRAY', column(0), column(0))), [
    [2n ** 60n, 2n ** 60n],
    [1, 1],
  ]);
  assert.deepEqual(evaluate(types, rows, call('ARRAY', column(1))), [[150n], [null]]);
  assert.deepEqual(evaluate(types, rows, call('MAP', text('k'), column(2), text('l'), text('x'))), [
    new Map([
      ['k', 'a'],
      ['l', 'x'],
    ]),
    new Map([
      ['k', null],
      ['l', 'x'],
    ]),
  ]);
  assert.deepEqual(evaluate(types, rows, call('ROW', text('a'), column(2), text('b'), column(0))), [
    { a: 'a', b: 2n ** 60n },
    { a: null, b: 1 },
  ]);
  const typeOf = (node: Expression): string => describeType(new ExpressionTypes(Schema.of(types)).typeOf(node));
  assert.equal(typeOf(call('ARRAY', text('a'), column(2))), 'ARRAY<STRING> NOT NULL');
  assert.equal(typeOf(call('ROW', text('a'), int(1))), 'ROW<a INT NOT NULL> NOT NULL');
  assert.equal(typeOf(call('MAP', text('a'), column(0))), 'MAP<STRING NOT NULL, BIGINT> NOT NULL');
  assert.throws(() => typeOf(call('ARRAY', text('a'), int(1))), /ARRAY is not defined/);
});

test('elements are read by place, key and name, and are NULL where there is none', () => {
  const array = { a: LogicalType.array(BIGINT), i: LogicalType.int() };
  const rows = [
    [[1, 2n ** 60n, null], 2],
    [[1], 5],
    [[1], 0],
    [[null], 1],
    [null, 1],
    [[7], null],
  ];
  assert.deepEqual(over(array, rows, call('ITEM', column(0), column(1))), [2n ** 60n, null, null, null, null, null]);
  assert.deepEqual(over(array, [[[5], 1]], call('ITEM', column(0), column(1))), [5]);
  const map = { m: LogicalType.map(STRING, LogicalType.decimal(20, 0)) };
  assert.deepEqual(over(map, [[new Map([['a', 5n]])], [new Map()], [null]], call('ITEM', column(0), text('a'))), [
    5n,
    null,
    null,
  ]);
  const longs = { m: LogicalType.map(BIGINT, STRING) };
  const key = (value: bigint): Expression => literal(value, BIGINT);
  const maps = [
    [
      new Map<number | bigint, string>([
        [2n ** 60n, 'wide'],
        [3, 'small'],
      ]),
    ],
  ];
  assert.deepEqual(over(longs, maps, call('ITEM', column(0), key(2n ** 60n))), ['wide']);
  assert.deepEqual(over(longs, maps, call('ITEM', column(0), key(3n))), ['small']);
  const bytes = { m: LogicalType.map(LogicalType.bytes(), STRING), b: LogicalType.bytes() };
  assert.deepEqual(
    over(bytes, [[new Map([[Uint8Array.of(1), 'one']]), Uint8Array.of(1)]], call('ITEM', column(0), column(1))),
    ['one'],
  );
  const row = { r: LogicalType.row([{ name: 'x', type: LogicalType.int() }]) };
  assert.deepEqual(over(row, [[{ x: 3 }], [{ x: null }], [null]], call('FIELD', column(0), text('x'))), [
    3,
    null,
    null,
  ]);
  assert.throws(() => over(row, [[{ x: 3 }]], call('FIELD', column(0), text('y'))), /FIELD is not defined/);
});

test('collections are counted and searched', () => {
  const array = { a: LogicalType.array(BIGINT), x: BIGINT };
  const rows = [
    [[1, 2n ** 60n], 2n ** 60n],
    [[1, null], null],
    [[1], 2n],
    [null, 1n],
  ];
  assert.deepEqual(over(array, rows, call('CARDINALITY', column(0))), [2, 2, 1, null]);
  assert.deepEqual(over(array, rows, call('ARRAY_CONTAINS', column(0), column(1))), [true, true, false, null]);
  assert.deepEqual(
    over(
      { m: LogicalType.multiset(STRING) },
      [
        [
          new Map([
            ['a', 2],
            ['b', 1],
          ]),
        ],
      ],
      call('CARDINALITY', column(0)),
    ),
    [3],
  );
  assert.deepEqual(
    over(
      array,
      [
        [[4], 1n],
        [[], 1n],
        [null, 1n],
      ],
      call('ELEMENT', column(0)),
    ),
    [4, null, null],
  );
  assert.throws(() => over(array, [[[1, 2], 1n]], call('ELEMENT', column(0))), /array of 2 elements/);
});

test('text becomes a map', () => {
  const map = (...operands: string[]): unknown =>
    apply(
      'STR_TO_MAP',
      operands,
      operands.map(() => STRING),
    );
  assert.deepEqual(
    map('k1=v1,k2=v2=x,k3'),
    new Map<string, string | null>([
      ['k1', 'v1'],
      ['k2', 'v2=x'],
      ['k3', null],
    ]),
  );
  assert.deepEqual(
    map('k1:v1;k2: v2', ';', ':'),
    new Map([
      ['k1', 'v1'],
      ['k2', ' v2'],
    ]),
  );
  assert.deepEqual(
    map('a1b22c', '(\\d)+', 'x'),
    new Map([
      ['a', null],
      ['b', null],
      ['c', null],
    ]),
  );
  assert.deepEqual(map(''), new Map());
});

test('nested values are cast part by part, and to text', () => {
  const array = LogicalType.array(BIGINT);
  const row = LogicalType.row([
    { name: 'a', type: BIGINT },
    { name: 'b', type: LogicalType.array(STRING) },
  ]);
  const cast = (type: LogicalType, onFailure: 'fail' | 'null' = 'fail'): Expression => ({
    kind: 'cast',
    input: column(0),
    type,
    onFailure,
    zone: 'UTC',
  });
  const values = [[[1, 2n ** 60n, null]], [null]];
  assert.deepEqual(over({ v: array }, values, cast(STRING)), ['[1, 1152921504606846976, NULL]', null]);
  assert.deepEqual(over({ v: array }, values, cast(LogicalType.varchar(4))), ['[1, ', null]);
  assert.deepEqual(over({ v: array }, values, cast(LogicalType.array(LogicalType.decimal(38, 1)))), [
    [10n, 2n ** 60n * 10n, null],
    null,
  ]);
  assert.deepEqual(over({ v: LogicalType.array(STRING) }, [[['1', ' 2']]], cast(array)), [[1, 2]]);
  assert.throws(() => over({ v: LogicalType.array(STRING) }, [[['x']]], cast(array)), /"x" cannot be cast to BIGINT/);
  assert.deepEqual(over({ v: LogicalType.array(STRING) }, [[['x']], [['1']]], cast(array, 'null')), [null, [1]]);
  assert.deepEqual(over({ v: row }, [[{ a: 1, b: ['x', null] }]], cast(STRING)), ['(1, [x, NULL])']);
  const wanted = LogicalType.row([
    { name: 'x', type: STRING },
    { name: 'y', type: STRING },
  ]);
  assert.deepEqual(over({ v: row }, [[{ a: 1, b: ['x', null] }]], cast(wanted)), [{ x: '1', y: '[x, NULL]' }]);
  const map = LogicalType.map(STRING, LogicalType.timestampLtz(3));
  assert.deepEqual(over({ v: map }, [[new Map([['k', 0]])]], cast(STRING)), ['{k=1970-01-01 00:00:00.000}']);
  assert.deepEqual(over({ v: map }, [[new Map([['1', 0]])]], cast(LogicalType.map(BIGINT, LogicalType.date()))), [
    new Map([[1, 0]]),
  ]);
  assert.throws(() => over({ v: array }, values, cast(LogicalType.map(BIGINT, BIGINT))), /CAST is not defined/);
  const { zone: _, ...unzoned } = cast(STRING) as Extract<Expression, { kind: 'cast' }>;
  assert.throws(() => over({ v: map }, [[null]], unzoned), /CAST without a time zone/);
});

test('NULL is cast to every type, intervals to integers and back', () => {
  const absent = literal(null, LogicalType.null());
  for (const type of [BIGINT, STRING, LogicalType.decimal(38, 0), LogicalType.array(BIGINT), LogicalType.bytes()])
    assert.deepEqual(evaluate({ s: STRING }, [['a']], { kind: 'cast', input: absent, type, onFailure: 'fail' }), [
      null,
    ]);
  const cast = (from: LogicalType, value: number, type: LogicalType): unknown =>
    evaluate({ v: from }, [[value]], { kind: 'cast', input: column(0), type, onFailure: 'fail' })[0];
  assert.equal(cast(LogicalType.intervalDayTime(), -5, LogicalType.int()), -5);
  assert.equal(cast(LogicalType.intervalYearMonth(), 14, BIGINT), 14);
  assert.equal(cast(LogicalType.int(), 14, LogicalType.intervalDayTime()), 14);
  assert.equal(cast(BIGINT, 14, LogicalType.intervalYearMonth()), 14);
});
