/**
 * Copies the rows of a selection out of columns into the memory of a frame, one loop per kind of array, so that each
 * loop only ever meets one kind.
 */

import { bitmapBytes, isSet, type Utf8Dictionary } from './column-batch.ts';
import { align8, FRAME_FULL, type FrameMemory } from './frame-target.ts';

export class ColumnGather {
  /** Rows that are copied. */
  readonly rows: number;
  readonly #memory: FrameMemory;
  readonly #selection: Int32Array | undefined;
  readonly #end: number;

  constructor(memory: FrameMemory, selection: Int32Array | undefined, rows: number, end: number) {
    this.#memory = memory;
    this.#selection = selection;
    this.rows = rows;
    this.#end = end;
  }

  /** The number of the `i`th row that is copied. */
  row(i: number): number {
    return this.#selection === undefined ? i : (this.#selection[i] as number);
  }

  /** Each of these writes at `position` and returns where it ended, a multiple of eight, or FRAME_FULL. */
  i32(from: Int32Array, position: number): number {
    const { rows } = this;
    const end = position + align8(rows * 4);
    if (end > this.#end) return FRAME_FULL;
    const to = this.#memory.i32;
    const start = position / 4;
    if (rows % 2 === 1) to[start + rows] = 0;
    if (this.#selection === undefined) to.set(from.subarray(0, rows), start);
    else gatherI32(from, this.#selection, rows, to, start);
    return end;
  }

  f64(from: Float64Array, position: number): number {
    const { rows } = this;
    const end = position + rows * 8;
    if (end > this.#end) return FRAME_FULL;
    if (this.#selection === undefined) this.#memory.f64.set(from.subarray(0, rows), position / 8);
    else gatherF64(from, this.#selection, rows, this.#memory.f64, position / 8);
    return end;
  }

  i64(from: BigInt64Array, position: number): number {
    const { rows } = this;
    const end = position + rows * 8;
    if (end > this.#end) return FRAME_FULL;
    if (this.#selection === undefined) this.#memory.i64.set(from.subarray(0, rows), position / 8);
    else gatherI64(from, this.#selection, rows, this.#memory.i64, position / 8);
    return end;
  }

  /** A byte per row. */
  u8(from: Uint8Array, position: number): number {
    const { rows } = this;
    const to = this.#memory.u8;
    for (let i = 0; i < rows; i++) to[position + i] = from[this.row(i)] as number;
    const end = position + align8(rows);
    to.fill(0, position + rows, end);
    return end;
  }

  /** A bit per row. */
  bits(from: Uint8Array, position: number): number {
    const { rows } = this;
    const bytes = bitmapBytes(rows);
    const end = position + align8(bytes);
    if (end > this.#end) return FRAME_FULL;
    const to = this.#memory.u8;
    to.fill(0, position, end);
    for (let i = 0; i < rows; i++) {
      if (isSet(from, this.row(i))) to[position + (i >>> 3)] = (to[position + (i >>> 3)] as number) | (1 << (i & 7));
    }
    return end;
  }

  /** Parts of variable length: new offsets, then the bytes. */
  variable(offsets: Int32Array, bytes: Uint8Array, position: number): number {
    const { rows } = this;
    const bytesAt = position + align8((rows + 1) * 4);
    if (bytesAt > this.#end) return FRAME_FULL;
    const end =
      this.#selection === undefined
        ? this.#allParts(offsets, bytes, position, bytesAt)
        : this.#someParts(offsets, bytes, position, bytesAt);
    if (end === FRAME_FULL) return FRAME_FULL;
    if (rows % 2 === 0) this.#memory.i32[position / 4 + rows + 1] = 0;
    const sectionEnd = align8(end);
    this.#memory.u8.fill(0, end, sectionEnd);
    return sectionEnd;
  }

  #allParts(offsets: Int32Array, bytes: Uint8Array, position: number, bytesAt: number): number {
    const { rows } = this;
    const first = offsets[0] as number;
    const length = (offsets[rows] as number) - first;
    if (align8(bytesAt + length) > this.#end) return FRAME_FULL;
    const to = this.#memory.i32;
    for (let i = 0; i <= rows; i++) to[position / 4 + i] = (offsets[i] as number) - first;
    this.#memory.u8.set(bytes.subarray(first, first + length), bytesAt);
    return bytesAt + length;
  }

  #someParts(offsets: Int32Array, bytes: Uint8Array, position: number, bytesAt: number): number {
    const { rows } = this;
    const { i32, u8 } = this.#memory;
    const selection = this.#selection as Int32Array;
    let length = 0;
    for (let i = 0; i < rows; i++) {
      const row = selection[i] as number;
      i32[position / 4 + i] = length;
      length += (offsets[row + 1] as number) - (offsets[row] as number);
    }
    i32[position / 4 + rows] = length;
    if (align8(bytesAt + length) > this.#end) return FRAME_FULL;
    let at = bytesAt;
    for (let i = 0; i < rows; i++) {
      const row = selection[i] as number;
      at = copyBytes(bytes, offsets[row] as number, offsets[row + 1] as number, u8, at);
    }
    return at;
  }

  /** Codes, then the dictionary: the whole of it, or, where it has more entries than rows, what the rows use. */
  dictionary(
    codes: Int32Array,
    dictionary: Utf8Dictionary,
    validity: Uint8Array | undefined,
    position: number,
  ): { readonly end: number; readonly entries: number } {
    const dictionaryAt = this.i32(codes, position);
    if (dictionaryAt === FRAME_FULL) return { end: FRAME_FULL, entries: 0 };
    const used = dictionary.count <= this.rows ? undefined : this.#renumber(dictionary.count, validity, position);
    const entries = used?.length ?? dictionary.count;
    const parts = new ColumnGather(this.#memory, used, entries, this.#end);
    return { end: parts.variable(dictionary.offsets, dictionary.bytes, dictionaryAt), entries };
  }

  /** Numbers the codes in the frame anew, in the order of their first use; returns the old codes by the new. */
  #renumber(count: number, validity: Uint8Array | undefined, position: number): Int32Array {
    const { rows } = this;
    const codes = this.#memory.i32;
    const numbers = new Int32Array(count).fill(-1);
    const used = new Int32Array(rows);
    let entries = 0;
    for (let i = 0; i < rows; i++) {
      const at = position / 4 + i;
      const code = isSet(validity, this.row(i)) ? (codes[at] as number) : -1;
      if (code < 0) {
        codes[at] = 0;
        continue;
      }
      if (numbers[code] === -1) {
        used[entries] = code;
        numbers[code] = entries++;
      }
      codes[at] = numbers[code] as number;
    }
    return used.subarray(0, entries);
  }
}

function gatherI32(from: Int32Array, selection: Int32Array, rows: number, to: Int32Array, at: number): void {
  for (let i = 0; i < rows; i++) to[at + i] = from[selection[i] as number] as number;
}

function gatherF64(from: Float64Array, selection: Int32Array, rows: number, to: Float64Array, at: number): void {
  for (let i = 0; i < rows; i++) to[at + i] = from[selection[i] as number] as number;
}

function gatherI64(from: BigInt64Array, selection: Int32Array, rows: number, to: BigInt64Array, at: number): void {
  for (let i = 0; i < rows; i++) to[at + i] = from[selection[i] as number] as bigint;
}

/** Up to here a loop over the bytes beats a call. */
const COPY_LOOP_MAX = 24;

function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  const next = at + end - start;
  if (end - start > COPY_LOOP_MAX) {
    to.set(from.subarray(start, end), at);
    return next;
  }
  for (let i = start, j = at; i < end; i++, j++) to[j] = from[i] as number;
  return next;
}
