/**
 * A source that replays recorded events at the times at which they happened, faster: one split, whose position is the
 * next event. A whole source in one file, to be read as an example of the contract.
 */

import type { PollResult, ReaderContext, ReaderOutput, Source, SourceReader, SplitEnumerator } from 'millstream';

interface Replay {
  readonly id: 'replay';
  readonly next: number;
}

export interface ReplayOptions<T> {
  /** Loads the events in their order; called where they are read. */
  readonly load: () => readonly T[];
  /** When an event happened, in milliseconds since the epoch. */
  readonly timeOf: (event: T) => number;
  /** How many times faster than it happened; 0: as fast as the job can take it. */
  readonly speedUp: number;
}

export function replaySource<T>(options: ReplayOptions<T>): Source<T, Replay, boolean> {
  return {
    name: 'replay',
    boundedness: 'bounded',
    replayable: true,
    parallelism: 1,
    splitId: (split) => split.id,
    createEnumerator(context, assigned = false): SplitEnumerator<Replay, boolean> {
      let given = assigned;
      const give = (subtask: number): void => {
        if (!given) context.assign(subtask, [{ id: 'replay', next: 0 }]);
        given = true;
        context.noMoreSplits(subtask);
      };
      return {
        start() {},
        addReader: give,
        handleSplitRequest() {},
        addSplitsBack(splits, subtask) {
          context.assign(subtask, splits);
        },
        snapshot: () => given,
        close() {},
      };
    },
    createReader: (context) => new ReplayReader(options, context),
  };
}

class ReplayReader<T> implements SourceReader<T, Replay> {
  readonly #options: ReplayOptions<T>;
  readonly #context: ReaderContext;
  #events: readonly T[] = [];
  #next: number | undefined;
  #startedAt: number | undefined;
  #firstTime = 0;
  #replayedUntil = 0;
  #noMore = false;
  #waiting: (() => void) | undefined;

  constructor(options: ReplayOptions<T>, context: ReaderContext) {
    this.#options = options;
    this.#context = context;
    context.metrics.gauge('replayedUntil', () => this.#replayedUntil);
  }

  start(): void {
    this.#events = this.#options.load();
  }

  addSplits(splits: readonly Replay[]): void {
    this.#next = splits[0]?.next;
    this.#wake();
  }

  noMoreSplits(): void {
    this.#noMore = true;
    this.#wake();
  }

  poll(output: ReaderOutput<T>): PollResult {
    if (this.#next === undefined) return this.#noMore ? 'finished' : 'waiting';
    while (this.#next < this.#events.length) {
      const event = this.#events[this.#next] as T;
      if (this.#dueIn(event) > 0) return 'waiting';
      this.#next++;
      this.#replayedUntil = this.#options.timeOf(event);
      output.collect(event);
      if (!output.proceed()) return 'more';
    }
    return 'finished';
  }

  /** Milliseconds until an event is to be replayed; the first one, and the first after a restore, is due at once. */
  #dueIn(event: T): number {
    const { speedUp, timeOf } = this.#options;
    if (speedUp === 0) return 0;
    const time = timeOf(event);
    if (this.#startedAt === undefined) {
      this.#startedAt = this.#context.now();
      this.#firstTime = time;
    }
    return (time - this.#firstTime) / speedUp - (this.#context.now() - this.#startedAt);
  }

  available(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      const event = this.#next === undefined ? undefined : this.#events[this.#next];
      if (event !== undefined) this.#context.after(Math.max(1, this.#dueIn(event)), () => this.#wake());
    });
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  snapshot(): readonly Replay[] {
    return this.#next === undefined ? [] : [{ id: 'replay', next: this.#next }];
  }

  close(): void {
    this.#wake();
  }
}
