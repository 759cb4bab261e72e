/**
 * A source of one's own: the pages of a web API, read one after the other, with a position that checkpoints keep.
 *
 * The enumerator, once per job, hands out splits: `SplitPool` does it where all splits are known from the start. The
 * reader in each subtask turns splits into records: `SplitReader` opens a cursor on each, and the cursor is what is left
 * to write. Without positions, an async generator will do; for the contract from end to end, see flights/replay-source.ts.
 */

import { createEnvironment, SplitPool, SplitReader } from 'millstream';
import type { PollResult, ReaderOutput, Source, SplitCursor, SplitPoolState } from 'millstream';

/** What is read, and from which page on: plain data, which travels in messages and checkpoints. */
interface Listing {
  readonly name: string;
  readonly page: number;
}

const PAGES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  people: [['Ada', 'Bob', 'Cyd'], ['Dan']],
  cities: [['London', 'Paris'], ['Rome']],
};

/** Stands for `fetch('https://…/people?page=1')`. There are no rows behind the last page. */
const fetchPage = ({ name, page }: Listing): Promise<readonly string[]> =>
  Promise.resolve(PAGES[name]?.[page - 1] ?? []);

class PageCursor implements SplitCursor<string, Listing> {
  #listing: Listing;
  #fetching: Promise<void> | undefined;
  /** What was fetched and is to be emitted. */
  #rows: readonly string[] | Error | undefined;

  constructor(listing: Listing) {
    this.#listing = listing;
  }

  /** Never waits: it says `waiting`, and `available` says when to ask again. */
  poll(output: ReaderOutput<string>): PollResult {
    if (this.#rows instanceof Error) throw this.#rows;
    if (this.#rows === undefined) return 'waiting';
    if (this.#rows.length === 0) return 'finished';
    for (const row of this.#rows) output.collect(row);
    this.#rows = undefined;
    this.#listing = { ...this.#listing, page: this.#listing.page + 1 };
    return output.proceed() ? 'waiting' : 'more';
  }

  /** Never rejects: `poll` throws what went wrong. */
  available(): Promise<void> {
    return (this.#fetching ??= this.#load());
  }

  async #load(): Promise<void> {
    this.#rows = await fetchPage(this.#listing).catch((error: unknown) => error as Error);
    this.#fetching = undefined;
  }

  /** Where a reader goes on that is given this split. */
  split(): Listing {
    return this.#listing;
  }

  close(): void {}
}

function pagedSource(...listings: readonly string[]): Source<string, Listing, SplitPoolState<Listing>> {
  return {
    name: 'pages',
    boundedness: 'bounded',
    replayable: true,
    splitId: (listing) => listing.name,
    createEnumerator: (context, restored) =>
      new SplitPool(context, restored, { splits: () => listings.map((name) => ({ name, page: 1 })) }),
    createReader: (context) =>
      new SplitReader(context, {
        splitId: (listing) => listing.name,
        open: (listing) => new PageCursor(listing),
        order: 'one-by-one',
      }),
  };
}

const env = createEnvironment();
env
  .fromSource(pagedSource('people', 'cities'))
  .map((name) => `Hello ${name}`)
  .print();
await env.execute('own source');
