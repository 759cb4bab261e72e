/** The whole numbers of a range, in parallel: Flink's `NumberSequenceSource`. */

import { emitRange, type IndexRange } from './index-range.ts';
import { invalidOption } from './option.ts';
import type { PollResult, ReaderOutput, Source } from './source.ts';
import { SplitPool, type SplitPoolState } from './split-pool.ts';
import { SplitReader, type SplitCursor } from './split-reader.ts';

/** The numbers `next` … `last`. */
export interface SequenceSplit {
  readonly id: string;
  readonly next: number;
  readonly last: number;
}

/**
 * The numbers `from` … `to`, both included. Each subtask is given a range of its own and emits it in order.
 *
 * @example
 * ```ts
 * const source = sequenceSource(1, 1_000_000);
 * ```
 */
export function sequenceSource(from: number, to: number): Source<number, SequenceSplit, SplitPoolState<SequenceSplit>> {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || !Number.isSafeInteger(to - from + 1)) {
    throw invalidOption(
      'sequence source',
      `from (${from}) and to (${to}) must be safe integers, and their distance too`,
    );
  }
  if (from > to) throw invalidOption('sequence source', `from (${from}) must not lie above to (${to})`);
  return {
    name: 'sequence',
    boundedness: 'bounded',
    replayable: true,
    createEnumerator: (context, restored) =>
      new SplitPool(context, restored, { splits: (parallelism) => sequenceSplits(from, to, parallelism) }),
    createReader: (context) =>
      new SplitReader(context, { splitId, open: (split) => new SequenceCursor(split), order: 'one-by-one' }),
    splitId,
  };
}

function splitId(split: SequenceSplit): string {
  return split.id;
}

/** As many ranges as subtasks, differing by at most one number; fewer where there are fewer numbers. */
function sequenceSplits(from: number, to: number, parallelism: number): readonly SequenceSplit[] {
  const count = to - from + 1;
  const ranges = Math.min(parallelism, count);
  const size = Math.floor(count / ranges);
  const larger = count % ranges;
  const splits: SequenceSplit[] = [];
  let next = from;
  for (let index = 0; index < ranges; index++) {
    const last = next + size - 1 + (index < larger ? 1 : 0);
    splits.push({ id: String(index), next, last });
    next = last + 1;
  }
  return splits;
}

class SequenceCursor implements SplitCursor<number, SequenceSplit> {
  readonly #id: string;
  readonly #range: IndexRange<number>;

  constructor(split: SequenceSplit) {
    this.#id = split.id;
    this.#range = { next: split.next, end: split.last + 1, step: 1, make: undefined };
  }

  poll(output: ReaderOutput<number>): PollResult {
    return emitRange(output, this.#range);
  }

  available(): Promise<void> {
    return Promise.resolve();
  }

  split(): SequenceSplit {
    return { id: this.#id, next: this.#range.next, last: this.#range.end - 1 };
  }

  close(): void {}
}
