/**
 * The reader of sources that read split by split: it keeps the queue of splits, asks for the next one when it has
 * none, and gives each split an output of its own. How one split is read is its {@link SplitCursor}'s affair.
 */

import type { PollResult, ReaderContext, ReaderOutput, SourceReader } from './source.ts';

/** Reads one split, called as the methods of `SourceReader` are. */
export interface SplitCursor<T, Split> {
  /** `finished` when this split is read to its end. */
  poll(output: ReaderOutput<T>): PollResult;
  /** Settles when `poll` is worth a call again; never rejects. Failures are thrown by `poll`. */
  available(): Promise<void>;
  /** The split with the position of its next record. */
  split(): Split;
  close(): void | Promise<void>;
}

/** How splits are told apart, opened and ordered. */
export interface SplitReaderOptions<T, Split> {
  readonly splitId: (split: Split) => string;
  readonly open: (split: Split) => SplitCursor<T, Split>;
  /**
   * `one-by-one`: a split is read to its end before the next is begun. `together`: all are read in turn, which
   * splits without an end need.
   */
  readonly order: 'one-by-one' | 'together';
}

/** A split that is being read. */
interface OpenSplit<T, Split> {
  readonly id: string;
  readonly cursor: SplitCursor<T, Split>;
  output: ReaderOutput<T> | undefined;
}

/**
 * Reads the splits that it is given, each by a cursor of its own.
 *
 * @example
 * ```ts
 * interface Range { readonly id: string; readonly next: number; readonly end: number }
 * declare const context: ReaderContext;
 *
 * const reader = new SplitReader<number, Range>(context, {
 *   splitId: (range) => range.id,
 *   order: 'one-by-one',
 *   open: (range) => {
 *     let next = range.next;
 *     return {
 *       poll: (output) => {
 *         while (next < range.end) {
 *           output.collect(next++);
 *           if (!output.proceed()) return 'more';
 *         }
 *         return 'finished';
 *       },
 *       available: () => Promise.resolve(),
 *       split: () => ({ ...range, next }),
 *       close: () => {},
 *     };
 *   },
 * });
 * ```
 */
export class SplitReader<T, Split> implements SourceReader<T, Split> {
  readonly #context: ReaderContext;
  readonly #options: SplitReaderOptions<T, Split>;
  readonly #queue: Split[] = [];
  readonly #open: OpenSplit<T, Split>[] = [];
  readonly #paused = new Set<string>();
  readonly #closing = new Set<Promise<void>>();
  #closeFailure: { readonly error: unknown } | undefined;
  #turn = 0;
  #requested = false;
  #noMoreSplits = false;
  #wake: (() => void) | undefined;

  constructor(context: ReaderContext, options: SplitReaderOptions<T, Split>) {
    this.#context = context;
    this.#options = options;
  }

  /** One by one, the first poll asks for a split, unless one was restored; together, there may be more all the same. */
  start(): void {
    if (this.#options.order === 'together') this.#request();
  }

  addSplits(splits: readonly Split[]): void {
    for (const split of splits) this.#queue.push(split);
    this.#requested = false;
    this.#wake?.();
  }

  noMoreSplits(): void {
    this.#noMoreSplits = true;
    this.#wake?.();
  }

  poll(output: ReaderOutput<T>): PollResult {
    let waiting = 0;
    for (;;) {
      this.#openSplits();
      if (this.#open.length === 0) {
        if (this.#noMoreSplits) return 'finished';
        this.#request();
        // An enumerator close by may have answered already.
        if (this.#queue.length === 0 && !this.#noMoreSplits) return 'waiting';
        continue;
      }
      if (waiting >= this.#open.length) return 'waiting';
      if (this.#turn >= this.#open.length) this.#turn = 0;
      const open = this.#open[this.#turn] as OpenSplit<T, Split>;
      const result = this.#paused.has(open.id) ? 'waiting' : this.#pollSplit(open, output);
      if (result === 'finished') {
        this.#finish(open, output);
        waiting = 0;
        if (!output.proceed()) return 'more';
        continue;
      }
      this.#turn++;
      if (result === 'more') return 'more';
      waiting++;
    }
  }

  #pollSplit(open: OpenSplit<T, Split>, output: ReaderOutput<T>): PollResult {
    open.output ??= output.forSplit(open.id);
    return open.cursor.poll(open.output);
  }

  /** How many splits are read at a time. */
  get #openMax(): number {
    return this.#options.order === 'together' ? Number.POSITIVE_INFINITY : 1;
  }

  #openSplits(): void {
    while (this.#open.length < this.#openMax) {
      const split = this.#queue.shift();
      if (split === undefined) return;
      this.#open.push({ id: this.#options.splitId(split), cursor: this.#options.open(split), output: undefined });
    }
  }

  #finish(open: OpenSplit<T, Split>, output: ReaderOutput<T>): void {
    this.#open.splice(this.#open.indexOf(open), 1);
    this.#paused.delete(open.id);
    output.releaseSplit(open.id);
    this.#close(open.cursor);
  }

  /** Cursors close beside what goes on; a failure is told when the reader closes. */
  #close(cursor: SplitCursor<T, Split>): void {
    const closed = cursor.close();
    if (closed === undefined) return;
    const noted = closed
      .catch((error: unknown) => {
        this.#closeFailure ??= { error };
      })
      .then(() => void this.#closing.delete(noted));
    this.#closing.add(noted);
  }

  /** One request at a time: it is answered by splits, or by the word that there are no more. */
  #request(): void {
    if (this.#requested || this.#noMoreSplits) return;
    this.#requested = true;
    this.#context.requestSplit();
  }

  available(): Promise<void> {
    // What came since the last poll.
    if (this.#queue.length > 0 && this.#open.length < this.#openMax) return Promise.resolve();
    if (this.#noMoreSplits && this.#open.length === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    for (const open of this.#open) if (!this.#paused.has(open.id)) void open.cursor.available().then(resolve);
    return promise;
  }

  snapshot(): readonly Split[] {
    return [...this.#open.map((open) => open.cursor.split()), ...this.#queue];
  }

  pauseOrResumeSplits(pause: readonly string[], resume: readonly string[]): void {
    for (const id of pause) this.#paused.add(id);
    for (const id of resume) this.#paused.delete(id);
    this.#wake?.();
  }

  async close(): Promise<void> {
    for (const open of this.#open.splice(0)) this.#close(open.cursor);
    this.#queue.length = 0;
    this.#wake?.();
    await Promise.all(this.#closing);
    if (this.#closeFailure !== undefined) throw this.#closeFailure.error;
  }
}
