/**
 * Between columns and rows: objects with a field per column. Rows hold the values as the columns do (a DATE is its
 * days, a DECIMAL its unscaled value); 64-bit integers are numbers where those are exact and bigints where not.
 */

import { MillstreamError } from '../base/error.ts';
import { bitmapBytes, type Column, ColumnBatch, isSet, setBit } from './column-batch.ts';
import { describeRecord } from './describe-record.ts';
import { describeType, type RowTypeField, type Schema, storageOf } from './schema.ts';
import { utf8Text } from './text.ts';

export type Row = Readonly<Record<string, unknown>>;

const I32_MIN = -(2 ** 31);
const I32_MAX = 2 ** 31 - 1;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

const ENCODER = new TextEncoder();

/** What goes along with rows, parallel to them. */
export interface RowExtras {
  readonly kinds?: Uint8Array | undefined;
  readonly timestamps?: Float64Array | undefined;
}

/**
 * Makes a batch of rows. A missing or undefined field is NULL. Text that is not well-formed gets U+FFFD where it is not.
 *
 * @throws VALUE_UNSUPPORTED when a value is not of its column's type, or NULL where the type forbids it.
 */
export function columnsFromRows(schema: Schema, rows: readonly Row[], extras: RowExtras = {}): ColumnBatch {
  const columns = schema.fields.map((field) => columnOf(field, rows));
  return new ColumnBatch({ schema, count: rows.length, columns, ...extras });
}

function columnOf(field: RowTypeField, rows: readonly Row[]): Column {
  const validity = validityOf(field, rows);
  switch (storageOf(field.type)) {
    case 'i32':
      return { kind: 'i32', validity, values: integers(field, rows) };
    case 'f64':
      return { kind: 'f64', validity, values: doubles(field, rows) };
    case 'long':
      return longs(field, rows, validity);
    case 'bool':
      return { kind: 'bool', validity, values: booleans(field, rows) };
    case 'utf8':
      return { kind: 'utf8', validity, ...joined(rows.map((row, i) => textBytes(field, row[field.name], i))) };
    case 'bytes':
      return { kind: 'bytes', validity, ...joined(rows.map((row, i) => plainBytes(field, row[field.name], i))) };
    case 'values':
      return { kind: 'values', validity, values: rows.map((row) => row[field.name] ?? null) };
  }
}

function validityOf(field: RowTypeField, rows: readonly Row[]): Uint8Array | undefined {
  const first = rows.findIndex((row) => isNull(row[field.name]));
  if (first < 0) return undefined;
  if (!field.type.nullable) throw refused(field, first, null);
  const bits = new Uint8Array(bitmapBytes(rows.length));
  rows.forEach((row, i) => {
    if (!isNull(row[field.name])) setBit(bits, i);
  });
  return bits;
}

function isNull(value: unknown): boolean {
  return value === null || value === undefined;
}

function integers(field: RowTypeField, rows: readonly Row[]): Int32Array {
  const values = new Int32Array(rows.length);
  const [least, most] = integerRange(field);
  for (let i = 0; i < rows.length; i++) {
    const value = (rows[i] as Row)[field.name];
    if (isNull(value)) continue;
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number) || number < least || number > most)
      throw refused(field, i, value);
    values[i] = number;
  }
  return values;
}

function integerRange({ type }: RowTypeField): readonly [number, number] {
  if (type.kind === 'tinyint') return [-128, 127];
  if (type.kind === 'smallint') return [-32_768, 32_767];
  return [I32_MIN, I32_MAX];
}

function doubles(field: RowTypeField, rows: readonly Row[]): Float64Array {
  const values = new Float64Array(rows.length);
  const single = field.type.kind === 'float';
  for (let i = 0; i < rows.length; i++) {
    const value = (rows[i] as Row)[field.name];
    if (isNull(value)) continue;
    if (typeof value !== 'number') throw refused(field, i, value);
    values[i] = single ? Math.fround(value) : value;
  }
  return values;
}

function longs(field: RowTypeField, rows: readonly Row[], validity: Uint8Array | undefined): Column {
  const doublesOnly = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const value = (rows[i] as Row)[field.name];
    if (isNull(value)) continue;
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number') throw refused(field, i, value);
    if (!Number.isSafeInteger(number)) return { kind: 'i64', validity, values: bigints(field, rows) };
    // Integers have no negative zero.
    doublesOnly[i] = number + 0;
  }
  return { kind: 'f64', validity, values: doublesOnly };
}

function bigints(field: RowTypeField, rows: readonly Row[]): BigInt64Array {
  const values = new BigInt64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const value = (rows[i] as Row)[field.name];
    if (isNull(value)) continue;
    const bigint =
      typeof value === 'bigint'
        ? value
        : typeof value === 'number' && Number.isInteger(value)
          ? BigInt(value)
          : undefined;
    if (bigint === undefined || bigint < I64_MIN || bigint > I64_MAX) throw refused(field, i, value);
    values[i] = bigint;
  }
  return values;
}

function booleans(field: RowTypeField, rows: readonly Row[]): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(rows.length));
  for (let i = 0; i < rows.length; i++) {
    const value = (rows[i] as Row)[field.name];
    if (value === true) setBit(bits, i);
    else if (value !== false && !isNull(value)) throw refused(field, i, value);
  }
  return bits;
}

function textBytes(field: RowTypeField, value: unknown, row: number): Uint8Array {
  if (isNull(value)) return NO_BYTES;
  if (typeof value !== 'string') throw refused(field, row, value);
  return ENCODER.encode(value);
}

const NO_BYTES = new Uint8Array(0);

function plainBytes(field: RowTypeField, value: unknown, row: number): Uint8Array {
  if (isNull(value)) return NO_BYTES;
  if (!(value instanceof Uint8Array)) throw refused(field, row, value);
  return value;
}

function joined(parts: readonly Uint8Array[]): { readonly offsets: Int32Array; readonly bytes: Uint8Array } {
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
  const bytes = new Uint8Array(offsets[parts.length] as number);
  parts.forEach((part, i) => bytes.set(part, offsets[i]));
  return { offsets, bytes };
}

function refused(field: RowTypeField, row: number, value: unknown): MillstreamError {
  const shown = value === null ? 'NULL' : describeRecord(value);
  return new MillstreamError(
    'VALUE_UNSUPPORTED',
    `Row ${row} has ${shown} in the column "${field.name}", whose type is ${describeType(field.type)}. Convert the value or change the type.`,
    {
      details: { column: field.name, row },
    },
  );
}

/**
 * The rows of a batch that count, in order. For tests and for the border to records; kernels work on columns.
 *
 * @example
 * ```ts
 * import { rowsOf, type ColumnBatch } from 'millstream/columns';
 * const print = (batch: ColumnBatch): void => rowsOf(batch).forEach((row) => console.log(row));
 * console.log(typeof print);
 * ```
 */
export function rowsOf(batch: ColumnBatch): Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < batch.selected; i++) {
    const row = batch.selection === undefined ? i : (batch.selection[i] as number);
    rows.push(
      Object.fromEntries(
        batch.schema.fields.map((field, place) => [field.name, valueAt(batch.columns[place] as Column, row)]),
      ),
    );
  }
  return rows;
}

/** The value of a row in a column; null where it is NULL. */
export function valueAt(column: Column, row: number): unknown {
  if (!isSet(column.validity, row)) return null;
  switch (column.kind) {
    case 'i32':
    case 'f64':
    case 'values':
      return column.values[row];
    case 'i64': {
      const bigint = column.values[row] as bigint;
      const number = Number(bigint);
      return Number.isSafeInteger(number) ? number : bigint;
    }
    case 'bool':
      return isSet(column.values, row);
    case 'utf8':
      return utf8Text(column.bytes.subarray(column.offsets[row], column.offsets[row + 1]));
    case 'bytes':
      return new Uint8Array(column.bytes.subarray(column.offsets[row], column.offsets[row + 1]));
    case 'dictionary': {
      const code = column.codes[row] as number;
      const { offsets, bytes } = column.dictionary;
      return utf8Text(bytes.subarray(offsets[code], offsets[code + 1]));
    }
  }
}
