/**
 * The accumulators of one kind for all groups of a table.
 *
 * Numbers are words in the records of the groups; sums and extremes of 64-bit integers that doubles no longer hold,
 * and text, lie beside them. A new group starts with the value that changes nothing: zero for sums and counts, the end
 * of the range for MIN and MAX. Among doubles NaN is greater than everything, so it is what MIN starts with.
 */

import type { Accumulator } from './aggregates.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Records } from './key-parts.ts';
import type { StoredColumn } from './stored-groups.ts';

const I32_MIN = -(2 ** 31);
const I32_MAX = 2 ** 31 - 1;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/** The value of an accumulator outside its table, as it stands in snapshots. */
export type AccumulatorValue = number | bigint | string | undefined;

export class AccumulatorColumn {
  readonly accumulator: Accumulator;
  /** The word of a record in which the accumulator lies, also where it is not used. */
  readonly offset: number;
  kind: 'word' | 'wide' | 'text';
  /** Of `wide`, and the same memory as pairs of words, low word first. */
  longs!: BigInt64Array<ArrayBuffer>;
  words!: Int32Array<ArrayBuffer>;
  texts!: (string | undefined)[];
  readonly #pool: BufferPool;

  constructor(accumulator: Accumulator, offset: number, pool: BufferPool) {
    this.accumulator = accumulator;
    this.offset = offset;
    this.kind = accumulator.storage === 'text' ? 'text' : 'word';
    this.#pool = pool;
    if (this.kind === 'text') this.texts = [];
  }

  #allocate(capacity: number): void {
    this.longs = this.#pool.bigInt64(capacity);
    this.words = new Int32Array(this.longs.buffer, 0, capacity * 2);
  }

  /** Makes room for `capacity` groups; the first `size` keep their values. */
  grow(size: number, capacity: number): void {
    if (this.kind !== 'wide') return;
    const { longs } = this;
    this.#allocate(capacity);
    this.longs.set(longs.subarray(0, size));
    this.#pool.release(longs);
  }

  /** Starts the groups `from` (included) to `to` (excluded). */
  start({ records, stride }: Records, from: number, to: number): void {
    const { kind } = this.accumulator;
    if (this.kind === 'wide') this.longs.fill(kind === 'min' ? I64_MAX : kind === 'max' ? I64_MIN : 0n, from, to);
    else if (this.kind === 'text') for (let group = from; group < to; group++) this.texts[group] = undefined;
    else {
      const first = this.#first;
      for (let group = from; group < to; group++) records[group * stride + this.offset] = first;
    }
  }

  get #first(): number {
    const { kind, storage } = this.accumulator;
    if (kind === 'min') return storage === 'i32' ? I32_MAX : storage === 'long' ? Infinity : NaN;
    if (kind === 'max') return storage === 'i32' ? I32_MIN : -Infinity;
    return 0;
  }

  /** From doubles to 64 bits, for good; nothing where the accumulator never needs them. */
  widen({ records, stride }: Records, size: number, capacity: number): void {
    if (this.kind !== 'word' || this.accumulator.storage !== 'long') return;
    this.kind = 'wide';
    this.#allocate(capacity);
    for (let group = 0; group < size; group++)
      this.longs[group] = toLong(records[group * stride + this.offset] as number);
  }

  /** The value of a group; undefined where a MIN or MAX of text has none. */
  get({ records, stride }: Records, group: number): AccumulatorValue {
    if (this.kind === 'word') return records[group * stride + this.offset];
    return this.kind === 'wide' ? this.longs[group] : this.texts[group];
  }

  /** Sets a value that `get` gave. What a double does not hold needs the column widened before. */
  set({ records, stride }: Records, group: number, value: AccumulatorValue): void {
    if (this.kind === 'word') records[group * stride + this.offset] = Number(value);
    else if (this.kind === 'wide') this.longs[group] = typeof value === 'bigint' ? value : toLong(value as number);
    else this.texts[group] = value as string | undefined;
  }

  /** Takes in the values of new groups, as far as they are no words. */
  append(first: number, count: number, { longs, values }: StoredColumn): void {
    if (longs !== undefined) this.longs.set(longs, first);
    else if (values !== undefined)
      for (let i = 0; i < count; i++) this.texts[first + i] = values[i] as string | undefined;
  }

  /** Sets the value of a group to that of a row of stored groups, whose words are given. */
  take(
    { records, stride }: Records,
    group: number,
    { longs, values }: StoredColumn,
    row: number,
    words: Float64Array,
  ): void {
    if (longs !== undefined) this.longs[group] = longs[row] as bigint;
    else if (values !== undefined) this.texts[group] = values[row] as string | undefined;
    else records[group * stride + this.offset] = words[row * stride + this.offset] as number;
  }

  release(): void {
    if (this.kind === 'wide') this.#pool.release(this.longs);
  }
}

/** The infinities that MIN and MAX start with become the ends of the range. */
function toLong(value: number): bigint {
  if (value === Infinity) return I64_MAX;
  return value === -Infinity ? I64_MIN : BigInt(value);
}
