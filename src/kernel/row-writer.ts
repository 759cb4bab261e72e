/**
 * Takes objects apart into columns, one row at a time: a generated function per schema that checks each field's value
 * and stores it. A missing or undefined field is NULL.
 */

import { MillstreamError } from '../base/error.ts';
import { bitmapBytes, type Column, ColumnBatch, setBit } from '../data/column-batch.ts';
import { describeRecord } from '../data/describe-record.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { describeType, type LogicalType, type RowTypeField, type Schema, storageOf } from '../data/schema.ts';
import { BatchMemory } from './batch-memory.ts';
import { textColumn } from './column-output.ts';
import { generateFunction } from './compile.ts';

/** Collects the values of one column. */
class FieldWriter {
  readonly field: RowTypeField;
  readonly #capacity: number;
  readonly #memory = new BatchMemory();
  ints!: Int32Array;
  doubles!: Float64Array;
  /** Instead of `doubles` from the first 64-bit integer on that is not exact as one. */
  longs: BigInt64Array | undefined;
  bits!: Uint8Array;
  values!: unknown[];
  /** Set from the first NULL on. */
  validity: Uint8Array | undefined;

  constructor(field: RowTypeField, capacity: number) {
    this.field = field;
    this.#capacity = capacity;
  }

  /** Starts a batch, in the memory of the one before unless that is still in use. */
  begin(settled: boolean): void {
    this.validity = undefined;
    this.longs = undefined;
    const capacity = this.#capacity;
    const memory = this.#memory;
    memory.begin(settled);
    switch (storageOf(this.field.type)) {
      case 'i32':
        this.ints = memory.int32(capacity);
        return;
      case 'f64':
      case 'long':
        this.doubles = memory.float64(capacity);
        return;
      case 'bool':
        this.bits = memory.uint8(bitmapBytes(capacity));
        return;
      default:
        this.values = new Array<unknown>(capacity).fill(undefined);
    }
  }

  /** Whatever generated code does not store by itself: NULL, bigints, and what does not belong here. */
  setSlow(value: unknown, row: number): void {
    if (value === undefined || value === null) {
      this.#setNull(row);
      return;
    }
    if (!this.#store(value, row)) throw this.#refused(value);
    if (this.validity !== undefined) setBit(this.validity, row);
  }

  #setNull(row: number): void {
    if (!this.field.type.nullable) throw this.#refused(null);
    this.validity ??= allSetUpTo(row, this.#memory.uint8(bitmapBytes(this.#capacity)));
  }

  #store(value: unknown, row: number): boolean {
    const { type } = this.field;
    switch (storageOf(type)) {
      case 'i32': {
        const number = typeof value === 'bigint' ? Number(value) : value;
        if (typeof number !== 'number' || !inRange(number, type)) return false;
        this.ints[row] = number;
        return true;
      }
      case 'long':
        return this.#storeLong(value, row);
      case 'f64':
        if (typeof value !== 'bigint' || !Number.isSafeInteger(Number(value))) return false;
        this.doubles[row] = Number(value);
        return true;
      case 'bool':
        if (value === true) setBit(this.bits, row);
        return typeof value === 'boolean';
      case 'utf8':
        return false;
      case 'bytes':
        this.values[row] = value;
        return value instanceof Uint8Array;
      case 'values':
        this.values[row] = value;
        return true;
    }
  }

  #storeLong(value: unknown, row: number): boolean {
    if (value instanceof Date) return this.#storeLong(value.getTime(), row);
    if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isInteger(value))) return false;
    const bigint = BigInt(value);
    if (BigInt.asIntN(64, bigint) !== bigint) return false;
    const number = Number(bigint);
    if (this.longs === undefined && Number.isSafeInteger(number)) {
      this.doubles[row] = number;
      return true;
    }
    this.longs ??= this.#widened(row);
    this.longs[row] = bigint;
    return true;
  }

  #widened(rows: number): BigInt64Array {
    const longs = this.#memory.bigInt64(this.#capacity);
    for (let row = 0; row < rows; row++) longs[row] = BigInt(this.doubles[row] as number);
    return longs;
  }

  #refused(value: unknown): MillstreamError {
    return new MillstreamError(
      'VALUE_UNSUPPORTED',
      `The column "${this.field.name}" has the type ${describeType(this.field.type)}, and a record has ${value === null ? 'NULL' : describeRecord(value)} there. Convert the value or change the type.`,
      { details: { column: this.field.name } },
    );
  }

  column(count: number): Column {
    const { validity } = this;
    switch (storageOf(this.field.type)) {
      case 'i32':
        return { kind: 'i32', validity, values: this.ints };
      case 'f64':
        return { kind: 'f64', validity, values: this.doubles };
      case 'long':
        return this.longs === undefined
          ? { kind: 'f64', validity, values: this.doubles }
          : { kind: 'i64', validity, values: this.longs };
      case 'bool':
        return { kind: 'bool', validity, values: this.bits };
      case 'utf8':
        return textColumn(count, (row) => (this.values[row] as string | undefined) ?? '', validity, this.#memory);
      case 'bytes':
        return { kind: 'bytes', validity, ...joined(this.values as (Uint8Array | undefined)[], count) };
      case 'values':
        return { kind: 'values', validity, values: this.values.slice(0, count).map((value) => value ?? null) };
    }
  }
}

const I32_MIN = -(2 ** 31);
const I32_MAX = 2 ** 31 - 1;

function rangeOf(type: LogicalType): readonly [number, number] {
  if (type.kind === 'tinyint') return [-128, 127];
  return type.kind === 'smallint' ? [-32_768, 32_767] : [I32_MIN, I32_MAX];
}

function inRange(value: number, type: LogicalType): boolean {
  const [least, most] = rangeOf(type);
  return Number.isInteger(value) && value >= least && value <= most;
}

function allSetUpTo(rows: number, bits: Uint8Array): Uint8Array {
  for (let row = 0; row < rows; row++) setBit(bits, row);
  return bits;
}

function joined(
  parts: readonly (Uint8Array | undefined)[],
  count: number,
): { readonly offsets: Int32Array; readonly bytes: Uint8Array } {
  const offsets = new Int32Array(count + 1);
  for (let row = 0; row < count; row++) offsets[row + 1] = (offsets[row] as number) + (parts[row]?.length ?? 0);
  const bytes = new Uint8Array(offsets[count] as number);
  for (let row = 0; row < count; row++) bytes.set(parts[row] ?? NO_BYTES, offsets[row]);
  return { offsets, bytes };
}

const NO_BYTES = new Uint8Array(0);

type WriteFunction = (record: unknown, row: number, fields: readonly FieldWriter[]) => void;

export class RowWriter {
  readonly schema: Schema;
  readonly capacity: number;
  readonly #fields: readonly FieldWriter[];
  readonly #write: WriteFunction;
  #timestamps: Float64Array | undefined;
  #kinds: Uint8Array | undefined;
  #rows = 0;
  /** The batch that was taken last keeps its memory. */
  #left = false;

  constructor(schema: Schema, capacity: number, tag: string) {
    this.schema = schema;
    this.capacity = capacity;
    this.#fields = schema.fields.map((field) => new FieldWriter(field, capacity));
    this.#write = generateWrite(schema, tag);
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * Appends a record; there must be room for it.
   *
   * @throws VALUE_UNSUPPORTED when a field is no value of its column's type.
   */
  append(record: unknown, timestamp: number, kind: number): void {
    const row = this.#rows;
    if (row === 0) this.#begin();
    this.#write(record, row, this.#fields);
    if (timestamp !== NO_TIMESTAMP || this.#timestamps !== undefined) this.#setTimestamp(row, timestamp);
    if (kind !== 0 || this.#kinds !== undefined) this.#setKind(row, kind);
    this.#rows = row + 1;
  }

  #begin(): void {
    for (const field of this.#fields) field.begin(!this.#left);
    this.#left = false;
    this.#timestamps = undefined;
    this.#kinds = undefined;
  }

  #setTimestamp(row: number, timestamp: number): void {
    this.#timestamps ??= new Float64Array(this.capacity).fill(NO_TIMESTAMP);
    this.#timestamps[row] = timestamp;
  }

  #setKind(row: number, kind: number): void {
    this.#kinds ??= new Uint8Array(this.capacity);
    this.#kinds[row] = kind;
  }

  /** The batch of what was appended. The writer is empty afterwards; its next row takes the memory of the batch back unless that was left to it. */
  take(): ColumnBatch {
    const count = this.#rows;
    const batch = new ColumnBatch({
      schema: this.schema,
      count,
      columns: this.#fields.map((field) => field.column(count)),
      timestamps: this.#timestamps,
      kinds: this.#kinds,
    });
    this.#rows = 0;
    return batch;
  }

  /** What was taken last is still in use and keeps its memory. */
  leave(): void {
    this.#left = true;
  }
}

/** Stores what has the right type at once; everything else goes the slow way. */
function generateWrite(schema: Schema, tag: string): WriteFunction {
  const lines = schema.fields.flatMap(({ name, type }, index) => {
    const stored = storeText(type, index);
    const validity = type.nullable
      ? ` if (f${index}.validity !== undefined) f${index}.validity[row >>> 3] |= 1 << (row & 7);`
      : '';
    return [
      `const f${index} = fields[${index}], x${index} = record[${JSON.stringify(name)}];`,
      stored === undefined
        ? `f${index}.setSlow(x${index}, row);`
        : `if (${stored.condition}) { ${stored.statement}${validity} } else f${index}.setSlow(x${index}, row);`,
    ];
  });
  return generateFunction(['record', 'row', 'fields'], lines, [], `${tag}/write`) as WriteFunction;
}

function storeText(
  type: LogicalType,
  index: number,
): { readonly condition: string; readonly statement: string } | undefined {
  const value = `x${index}`;
  switch (storageOf(type)) {
    case 'i32': {
      const [least, most] = rangeOf(type);
      const range = most === I32_MAX ? '' : ` && ${value} >= ${least} && ${value} <= ${most}`;
      return { condition: `(${value} | 0) === ${value}${range}`, statement: `f${index}.ints[row] = ${value};` };
    }
    case 'f64':
      return {
        condition: `typeof ${value} === 'number'`,
        statement: `f${index}.doubles[row] = ${type.kind === 'float' ? `Math.fround(${value})` : value};`,
      };
    case 'long':
      return {
        condition: `Number.isSafeInteger(${value}) && f${index}.longs === undefined`,
        statement: `f${index}.doubles[row] = ${value} + 0;`,
      };
    case 'bool':
      return {
        condition: `typeof ${value} === 'boolean'`,
        statement: `if (${value}) f${index}.bits[row >>> 3] |= 1 << (row & 7);`,
      };
    case 'utf8':
      return { condition: `typeof ${value} === 'string'`, statement: `f${index}.values[row] = ${value};` };
    case 'bytes':
    case 'values':
      return undefined;
  }
}
