/** Arbitrary schemas, rows and batches: every layout that a column can have, with NULLs and selections. */
import fc from 'fast-check';
import type { ColumnBatch } from '../../src/data/column-batch.ts';
import { bitmapBytes, type Column } from '../../src/data/column-batch.ts';
import { columnsFromRows } from '../../src/data/column-rows.ts';
import { LogicalType, Schema, storageOf } from '../../src/data/schema.ts';
import type { Value } from './naive-expression.ts';

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** 64-bit integers around every border that matters. */
const anyLong = fc.oneof(
  fc.bigInt({ min: -100n, max: 100n }),
  fc.bigInt({ min: -SAFE, max: SAFE }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(SAFE, -SAFE, SAFE + 1n, SAFE + 2n, 2n ** 63n - 1n, -(2n ** 63n), 0n),
);

const anyInt = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.integer(), fc.constantFrom(2 ** 31 - 1, -(2 ** 31)));
const anyDouble = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double(),
  fc.constantFrom(NaN, -0, 0, Infinity, -Infinity),
);
export const anyText = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ab', 'Zürich', '12', '-7.9', ' 3 ', 'true', 'no', '９', '😀', '\uffee'),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);

export function anyValue(type: LogicalType, wideLongs = true): fc.Arbitrary<Value> {
  const present = ((): fc.Arbitrary<Value> => {
    switch (type.kind) {
      case 'tinyint':
        return fc.integer({ min: -128, max: 127 });
      case 'smallint':
        return fc.integer({ min: -32_768, max: 32_767 });
      case 'int':
      case 'date':
        return anyInt;
      case 'bigint':
      case 'timestamp':
        return wideLongs ? anyLong : fc.bigInt({ min: -1000n, max: 1000n });
      case 'float':
        return anyDouble.map(Math.fround);
      case 'double':
        return anyDouble;
      case 'boolean':
        return fc.boolean();
      default:
        return anyText;
    }
  })();
  return type.nullable
    ? fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 5, arbitrary: present })
    : present;
}

/** One column of every kind, some nullable. */
export const WIDE_SCHEMA = Schema.of({
  i: LogicalType.notNull(LogicalType.int()),
  iNull: LogicalType.int(),
  l: LogicalType.notNull(LogicalType.bigint()),
  lNull: LogicalType.bigint(),
  d: LogicalType.notNull(LogicalType.double()),
  dNull: LogicalType.double(),
  b: LogicalType.boolean(),
  s: LogicalType.notNull(LogicalType.string()),
  sNull: LogicalType.string(),
  tiny: LogicalType.tinyint(),
  small: LogicalType.notNull(LogicalType.smallint()),
  f: LogicalType.float(),
});

export type Row = readonly Value[];

export function anyRow(schema: Schema, wideLongs = true): fc.Arbitrary<Row> {
  return fc.tuple(...schema.fields.map((field) => anyValue(field.type, wideLongs)));
}

/** How a batch of given rows is laid out. */
export interface Shape {
  /** Adds rows that do not count between those that do. */
  readonly selection: boolean;
  /** Texts as codes of a dictionary. */
  readonly dictionary: boolean;
  /** 64-bit integers in 64 bits though doubles would do. */
  readonly wide: boolean;
  /** Validity bitmaps also where there is no NULL. */
  readonly bitmaps: boolean;
}

export const anyShape: fc.Arbitrary<Shape> = fc.record({
  selection: fc.boolean(),
  dictionary: fc.boolean(),
  wide: fc.boolean(),
  bitmaps: fc.boolean(),
});
export const PLAIN: Shape = { selection: false, dictionary: false, wide: false, bitmaps: false };

/** A batch in which exactly these rows count. */
export function batchOf(
  schema: Schema,
  rows: readonly Row[],
  shape: Shape = PLAIN,
  extras: { readonly timestamps?: readonly number[] } = {},
): ColumnBatch {
  // Between the rows stand copies of the first, which must never be seen.
  const all = shape.selection ? rows.flatMap((row) => [rows[0] as Row, row, rows[0] as Row]) : rows;
  const timestamps = extras.timestamps;
  const times =
    timestamps === undefined
      ? undefined
      : Float64Array.from(shape.selection ? timestamps.flatMap((time) => [-1, time, -1]) : timestamps);
  const objects = all.map((row) => Object.fromEntries(schema.fields.map((field, i) => [field.name, row[i]])));
  const plain = columnsFromRows(schema, objects, times === undefined ? {} : { timestamps: times });
  const columns = plain.columns.map((column, i) =>
    reshape(column, (schema.fields[i] as Schema['fields'][number]).type, all.length, shape),
  );
  const batch = plain.withColumns(schema, columns);
  return shape.selection
    ? batch.select(
        Int32Array.from(rows, (_, i) => i * 3 + 1),
        rows.length,
      )
    : batch;
}

function reshape(column: Column, type: LogicalType, count: number, shape: Shape): Column {
  const validity = column.validity ?? (shape.bitmaps ? new Uint8Array(bitmapBytes(count)).fill(0xff) : undefined);
  if (column.kind === 'f64' && storageOf(type) === 'long' && shape.wide)
    return { kind: 'i64', validity, values: BigInt64Array.from(column.values, (value) => BigInt(value)) };
  if (column.kind === 'utf8' && shape.dictionary) return dictionaryOf(column, count, validity);
  return { ...column, validity };
}

function dictionaryOf(
  column: Extract<Column, { kind: 'utf8' }>,
  count: number,
  validity: Uint8Array | undefined,
): Column {
  const numbers = new Map<string, number>();
  const codes = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const text = Buffer.from(column.bytes.subarray(column.offsets[row], column.offsets[row + 1])).toString('latin1');
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    codes[row] = numbers.get(text) as number;
  }
  const parts = [...numbers.keys()].map((text) => Buffer.from(text, 'latin1'));
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
  return {
    kind: 'dictionary',
    validity,
    codes,
    dictionary: { count: parts.length, offsets, bytes: Buffer.concat(parts) },
  };
}

/** A value as `rowsOf` shows it: 64-bit integers as numbers where those are exact. */
export function shown(value: Value): Value {
  if (typeof value !== 'bigint') return value;
  return value >= -SAFE && value <= SAFE ? Number(value) : value;
}
