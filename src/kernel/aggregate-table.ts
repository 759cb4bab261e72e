/**
 * The accumulators of all keys of a subtask: one segment while there are few, then one per stretch of key groups.
 *
 * Rows of a batch are put in the order of their segments first, which keeps the part of the memory that a loop works
 * in small; rows of one key keep their order.
 */

import type { ColumnBatch } from '../data/column-batch.ts';
import type { KeyGroupRange } from '../data/key.ts';
import type { AccumulatorValue } from './accumulator-column.ts';
import type { AccumulatorTrace } from './accumulator-trace.ts';
import type { AggregateKernels } from './aggregate-kernels.ts';
import { AggregateSegment, everyGroup, type SegmentOwner, type SegmentWatcher } from './aggregate-segment.ts';
import type { RowRange } from './group-find.ts';
import type { StoredGroups } from './stored-groups.ts';

/** A table of more groups than this falls into segments. */
const UNSEGMENTED_MAX = 1 << 17;
const SEGMENTS_MAX = 64;

/** Hears of the segments of a table. */
export interface TableWatcher {
  /** Rows will be added to the segment. Not called for what comes out of a split. */
  opened(segment: AggregateSegment): SegmentWatcher;
  /** The segment was split, and is about to be released: some of its groups each, in the order given, go on in others. */
  split(segment: AggregateSegment, members: readonly Int32Array[], into: readonly AggregateSegment[]): void;
}

/** The key groups that a table may hold. */
export interface TableRange {
  readonly keyGroups: KeyGroupRange;
  readonly maxParallelism: number;
}

export class AggregateTable implements SegmentOwner {
  readonly #kernels: AggregateKernels;
  readonly #range: TableRange;
  readonly #splitAbove: number;
  #segments: readonly AggregateSegment[];
  #wide = false;
  #watcher: TableWatcher | undefined;
  readonly #beforeNextRow: (() => void)[] = [];
  #traces: readonly AccumulatorTrace[] | undefined;
  #groups = new Int32Array(0);
  #order = new Int32Array(0);
  /** Counts the calls of `beginChanges`; while it is 0 nothing is noted. */
  #epoch = 0;
  /** One less than the number of key groups where that is a power of two, else -1. */
  readonly #groupMask: number;

  constructor(kernels: AggregateKernels, range: TableRange, splitAbove: number = UNSEGMENTED_MAX) {
    this.#kernels = kernels;
    this.#range = range;
    this.#splitAbove = splitAbove;
    this.#segments = [new AggregateSegment(kernels, this)];
    const groups = range.maxParallelism;
    this.#groupMask = (groups & (groups - 1)) === 0 ? groups - 1 : -1;
  }

  /** The key group of a hash. */
  keyGroupOf(hash: number): number {
    return this.#groupMask >= 0 ? hash & this.#groupMask : (hash >>> 0) % this.#range.maxParallelism;
  }

  /** Keys with accumulators. */
  get size(): number {
    let size = 0;
    for (const segment of this.#segments) size += segment.size;
    return size;
  }

  get segments(): readonly AggregateSegment[] {
    return this.#segments;
  }

  get wide(): boolean {
    return this.#wide;
  }

  /** From now on tells of every change, before it happens. */
  watch(watcher: TableWatcher): void {
    this.#watcher = watcher;
    for (const segment of this.#segments) segment.watcher = watcher.opened(segment);
  }

  /** Calls back, once, before the table changes. */
  beforeNextRow(callback: () => void): void {
    this.#beforeNextRow.push(callback);
  }

  widen(): void {
    if (this.#wide) return;
    this.#wide = true;
    for (const segment of this.#segments) segment.widen();
    for (const trace of this.#traces ?? []) trace.widen();
  }

  /**
   * Adds the rows of a batch in `range`, whose `hashes` are by place among the rows that count. With `traces`, writes
   * there what became of the accumulators after each row.
   */
  add(batch: ColumnBatch, range: RowRange, hashes: Int32Array, traces?: readonly AccumulatorTrace[]): void {
    if (this.#beforeNextRow.length > 0) for (const callback of this.#beforeNextRow.splice(0)) callback();
    const rows = range.to - range.from;
    if (this.#groups.length < range.to) this.#groups = new Int32Array(range.to);
    this.#traces = traces;
    if (this.#kernels.update.needsWide(batch)) this.widen();
    const epoch = traces === undefined ? this.#epoch : 0;
    if (this.#segments.length === 1) {
      const [only] = this.#segments as [AggregateSegment];
      only.add(batch, range, hashes, this.#groups, epoch, traces);
      if (only.size > this.#splitAbove) this.#split(only);
    } else this.#addBySegment(batch, range, rows, hashes, epoch, traces);
    this.#traces = undefined;
  }

  #addBySegment(
    batch: ColumnBatch,
    range: RowRange,
    rows: number,
    hashes: Int32Array,
    epoch: number,
    traces: readonly AccumulatorTrace[] | undefined,
  ): void {
    if (this.#order.length < rows) this.#order = new Int32Array(rows);
    const ends = this.#sort(range, hashes);
    let from = 0;
    this.#segments.forEach((segment, number) => {
      const to = ends[number] as number;
      if (to > from) segment.add(batch, { order: this.#order, from, to }, hashes, this.#groups, epoch, traces);
      from = to;
    });
  }

  /** Puts the places of the rows into `#order` by segment; returns where each segment's rows end. */
  #sort({ order, from, to }: RowRange, hashes: Int32Array): Int32Array {
    const segmentOf = this.#segmentOf;
    const ends = new Int32Array(this.#segments.length);
    const numbers = this.#groups;
    for (let at = from; at < to; at++) {
      const place = order === undefined ? at : (order[at] as number);
      const segment = segmentOf[this.keyGroupOf(hashes[place] as number)] as number;
      numbers[at] = segment;
      ends[segment] = (ends[segment] as number) + 1;
    }
    let start = 0;
    for (let segment = 0; segment < ends.length; segment++) {
      const count = ends[segment] as number;
      ends[segment] = start;
      start += count;
    }
    const sorted = this.#order;
    for (let at = from; at < to; at++) {
      const segment = numbers[at] as number;
      const next = ends[segment] as number;
      sorted[next] = order === undefined ? at : (order[at] as number);
      ends[segment] = next + 1;
    }
    return ends;
  }

  /** Segment by key group. */
  #segmentOf = new Int32Array(0);

  /** One segment becomes many. What it had noted as changed is noted again. */
  #split(whole: AggregateSegment): void {
    const segments = this.#newSegments();
    const count = segments.length;
    if (count < 2) return;
    const members = this.#members(whole, count);
    const keys = whole.keys();
    for (const [number, segment] of segments.entries()) segment.takeOver(whole, keys, members[number] as Int32Array);
    this.#watcher?.split(whole, members, segments);
    whole.release();
    this.#segments = segments;
  }

  /** As many as a table of this range falls into. */
  #newSegments(): readonly AggregateSegment[] {
    const { keyGroups, maxParallelism } = this.#range;
    const groups = keyGroups.end - keyGroups.start + 1;
    const count = Math.min(SEGMENTS_MAX, groups);
    this.#segmentOf = Int32Array.from({ length: maxParallelism }, (_, group) => {
      const place = Math.floor(((group - keyGroups.start) * count) / groups);
      return Math.min(Math.max(place, 0), count - 1);
    });
    return Array.from({ length: count }, () => new AggregateSegment(this.#kernels, this));
  }

  /** The groups of a segment by the segment that they belong to from now on. */
  #members(whole: AggregateSegment, count: number): readonly Int32Array[] {
    const { hashes } = whole.groups;
    const lists = Array.from({ length: count }, (): number[] => []);
    for (let group = 0; group < whole.size; group++) {
      const segment = this.#segmentOf[this.keyGroupOf(hashes[group] as number)] as number;
      (lists[segment] as number[]).push(group);
    }
    return lists.map((list) => Int32Array.from(list));
  }

  /** From now on notes which keys change, each once until the next call. See {@link AggregateSegment.takeChanged}. */
  beginChanges(): void {
    this.#epoch++;
  }

  /** Adds everything that another table of the same operator holds. */
  merge(from: AggregateTable): void {
    if (from.wide) this.widen();
    for (const segment of from.#segments) this.#mergeSegment(segment);
  }

  #mergeSegment(from: AggregateSegment): void {
    if (from.size === 0) return;
    const keys = from.keys();
    if (this.#segments.length > 1) {
      const members = this.#members(from, this.#segments.length);
      this.#segments.forEach((segment, number) => segment.mergeGroups(from, keys, members[number] as Int32Array));
      return;
    }
    const [only] = this.#segments as [AggregateSegment];
    only.mergeGroups(from, keys, everyGroup(from.size));
    if (only.size > this.#splitAbove) this.#split(only);
  }

  /** Sets what a snapshot holds: keys as a batch of key columns, and the accumulators of each. */
  restore(keys: ColumnBatch, values: readonly (readonly AccumulatorValue[])[]): void {
    const hashes = new Int32Array(keys.count);
    this.#kernels.keyHasher.hash(keys, hashes);
    if (this.#segments.length === 1) {
      const [only] = this.#segments as [AggregateSegment];
      only.restore(keys, hashes, everyGroup(keys.count), values);
      if (only.size > this.#splitAbove) this.#split(only);
      return;
    }
    const lists = Array.from(this.#segments, (): number[] => []);
    hashes.forEach((hash, row) => (lists[this.#segmentOf[this.keyGroupOf(hash)] as number] as number[]).push(row));
    this.#segments.forEach((segment, number) =>
      segment.restore(keys, hashes, Int32Array.from(lists[number] as number[]), values),
    );
  }

  /** Makes room in an empty table for so many keys by key group, so that it does not grow while they come. */
  reserve(counts: ReadonlyMap<number, number>): void {
    let total = 0;
    for (const count of counts.values()) total += count;
    const [only] = this.#segments as [AggregateSegment];
    if (this.#segments.length === 1 && only.size === 0 && total > this.#splitAbove && this.#watcher === undefined) {
      const segments = this.#newSegments();
      if (segments.length > 1) {
        only.release();
        this.#segments = segments;
      } else segments[0]?.release();
    }
    const bySegment = new Map<AggregateSegment, number>();
    for (const [group, count] of counts) {
      const segment = this.#segmentFor(group);
      bySegment.set(segment, (bySegment.get(segment) ?? segment.size) + count);
    }
    for (const [segment, count] of bySegment) segment.reserve(count);
  }

  #segmentFor(keyGroup: number): AggregateSegment {
    const number = this.#segments.length === 1 ? 0 : (this.#segmentOf[keyGroup] as number);
    return this.#segments[number] as AggregateSegment;
  }

  /** Takes in stored groups of one key group: see {@link AggregateSegment.append}. Behind the last one call {@link settle}. */
  append(keyGroup: number, stored: StoredGroups): boolean {
    return this.#segmentFor(keyGroup).append(stored);
  }

  /** Sets stored groups of one key group: see {@link AggregateSegment.put}. */
  put(keyGroup: number, stored: StoredGroups, keys: ColumnBatch, words: Float64Array): boolean {
    return this.#segmentFor(keyGroup).put(stored, keys, words);
  }

  /** Splits what has become large. */
  settle(): void {
    const [only] = this.#segments as [AggregateSegment];
    if (this.#segments.length === 1 && only.size > this.#splitAbove) this.#split(only);
  }

  /** Gives the memory back. The table must not be used any more. */
  release(): void {
    for (const segment of this.#segments) segment.release();
  }
}
