import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, LocalCluster, runJob, type JobClient, type MillstreamError } from 'millstream';

const module = (name: string): URL => new URL(`./jobs/${name}.ts`, import.meta.url);

interface Count {
  readonly key: string;
  readonly n: number;
}

async function results(client: JobClient, values: Count[] = []): Promise<Count[]> {
  for await (const value of client.collected<Count>('result')) values.push(value);
  return values;
}

/** Every key's counts follow each other from 1 on. */
function assertConsecutive(values: readonly Count[], total: number): void {
  assert.equal(values.length, total);
  const last = new Map<string, number>();
  for (const { key, n } of values) {
    assert.equal(n, (last.get(key) ?? 0) + 1, key);
    last.set(key, n);
  }
}

test('a job module runs on two worker threads, which exchange records through shared memory', async () => {
  const client = await runJob(module('count'), { parameters: { count: 5000, keys: 20 } });
  const values = await results(client);
  assertConsecutive(values, 5000);
  const { operators } = await client.metrics();
  const sent = operators.reduce((sum, operator) => sum + (operator.values['bytesSent'] ?? 0), 0);
  assert.ok(sent > 0, 'bytes crossed between the threads');
  const perSubtask = operators
    .filter((operator) => operator.operatorId === 'count')
    .map((operator) => operator.values['numRecordsIn'] ?? 0);
  assert.equal(perSubtask.length, 2);
  assert.ok(
    perSubtask.every((records) => records > 0),
    'both subtasks had keys',
  );
});

test('threads exchange records through connections when asked to', async () => {
  const client = await runJob(module('count'), { parameters: { count: 3000 }, settings: { localChannels: 'network' } });
  assertConsecutive(await results(client), 3000);
});

test('a job on threads stops with a savepoint and continues from it at another parallelism', async () => {
  const parameters = { count: 3000, keys: 50, rate: 6000 };
  const first = await runJob(module('count'), { parameters });
  const seen: Count[] = [];
  const reading = results(first, seen);
  while (seen.length < 100) await new Promise((resolve) => setTimeout(resolve, 5));
  const fromSavepoint = await first.stopWithSavepoint();
  await reading;
  assert.ok(seen.length > 0 && seen.length < 3000);
  const second = await runJob(module('count'), { parameters, fromSavepoint });
  assertConsecutive([...seen, ...(await results(second))], 3000);
});

test('a slot out of heap fails the job, not the process', async () => {
  const client = await runJob(module('hungry'), { settings: { slotHeapMegabytes: 96 } });
  await assert.rejects(client.result(), (error: MillstreamError) => {
    assert.equal(error.code, 'SLOT_OUT_OF_MEMORY');
    assert.match(error.message, /96 MB/);
    return true;
  });
  assert.equal(await client.status(), 'failed');
});

test('a job that ends the thread of its slot fails alone, and the slot comes back', async () => {
  await using cluster = await LocalCluster.start({ slots: 2 });
  const quitter = await cluster.run(module('quitter'));
  await assert.rejects(quitter.result(), (error: MillstreamError) => error.code === 'SLOT_LOST');
  assertConsecutive(await results(await cluster.run(module('count'), { parameters: { count: 300 } })), 300);
});

test('a module that builds another graph on its workers is refused with the difference', async () => {
  const client = await runJob(module('moody'));
  await assert.rejects(client.result(), (error: MillstreamError) => {
    assert.equal(error.code, 'GRAPH_DIFFERS');
    assert.match(error.message, /main/);
    assert.match(error.message, /worker/);
    return true;
  });
});

test('metrics of a job that is still being deployed are empty, not late', async () => {
  const client = await runJob(module('count'), { parameters: { count: 1000 } });
  await client.metrics();
  await results(client);
  assert.ok((await client.metrics()).operators.length > 0);
});

test('a module without a job is refused before anything starts', async () => {
  await assert.rejects(
    runJob(new URL('./run-job.test.ts', import.meta.url).href.replace('run-job.test', 'jobs/nothing')),
    (error: MillstreamError) => error.code === 'JOB_MODULE_INVALID',
  );
});

test('too few slots are refused with the numbers', async () => {
  await assert.rejects(
    runJob(module('count'), { slots: 1 }),
    (error: MillstreamError) => error.code === 'RESOURCES_INSUFFICIENT' && /needs 2 slots/.test(error.message),
  );
});

test('a cluster outlives its jobs and runs several at a time', async () => {
  await using cluster = await LocalCluster.start({ slots: 2 });
  const clients = await Promise.all(
    [1000, 2000, 3000].map((count) => cluster.run(module('count'), { parameters: { count } })),
  );
  const counts = await Promise.all(clients.map((client) => results(client)));
  counts.forEach((values, i) => assertConsecutive(values, (i + 1) * 1000));
  const again = await cluster.run(module('count'), { parameters: { count: 500 } });
  assertConsecutive(await results(again), 500);
});

test('a slot sharing group that asks for more heap than the slots have is refused', async () => {
  await assert.rejects(
    runJob(module('count'), {
      parameters: { count: 10 },
      settings: { slotHeapMegabytes: 128, slotSharingGroups: { default: { heapMegabytes: 256 } } },
    }).then((client) => client.result()),
    { code: 'RESOURCES_INSUFFICIENT', message: /slots of up to 256 MB of heap.*have 128 to 128 MB/ },
  );
  assert.throws(() => createEnvironment().registerSlotSharingGroup('x', { cpuCores: 2 }), {
    code: 'OPTION_INVALID',
    message: /slotSharingGroups\.x\.cpuCores.*a slot is one thread/,
  });
});
