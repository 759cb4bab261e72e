/**
 * A segment of an aggregate table: groups with their accumulators, for a range of key groups. It grows by itself, so
 * that a table of millions never stops to move at once.
 */

import { type Column, ColumnBatch } from '../data/column-batch.ts';
import { AccumulatorColumn, type AccumulatorValue } from './accumulator-column.ts';
import { mergeAccumulators } from './accumulator-merge.ts';
import type { AccumulatorTrace } from './accumulator-trace.ts';
import type { AggregateKernels } from './aggregate-kernels.ts';
import { resultColumns } from './aggregate-results.ts';
import type { UpdateTarget } from './aggregate-update.ts';
import type { BatchMemory } from './batch-memory.ts';
import type { RowRange } from './group-find.ts';
import { GroupTable } from './group-table.ts';
import type { KeyPart } from './key-parts.ts';
import type { StoredColumn, StoredGroups } from './stored-groups.ts';

/** All segments of a table hold 64-bit sums alike. */
export interface SegmentOwner {
  readonly wide: boolean;
  /** Widens all segments, and the traces that are being written. */
  widen(): void;
}

/** Hears of the groups of a segment before they change. */
export interface SegmentWatcher {
  /** `groups` has those of rows, from `from` to `to`; what is not below `known` is new. */
  touched(groups: Int32Array, from: number, to: number, known: number): void;
}

export class AggregateSegment implements UpdateTarget {
  readonly groups: GroupTable;
  readonly accumulators: readonly AccumulatorColumn[];
  readonly #kernels: AggregateKernels;
  readonly #owner: SegmentOwner;
  /** Groups for which what lies beside the records has room. */
  #capacity: number;
  /** The number of the batch that changed a group last, by group. */
  #touched: Int32Array<ArrayBuffer>;
  #changed: Int32Array<ArrayBuffer>;
  #changedCount = 0;
  /** Groups from here on have no accumulators yet. */
  #started = 0;
  watcher: SegmentWatcher | undefined;
  #holders = 1;

  constructor(kernels: AggregateKernels, owner: SegmentOwner) {
    const { pool, plan, keyTypes } = kernels;
    this.#kernels = kernels;
    this.#owner = owner;
    this.groups = new GroupTable(keyTypes, plan.accumulators.length, pool);
    this.#capacity = this.groups.capacity;
    this.accumulators = plan.accumulators.map(
      (accumulator, number) => new AccumulatorColumn(accumulator, keyTypes.length + number, pool),
    );
    this.#touched = pool.int32(this.#capacity);
    this.#changed = pool.int32(this.#capacity);
    if (owner.wide) this.widen();
  }

  get size(): number {
    return this.groups.size;
  }

  get records(): Float64Array {
    return this.groups.records;
  }

  get stride(): number {
    return this.groups.stride;
  }

  get wide(): boolean {
    return this.#owner.wide;
  }

  /**
   * Adds rows of a batch. `groups` is room for their groups. With an `epoch` above 0, notes which groups change for
   * the first time in it; with `traces`, what became of the accumulators after each row.
   */
  add(
    batch: ColumnBatch,
    range: RowRange,
    hashes: Int32Array,
    groups: Int32Array,
    epoch: number,
    traces: readonly AccumulatorTrace[] | undefined,
  ): void {
    const { finder, update } = this.#kernels;
    const known = this.size;
    finder.find(batch, range, hashes, groups, this.groups);
    this.#start();
    this.watcher?.touched(groups, range.from, range.to, known);
    let from = range.from;
    for (;;) {
      from = update.run(batch, { order: range.order, from, to: range.to }, groups, this, traces);
      if (from === range.to) break;
      this.#owner.widen();
    }
    if (epoch > 0) this.#touch(groups, range.from, range.to, epoch);
  }

  /** Gives new groups their accumulators. */
  #start(): void {
    const { size, capacity } = this.groups;
    if (capacity > this.#capacity) this.#grow(capacity);
    if (size === this.#started) return;
    for (const accumulator of this.accumulators) accumulator.start(this.groups, this.#started, size);
    this.#touched.fill(0, this.#started, size);
    this.#started = size;
  }

  #grow(capacity: number): void {
    const { pool } = this.#kernels;
    for (const accumulator of this.accumulators) accumulator.grow(this.#started, capacity);
    const touched = pool.int32(capacity);
    touched.set(this.#touched.subarray(0, this.#started));
    pool.release(this.#touched);
    this.#touched = touched;
    const changed = pool.int32(capacity);
    changed.set(this.#changed.subarray(0, this.#changedCount));
    pool.release(this.#changed);
    this.#changed = changed;
    this.#capacity = capacity;
  }

  widen(): void {
    for (const accumulator of this.accumulators) accumulator.widen(this.groups, this.#started, this.#capacity);
  }

  #touch(groups: Int32Array, from: number, to: number, epoch: number): void {
    const touched = this.#touched;
    const changed = this.#changed;
    let count = this.#changedCount;
    for (let at = from; at < to; at++) {
      const group = groups[at] as number;
      if (touched[group] !== epoch) {
        touched[group] = epoch;
        changed[count++] = group;
      }
    }
    this.#changedCount = count;
  }

  get changedCount(): number {
    return this.#changedCount;
  }

  /** The groups that changed since the last call, in the order in which they did. Valid until the next row is added. */
  takeChanged(): Int32Array {
    const changed = this.#changed.subarray(0, this.#changedCount);
    this.#changedCount = 0;
    return changed;
  }

  /** Key columns, then result columns, of groups; in memory that is handed out. */
  columns(groups: Int32Array, memory: BatchMemory): Column[] {
    const { gather, plan } = this.#kernels;
    const { keys, traces } = gather.gather(this.groups, this.accumulators, this.wide, groups, memory);
    return [...keys, ...resultColumns(plan.results, traces, groups.length, memory)];
  }

  /** The keys of all groups, as rows by group. */
  keys(): ColumnBatch {
    const all = everyGroup(this.size);
    return new ColumnBatch({
      schema: this.#kernels.keySchema,
      count: all.length,
      columns: this.groups.keyColumns(all, all.length),
    });
  }

  /** Looks up keys that come as a batch of key columns, and makes the groups that are missing. */
  #insert(keys: ColumnBatch, order: Int32Array, hashes: Int32Array): Int32Array {
    const groups = new Int32Array(order.length);
    this.#kernels.keyFinder.find(keys, { order, from: 0, to: order.length }, hashes, groups, this.groups);
    this.#start();
    return groups;
  }

  /** Adds the accumulators of some groups of another segment, whose `keys` are given. */
  mergeGroups(from: AggregateSegment, keys: ColumnBatch, groups: Int32Array): void {
    if (groups.length === 0) return;
    const to = this.#insert(keys, groups, from.groups.hashes);
    this.accumulators.forEach((column, number) => {
      const source = {
        records: from.records,
        stride: from.stride,
        column: from.accumulators[number] as AccumulatorColumn,
      };
      const into = { records: this.records, stride: this.stride, column };
      let merged = mergeAccumulators(source, into, groups, to, 0);
      while (merged < groups.length) {
        this.#owner.widen();
        merged = mergeAccumulators(source, into, groups, to, merged);
      }
    });
  }

  /** Takes over some groups of a segment that is about to be released, with what it noted of them. */
  takeOver(from: AggregateSegment, keys: ColumnBatch, groups: Int32Array): void {
    this.mergeGroups(from, keys, groups);
    // Groups came in the order of the list, so they are numbered by their place in it.
    const placeOf = new Map<number, number>();
    groups.forEach((group, place) => {
      this.#touched[place] = from.#touched[group] as number;
      placeOf.set(group, place);
    });
    for (const group of from.#changed.subarray(0, from.#changedCount)) {
      const place = placeOf.get(group);
      if (place !== undefined) this.#changed[this.#changedCount++] = place;
    }
  }

  /** Sets the accumulators of keys that stand in the given rows of a batch of key columns. */
  restore(
    keys: ColumnBatch,
    hashes: Int32Array,
    rows: Int32Array,
    values: readonly (readonly AccumulatorValue[])[],
  ): void {
    const groups = this.#insert(keys, rows, hashes);
    rows.forEach((row, i) => this.#set(groups[i] as number, values[row] as readonly AccumulatorValue[]));
  }

  /** Whether stored groups lie as those of this segment do, or can after it was widened. */
  #fits({ keys, accumulators }: StoredGroups): boolean {
    return (
      keys.length === this.groups.parts.length &&
      accumulators.length === this.accumulators.length &&
      keys.every(({ longs, lengths, values }, part) => {
        const { kind } = this.groups.parts[part] as KeyPart;
        if (kind === 'text') return lengths !== undefined;
        if (kind === 'any') return values !== undefined;
        if (kind === 'wide') return longs !== undefined;
        return lengths === undefined && values === undefined && (longs === undefined || kind === 'long');
      }) &&
      accumulators.every(({ longs, values }, number) => {
        const { kind } = this.accumulators[number] as AccumulatorColumn;
        return kind === 'text'
          ? values !== undefined
          : values === undefined && (kind === 'word' || longs !== undefined);
      })
    );
  }

  #widenFor({ keys, accumulators }: StoredGroups): void {
    if (keys.some(({ longs }) => longs !== undefined)) this.groups.widen();
    if (accumulators.some(({ longs }) => longs !== undefined)) this.#owner.widen();
  }

  /** Room for so many groups in all. */
  reserve(groups: number): void {
    this.groups.reserve(groups);
    if (this.groups.capacity > this.#capacity) this.#grow(this.groups.capacity);
  }

  /**
   * Takes in stored groups whose keys are new, by copying memory.
   *
   * @returns False when they lie otherwise than the groups of this segment; then nothing has happened.
   */
  append(stored: StoredGroups): boolean {
    if (!this.#fits(stored)) return false;
    this.#widenFor(stored);
    if (!this.#fits(stored)) return false;
    const first = this.size;
    this.reserve(first + stored.count);
    this.groups.append(stored);
    this.accumulators.forEach((accumulator, number) =>
      accumulator.append(first, stored.count, stored.accumulators[number] as StoredColumn),
    );
    this.#touched.fill(0, first, this.size);
    this.#started = this.size;
    return true;
  }

  /** Sets the accumulators of stored groups whose `keys` may be there already; returns as {@link append} does. */
  put(stored: StoredGroups, keys: ColumnBatch, words: Float64Array): boolean {
    if (!this.#fits(stored)) return false;
    this.#widenFor(stored);
    if (!this.#fits(stored)) return false;
    const groups = this.#insert(keys, everyGroup(stored.count), stored.hashes);
    this.accumulators.forEach((accumulator, number) => {
      const column = stored.accumulators[number] as StoredColumn;
      for (let row = 0; row < groups.length; row++)
        accumulator.take(this.groups, groups[row] as number, column, row, words);
    });
    return true;
  }

  #set(group: number, values: readonly AccumulatorValue[]): void {
    this.accumulators.forEach((accumulator, number) => {
      const value = values[number];
      if (typeof value === 'bigint' && !Number.isSafeInteger(Number(value))) this.#owner.widen();
      accumulator.set(this.groups, group, value);
    });
  }

  /** Keeps the memory until it is released once more. */
  retain(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders > 0) return;
    const { pool } = this.#kernels;
    this.groups.release();
    for (const accumulator of this.accumulators) accumulator.release();
    pool.release(this.#touched);
    pool.release(this.#changed);
  }
}

export function everyGroup(size: number): Int32Array {
  const groups = new Int32Array(size);
  for (let group = 0; group < size; group++) groups[group] = group;
  return groups;
}
