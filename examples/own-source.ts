/**
 * A source of one's own: the pages of a web API, read one after the other, with a position that checkpoints keep.
 *
 * A split says what to read and from where on. `SplitPool` hands the splits out, once per job; `SplitReader` reads them
 * in each subtask; `PagedCursor` turns an async generator into the reading of one split. Without positions, an async
 * generator alone will do; for the contract from end to end, see flights/replay-source.ts.
 */

import { createEnvironment, PagedCursor, SplitPool, SplitReader } from 'millstream';
import type { Source, SplitPoolState } from 'millstream';

interface Listing {
  readonly name: string;
  readonly page: number;
}

const PAGES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  people: [['Ada', 'Bob', 'Cyd'], ['Dan']],
  cities: [['London', 'Paris'], ['Rome']],
};

/** Stands for `fetch('https://…/people?page=1')`. There are no rows behind the last page. */
const fetchPage = async (name: string, page: number): Promise<readonly string[]> => PAGES[name]?.[page - 1] ?? [];

async function* readPages({ name, page }: Listing) {
  for (let at = page; ; at++) {
    const records = await fetchPage(name, at);
    if (records.length === 0) return;
    yield { records, next: { name, page: at + 1 } };
  }
}

const listings: Source<string, Listing, SplitPoolState<Listing>> = {
  name: 'listings',
  boundedness: 'bounded',
  replayable: true,
  splitId: ({ name }) => name,
  createEnumerator: (context, restored) =>
    new SplitPool(context, restored, { splits: () => ['people', 'cities'].map((name) => ({ name, page: 1 })) }),
  createReader: (context) =>
    new SplitReader(context, {
      splitId: ({ name }) => name,
      open: (listing) => new PagedCursor(listing, readPages),
      order: 'one-by-one',
    }),
};

const env = createEnvironment();
env
  .fromSource(listings)
  .map((name) => `Hello ${name}`)
  .print();
await env.execute('own source');
