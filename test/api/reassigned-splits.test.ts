/** Sources whose splits go back to the enumerator after a restore. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PagedCursor } from '../../src/connect/paged-cursor.ts';
import { SplitPool, type SplitPoolState } from '../../src/connect/split-pool.ts';
import { SplitReader } from '../../src/connect/split-reader.ts';
import type { Source, SplitEnumerator } from '../../src/connect/source.ts';
import type { SavepointHandle } from '../../src/graph/launch.ts';
import { environment } from './environments.ts';

interface Range {
  readonly from: number;
  readonly to: number;
}

const RANGES = 6;
const LENGTH = 60;

/** Six ranges of numbers, number by number. `calls` hears what the enumerator is asked for. */
function ranges(calls: string[]): Source<number, Range, SplitPoolState<Range>> {
  const splitId = ({ to }: Range): string => `to ${to}`;
  return {
    name: 'ranges',
    boundedness: 'bounded',
    replayable: true,
    reassignsSplits: true,
    splitId,
    createEnumerator(context, restored): SplitEnumerator<Range, SplitPoolState<Range>> {
      const pool = new SplitPool<Range>(context, restored, {
        splits: () => Array.from({ length: RANGES }, (_, i) => ({ from: i * LENGTH, to: (i + 1) * LENGTH })),
      });
      return {
        start: () => pool.start(),
        addReader: () => {
          calls.push('reader');
          pool.addReader();
        },
        handleSplitRequest: (subtask) => {
          calls.push('request');
          pool.handleSplitRequest(subtask);
        },
        addSplitsBack: (splits) => {
          calls.push('back');
          pool.addSplitsBack(splits);
        },
        snapshot: () => pool.snapshot(),
        close: () => pool.close(),
      };
    },
    createReader: (context) =>
      new SplitReader(context, {
        splitId,
        order: 'one-by-one',
        open: (range) =>
          new PagedCursor(range, async function* ({ from, to }: Range) {
            for (let n = from; n < to; n++) {
              await new Promise((resolve) => setTimeout(resolve, 1));
              yield { records: [n], next: { from: n + 1, to } };
            }
          }),
      }),
  };
}

test('restored splits are back at the enumerator before a reader registers, and none is lost or read twice', async () => {
  const calls: string[] = [];
  const read: number[] = [];
  const run = async (parallelism: number, stopAt: number, fromSavepoint?: SavepointHandle) => {
    const env = environment({ settings: { parallelism } });
    env.fromSource(ranges(calls)).uid('ranges').collect('results');
    const client = await env.executeAsync('ranges', fromSavepoint === undefined ? {} : { fromSavepoint });
    const enough = Promise.withResolvers<void>();
    const reading = (async () => {
      for await (const n of client.collected<number>('results')) if (read.push(n) === stopAt) enough.resolve();
    })();
    const stopped = enough.promise.then(() => client.stopWithSavepoint());
    const savepoint = stopAt === Infinity ? undefined : await stopped;
    await reading;
    return savepoint;
  };
  const first = await run(3, 40);
  assert.ok(!calls.includes('back'), 'nothing was restored');
  calls.length = 0;
  const second = await run(2, 150, first);
  assert.equal(calls.indexOf('reader'), calls.lastIndexOf('back') + 1, calls.join(' '));
  assert.ok(calls.indexOf('back') === 0 && calls.indexOf('request') > calls.indexOf('reader'));
  await run(1, Infinity, second);
  assert.deepEqual(
    read.toSorted((a, b) => a - b),
    Array.from({ length: RANGES * LENGTH }, (_, i) => i),
  );
});
