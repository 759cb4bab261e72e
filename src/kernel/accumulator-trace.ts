/**
 * The values of one accumulator row by row: as they were behind each row of a batch, or of some groups side by side.
 * Results are made of these, and most of them are one as they stand.
 */

import type { Accumulator } from './aggregates.ts';
import type { BatchMemory } from './batch-memory.ts';

export class AccumulatorTrace {
  kind: 'f64' | 'i32' | 'wide' | 'text';
  doubles!: Float64Array;
  ints!: Int32Array;
  /** Of `wide`, and the same memory as pairs of words, low word first. */
  longs!: BigInt64Array;
  words!: Int32Array;
  texts!: (string | undefined)[];
  readonly #accumulator: Accumulator;
  readonly #memory: BatchMemory;
  readonly #rows: number;

  /** `wide`: sums and extremes of 64-bit integers are held as such. */
  constructor(accumulator: Accumulator, rows: number, wide: boolean, memory: BatchMemory) {
    this.#accumulator = accumulator;
    this.#memory = memory;
    this.#rows = rows;
    const { storage } = accumulator;
    this.kind = storage === 'long' ? (wide ? 'wide' : 'f64') : storage;
    if (this.kind === 'f64') this.doubles = memory.float64(rows);
    else if (this.kind === 'i32') this.ints = memory.int32(rows);
    else if (this.kind === 'text') this.texts = new Array<string | undefined>(rows).fill(undefined);
    else this.#allocateLongs();
  }

  #allocateLongs(): void {
    this.longs = this.#memory.bigInt64(this.#rows);
    this.words = new Int32Array(this.longs.buffer, this.longs.byteOffset, this.#rows * 2);
  }

  /** The table that is traced went over to 64-bit integers in the middle of the batch. */
  widen(): void {
    if (this.kind !== 'f64' || this.#accumulator.storage !== 'long') return;
    this.kind = 'wide';
    this.#allocateLongs();
    for (let row = 0; row < this.#rows; row++) {
      const value = this.doubles[row] as number;
      if (Number.isSafeInteger(value)) this.longs[row] = BigInt(value);
    }
  }
}
