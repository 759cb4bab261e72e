/** Pipelined regions: parts of a job that exchange nothing fail and restart each by itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, discardSink } from 'millstream';
import { buildJobGraph, pipelinedRegions } from '../../src/graph/job-graph.ts';

test('vertices that exchange data, directly or by way of others, are one region', () => {
  const env = createEnvironment();
  const left = env.fromSequence(1, 9).name('left');
  const right = env.fromSequence(1, 9).name('right');
  left
    .union(right)
    .keyBy((n) => n)
    .sum((n) => n)
    .sinkTo(discardSink());
  env.fromSequence(1, 9).name('alone').sinkTo(discardSink());
  const job = buildJobGraph(env.buildGraph('regions'));
  const names = pipelinedRegions(job).map((region) => region.map((id) => job.vertices[id]?.name ?? ''));
  assert.equal(names.length, 2);
  assert.deepEqual(names.map((region) => region.some((name) => name.includes('alone'))).toSorted(), [false, true]);
});

test('a region that fails leaves the others running', async () => {
  const env = createEnvironment();
  env.enableCheckpointing(10).setRestartStrategy({ kind: 'fixed-delay', attempts: 3, delayMs: 5 });
  const opened = { steady: 0, shaky: 0 };
  const counted = { steady: 0, shaky: new Set<number>() };
  let failures = 0;
  env
    .fromGenerator((i) => i, { count: 800, recordsPerSecond: 2000 })
    .process({
      open: () => void opened.steady++,
      processElement: () => void counted.steady++,
    })
    .sinkTo(discardSink());
  env
    .fromGenerator((i) => i, { count: 800, recordsPerSecond: 2000 })
    .process<number>({
      open: () => void opened.shaky++,
      processElement: (i) => {
        if (i === 400 && failures++ === 0) throw new Error('once');
        counted.shaky.add(i);
      },
    })
    .sinkTo(discardSink());
  const client = await env.executeAsync();
  const result = await client.result();
  assert.equal(result.restarts, 1);
  assert.deepEqual(opened, { steady: 1, shaky: 2 });
  assert.equal(counted.steady, 800, 'what did not fail met every record once');
  assert.equal(counted.shaky.size, 800);
  assert.ok(result.checkpoints > 0);
  const [failure] = await client.exceptions();
  assert.match(failure?.error.message ?? '', /once/);
  assert.equal(failure?.outcome, 'restarted');
});

test('a job says what it waits for, and why its last checkpoint failed', async () => {
  const env = createEnvironment();
  env.enableCheckpointing(3_600_000);
  env.set({ checkpoint: { tolerableFailures: 10 } });
  let failing = true;
  env
    .fromGenerator((i) => i, { recordsPerSecond: 1_000 })
    .process<number>({
      processElement: () => {},
      snapshotState: () => {
        if (failing) throw new Error('not now');
      },
    })
    .sinkTo(discardSink());
  const client = await env.executeAsync();
  await assert.rejects(client.triggerCheckpoint(), /not now/);
  const failed = (await client.metrics()).progress;
  assert.equal(failed.waitingFor, undefined);
  assert.equal(failed.lastCheckpoint, undefined);
  assert.match(failed.lastCheckpointFailure?.reason ?? '', /not now/);
  failing = false;
  const id = await client.triggerCheckpoint();
  assert.equal((await client.metrics()).progress.lastCheckpoint?.id, id);
  await client.cancel();
});
