/**
 * A source of one's own: the pages of a web API, read one after the other, with a position that checkpoints keep.
 *
 * The enumerator, once per job, hands out splits: `SplitPool` does it where all splits are known from the start. The
 * reader in each subtask turns splits into records: `SplitReader` opens a cursor on each. What is left to write is the
 * cursor. Where no position is needed, an async generator and `fromAsyncIterable` will do; for a source that implements
 * the contract from end to end, see flights/replay-source.ts.
 */

import {
  createEnvironment,
  SplitPool,
  SplitReader,
  type PollResult,
  type ReaderOutput,
  type Source,
  type SplitCursor,
  type SplitPoolState,
} from 'millstream';

/** What is read, and from which page on: plain data, which travels in messages and checkpoints. */
interface Listing {
  readonly name: string;
  readonly page: number;
}

/** The rows of a page; none behind the last one. */
type Fetch = (listing: string, page: number) => Promise<readonly string[]>;

class PageCursor implements SplitCursor<string, Listing> {
  readonly #fetch: Fetch;
  #listing: Listing;
  #fetching: Promise<void> | undefined;
  /** The page that was fetched and is to be emitted. */
  #rows: readonly string[] | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(fetchPage: Fetch, listing: Listing) {
    this.#fetch = fetchPage;
    this.#listing = listing;
  }

  /** Never waits: it says `waiting`, and `available` says when to ask again. */
  poll(output: ReaderOutput<string>): PollResult {
    if (this.#failure !== undefined) throw this.#failure.error;
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
    try {
      this.#rows = await this.#fetch(this.#listing.name, this.#listing.page);
    } catch (error) {
      this.#failure = { error };
    }
    this.#fetching = undefined;
  }

  /** Where a reader goes on that is given this split. */
  split(): Listing {
    return this.#listing;
  }

  close(): void {}
}

function pagedSource(listings: readonly string[], fetchPage: Fetch): Source<string, Listing, SplitPoolState<Listing>> {
  const splitId = (listing: Listing): string => listing.name;
  return {
    name: 'pages',
    boundedness: 'bounded',
    replayable: true,
    splitId,
    createEnumerator: (context, restored) =>
      new SplitPool(context, restored, { splits: () => listings.map((name) => ({ name, page: 1 })) }),
    createReader: (context) =>
      new SplitReader(context, { splitId, open: (listing) => new PageCursor(fetchPage, listing), order: 'one-by-one' }),
  };
}

/** Stands for `fetch('https://…/people?page=1')`. */
const PAGES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  people: [['Ada', 'Bob', 'Cyd'], ['Dan']],
  cities: [['London', 'Paris'], ['Rome']],
};
const fetchPage: Fetch = (listing, page) => Promise.resolve(PAGES[listing]?.[page - 1] ?? []);

const env = createEnvironment();
env
  .fromSource(pagedSource(['people', 'cities'], fetchPage))
  .map((name) => `Hello ${name}`)
  .print();
await env.execute('own source');
