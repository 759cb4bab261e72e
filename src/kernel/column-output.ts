/**
 * How generated code writes columns: for each output the arrays it fills and the column it becomes.
 *
 * Columns have a place for every row of the input, and only those of rows that count are filled, so that the selection
 * of the input stays true of the output.
 */

import { bitmapBytes, type Column } from '../data/column-batch.ts';
import { type LogicalType, storageOf } from '../data/schema.ts';
import type { BatchMemory } from './batch-memory.ts';
import { isLongForm, type Operand, type ScalarCode } from './scalar-code.ts';

/** Writes the code of output number `place`: declarations, one row, and the column at the end. */
export class OutputCode {
  readonly #place: number;
  readonly #type: LogicalType;
  readonly #code: ScalarCode;
  #nullable = false;

  constructor(place: number, type: LogicalType, code: ScalarCode) {
    this.#place = place;
    this.#type = type;
    this.#code = code;
  }

  /** Writes the value of row `row` (an identifier). */
  write(operand: Operand, row: string): void {
    this.#nullable = operand.isNull !== undefined;
    const place = this.#place;
    if (this.#nullable) {
      const noted = `{ if (w${place} === undefined) w${place} = ${this.#code.bind(allSet)}(rows, memory); w${place}[${row} >>> 3] &= ~(1 << (${row} & 7)); }`;
      this.#code.line(`if (${operand.isNull}) ${noted} else {`);
    }
    this.#value(operand.text, row);
    if (this.#nullable) this.#code.line('}');
  }

  #value(text: string, row: string): void {
    const array = `r${this.#place}`;
    switch (storageOf(this.#type)) {
      case 'bool':
        this.#code.line(`if (${text}) ${array}[${row} >>> 3] |= 1 << (${row} & 7);`);
        return;
      case 'utf8':
      case 'bytes':
        this.#code.line(`${array}.set(${row}, ${text});`);
        return;
      case 'values':
        // Decimals beyond 64 bits are bigints in columns.
        this.#code.line(
          `${array}[${row}] = ${isLongForm(this.#type) && this.#code.form === 'fast' ? `BigInt(${text})` : text};`,
        );
        return;
      default:
        this.#code.line(`${array}[${row}] = ${text};`);
    }
  }

  /** Declarations in front of the loop. `rows` is how many places the column has, `memory` gives its arrays. */
  get declarations(): string {
    return `const r${this.#place} = ${this.#array()};${this.#nullable ? ` let w${this.#place};` : ''}`;
  }

  #array(): string {
    switch (storageOf(this.#type)) {
      case 'i32':
        return 'memory.int32(rows)';
      case 'f64':
        return 'memory.float64(rows)';
      case 'long':
        return this.#code.form === 'exact' ? 'memory.bigInt64(rows)' : 'memory.float64(rows)';
      case 'bool':
        return 'memory.uint8(rows + 7 >>> 3)';
      case 'utf8':
        return `new ${this.#code.bind(TextOutput)}(rows, memory)`;
      case 'bytes':
        return `new ${this.#code.bind(BytesOutput)}(rows)`;
      case 'values':
        return 'new Array(rows).fill(null)';
    }
  }

  /** The expression of the finished column. */
  get column(): string {
    const values = `r${this.#place}`;
    const validity = this.#nullable ? `w${this.#place}` : 'undefined';
    switch (storageOf(this.#type)) {
      case 'i32':
        return `{ kind: 'i32', validity: ${validity}, values: ${values} }`;
      case 'f64':
        return `{ kind: 'f64', validity: ${validity}, values: ${values} }`;
      case 'long':
        return this.#code.form === 'exact'
          ? `${this.#code.bind(longColumn)}(${values}, ${validity})`
          : `{ kind: 'f64', validity: ${validity}, values: ${values} }`;
      case 'bool':
        return `{ kind: 'bool', validity: ${validity}, values: ${values} }`;
      case 'utf8':
      case 'bytes':
        return `${values}.column(${validity})`;
      case 'values':
        return `{ kind: 'values', validity: ${validity}, values: ${values} }`;
    }
  }
}

/** A bitmap with all bits set. */
function allSet(rows: number, memory: BatchMemory): Uint8Array {
  return memory.bytes(bitmapBytes(rows)).fill(0xff);
}

const LONG_SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** 64-bit integers, as doubles where all of them are below 2^53 in magnitude. */
export function longColumn(
  values: BigInt64Array,
  validity: Uint8Array | undefined,
  count: number = values.length,
): Column {
  const doubles = new Float64Array(values.length);
  for (let row = 0; row < count; row++) {
    const value = values[row] as bigint;
    if (value > LONG_SAFE_MAX || value < -LONG_SAFE_MAX) return { kind: 'i64', validity, values };
    doubles[row] = Number(value);
  }
  return { kind: 'f64', validity, values: doubles };
}

/** Text by row, joined at the end: one encoding of everything costs a fraction of one per row. */
class TextOutput {
  readonly #memory: BatchMemory;
  readonly #lengths: Int32Array;
  readonly #rows: number;
  #joined = '';
  #next = 0;

  constructor(rows: number, memory: BatchMemory) {
    this.#rows = rows;
    this.#memory = memory;
    this.#lengths = memory.int32(rows);
  }

  /** Rows come in ascending order; those left out are empty. */
  set(row: number, text: string): void {
    this.#lengths[row] = text.length;
    this.#joined += text;
    this.#next = row + 1;
  }

  column(validity: Uint8Array | undefined): Column {
    const joined = this.#joined;
    const bytes = this.#memory.bytes(joined.length * UTF8_BYTES_PER_UNIT_MAX);
    const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).write(joined, 'utf8');
    const offsets = this.#memory.int32(this.#rows + 1);
    const ascii = length === joined.length;
    let units = 0;
    let end = 0;
    for (let row = 0; row < this.#next; row++) {
      const unitsHere = this.#lengths[row] as number;
      // Where every character is a byte, lengths are the same in both.
      end += ascii ? unitsHere : Buffer.byteLength(joined.slice(units, units + unitsHere), 'utf8');
      units += unitsHere;
      offsets[row + 1] = end;
    }
    offsets.fill(end, this.#next + 1);
    return { kind: 'utf8', validity, offsets, bytes: bytes.subarray(0, length) };
  }
}

/** A UTF-16 unit is at most three bytes; a pair of them four. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

/** Bytes by row. */
class BytesOutput {
  readonly #parts: (Uint8Array | undefined)[];

  constructor(rows: number) {
    this.#parts = new Array<Uint8Array | undefined>(rows).fill(undefined);
  }

  set(row: number, bytes: Uint8Array): void {
    this.#parts[row] = bytes;
  }

  column(validity: Uint8Array | undefined): Column {
    const parts = this.#parts;
    const offsets = new Int32Array(parts.length + 1);
    for (let row = 0; row < parts.length; row++)
      offsets[row + 1] = (offsets[row] as number) + (parts[row]?.length ?? 0);
    const bytes = new Uint8Array(offsets[parts.length] as number);
    parts.forEach((part, row) => part !== undefined && bytes.set(part, offsets[row]));
    return { kind: 'bytes', validity, offsets, bytes };
  }
}

/** Text by row. */
export function textColumn(
  count: number,
  textOf: (row: number) => string,
  validity: Uint8Array | undefined,
  memory: BatchMemory,
): Column {
  const output = new TextOutput(count, memory);
  for (let row = 0; row < count; row++) output.set(row, textOf(row));
  return output.column(validity);
}
