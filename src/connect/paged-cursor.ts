/** The cursor of splits that are read page by page: an async generator reads, the cursor emits and keeps the position. */

import type { PollResult, ReaderOutput } from './source.ts';
import type { SplitCursor } from './split-reader.ts';

/** What was read in one piece, and the split with the position behind it. */
export interface SplitPage<T, Split> {
  readonly records: Iterable<T>;
  readonly next: Split;
}

/**
 * Reads a split by an async generator, which is given the split and yields its pages; the split ends with the generator.
 * The next page is read when the one before has been emitted. A page is emitted as a whole, so keep pages to some
 * thousand records. `signal` is aborted when the reader closes.
 *
 * @example
 * ```ts
 * interface Listing { readonly name: string; readonly page: number }
 * declare const context: ReaderContext;
 * declare function fetchPage(listing: Listing, signal: AbortSignal): Promise<readonly string[]>;
 *
 * async function* pages(listing: Listing, signal: AbortSignal) {
 *   for (let { name, page } = listing; ; page++) {
 *     const records = await fetchPage({ name, page }, signal);
 *     if (records.length === 0) return;
 *     yield { records, next: { name, page: page + 1 } };
 *   }
 * }
 * const reader = new SplitReader<string, Listing>(context, {
 *   splitId: ({ name }) => name,
 *   order: 'one-by-one',
 *   open: (listing) => new PagedCursor(listing, pages),
 * });
 * ```
 */
export class PagedCursor<T, Split> implements SplitCursor<T, Split> {
  readonly #pages: AsyncIterator<SplitPage<T, Split>>;
  readonly #abort = new AbortController();
  #split: Split;
  #read: IteratorResult<SplitPage<T, Split>, unknown> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #reading: Promise<void> | undefined;

  constructor(split: Split, pages: (split: Split, signal: AbortSignal) => AsyncIterable<SplitPage<T, Split>>) {
    this.#split = split;
    this.#pages = pages(split, this.#abort.signal)[Symbol.asyncIterator]();
  }

  poll(output: ReaderOutput<T>): PollResult {
    if (this.#failure !== undefined) throw this.#failure.error;
    const read = this.#read;
    if (read === undefined) return 'waiting';
    if (read.done === true) return 'finished';
    this.#read = undefined;
    for (const record of read.value.records) output.collect(record);
    this.#split = read.value.next;
    return output.proceed() ? 'waiting' : 'more';
  }

  available(): Promise<void> {
    if (this.#read !== undefined || this.#failure !== undefined) return Promise.resolve();
    return (this.#reading ??= this.#readOn());
  }

  async #readOn(): Promise<void> {
    try {
      this.#read = await this.#pages.next();
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#reading = undefined;
    }
  }

  split(): Split {
    return this.#split;
  }

  /** A read under way is told to end, and not waited for. */
  async close(): Promise<void> {
    this.#abort.abort();
    if (this.#reading === undefined) await this.#pages.return?.();
  }
}
