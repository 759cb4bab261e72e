/** Clusters of processes: what a job computes does not depend on which of them die. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProcessCluster, type JobClient, type MillstreamError } from 'millstream';

const PACED = new URL('./jobs/paced.ts', import.meta.url);

const LEDGER = new URL('./jobs/ledger.ts', import.meta.url);

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** The number of a TaskManager with tasks of the job: those that became members first have them. */
async function oneAtWork(client: JobClient): Promise<number> {
  const { slots } = await client.metrics();
  return Number(/^taskmanager-(\d+)\//.exec(slots[0]?.taskManager ?? '')?.[1]);
}

/** The lines of all files that have their final names. */
async function linesBelow(path: string): Promise<string[]> {
  const names = (await readdir(path)).filter((name) => !name.startsWith('.'));
  const files = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')));
  return files.flatMap((text) => text.split('\n').filter((line) => line !== ''));
}

async function temporary(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'millstream-cluster-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test('a job runs over two processes, and its results come back', async () => {
  await using cluster = await ProcessCluster.start({ taskManagers: 2 });
  const client = await cluster.run(PACED, { parameters: { records: 5_000, perSecond: 50_000 } });
  const totals = new Map<number, number>();
  for await (const [key, count] of client.collected<[number, number]>('result')) totals.set(key, count);
  assert.deepEqual(
    [...totals].toSorted(([a], [b]) => a - b),
    [0, 1, 2, 3, 4].map((key) => [key, 1_000]),
  );
  assert.equal((await client.result()).status, 'finished');
  assert.equal(await client.status(), 'finished');
});

test('a TaskManager that is killed costs a restart, which the exception history explains', async () => {
  await using cluster = await ProcessCluster.start({ taskManagers: 2 });
  const client = await cluster.run(PACED, { parameters: { records: 4_000, perSecond: 2_000, checkpointMs: 50 } });
  await until(async () => (await client.status()) === 'running');
  await client.triggerCheckpoint();
  cluster.kill(1);
  const totals = new Map<number, number>();
  for await (const [key, count] of client.collected<[number, number]>('result')) totals.set(key, count);
  assert.deepEqual(
    [...totals].toSorted(([a], [b]) => a - b),
    [0, 1, 2, 3, 4].map((key) => [key, 800]),
  );
  assert.equal((await client.result()).restarts, 1);
  const [failure] = await client.exceptions();
  assert.equal(failure?.outcome, 'restarted');
  assert.equal(failure?.attempt, 1);
  assert.match(failure?.error.message ?? '', /taskmanager-1\/2 is gone|CHANNEL_LOST/);
});

test('a process that is halted is given up, and is a member again once it goes on', async () => {
  await using cluster = await ProcessCluster.start({
    taskManagers: 2,
    heartbeat: { intervalMs: 100, timeoutMs: 2_000 },
  });
  const client = await cluster.run(PACED, { parameters: { records: 4_000, perSecond: 2_000, checkpointMs: 50 } });
  await until(async () => (await client.status()) === 'running');
  await client.triggerCheckpoint();
  cluster.kill(0, 'SIGSTOP');
  await until(async () => (await client.status()) !== 'running');
  // The restart waits for its second slot, which is the halted process's.
  cluster.kill(0, 'SIGCONT');
  const totals = new Map<number, number>();
  for await (const [key, count] of client.collected<[number, number]>('result')) totals.set(key, count);
  assert.deepEqual(
    [...totals].toSorted(([a], [b]) => a - b),
    [0, 1, 2, 3, 4].map((key) => [key, 800]),
  );
  assert.match((await client.exceptions())[0]?.error.message ?? '', /nothing was heard of it for \d+ ms|CHANNEL_LOST/);
});

test('a JobManager that is killed takes up its jobs again when it is back', async () => {
  await using directory = await temporary();
  await using cluster = await ProcessCluster.start({ taskManagers: 2, jobDirectory: directory.path });
  const client = await cluster.run(PACED, { parameters: { records: 4_000, perSecond: 4_000, silent: true } });
  await until(async () => (await client.status()) === 'running');
  cluster.kill('jobmanager');
  const result = await client.result();
  assert.equal(result.status, 'finished');
  assert.equal(result.restarts, 0);
});

test('whatever dies, every result is written once', async () => {
  await using directory = await temporary();
  const places = { checkpoints: join(directory.path, 'checkpoints'), output: join(directory.path, 'output') };
  await using cluster = await ProcessCluster.start({ taskManagers: 2, jobDirectory: join(directory.path, 'jobs') });
  const client = await cluster.run(LEDGER, { parameters: { records: 10_000, perSecond: 2_500, ...places } });
  for (const victim of [0, 'jobmanager', 1] as const) {
    await until(async () => (await client.status()) === 'running');
    await client.triggerCheckpoint().catch(() => {});
    cluster.kill(victim);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const result = await client.result();
  assert.equal(result.status, 'finished');
  const lines = await linesBelow(places.output);
  const expected = Array.from({ length: 10_000 }, (_, i) => `${i % 5} ${Math.floor(i / 5) + 1}`);
  assert.deepEqual(lines.toSorted(), expected.toSorted());
  assert.deepEqual(
    await readdir(places.checkpoints, { recursive: true }),
    [],
    'a job that has finished leaves no checkpoint',
  );
});

test('a process that sleeps through a recovery changes nothing when it wakes up', async () => {
  await using directory = await temporary();
  const places = { checkpoints: join(directory.path, 'checkpoints'), output: join(directory.path, 'output') };
  await using cluster = await ProcessCluster.start({
    taskManagers: 3,
    jobDirectory: join(directory.path, 'jobs'),
    heartbeat: { intervalMs: 100, timeoutMs: 2_000 },
  });
  const client = await cluster.run(LEDGER, { parameters: { records: 8_000, perSecond: 2_000, ...places } });
  await until(async () => (await client.status()) === 'running');
  await client.triggerCheckpoint();
  // In the middle of whatever it is doing: reading, writing files, committing.
  const sleeper = await oneAtWork(client);
  assert.ok(cluster.kill(sleeper, 'SIGSTOP'));
  await until(async () => (await client.exceptions()).length > 0);
  await until(async () => (await client.status()) === 'running');
  await client.triggerCheckpoint();
  cluster.kill(sleeper, 'SIGCONT');
  const result = await client.result();
  assert.ok(result.restarts >= 1);
  const expected = Array.from({ length: 8_000 }, (_, i) => `${i % 5} ${Math.floor(i / 5) + 1}`);
  assert.deepEqual((await linesBelow(places.output)).toSorted(), expected.toSorted());
  assert.deepEqual(await readdir(places.checkpoints, { recursive: true }), [], 'nothing that it wrote is left behind');
});

test('a job that is cancelled leaves its checkpoint where that is wanted, and another one starts from it', async () => {
  await using directory = await temporary();
  const places = { checkpoints: join(directory.path, 'checkpoints'), output: join(directory.path, 'output') };
  const settings = { checkpoint: { externalizedRetention: 'retain-on-cancellation' } } as const;
  await using cluster = await ProcessCluster.start({ taskManagers: 2 });
  const parameters = { records: 4_000, perSecond: 2_000, ...places };
  const first = await cluster.run(LEDGER, { parameters, settings, jobId: 'first' });
  await until(async () => (await first.status()) === 'running');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await first.triggerCheckpoint();
  await first.cancel();
  const [kept] = (await readdir(join(places.checkpoints, 'first'))).filter((name) => name.startsWith('chk-'));
  const fromSavepoint = join(places.checkpoints, 'first', kept ?? 'none');
  const second = await cluster.run(LEDGER, { parameters, settings, jobId: 'second', fromSavepoint });
  assert.equal((await second.result()).status, 'finished');
  const expected = Array.from({ length: 4_000 }, (_, i) => `${i % 5} ${Math.floor(i / 5) + 1}`);
  assert.deepEqual((await linesBelow(places.output)).toSorted(), expected.toSorted());
  assert.ok((await readdir(fromSavepoint)).includes('_metadata'), 'what was not claimed is left alone');
});

test('a module that cannot be loaded is refused before anything is submitted', async () => {
  await using cluster = await ProcessCluster.start({ taskManagers: 1 });
  await assert.rejects(cluster.run(new URL('./jobs/nothing-there.ts', import.meta.url)), (error: MillstreamError) => {
    assert.equal(error.code, 'JOB_MODULE_INVALID');
    return true;
  });
});
