/**
 * The accumulators of one kind for all groups of a table, side by side by group.
 *
 * A new group starts with the value that changes nothing: zero for sums and counts, the end of the range for MIN and
 * MAX. Among doubles NaN is greater than everything, so it is what MIN starts with.
 */

import type { BufferPool } from './buffer-pool.ts';
import type { Accumulator } from './aggregates.ts';

const I32_MIN = -(2 ** 31);
const I32_MAX = 2 ** 31 - 1;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/** The value of an accumulator outside its table, as it stands in snapshots. */
export type AccumulatorValue = number | bigint | string | undefined;

export class AccumulatorColumn {
  readonly accumulator: Accumulator;
  /** `long` until it is widened to `wide`, for good. */
  kind: 'f64' | 'i32' | 'long' | 'wide' | 'text';
  ints!: Int32Array<ArrayBuffer>;
  doubles!: Float64Array<ArrayBuffer>;
  /** Of `wide`, and the same memory as pairs of words, low word first. */
  longs!: BigInt64Array<ArrayBuffer>;
  words!: Int32Array<ArrayBuffer>;
  texts!: (string | undefined)[];
  readonly #pool: BufferPool;

  constructor(accumulator: Accumulator, capacity: number, pool: BufferPool) {
    this.accumulator = accumulator;
    this.kind = accumulator.storage;
    this.#pool = pool;
    if (this.kind === 'text') this.texts = [];
    this.#allocate(capacity);
  }

  #allocate(capacity: number): void {
    if (this.kind === 'i32') this.ints = this.#pool.int32(capacity);
    else if (this.kind === 'wide') {
      this.longs = this.#pool.bigInt64(capacity);
      this.words = new Int32Array(this.longs.buffer, 0, capacity * 2);
    } else if (this.kind !== 'text') this.doubles = this.#pool.float64(capacity);
  }

  /** Makes room for `capacity` groups; the first `size` keep their values. */
  grow(size: number, capacity: number): void {
    const { ints, doubles, longs } = this;
    this.#allocate(capacity);
    if (this.kind === 'i32') this.ints.set(ints.subarray(0, size));
    else if (this.kind === 'wide') this.longs.set(longs.subarray(0, size));
    else if (this.kind !== 'text') this.doubles.set(doubles.subarray(0, size));
    this.#pool.release(this.#memory({ ints, doubles, longs }));
  }

  /** Starts the groups `from` (included) to `to` (excluded). */
  start(from: number, to: number): void {
    const { kind } = this.accumulator;
    switch (this.kind) {
      case 'i32':
        this.ints.fill(kind === 'min' ? I32_MAX : kind === 'max' ? I32_MIN : 0, from, to);
        return;
      case 'f64':
        this.doubles.fill(kind === 'min' ? NaN : kind === 'max' ? -Infinity : 0, from, to);
        return;
      case 'long':
        this.doubles.fill(kind === 'min' ? Infinity : kind === 'max' ? -Infinity : 0, from, to);
        return;
      case 'wide':
        this.longs.fill(kind === 'min' ? I64_MAX : kind === 'max' ? I64_MIN : 0n, from, to);
        return;
      case 'text':
        for (let group = from; group < to; group++) this.texts[group] = undefined;
    }
  }

  /** From doubles to 64 bits, for good. */
  widen(size: number, capacity: number): void {
    if (this.kind !== 'long') return;
    const { doubles } = this;
    this.kind = 'wide';
    this.#allocate(capacity);
    for (let group = 0; group < size; group++) this.longs[group] = toLong(doubles[group] as number);
    this.#pool.release(doubles);
  }

  /** The value of a group; undefined where a MIN or MAX of text has none. */
  get(group: number): AccumulatorValue {
    switch (this.kind) {
      case 'i32':
        return this.ints[group];
      case 'f64':
      case 'long':
        return this.doubles[group];
      case 'wide':
        return this.longs[group];
      case 'text':
        return this.texts[group];
    }
  }

  /** Sets a value that `get` gave; a `long` column is widened before it gets what a double does not hold. */
  set(group: number, value: AccumulatorValue): void {
    switch (this.kind) {
      case 'i32':
        this.ints[group] = value as number;
        return;
      case 'f64':
      case 'long':
        this.doubles[group] = Number(value);
        return;
      case 'wide':
        this.longs[group] = typeof value === 'bigint' ? value : toLong(value as number);
        return;
      case 'text':
        this.texts[group] = value as string | undefined;
    }
  }

  release(): void {
    this.#pool.release(this.#memory(this));
  }

  /** The array that this kind of column lives in. */
  #memory({
    ints,
    doubles,
    longs,
  }: Pick<AccumulatorColumn, 'ints' | 'doubles' | 'longs'>):
    | Int32Array<ArrayBuffer>
    | Float64Array<ArrayBuffer>
    | BigInt64Array<ArrayBuffer>
    | undefined {
    if (this.kind === 'text') return undefined;
    return this.kind === 'i32' ? ints : this.kind === 'wide' ? longs : doubles;
  }
}

/** The infinities that MIN and MAX start with become the ends of the range. */
function toLong(value: number): bigint {
  if (value === Infinity) return I64_MAX;
  return value === -Infinity ? I64_MIN : BigInt(value);
}
