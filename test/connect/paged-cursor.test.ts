/** Splits that an async generator reads page by page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PagedCursor, type SplitPage } from '../../src/connect/paged-cursor.ts';
import { SplitPool, type SplitPoolState } from '../../src/connect/split-pool.ts';
import { SplitReader } from '../../src/connect/split-reader.ts';
import type { Source } from '../../src/connect/source.ts';
import { assertReplays } from '../../src/testing/index.ts';
import { environment } from '../api/environments.ts';

interface Range {
  readonly from: number;
  readonly to: number;
}

const PAGE = 3;

async function* pagesOf({ from, to }: Range): AsyncGenerator<SplitPage<number, Range>> {
  for (let at = from; at < to; at += PAGE) {
    await Promise.resolve();
    const records = Array.from({ length: Math.min(PAGE, to - at) }, (_, i) => at + i);
    yield { records, next: { from: at + records.length, to } };
  }
}

type Pages = (range: Range, signal: AbortSignal) => AsyncGenerator<SplitPage<number, Range>>;

function rangeSource(pages: Pages = pagesOf): Source<number, Range, SplitPoolState<Range>> {
  const splitId = ({ to }: Range): string => `to ${to}`;
  return {
    name: 'ranges',
    boundedness: 'bounded',
    replayable: true,
    splitId,
    createEnumerator: (context, restored) =>
      new SplitPool(context, restored, {
        splits: () => [
          { from: 0, to: 10 },
          { from: 10, to: 12 },
          { from: 12, to: 12 },
          { from: 12, to: 30 },
        ],
      }),
    createReader: (context) =>
      new SplitReader(context, { splitId, open: (range) => new PagedCursor(range, pages), order: 'one-by-one' }),
  };
}

test('a source that reads pages loses and repeats nothing, wherever it is interrupted', async () => {
  await assertReplays(() => rangeSource(), { parallelism: 2, restoredParallelism: 1 });
});

test('a job reads every page, and fails with what a page fails with', async () => {
  const read = await environment().fromSource(rangeSource()).executeAndCollect();
  assert.deepEqual(
    read,
    Array.from({ length: 30 }, (_, i) => i),
  );
  const failing = rangeSource(async function* (range, signal) {
    yield* pagesOf({ ...range, to: range.from + 1 });
    signal.throwIfAborted();
    throw new Error('page 2 is missing');
  });
  await assert.rejects(environment().fromSource(failing).executeAndCollect(), /page 2 is missing/);
});

test('a cursor that closes aborts the page under way, and runs what the generator has left to do', async () => {
  const heard: string[] = [];
  const waiting = new PagedCursor({ from: 0, to: 1 }, async function* (_range: Range, signal) {
    const aborted = new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    await aborted.finally(() => heard.push('aborted'));
    yield { records: [0], next: { from: 1, to: 1 } };
  });
  const available = waiting.available();
  await waiting.close();
  await available;
  const between = new PagedCursor({ from: 0, to: 1 }, async function* (range: Range) {
    try {
      yield { records: [0], next: range };
      yield { records: [1], next: range };
    } finally {
      heard.push('left');
    }
  });
  await between.available();
  await between.close();
  assert.deepEqual(heard, ['aborted', 'left']);
});
