/**
 * A table of groups: from keys in columns to group numbers, 0 and up, in the order in which the keys came.
 *
 * An index with open addressing leads from hashes to groups. A group has a record of a few words: its key, as far as
 * that is made of numbers, and behind it whatever belongs to the group, so that looking a key up brings the rest into
 * the cache. Looking up the keys of a batch is one generated loop (`group-find.ts`).
 */

import { bitmapBytes, type Column, setBit } from '../data/column-batch.ts';
import type { LogicalType } from '../data/schema.ts';
import type { BufferPool } from './buffer-pool.ts';
import { KeyPart, type Records } from './key-parts.ts';
import type { StoredColumn, StoredGroups } from './stored-groups.ts';

/** Groups of a new table. Windows with few keys stay small. */
const GROUPS_LEAST = 64;
/** Slots of the index per group. With at most a quarter of them taken, the first one is mostly the right one. */
const SLOTS_PER_GROUP = 4;
/** Spreads hashes, whose low bits a subtask sees few values of, over the index. 2^32 divided by the golden ratio. */
export const SPREAD = 0x9e3779b1;

export class GroupTable implements Records {
  readonly parts: readonly KeyPart[];
  /** Words per record: one per part of the key, then those of the owner. */
  readonly stride: number;
  records: Float64Array<ArrayBuffer>;
  /** Group + 1 by slot, 0 where a slot is free. */
  index: Int32Array<ArrayBuffer>;
  /** The hash of each group's key. */
  hashes: Int32Array<ArrayBuffer>;
  /** A bit per part that is NULL, by group; undefined until a key column may have had NULLs. */
  nullBits: Int32Array<ArrayBuffer> | undefined;
  size = 0;
  /** Groups that fit. */
  capacity = GROUPS_LEAST;
  /** A slot is the high bits of the spread hash. */
  shift = shiftFor(GROUPS_LEAST);
  readonly #pool: BufferPool;

  /** `extraWords` is what a record has room for behind the key. */
  constructor(keyTypes: readonly LogicalType[], extraWords: number, pool: BufferPool) {
    this.#pool = pool;
    this.parts = keyTypes.map((type, part) => new KeyPart(type, part, GROUPS_LEAST, pool));
    this.stride = keyTypes.length + extraWords;
    this.records = pool.float64(GROUPS_LEAST * this.stride);
    this.hashes = pool.int32(GROUPS_LEAST);
    this.index = pool.int32(GROUPS_LEAST * SLOTS_PER_GROUP).fill(0);
  }

  /** Makes room for so many groups in all. */
  reserve(groups: number): void {
    let capacity = this.capacity;
    while (capacity < groups) capacity *= 2;
    if (capacity > this.capacity) this.grow(capacity);
  }

  /** Makes room for more groups: twice as many unless said otherwise. */
  grow(capacity: number = this.capacity * 2): void {
    const { size, records, hashes, nullBits } = this;
    const pool = this.#pool;
    this.capacity = capacity;
    for (const part of this.parts) part.grow(size, this.capacity);
    this.records = pool.float64(this.capacity * this.stride);
    this.records.set(records.subarray(0, size * this.stride));
    pool.release(records);
    this.hashes = this.#moved(hashes);
    if (nullBits !== undefined) this.nullBits = this.#moved(nullBits);
    this.#reindex();
  }

  #moved(from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
    const to = this.#pool.int32(this.capacity);
    to.set(from.subarray(0, this.size));
    this.#pool.release(from);
    return to;
  }

  #reindex(): void {
    this.#pool.release(this.index);
    this.index = this.#pool.int32(this.capacity * SLOTS_PER_GROUP).fill(0);
    this.shift = shiftFor(this.capacity);
    this.#indexFrom(0);
  }

  /** Adds groups whose keys are known to be new; there must be room. Their words are copied whole. */
  append({ count, hashes, nulls, words, keys }: StoredGroups): void {
    const first = this.size;
    const bytesPerGroup = this.stride * this.records.BYTES_PER_ELEMENT;
    const { buffer, byteOffset } = this.records;
    new Uint8Array(buffer, byteOffset + first * bytesPerGroup, count * bytesPerGroup).set(words);
    this.hashes.set(hashes, first);
    if (nulls !== undefined) this.allowNulls();
    if (nulls === undefined) this.nullBits?.fill(0, first, first + count);
    else this.nullBits?.set(nulls, first);
    for (const [number, part] of this.parts.entries()) part.append(first, count, keys[number] as StoredColumn);
    this.size = first + count;
    this.#indexFrom(first);
  }

  #indexFrom(first: number): void {
    const { hashes, index, shift, size } = this;
    const mask = index.length - 1;
    for (let group = first; group < size; group++) {
      let slot = Math.imul(hashes[group] as number, SPREAD) >>> shift;
      while (index[slot] !== 0) slot = (slot + 1) & mask;
      index[slot] = group + 1;
    }
  }

  /** From now on keys can have NULLs. */
  allowNulls(): void {
    this.nullBits ??= this.#pool.int32(this.capacity).fill(0, 0, this.size);
  }

  /** From now on keys can be any 64-bit integers. */
  widen(): void {
    for (const part of this.parts) part.widen(this, this.size, this.capacity);
  }

  /** The keys of groups, a column per part. */
  keyColumns(groups: Int32Array, count: number): Column[] {
    return this.parts.map((part, number) => part.column(this, groups, count, this.validity(groups, count, number)));
  }

  /** Which of some groups have a value in a part of the key; undefined when all have. */
  validity(groups: Int32Array, count: number, part: number): Uint8Array | undefined {
    const { nullBits } = this;
    if (nullBits === undefined) return undefined;
    const bits = new Uint8Array(bitmapBytes(count));
    let nulls = false;
    for (let i = 0; i < count; i++) {
      if (((nullBits[groups[i] as number] as number) & (1 << part)) === 0) setBit(bits, i);
      else nulls = true;
    }
    return nulls ? bits : undefined;
  }

  release(): void {
    for (const part of this.parts) part.release();
    this.#pool.release(this.records);
    this.#pool.release(this.index);
    this.#pool.release(this.hashes);
    this.#pool.release(this.nullBits);
  }
}

function shiftFor(capacity: number): number {
  return 32 - Math.log2(capacity * SLOTS_PER_GROUP);
}
