/** Values that the program holds: Flink's `fromData` and `fromCollection`. */

import { at } from '../base/assert.ts';
import { emitRange, type IndexRange } from './index-range.ts';
import type { PollResult, ReaderOutput, Source } from './source.ts';
import { SplitPool, type SplitPoolState } from './split-pool.ts';
import { SplitReader, type SplitCursor } from './split-reader.ts';

/** The values at `next` … `end`, the end excluded. */
export interface CollectionSplit {
  readonly id: string;
  readonly next: number;
  readonly end: number;
}

/** How a collection is read. */
export interface CollectionOptions {
  /**
   * Whether every subtask is given a range of the values. Default false: one subtask emits all of them in order, as
   * in Flink.
   */
  readonly parallel?: boolean;
}

/**
 * The values of an array, or of another finite iterable, which is read to its end at once. The values are emitted as
 * they are, not copied, and must not be changed afterwards.
 *
 * @example
 * ```ts
 * const source = collectionSource(['to', 'be', 'or', 'not']);
 * ```
 */
export function collectionSource<T>(
  values: Iterable<T>,
  options: CollectionOptions = {},
): Source<T, CollectionSplit, SplitPoolState<CollectionSplit>> {
  const items: readonly T[] = Array.isArray(values) ? (values as readonly T[]) : [...values];
  return {
    name: 'collection',
    boundedness: 'bounded',
    replayable: true,
    ...(options.parallel === true ? {} : { parallelism: 1 }),
    createEnumerator: (context, restored) =>
      new SplitPool(context, restored, { splits: (parallelism) => ranges(items.length, parallelism) }),
    createReader: (context) =>
      new SplitReader(context, { splitId, open: (split) => new CollectionCursor(items, split), order: 'one-by-one' }),
    splitId,
  };
}

function splitId(split: CollectionSplit): string {
  return split.id;
}

function ranges(length: number, parallelism: number): readonly CollectionSplit[] {
  const count = Math.min(parallelism, length);
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    next: Math.floor((length * index) / count),
    end: Math.floor((length * (index + 1)) / count),
  }));
}

class CollectionCursor<T> implements SplitCursor<T, CollectionSplit> {
  readonly #id: string;
  readonly #range: IndexRange<T>;

  constructor(items: readonly T[], split: CollectionSplit) {
    this.#id = split.id;
    this.#range = { next: split.next, end: split.end, step: 1, make: (index) => at(items, index) };
  }

  poll(output: ReaderOutput<T>): PollResult {
    return emitRange(output, this.#range);
  }

  available(): Promise<void> {
    return Promise.resolve();
  }

  split(): CollectionSplit {
    return { id: this.#id, next: this.#range.next, end: this.#range.end };
  }

  close(): void {}
}
