import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, type ExecutionSettings, type JobClient, type SavepointHandle } from 'millstream';
import { EVENTS, JOBS, type JobCase } from './jobs.ts';

const CHANNELS: readonly ExecutionSettings['localChannels'][] = ['direct', 'bytes', 'ring', 'network'];
const PARALLELISM = [1, 2, 3];

/** Slow enough that a savepoint falls into the middle. */
const RATE = EVENTS * 2;

async function start(
  job: JobCase,
  channels: ExecutionSettings['localChannels'],
  parallelism: number,
  rate: number | undefined,
  fromSavepoint?: SavepointHandle,
  stateBackend: ExecutionSettings['stateBackend'] = 'memory',
): Promise<JobClient> {
  const env = createEnvironment();
  env
    .setParallelism(parallelism)
    .set({ localChannels: channels, batchRows: 16, maxParallelism: 12, autoWatermarkIntervalMs: 5, stateBackend })
    .set({ stateMemoryMegabytes: 1 });
  job.build(env, rate).collect('out');
  return await env.executeAsync(job.name, fromSavepoint === undefined ? {} : { fromSavepoint });
}

async function lines(client: JobClient): Promise<string[]> {
  const all: string[] = [];
  for await (const line of client.collected<string>('out')) all.push(line);
  return all;
}

/** Resolves when a part of the events, but not all, has been read. */
async function midway(client: JobClient): Promise<void> {
  for (let read = 0; read < EVENTS / 8;) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const { operators } = await client.metrics();
    read = operators.reduce(
      (sum, { operatorId, values }) => sum + (operatorId === 'events' ? (values['numRecordsOut'] ?? 0) : 0),
      0,
    );
  }
}

for (const job of JOBS) {
  const expected = [...job.expected()].sort();
  for (const channels of CHANNELS) {
    test(`${job.name}: ${channels} channels give the same at every parallelism`, async () => {
      for (const parallelism of PARALLELISM) {
        const all = await lines(await start(job, channels, parallelism, undefined));
        assert.deepEqual(all.sort(), expected, `parallelism ${parallelism}`);
      }
    });

    test(`${job.name}: ${channels} channels give the same with a restore at another parallelism midway`, async () => {
      for (const [before, after] of [
        [1, 2],
        [2, 3],
        [3, 1],
      ] as const) {
        const first = await start(job, channels, before, RATE);
        const reading = lines(first);
        await midway(first);
        const savepoint = await first.stopWithSavepoint();
        const rest = await lines(await start(job, channels, after, RATE * 20, savepoint));
        assert.deepEqual([...(await reading), ...rest].sort(), expected, `parallelism ${before}, then ${after}`);
      }
    });
  }
}

for (const job of JOBS) {
  const expected = [...job.expected()].sort();
  test(`${job.name}: state on disk gives the same`, async () => {
    const all = await lines(await start(job, 'direct', 2, undefined, undefined, 'disk'));
    assert.deepEqual(all.sort(), expected);
  });

  for (const [before, after] of [
    ['disk', 'memory'],
    ['memory', 'disk'],
    ['disk', 'disk'],
  ] as const) {
    test(`${job.name}: what state in ${before} saved, state in ${after} goes on with`, async () => {
      const first = await start(job, 'direct', 2, RATE, undefined, before);
      const reading = lines(first);
      await midway(first);
      const savepoint = await first.stopWithSavepoint();
      const rest = await lines(await start(job, 'direct', 3, RATE * 20, savepoint, after));
      assert.deepEqual([...(await reading), ...rest].sort(), expected);
    });
  }
}

test('a job shows what its state on disk takes', async () => {
  const [, job] = JOBS as [JobCase, JobCase];
  const client = await start(job, 'direct', 1, undefined, undefined, 'disk');
  await lines(client);
  const { operators } = await client.metrics();
  const values = operators.map((operator) => operator.values).find((each) => 'state.memoryLimit' in each);
  assert.equal(values?.['state.memoryLimit'], 1024 * 1024);
  assert.ok((values['state.memoryMost'] ?? 0) > 0);
});
