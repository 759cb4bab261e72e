/**
 * Records that are made from consecutive indexes: what sequences, generators and collections come down to.
 *
 * A loop that all sources of a thread share is slow as soon as they belong to different jobs. So such a source gives
 * its whole range away: an output whose task has a loop of its own runs it there ({@link RangeOutput}).
 */

import type { PollResult, ReaderOutput } from './source.ts';

/** The indexes `next`, `next + step`, … below `end`. */
export interface IndexRange<T> {
  /** Moved on by who emits: the first index that has not been emitted. */
  next: number;
  readonly end: number;
  readonly step: number;
  /** The record of an index; undefined where the indexes are the records. */
  readonly make: ((index: number) => T) | undefined;
}

/** An output that runs through a range by itself. */
export interface RangeOutput<T> extends ReaderOutput<T> {
  /** Emits until the range is at its end (`finished`) or the gate says stop (`more`). */
  collectRange(range: IndexRange<T>): PollResult;
}

/** Emits the records of a range, and leaves in it where to go on. */
export function emitRange<T>(output: ReaderOutput<T> | RangeOutput<T>, range: IndexRange<T>): PollResult {
  if ('collectRange' in output) return output.collectRange(range);
  const { make, step, end } = range;
  while (range.next < end) {
    const index = range.next;
    range.next = index + step;
    output.collect(make === undefined ? (index as T) : make(index));
    if (!output.proceed()) break;
  }
  return range.next < end ? 'more' : 'finished';
}
