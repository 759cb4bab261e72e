import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bitmapBytes,
  ColumnBatch,
  isSet,
  setBit,
  type Column,
  type DictionaryColumn,
} from '../../src/data/column-batch.ts';
import { encodeColumns, viewColumns } from '../../src/data/column-codec.ts';
import { columnsFromRows, rowsOf, type Row } from '../../src/data/column-rows.ts';
import { FRAME_FULL } from '../../src/data/frame-target.ts';
import { describeType, LogicalType, sameType, Schema, storageOf } from '../../src/data/schema.ts';
import { isRetraction, ROW_KIND_NAMES, RowKind, rowKindName, rowKindOf } from '../../src/data/row-kind.ts';

const T = LogicalType;

const schema = Schema.of({
  id: T.notNull(T.bigint()),
  small: T.smallint(),
  price: T.double(),
  ok: T.boolean(),
  name: T.string(),
  payload: T.bytes(),
  tags: T.array(T.string()),
});

const sample: Row[] = [
  { id: 1, small: -5, price: 0.5, ok: true, name: 'Zürich', payload: new Uint8Array([1, 2]), tags: ['a', 'b'] },
  { id: 2 ** 53 - 1, small: null, price: null, ok: null, name: null, payload: null, tags: null },
  { id: -7, small: 32_767, price: Number.NaN, ok: false, name: '', payload: new Uint8Array(0), tags: [] },
];

function throughFrame(batch: ColumnBatch): ColumnBatch {
  const bytes = new Uint8Array(new SharedArrayBuffer(1 << 20)).fill(0xcc);
  const length = encodeColumns(batch, { bytes, offset: 64, capacity: bytes.length - 64 });
  assert.ok(length > 0 && length % 8 === 0);
  const viewed = viewColumns(bytes, 64, length);
  const moved = viewColumns(bytes.slice(64, 64 + length), 0, length);
  assert.deepEqual(rowsOf(moved), rowsOf(viewed));
  assert.deepEqual(moved.timestamps, viewed.timestamps);
  bytes.fill(0xdd);
  return moved;
}

test('rows become columns and rows again', () => {
  assert.deepEqual(rowsOf(columnsFromRows(schema, sample)), sample);
});

test('a missing or undefined field is NULL, and a column without NULL has no validity', () => {
  const batch = columnsFromRows(Schema.of({ a: T.int(), b: T.int() }), [{ a: 1 }, { a: 2, b: undefined }]);
  assert.equal(batch.columns[0]?.validity, undefined);
  assert.deepEqual(rowsOf(batch), [
    { a: 1, b: null },
    { a: 2, b: null },
  ]);
});

test('values that are not of their type are refused with row, column and type', () => {
  const refusals: [LogicalType, unknown, RegExp][] = [
    [T.int(), 'x', /Row 0 has "x" in the column "a", whose type is INT/],
    [T.int(), 1.5, /1\.5/],
    [T.int(), 2 ** 31, /INT/],
    [T.tinyint(), 128, /TINYINT/],
    [T.bigint(), 2n ** 63n, /BIGINT/],
    [T.bigint(), 0.5, /BIGINT/],
    [T.double(), '1', /DOUBLE/],
    [T.boolean(), 1, /BOOLEAN/],
    [T.string(), 1, /STRING/],
    [T.bytes(), 'x', /BYTES/],
    [T.notNull(T.int()), null, /has NULL in the column "a", whose type is INT NOT NULL/],
  ];
  for (const [type, value, message] of refusals) {
    assert.throws(
      () => columnsFromRows(Schema.of({ a: type }), [{ a: value }]),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'VALUE_UNSUPPORTED');
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('BIGINT is held as doubles below 2^53 and as 64-bit integers beyond, always exactly', () => {
  const kindOf = (...values: unknown[]): string | undefined =>
    columnsFromRows(
      Schema.of({ a: T.bigint() }),
      values.map((a) => ({ a })),
    ).columns[0]?.kind;
  assert.equal(kindOf(1, 2n, -(2 ** 53 - 1)), 'f64');
  assert.equal(kindOf(1, 2n ** 53n), 'i64');
  assert.equal(kindOf(1, 2 ** 53), 'i64');
  const rows = [{ a: 1 }, { a: 2n ** 53n + 1n }, { a: -(2n ** 63n) }, { a: null }];
  assert.deepEqual(rowsOf(throughFrame(columnsFromRows(Schema.of({ a: T.bigint() }), rows))), rows);
});

test('FLOAT is rounded to 32 bits', () => {
  assert.deepEqual(rowsOf(columnsFromRows(Schema.of({ a: T.float() }), [{ a: 0.1 }])), [{ a: Math.fround(0.1) }]);
});

test('a frame holds the rows that are selected, with their kinds and timestamps', () => {
  const kinds = new Uint8Array([0, 3, 2]);
  const timestamps = new Float64Array([10, 20, -Infinity]);
  const all = columnsFromRows(schema, sample, { kinds, timestamps });
  const whole = throughFrame(all);
  assert.deepEqual(rowsOf(whole), sample);
  assert.deepEqual(whole.kinds, kinds);
  assert.deepEqual(whole.timestamps, timestamps);
  const some = throughFrame(all.select(new Int32Array([1, 2, 77]), 2));
  assert.equal(some.count, 2);
  assert.equal(some.selection, undefined);
  assert.deepEqual(rowsOf(some), sample.slice(1));
  assert.deepEqual(some.kinds, kinds.slice(1));
  assert.deepEqual(some.timestamps, timestamps.slice(1));
  assert.deepEqual(rowsOf(throughFrame(all.select(new Int32Array(0), 0))), []);
});

function dictionaryBatch(texts: readonly string[], codes: readonly number[], nulls: readonly number[]): ColumnBatch {
  const text = columnsFromRows(
    Schema.of({ t: T.string() }),
    texts.map((t) => ({ t })),
  ).columns[0] as Extract<Column, { kind: 'utf8' }>;
  const validity = new Uint8Array(bitmapBytes(codes.length)).fill(0xff);
  for (const row of nulls) validity[row >>> 3] = (validity[row >>> 3] as number) & ~(1 << (row & 7));
  const column: DictionaryColumn = {
    kind: 'dictionary',
    validity: nulls.length > 0 ? validity : undefined,
    codes: new Int32Array(codes),
    dictionary: { count: texts.length, offsets: text.offsets, bytes: text.bytes },
  };
  return new ColumnBatch({ schema: Schema.of({ t: T.string() }), count: codes.length, columns: [column] });
}

test('a dictionary travels whole where it is small, and else with the entries that are used', () => {
  const whole = dictionaryBatch(['a', 'bb', 'ü'], [2, 0, 2, 1, 0], [1]);
  const copy = throughFrame(whole);
  assert.deepEqual(rowsOf(copy), [{ t: 'ü' }, { t: null }, { t: 'ü' }, { t: 'bb' }, { t: 'a' }]);
  const texts = Array.from({ length: 1000 }, (_, i) => `text number ${i}`);
  const some = throughFrame(dictionaryBatch(texts, [999, 5, 999, -1], [3]).select(new Int32Array([0, 2, 3]), 3));
  assert.deepEqual(rowsOf(some), [{ t: 'text number 999' }, { t: 'text number 999' }, { t: null }]);
  assert.equal((some.columns[0] as DictionaryColumn).dictionary.count, 1);
});

test('text and bits that begin in the middle of their arrays are copied right', () => {
  const text = columnsFromRows(Schema.of({ t: T.string() }), [{ t: 'before' }, { t: 'a' }, { t: 'bc' }])
    .columns[0] as Extract<Column, { kind: 'utf8' }>;
  const batch = new ColumnBatch({
    schema: Schema.of({ t: T.string() }),
    count: 2,
    columns: [{ ...text, offsets: text.offsets.subarray(1) }],
  });
  assert.deepEqual(rowsOf(throughFrame(batch)), [{ t: 'a' }, { t: 'bc' }]);
});

test('a target that is too small is refused, and nothing beyond it is touched', () => {
  const batch = columnsFromRows(schema, sample, { kinds: new Uint8Array(3), timestamps: new Float64Array(3) });
  for (const source of [batch, batch.select(new Int32Array([0, 2]), 2)]) {
    const needed = encodeColumns(source, { bytes: new Uint8Array(10_000), offset: 0, capacity: 10_000 });
    for (let capacity = 0; capacity <= needed; capacity += 8) {
      const bytes = new Uint8Array(needed + 16).fill(0xaa);
      assert.equal(encodeColumns(source, { bytes, offset: 8, capacity }), capacity < needed ? FRAME_FULL : needed);
      assert.ok(
        bytes.subarray(8 + capacity).every((byte) => byte === 0xaa),
        `capacity ${capacity}`,
      );
    }
  }
});

test('frames of one schema are decoded to one schema object', () => {
  const batch = columnsFromRows(schema, sample);
  assert.equal(throughFrame(batch).schema, throughFrame(batch).schema);
  assert.ok(throughFrame(batch).schema.equals(schema));
});

test('damaged frames are refused as corrupt', () => {
  const bytes = new Uint8Array(10_000);
  const length = encodeColumns(columnsFromRows(schema, sample), { bytes, offset: 0, capacity: bytes.length });
  for (let cut = 0; cut < length; cut += 8) assert.throws(() => viewColumns(bytes, 0, cut), { code: 'FRAME_CORRUPT' });
  assert.throws(() => viewColumns(bytes, 4, length), { code: 'FRAME_CORRUPT' });
});

const cells: readonly [LogicalType, fc.Arbitrary<unknown>][] = [
  [T.int(), fc.integer()],
  [T.bigint(), fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }))],
  [T.timestamp(3), fc.maxSafeInteger()],
  [T.double(), fc.double()],
  [T.boolean(), fc.boolean()],
  [T.string(), fc.string({ unit: 'grapheme', maxLength: 40 })],
  [T.bytes(), fc.uint8Array({ maxLength: 40 })],
  [T.map(T.string(), T.int()), fc.array(fc.tuple(fc.string(), fc.integer())).map((entries) => new Map(entries))],
];
const table = fc.array(fc.constantFrom(...cells), { minLength: 1, maxLength: 5 }).chain((columns) =>
  fc.record({
    schema: fc.constant(new Schema(columns.map(([type], i) => ({ name: `c${i}`, type })))),
    rows: fc.array(
      fc.record(Object.fromEntries(columns.map(([, cell], i) => [`c${i}`, fc.option(cell)])), {
        noNullPrototype: true,
      }),
      { maxLength: 40 },
    ),
  }),
);

test('any batch comes back from its frame as it was, whatever is selected', () => {
  fc.assert(
    fc.property(table, fc.func(fc.boolean()), (input, keep) => {
      const batch = columnsFromRows(input.schema, input.rows);
      assert.deepEqual(rowsOf(throughFrame(batch)), input.rows);
      const selection = Int32Array.from(input.rows.keys()).filter((row) => keep(row));
      assert.deepEqual(
        rowsOf(throughFrame(batch.select(selection, selection.length))),
        [...selection].map((row) => input.rows[row]),
      );
    }),
    { numRuns: 300 },
  );
});

test('bits are set and read one by one', () => {
  const bits = new Uint8Array(bitmapBytes(17));
  assert.equal(bits.length, 3);
  for (const row of [0, 7, 8, 16]) setBit(bits, row);
  assert.deepEqual(
    Array.from({ length: 17 }, (_, row) => row).filter((row) => isSet(bits, row)),
    [0, 7, 8, 16],
  );
  assert.ok(isSet(undefined, 5));
});

test('types are described as Flink SQL writes them', () => {
  const described: [LogicalType, string][] = [
    [T.string(), 'STRING'],
    [T.varchar(10), 'VARCHAR(10)'],
    [T.char(), 'CHAR(1)'],
    [T.bytes(), 'BYTES'],
    [T.notNull(T.bigint()), 'BIGINT NOT NULL'],
    [T.decimal(10, 2), 'DECIMAL(10, 2)'],
    [T.timestampLtz(3), 'TIMESTAMP_LTZ(3)'],
    [T.timestamp(), 'TIMESTAMP(6)'],
    [T.time(), 'TIME(0)'],
    [T.intervalYearMonth(), 'INTERVAL YEAR TO MONTH'],
    [T.array(T.notNull(T.int())), 'ARRAY<INT NOT NULL>'],
    [T.map(T.string(), T.multiset(T.int())), 'MAP<STRING, MULTISET<INT>>'],
    [
      T.row([
        { name: 'a', type: T.int() },
        { name: 'odd name', type: T.boolean() },
      ]),
      'ROW<a INT, `odd name` BOOLEAN>',
    ],
  ];
  for (const [type, text] of described) assert.equal(describeType(type), text);
  assert.ok(sameType(T.decimal(10, 2), T.decimal(10, 2)));
  assert.ok(!sameType(T.int(), T.notNull(T.int())));
});

test('storage follows type and precision', () => {
  assert.deepEqual(
    [
      T.date(),
      T.time(3),
      T.time(6),
      T.timestamp(9),
      T.decimal(18),
      T.decimal(19),
      T.float(),
      T.binary(3),
      T.row([]),
      T.null(),
    ].map(storageOf),
    ['i32', 'i32', 'long', 'long', 'long', 'values', 'f64', 'bytes', 'values', 'values'],
  );
});

test('senseless types and schemas are refused', () => {
  for (const make of [
    () => T.decimal(39),
    () => T.decimal(5, 6),
    () => T.varchar(0),
    () => T.timestamp(10),
    () => T.time(-1),
  ])
    assert.throws(make, { code: 'OPTION_INVALID' });
  assert.throws(
    () =>
      new Schema([
        { name: 'a', type: T.int() },
        { name: 'a', type: T.int() },
      ]),
    { code: 'OPTION_INVALID' },
  );
  assert.equal(schema.indexOf('price'), 2);
  assert.equal(schema.indexOf('none'), -1);
});

test('row kinds have the codes, names and meanings of Flink', () => {
  assert.deepEqual(ROW_KIND_NAMES.map(rowKindOf), [0, 1, 2, 3]);
  assert.deepEqual(Object.values(RowKind).map(rowKindName), ['+I', '-U', '+U', '-D']);
  assert.deepEqual(Object.values(RowKind).map(isRetraction), [false, true, false, true]);
});

test('frames of columns beyond the second gigabyte of a buffer are written and read like others', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(2 ** 31 + 2 ** 20));
  const batch = columnsFromRows(schema, sample, { timestamps: new Float64Array(3) });
  for (const offset of [2 ** 31 - 256, 2 ** 31 + 4096]) {
    const length = encodeColumns(batch.select(new Int32Array([0, 2]), 2), { bytes, offset, capacity: 65_536 });
    assert.deepEqual(rowsOf(viewColumns(bytes, offset, length)), [sample[0], sample[2]]);
  }
});
