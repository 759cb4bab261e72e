/** Real threads through real rings: what the simulator replaces. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RING_BYTES } from '../../src/exchange/channel.ts';
import { createRing } from '../../src/exchange/ring.ts';
import { RealThreads } from '../../src/world/threads.ts';
import { row } from './numbered.ts';
import type { RingThreadInput, RingThreadResult } from './stress-ring-thread.ts';

interface Plan {
  readonly rings: number;
  readonly ringBytes: number;
  readonly position?: number;
  readonly rows: number;
  readonly batchRows: number;
  readonly writer?: Partial<RingThreadInput>;
  readonly reader?: Partial<RingThreadInput>;
}

async function stress(
  t: TestContext,
  plan: Plan,
): Promise<{ readonly writer: RingThreadResult; readonly reader: RingThreadResult }> {
  const cell = (cells = 1): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(cells * 4));
  const common = {
    rings: Array.from({ length: plan.rings }, () => createRing(plan.ringBytes, 0, plan.position)),
    writerBell: cell(),
    readerBell: cell(),
    rows: plan.rows,
    batchRows: plan.batchRows,
    stallOnceIn: 0,
    stallMs: 0,
    sleep: 'event-loop',
    progress: cell(plan.rings * 2),
  } as const;
  const spawn = (input: RingThreadInput): Promise<RingThreadResult> => {
    const thread = new RealThreads().spawn({
      name: `stress-${input.role}`,
      entry: new URL('./stress-ring-thread.ts', import.meta.url),
      input,
      heapMegabytesMax: 256,
    });
    t.after(() => thread.terminate());
    return new Promise((resolve, reject) => {
      thread.onMessage((result) => resolve(result as RingThreadResult));
      thread.onExit(({ error }) => reject(error ?? new Error('the thread ended without a result')));
    });
  };
  const [writer, reader] = await Promise.all([
    spawn({ ...common, role: 'writer', seed: 1, ...plan.writer }),
    spawn({ ...common, role: 'reader', seed: 2, ...plan.reader }),
  ]);
  return { writer, reader };
}

function checksum(rows: number): number {
  let sum = 0;
  for (let n = 0; n < rows; n++) {
    const { text, part } = row(n);
    sum = (sum + n + text.length + (part?.third ?? 0)) % 1e9;
  }
  return sum;
}

function check({ reader, writer }: Awaited<ReturnType<typeof stress>>, plan: Plan): void {
  assert.deepEqual(
    reader.checksums,
    Array.from({ length: plan.rings }, () => checksum(plan.rows)),
  );
  assert.equal(writer.overdrawn, 0);
}

test('a ring of full size carries everything, once and in order', async (t) => {
  const plan: Plan = { rings: 1, ringBytes: RING_BYTES, rows: 300_000, batchRows: 512 };
  check(await stress(t, plan), plan);
});

test('many small rings between two threads, with stalls at both ends, from where the cursors wrap', async (t) => {
  const stalls = { stallOnceIn: 200, stallMs: 2 };
  const plan: Plan = {
    rings: 5,
    ringBytes: 2048,
    position: 2 ** 32 - 4096,
    rows: 20_000,
    batchRows: 64,
    writer: stalls,
    reader: stalls,
  };
  check(await stress(t, plan), plan);
});

test('threads that sleep wholly are woken by the same bells', async (t) => {
  const sleep = { sleep: 'thread' } as const;
  const plan: Plan = {
    rings: 2,
    ringBytes: 4096,
    position: 2 ** 31 - 4096,
    rows: 40_000,
    batchRows: 100,
    writer: sleep,
    reader: sleep,
  };
  check(await stress(t, plan), plan);
});

test('a slow reader holds the writer back', async (t) => {
  const ringBytes = 16 * 1024;
  const batchRows = 64;
  const plan: Plan = { rings: 1, ringBytes, rows: 30_000, batchRows, reader: { stallOnceIn: 4, stallMs: 2 } };
  const result = await stress(t, plan);
  check(result, plan);
  // No row takes less than a byte, and one batch may wait at the writer.
  assert.ok(
    result.reader.underWayMax > batchRows && result.reader.underWayMax < ringBytes + batchRows,
    `${result.reader.underWayMax} rows under way`,
  );
});
