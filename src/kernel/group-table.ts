/**
 * A table of groups: from keys in columns to group numbers, 0 and up, in the order in which the keys came.
 *
 * An index with open addressing leads from hashes to groups; the keys lie beside each other by group, and so does
 * whatever belongs to the groups. Looking up the keys of a batch is one generated loop, whose text depends on the
 * layout of the key columns and on how the table holds them.
 */

import { bitmapBytes, type Column, setBit } from '../data/column-batch.ts';
import type { LogicalType } from '../data/schema.ts';
import type { BufferPool } from './buffer-pool.ts';
import { KeyPart } from './key-parts.ts';

/** Groups of a new table. Windows with few keys stay small. */
const GROUPS_LEAST = 64;
/** Slots of the index per group: at most half of them are taken. */
const SLOTS_PER_GROUP = 2;
/** Spreads hashes, whose low bits a subtask sees few values of, over the index. 2^32 divided by the golden ratio. */
const SPREAD = 0x9e3779b1;

export class GroupTable {
  readonly parts: readonly KeyPart[];
  /** Group + 1 by slot, 0 where a slot is free. */
  index: Int32Array<ArrayBuffer>;
  /** The hash of each group's key. */
  hashes: Int32Array<ArrayBuffer>;
  /** A bit per part that is NULL, by group; undefined until a key column has had NULLs. */
  nullBits: Int32Array<ArrayBuffer> | undefined;
  size = 0;
  /** Groups that fit. */
  capacity: number;
  /** A slot is the high bits of the spread hash. */
  shift: number;
  readonly pool: BufferPool;

  constructor(keyTypes: readonly LogicalType[], pool: BufferPool, capacity: number = GROUPS_LEAST) {
    this.pool = pool;
    this.capacity = capacity;
    this.parts = keyTypes.map((type) => new KeyPart(type, capacity, pool));
    this.hashes = pool.int32(capacity);
    this.shift = shiftFor(capacity);
    this.index = pool.int32(capacity * SLOTS_PER_GROUP).fill(0);
  }

  /** Doubles the room for groups. */
  grow(): void {
    const { pool, size } = this;
    this.capacity *= 2;
    for (const part of this.parts) part.grow(size, this.capacity);
    const { hashes, nullBits } = this;
    this.hashes = pool.int32(this.capacity);
    this.hashes.set(hashes.subarray(0, size));
    pool.release(hashes);
    if (nullBits !== undefined) {
      this.nullBits = pool.int32(this.capacity);
      this.nullBits.set(nullBits.subarray(0, size));
      pool.release(nullBits);
    }
    this.#reindex();
  }

  #reindex(): void {
    const { hashes, size, pool } = this;
    pool.release(this.index);
    const index = pool.int32(this.capacity * SLOTS_PER_GROUP).fill(0);
    const shift = shiftFor(this.capacity);
    const mask = index.length - 1;
    for (let group = 0; group < size; group++) {
      let slot = Math.imul(hashes[group] as number, SPREAD) >>> shift;
      while (index[slot] !== 0) slot = (slot + 1) & mask;
      index[slot] = group + 1;
    }
    this.index = index;
    this.shift = shift;
  }

  /** From now on keys can have NULLs. */
  allowNulls(): void {
    this.nullBits ??= this.pool.int32(this.capacity).fill(0, 0, this.size);
  }

  /** From now on keys can be any 64-bit integers. */
  widen(): void {
    for (const part of this.parts) part.widen(this.size, this.capacity);
  }

  /** The keys of groups, a column per part. */
  keyColumns(groups: Int32Array, count: number): Column[] {
    return this.parts.map((part, number) => part.column(groups, count, this.#validity(groups, count, number)));
  }

  #validity(groups: Int32Array, count: number, part: number): Uint8Array | undefined {
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
    this.pool.release(this.index);
    this.pool.release(this.hashes);
    this.pool.release(this.nullBits);
  }
}

function shiftFor(capacity: number): number {
  return 32 - Math.log2(capacity * SLOTS_PER_GROUP);
}
