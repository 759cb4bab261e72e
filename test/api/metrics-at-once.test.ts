/** Metrics of a job that has only just begun: on a busy machine its tasks are not open yet. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runJob } from 'millstream';
import windows from './jobs/windows.ts';

test('operators can be asked for accumulators before they are open', () => {
  const created = windows.build({}, {}).nodes.flatMap(({ definition }) => definition.create?.() ?? []);
  const asked = created.flatMap((operator) => {
    const { accumulators } = operator as { accumulators?(): object };
    return accumulators === undefined ? [] : [accumulators.call(operator)];
  });
  assert.ok(asked.length >= 4, 'the four window operators have accumulators');
  for (const reports of asked) assert.deepEqual(reports, {});
});

test('metrics can be asked for as soon as a job is there', async () => {
  const client = await runJob(new URL('./jobs/windows.ts', import.meta.url));
  const asked = Array.from({ length: 20 }, () => client.metrics());
  const results = await Promise.all(
    ['tumbling', 'sliding', 'session', 'global'].map((uid) => Array.fromAsync(client.collected<number>(uid))),
  );
  await Promise.all(asked);
  const sums = results.map((counts) => counts.reduce((sum, n) => sum + n, 0));
  await client.result();
  assert.deepEqual(sums, [1_000, 2_000, 1_000, 1_800]);
});
