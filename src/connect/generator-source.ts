/** Values made from their index, at a limited rate: Flink's `DataGeneratorSource`. */

import type { Cancellation, Clock } from '../base/world.ts';
import { emitRange, type IndexRange } from './index-range.ts';
import { assertCount, assertPositive } from './option.ts';
import { RateLimiter } from './rate-limiter.ts';
import type { PollResult, ReaderOutput, Source } from './source.ts';
import { SplitPool, type SplitPoolState } from './split-pool.ts';
import { SplitReader, type SplitCursor } from './split-reader.ts';

/** The indexes `next`, `next + step`, … below `end`, or without an end. */
export interface GeneratorSplit {
  readonly id: string;
  readonly next: number;
  readonly step: number;
  readonly end: number | undefined;
}

/** How many values are made, and how fast. */
export interface GeneratorOptions {
  /** How many values. Default: without end, which makes the source unbounded. */
  readonly count?: number;
  /** Values per second, over all subtasks together. Default: as many as the job takes. */
  readonly recordsPerSecond?: number;
}

/**
 * Calls `generate` with 0, 1, 2, … and emits what it returns. The subtasks take turns, so that all of them stand at
 * about the same index. `generate` must give the same value for the same index, or a restart replays other values.
 *
 * @example
 * ```ts
 * const source = generatorSource((index) => ({ sensor: index % 10, reading: Math.sin(index) }), {
 *   recordsPerSecond: 1000,
 * });
 * ```
 */
export function generatorSource<T>(
  generate: (index: number) => T,
  options: GeneratorOptions = {},
): Source<T, GeneratorSplit, SplitPoolState<GeneratorSplit>> {
  const { count, recordsPerSecond } = options;
  if (count !== undefined) assertCount('generator source', 'count', count, 0);
  if (recordsPerSecond !== undefined) assertPositive('generator source', 'recordsPerSecond', recordsPerSecond);
  return {
    name: 'generator',
    boundedness: count === undefined ? 'unbounded' : 'bounded',
    replayable: true,
    createEnumerator: (context, restored) =>
      new SplitPool(context, restored, { splits: (parallelism) => strides(count, parallelism), owner }),
    createReader: (context) => {
      const { clock } = context.world;
      const limiter =
        recordsPerSecond === undefined ? undefined : new RateLimiter(clock, recordsPerSecond / context.parallelism);
      const open = (split: GeneratorSplit): SplitCursor<T, GeneratorSplit> =>
        limiter === undefined
          ? new GeneratorCursor(generate, split)
          : new LimitedCursor(new GeneratorCursor(generate, split), limiter, clock);
      return new SplitReader(context, { splitId, open, order: 'together' });
    },
    splitId,
  };
}

function splitId(split: GeneratorSplit): string {
  return split.id;
}

function owner(split: GeneratorSplit, parallelism: number): number {
  return Number(split.id) % parallelism;
}

function strides(count: number | undefined, parallelism: number): readonly GeneratorSplit[] {
  const splits = Math.min(parallelism, count ?? parallelism);
  return Array.from({ length: splits }, (_, index) => ({
    id: String(index),
    next: index,
    step: parallelism,
    end: count,
  }));
}

class GeneratorCursor<T> implements SplitCursor<T, GeneratorSplit> {
  readonly #generate: (index: number) => T;
  readonly #split: GeneratorSplit;
  readonly #range: IndexRange<T>;

  constructor(generate: (index: number) => T, split: GeneratorSplit) {
    const { next, step, end = Number.MAX_SAFE_INTEGER } = split;
    this.#generate = generate;
    this.#split = split;
    this.#range = { next, end, step, make: generate };
  }

  poll(output: ReaderOutput<T>): PollResult {
    return emitRange(output, this.#range);
  }

  get finished(): boolean {
    return this.#range.next >= this.#range.end;
  }

  emit(output: ReaderOutput<T>): void {
    const index = this.#range.next;
    this.#range.next = index + this.#range.step;
    output.collect(this.#generate(index));
  }

  available(): Promise<void> {
    return Promise.resolve();
  }

  split(): GeneratorSplit {
    return { ...this.#split, next: this.#range.next };
  }

  close(): void {}
}

/** Emits only what the subtask's limiter lets pass. */
class LimitedCursor<T> implements SplitCursor<T, GeneratorSplit> {
  readonly #cursor: GeneratorCursor<T>;
  readonly #limiter: RateLimiter;
  readonly #clock: Clock;
  #alarm: Cancellation | undefined;

  constructor(cursor: GeneratorCursor<T>, limiter: RateLimiter, clock: Clock) {
    this.#cursor = cursor;
    this.#limiter = limiter;
    this.#clock = clock;
  }

  poll(output: ReaderOutput<T>): PollResult {
    while (!this.#cursor.finished) {
      if (!this.#limiter.take()) return 'waiting';
      this.#cursor.emit(output);
      if (!output.proceed()) return this.#cursor.finished ? 'finished' : 'more';
    }
    return 'finished';
  }

  available(): Promise<void> {
    this.#alarm?.cancel();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#alarm = this.#clock.after(this.#limiter.delayMs(), resolve);
    return promise;
  }

  split(): GeneratorSplit {
    return this.#cursor.split();
  }

  close(): void {
    this.#alarm?.cancel();
  }
}
