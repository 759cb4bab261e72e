/**
 * Deals the rows of column batches out to channels by the key groups of their keys.
 *
 * Nothing is copied: each part is the batch with a selection of its own, and whoever encodes or appends it gathers the
 * columns then.
 */

import type { ColumnBatch } from '../data/column-batch.ts';
import { KeyHasher } from './key-hash.ts';
import type { Schema } from '../data/schema.ts';

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

export class ColumnPartitioner {
  readonly #options: ColumnPartitionerOptions;
  /** One less than the number of groups where that is a power of two, else -1. */
  readonly #groupMask: number;
  /** Hashers by schema: a union may bring several. */
  readonly #hashers = new Map<Schema, KeyHasher>();
  readonly #counts: Int32Array;
  /** Hashes of the rows, then their channels. */
  #numbers = new Int32Array(0);
  /** The selections of the parts. */
  #rows = new Int32Array(0);

  constructor(options: ColumnPartitionerOptions) {
    this.#options = options;
    const groups = options.maxParallelism;
    this.#groupMask = (groups & (groups - 1)) === 0 ? groups - 1 : -1;
    this.#counts = new Int32Array(options.channels);
  }

  /** The part of each channel; undefined where it gets no row. Rows keep their order. Valid until the next call. */
  split(batch: ColumnBatch): readonly (ColumnBatch | undefined)[] {
    const { channels } = this.#options;
    const { selected } = batch;
    if (channels === 1) return [selected === 0 ? undefined : batch];
    if (this.#numbers.length < selected) this.#numbers = new Int32Array(selected);
    const numbers = this.#numbers;
    this.#hasher(batch.schema).hash(batch, numbers);
    this.#channels(numbers, selected);
    return this.#deal(batch, numbers);
  }

  #hasher(schema: Schema): KeyHasher {
    let hasher = this.#hashers.get(schema);
    if (hasher === undefined) {
      hasher = new KeyHasher(schema, this.#options.columns, this.#options.tag);
      this.#hashers.set(schema, hasher);
    }
    return hasher;
  }

  /** Hashes become channels, and are counted. */
  #channels(numbers: Int32Array, rows: number): void {
    const { channelOfGroup, maxParallelism } = this.#options;
    const counts = this.#counts.fill(0);
    const mask = this.#groupMask;
    for (let i = 0; i < rows; i++) {
      const hash = numbers[i] as number;
      const channel = channelOfGroup[mask >= 0 ? hash & mask : (hash >>> 0) % maxParallelism] as number;
      numbers[i] = channel;
      counts[channel] = (counts[channel] as number) + 1;
    }
  }

  #deal(batch: ColumnBatch, channelOf: Int32Array): readonly (ColumnBatch | undefined)[] {
    const { selection, selected } = batch;
    const counts = this.#counts;
    const whole = counts.indexOf(selected);
    if (whole >= 0) return Array.from(counts, (_, channel) => (channel === whole && selected > 0 ? batch : undefined));
    // One array for all parts, and a view of it for each.
    if (this.#rows.length < selected) this.#rows = new Int32Array(selected);
    const rows = this.#rows;
    const ends = new Int32Array(counts.length);
    for (let channel = 1; channel < counts.length; channel++) {
      ends[channel] = (ends[channel - 1] as number) + (counts[channel - 1] as number);
    }
    if (selection === undefined) dealAll(channelOf, selected, ends, rows);
    else dealSelected(channelOf, selection, selected, ends, rows);
    return Array.from(counts, (count, channel) => {
      if (count === 0) return undefined;
      const end = ends[channel] as number;
      return batch.select(rows.subarray(end - count, end), count);
    });
  }
}

/** `next` says where the next row of each channel goes; at the end, where its rows end. */
function dealAll(channelOf: Int32Array, rows: number, next: Int32Array, to: Int32Array): void {
  for (let row = 0; row < rows; row++) {
    const channel = channelOf[row] as number;
    const at = next[channel] as number;
    to[at] = row;
    next[channel] = at + 1;
  }
}

function dealSelected(
  channelOf: Int32Array,
  selection: Int32Array,
  selected: number,
  next: Int32Array,
  to: Int32Array,
): void {
  for (let i = 0; i < selected; i++) {
    const channel = channelOf[i] as number;
    const at = next[channel] as number;
    to[at] = selection[i] as number;
    next[channel] = at + 1;
  }
}
