/**
 * The parts of the keys of a table. Numbers and booleans are words in the records of the groups; what is no word lies
 * beside them: text in a heap, other values in arrays.
 *
 * Integers of 64 bits are doubles until a key comes that a double does not hold; then the part leaves the records for
 * good, for 64 bits that are compared as two words of 32. A NULL is stored as some value with its bit set in the
 * table's `nullBits`.
 */

import { invariant } from '../base/assert.ts';
import { bitmapBytes, type Column, setBit } from '../data/column-batch.ts';
import { mapKey } from '../data/key.ts';
import { type LogicalType, storageOf } from '../data/schema.ts';
import type { BufferPool } from './buffer-pool.ts';
import { longColumn } from './column-output.ts';
import type { StoredColumn } from './stored-groups.ts';

export type KeyPartKind = 'i32' | 'long' | 'wide' | 'double' | 'bool' | 'text' | 'any';

/** Where the records of groups lie: `stride` words for each. */
export interface Records {
  readonly records: Float64Array;
  readonly stride: number;
}

export class KeyPart {
  kind: KeyPartKind;
  /** The word of a record in which the part lies, also where it is not used. */
  readonly offset: number;
  /** Of `wide`, and the same memory as pairs of words, low word first. */
  longs!: BigInt64Array<ArrayBuffer>;
  words!: Int32Array<ArrayBuffer>;
  /** Of `text`: where each text lies in the heap. */
  starts!: Int32Array<ArrayBuffer>;
  lengths!: Int32Array<ArrayBuffer>;
  heap!: TextHeap;
  /** Of `any`: the values, and what they are compared by. */
  values!: unknown[];
  comparable!: unknown[];
  /** Whether the values are bytes or NULL. */
  readonly #bytes: boolean;
  readonly #pool: BufferPool;

  constructor(type: LogicalType, offset: number, capacity: number, pool: BufferPool) {
    this.kind = keyPartKind(type);
    this.#bytes = storageOf(type) === 'bytes';
    this.offset = offset;
    this.#pool = pool;
    if (this.kind === 'text') this.heap = new TextHeap(pool);
    if (this.kind === 'any') {
      this.values = [];
      this.comparable = [];
    }
    this.#allocate(capacity);
  }

  #allocate(capacity: number): void {
    const pool = this.#pool;
    if (this.kind === 'wide') {
      this.longs = pool.bigInt64(capacity);
      this.words = new Int32Array(this.longs.buffer, 0, capacity * 2);
    } else if (this.kind === 'text') {
      this.starts = pool.int32(capacity);
      this.lengths = pool.int32(capacity);
    }
  }

  /** Moves the first `size` values to memory for `capacity`. */
  grow(size: number, capacity: number): void {
    const { longs, starts, lengths } = this;
    this.#allocate(capacity);
    if (this.kind === 'wide') {
      this.longs.set(longs.subarray(0, size));
      this.#pool.release(longs);
    } else if (this.kind === 'text') {
      this.starts.set(starts.subarray(0, size));
      this.lengths.set(lengths.subarray(0, size));
      this.#pool.release(starts);
      this.#pool.release(lengths);
    }
  }

  /** From doubles to 64 bits, for good. */
  widen({ records, stride }: Records, size: number, capacity: number): void {
    if (this.kind !== 'long') return;
    this.kind = 'wide';
    this.#allocate(capacity);
    for (let group = 0; group < size; group++)
      this.longs[group] = BigInt(records[group * stride + this.offset] as number);
  }

  release(): void {
    if (this.kind === 'wide') this.#pool.release(this.longs);
    else if (this.kind === 'text') {
      this.#pool.release(this.starts);
      this.#pool.release(this.lengths);
      this.heap.release();
    }
  }

  /** Takes in the values of new groups, as far as they are no words. */
  append(first: number, count: number, { longs, lengths, texts, values }: StoredColumn): void {
    if (longs !== undefined) this.longs.set(longs, first);
    else if (values !== undefined) for (let i = 0; i < count; i++) this.addAny(first + i, values[i]);
    else if (lengths !== undefined && texts !== undefined) {
      let start = this.heap.addAll(texts);
      this.lengths.set(lengths, first);
      for (let i = 0; i < count; i++) {
        this.starts[first + i] = start;
        start += lengths[i] as number;
      }
    }
  }

  /** What generated code calls on a new group whose part is of the kind `any`. */
  addAny(group: number, value: unknown): void {
    this.values[group] = value;
    this.comparable[group] = mapKey(value);
  }

  /** The values of groups as a column. `validity` says which of them are not NULL. */
  column({ records, stride }: Records, groups: Int32Array, count: number, validity: Uint8Array | undefined): Column {
    switch (this.kind) {
      case 'i32':
        return { kind: 'i32', validity, values: gatherInts(records, stride, this.offset, groups, count) };
      case 'long':
      case 'double':
        return { kind: 'f64', validity, values: gatherWords(records, stride, this.offset, groups, count) };
      case 'bool':
        return { kind: 'bool', validity, values: gatherBits(records, stride, this.offset, groups, count) };
      case 'wide':
        return longColumn(gatherI64(this.longs, groups, count), validity);
      case 'text':
        return { kind: 'utf8', validity, ...this.heap.gather(this.starts, this.lengths, groups, count) };
      case 'any':
        return this.#anyColumn(groups, count, validity);
    }
  }

  #anyColumn(groups: Int32Array, count: number, validity: Uint8Array | undefined): Column {
    const values = Array.from({ length: count }, (_, i) => this.values[groups[i] as number]);
    if (!this.#bytes) return { kind: 'values', validity, values };
    const parts = values.map((value) => (value instanceof Uint8Array ? value : NO_BYTES));
    const offsets = new Int32Array(count + 1);
    parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
    const bytes = new Uint8Array(offsets[count] as number);
    parts.forEach((part, i) => bytes.set(part, offsets[i]));
    return { kind: 'bytes', validity, offsets, bytes };
  }
}

const NO_BYTES = new Uint8Array(0);

export function keyPartKind(type: LogicalType): KeyPartKind {
  const storage = storageOf(type);
  switch (storage) {
    case 'i32':
    case 'long':
    case 'bool':
      return storage;
    case 'f64':
      return 'double';
    case 'utf8':
      return 'text';
    case 'bytes':
    case 'values':
      return 'any';
  }
}

/** Offsets into a heap are 32-bit integers. */
const HEAP_BYTES_MAX = 2 ** 31 - 1;
const HEAP_BYTES_LEAST = 1024;

/** Texts one behind the other. */
export class TextHeap {
  #bytes: Uint8Array<ArrayBuffer>;
  #end = 0;
  readonly #pool: BufferPool;

  constructor(pool: BufferPool) {
    this.#pool = pool;
    this.#bytes = pool.uint8(HEAP_BYTES_LEAST);
  }

  /** Copies a stretch of bytes to the end; returns where it lies. */
  add(from: Uint8Array, start: number, end: number): number {
    const at = this.#end;
    const after = at + end - start;
    if (after > this.#bytes.length) this.#grow(after);
    const to = this.#bytes;
    for (let i = start, j = at; i < end; i++, j++) to[j] = from[i] as number;
    this.#end = after;
    return at;
  }

  /** Copies many texts to the end; returns where the first of them lies. */
  addAll(texts: Uint8Array): number {
    const at = this.#end;
    const after = at + texts.length;
    if (after > this.#bytes.length) this.#grow(after);
    this.#bytes.set(texts, at);
    this.#end = after;
    return at;
  }

  #grow(bytes: number): void {
    invariant(bytes <= HEAP_BYTES_MAX, 'the text keys of a table segment stay below 2 GiB');
    const before = this.#bytes;
    this.#bytes = this.#pool.uint8(Math.max(bytes, before.length * 2));
    this.#bytes.set(before.subarray(0, this.#end));
    this.#pool.release(before);
  }

  /** Whether the text at `at` is the stretch of bytes, whose length is the same. */
  equals(at: number, bytes: Uint8Array, start: number, end: number): boolean {
    const heap = this.#bytes;
    for (let i = start, j = at; i < end; i++, j++) if (heap[j] !== bytes[i]) return false;
    return true;
  }

  gather(
    starts: Int32Array,
    lengths: Int32Array,
    groups: Int32Array,
    count: number,
  ): { readonly offsets: Int32Array; readonly bytes: Uint8Array } {
    const offsets = new Int32Array(count + 1);
    for (let i = 0; i < count; i++) offsets[i + 1] = (offsets[i] as number) + (lengths[groups[i] as number] as number);
    const bytes = new Uint8Array(offsets[count] as number);
    const heap = this.#bytes;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      const start = starts[group] as number;
      const end = start + (lengths[group] as number);
      for (let j = start; j < end; j++) bytes[at++] = heap[j] as number;
    }
    return { offsets, bytes };
  }

  release(): void {
    this.#pool.release(this.#bytes);
  }
}

function gatherInts(
  records: Float64Array,
  stride: number,
  offset: number,
  groups: Int32Array,
  count: number,
): Int32Array {
  const to = new Int32Array(count);
  for (let i = 0; i < count; i++) to[i] = records[(groups[i] as number) * stride + offset] as number;
  return to;
}

function gatherWords(
  records: Float64Array,
  stride: number,
  offset: number,
  groups: Int32Array,
  count: number,
): Float64Array {
  const to = new Float64Array(count);
  for (let i = 0; i < count; i++) to[i] = records[(groups[i] as number) * stride + offset] as number;
  return to;
}

function gatherBits(
  records: Float64Array,
  stride: number,
  offset: number,
  groups: Int32Array,
  count: number,
): Uint8Array {
  const to = new Uint8Array(bitmapBytes(count));
  for (let i = 0; i < count; i++) if (records[(groups[i] as number) * stride + offset] === 1) setBit(to, i);
  return to;
}

function gatherI64(from: BigInt64Array, groups: Int32Array, count: number): BigInt64Array {
  const to = new BigInt64Array(count);
  for (let i = 0; i < count; i++) to[i] = from[groups[i] as number] as bigint;
  return to;
}
