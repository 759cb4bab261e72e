/**
 * Deals the rows of column batches out to channels by the key groups of their keys.
 *
 * Nothing is copied: each part is the batch with a selection of its own, and whoever encodes or appends it gathers the
 * columns then.
 */

import type { Column, ColumnBatch } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import { hashLoops } from './key-hash.ts';
import type { Variants } from './variants.ts';

export interface ColumnPartitionerOptions {
  /** The columns of the key. */
  readonly columns: readonly number[];
  /** Channel by key group. */
  readonly channelOfGroup: Int32Array;
  /** The number of key groups. */
  readonly maxParallelism: number;
  readonly channels: number;
  readonly tag: string;
}

type DealFunction = (
  columns: readonly Column[],
  selection: Int32Array | undefined,
  selected: number,
  channelOf: Int32Array,
  rows: Int32Array,
  next: Int32Array,
) => void;

export class ColumnPartitioner {
  readonly #options: ColumnPartitionerOptions;
  /** Loops by schema: a union may bring several. */
  readonly #loops = new Map<Schema, Variants<DealFunction>>();
  /** Where the next row of each channel goes. */
  readonly #next: Int32Array;
  /** The selections of the parts, `room` places for each. */
  #rows = new Int32Array(0);
  #room = 0;

  constructor(options: ColumnPartitionerOptions) {
    this.#options = options;
    this.#next = new Int32Array(options.channels);
  }

  /** The part of each channel; undefined where it gets no row. Rows keep their order. Valid until the next call. */
  split(batch: ColumnBatch): readonly (ColumnBatch | undefined)[] {
    const { channels, channelOfGroup } = this.#options;
    const { columns, selection, selected } = batch;
    if (channels === 1) return [selected === 0 ? undefined : batch];
    if (this.#room < selected) {
      this.#room = selected;
      this.#rows = new Int32Array(selected * channels);
    }
    const next = this.#next;
    for (let channel = 0; channel < channels; channel++) next[channel] = channel * this.#room;
    this.#loopsOf(batch.schema).of(batch)(columns, selection, selected, channelOfGroup, this.#rows, next);
    return this.#parts(batch);
  }

  #loopsOf(schema: Schema): Variants<DealFunction> {
    let loops = this.#loops.get(schema);
    if (loops === undefined) {
      const { columns, maxParallelism: groups, tag } = this.#options;
      // A remainder by division would cost as much as the hash.
      const group = (groups & (groups - 1)) === 0 ? `h & ${groups - 1}` : `(h >>> 0) % ${groups}`;
      const lines = [
        `const channel = channelOf[${group}], to = next[channel];`,
        'rows[to] = i; next[channel] = to + 1;',
      ];
      loops = hashLoops(schema, columns, { parameters: ['channelOf', 'rows', 'next'], lines }, `${tag}/deal`);
      this.#loops.set(schema, loops);
    }
    return loops;
  }

  #parts(batch: ColumnBatch): readonly (ColumnBatch | undefined)[] {
    return Array.from(this.#next, (end, channel) => {
      const count = end - channel * this.#room;
      if (count === 0) return undefined;
      return count === batch.selected ? batch : batch.select(this.#rows.subarray(end - count, end), count);
    });
  }
}
