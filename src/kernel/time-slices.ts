/** Deals the rows of a batch out to the slices of time that their timestamps lie in. */

import type { ColumnBatch } from '../data/column-batch.ts';
import type { RowRange } from './group-find.ts';

export class TimeSlices {
  readonly #sliceMs: number;
  readonly #offsetMs: number;
  #numbers = new Int32Array(0);
  #order = new Int32Array(0);

  constructor(sliceMs: number, offsetMs: number) {
    this.#sliceMs = sliceMs;
    this.#offsetMs = offsetMs;
  }

  /** The start of the slice that a time lies in. */
  startOf(timestamp: number): number {
    return Math.floor((timestamp - this.#offsetMs) / this.#sliceMs) * this.#sliceMs + this.#offsetMs;
  }

  /** The least timestamp of the rows that count. */
  least(batch: ColumnBatch, timestamps: Float64Array): number {
    const { selection, selected } = batch;
    let least = Infinity;
    if (selection === undefined) {
      for (let row = 0; row < selected; row++)
        if ((timestamps[row] as number) < least) least = timestamps[row] as number;
      return least;
    }
    for (let at = 0; at < selected; at++) {
      const timestamp = timestamps[selection[at] as number] as number;
      if (timestamp < least) least = timestamp;
    }
    return least;
  }

  /** Calls `add` once per slice, with the places of its rows among the rows that count, in their order. */
  assign(batch: ColumnBatch, timestamps: Float64Array, add: (slice: number, range: RowRange) => void): void {
    const { selected } = batch;
    if (this.#numbers.length < selected) {
      this.#numbers = new Int32Array(selected);
      this.#order = new Int32Array(selected);
    }
    const slices = this.#number(batch, timestamps);
    if (slices.length === 1) {
      add(slices[0] as number, { order: undefined, from: 0, to: selected });
      return;
    }
    const ends = this.#sort(selected, slices.length);
    slices.forEach((slice, number) =>
      add(slice, {
        order: this.#order,
        from: number === 0 ? 0 : (ends[number - 1] as number),
        to: ends[number] as number,
      }),
    );
  }

  /** Numbers the slices in the order in which they come, and writes each row's number. */
  #number({ selection, selected }: ColumnBatch, timestamps: Float64Array): readonly number[] {
    const numbers = this.#numbers;
    const slices: number[] = [];
    let start = NaN;
    let end = NaN;
    let number = -1;
    for (let at = 0; at < selected; at++) {
      const timestamp = timestamps[selection === undefined ? at : (selection[at] as number)] as number;
      // Most rows lie in the slice of the row before.
      if (!(timestamp >= start && timestamp < end)) {
        start = this.startOf(timestamp);
        end = start + this.#sliceMs;
        number = slices.indexOf(start);
        if (number < 0) number = slices.push(start) - 1;
      }
      numbers[at] = number;
    }
    return slices;
  }

  #sort(rows: number, slices: number): Int32Array {
    const numbers = this.#numbers;
    const ends = new Int32Array(slices);
    for (let at = 0; at < rows; at++) {
      const number = numbers[at] as number;
      ends[number] = (ends[number] as number) + 1;
    }
    let start = 0;
    for (let number = 0; number < slices; number++) {
      const count = ends[number] as number;
      ends[number] = start;
      start += count;
    }
    for (let at = 0; at < rows; at++) {
      const number = numbers[at] as number;
      const next = ends[number] as number;
      this.#order[next] = at;
      ends[number] = next + 1;
    }
    return ends;
  }
}
