/** The file sink when the same state is restored more than once, and when the one that was given up is still alive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { World } from '../../src/base/world.ts';
import { noBuckets } from '../../src/connect/bucket.ts';
import { fileSink, type RollingOptions } from '../../src/connect/file-sink.ts';
import { text } from '../../src/format/text.ts';
import { runSink, type SinkRun, type SinkSnapshot } from '../../src/testing/connector-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { Crash, MemoryStorage } from './memory-storage.ts';

const real = createRealWorld();

function worldOf(storage: MemoryStorage): World {
  return { ...real, storage };
}

async function start(
  storage: MemoryStorage,
  options: { readonly restore?: SinkSnapshot; readonly jobId?: string; readonly rolling?: RollingOptions } = {},
): Promise<SinkRun<string>> {
  const { rolling = {}, ...rest } = options;
  const sink = fileSink<string>({ path: '/out', format: text(), bucket: noBuckets(), rolling });
  return await runSink(sink, { world: worldOf(storage), ...rest });
}

/** All records under final names, sorted. Each file must be whole. */
function published(storage: MemoryStorage): string[] {
  const files = Object.entries(storage.contents('/out')).filter(([name]) => !name.startsWith('.'));
  return files
    .flatMap(([name, content]) => {
      assert.ok(content.endsWith('\n'), `${name} is whole`);
      return content.trimEnd().split('\n');
    })
    .toSorted();
}

function hidden(storage: MemoryStorage, ending = ''): string[] {
  return Object.keys(storage.contents('/out')).filter((name) => name.startsWith('.') && name.endsWith(ending));
}

async function finish(run: SinkRun<string>): Promise<void> {
  await run.finish();
  await run.close();
}

test('the same savepoint restored twice, and then an older one: what they hold is there once, and nothing is lost', async () => {
  const storage = new MemoryStorage();
  const original = await start(storage, { jobId: 'original' });
  await original.write('1 before both');
  const older = await original.savepoint();
  await original.write('2 before the newer');
  const newer = await original.savepoint();
  await original.write('3 by the original');
  await finish(original);
  const everything = ['1 before both', '2 before the newer', '3 by the original'];
  assert.deepEqual(published(storage), everything);
  for (const [name, restore] of [
    ['first', newer],
    ['second', newer],
    ['third', older],
  ] as const) {
    const run = await start(storage, { jobId: name, restore });
    await run.write(`4 by the ${name}`);
    await finish(run);
    everything.push(`4 by the ${name}`);
    assert.deepEqual(published(storage), everything.toSorted(), name);
  }
  assert.deepEqual(hidden(storage), []);
});

test('savepoints that were restored while the job had finished nothing hold their records once too, in any order', async () => {
  for (const order of [
    [0, 1, 1],
    [1, 0, 1],
    [1, 1, 0],
  ]) {
    const storage = new MemoryStorage();
    const original = await start(storage, { jobId: 'original' });
    await original.write('a');
    const savepoints = [await original.savepoint()];
    await original.write('b');
    savepoints.push(await original.savepoint());
    await original.close();
    for (const [time, which] of order.entries()) {
      const run = await start(storage, { jobId: `run ${time}`, restore: savepoints[which] as SinkSnapshot });
      await run.write(`c of run ${time}`);
      await finish(run);
    }
    assert.deepEqual(published(storage), ['a', 'b', 'c of run 0', 'c of run 1', 'c of run 2'], String(order));
  }
});

test('checkpoints with a file in progress are restored twice, an older one too, whoever finished the file', async () => {
  for (const order of [
    [0, 1, 1],
    [1, 0, 0],
    [1, 1, 0],
  ]) {
    const storage = new MemoryStorage();
    const original = await start(storage, { jobId: 'original' });
    await original.write('a');
    const checkpoints = [await original.checkpoint()];
    await original.write('b');
    checkpoints.push(await original.checkpoint());
    await original.write('lost with the process');
    await original.close();
    for (const [time, which] of order.entries()) {
      const run = await start(storage, { jobId: `run ${time}`, restore: checkpoints[which] as SinkSnapshot });
      await finish(run);
    }
    assert.deepEqual(published(storage), ['a', 'b'], String(order));
  }
});

test('who was given up and is still alive writes into nothing that is published', async () => {
  const storage = new MemoryStorage();
  const zombie = await start(storage);
  await zombie.write('one');
  const checkpoint = await zombie.checkpoint();
  const after = await start(storage, { restore: checkpoint });
  const big = 'x'.repeat(300_000);
  await zombie.write(big);
  await after.write('two');
  const next = await after.checkpoint();
  await zombie.write(big);
  await zombie.checkpoint().catch(() => {});
  await after.commit(next);
  await zombie.write(big).catch(() => {});
  await zombie.checkpoint().catch(() => {});
  await finish(after);
  await zombie.close();
  assert.deepEqual(published(storage), ['one', 'two']);
});

test('an attempt that goes on by itself removes what the one before began and no checkpoint holds', async () => {
  const storage = new MemoryStorage();
  const before = await start(storage, { rolling: { maxBytes: 8 } });
  await before.write('held');
  const checkpoint = await before.checkpoint();
  await before.write('more');
  await before.write('too late');
  const savepoint = await before.savepoint();
  await before.write('begun and lost');
  await before.write('this too');
  await before.checkpoint().then(() => before.write('open'));
  await before.close();
  const after = await start(storage, { restore: checkpoint, rolling: { maxBytes: 8 } });
  await after.write('more');
  await finish(after);
  assert.deepEqual(published(storage), ['held', 'more']);
  assert.deepEqual(hidden(storage, '.inprogress'), []);
  // What the savepoint holds is still there.
  const other = await start(storage, { restore: savepoint, jobId: 'other' });
  await finish(other);
  assert.ok(published(storage).includes('too late'));
});

test('whoever starts from a savepoint or a checkpoint of another job removes nothing of it', async () => {
  const storage = new MemoryStorage();
  const original = await start(storage, { jobId: 'original' });
  await original.write('one');
  const early = await original.checkpoint();
  await original.write('two');
  const late = await original.checkpoint();
  await original.close();
  await finish(await start(storage, { jobId: 'fork', restore: early }));
  await finish(await start(storage, { jobId: 'original', restore: late }));
  assert.deepEqual(published(storage), ['one', 'two']);
});

/** What a job does: checkpoints and savepoints on the way; says what could be restored, with the records it holds. */
async function course(
  run: SinkRun<string>,
  durable: (snapshot: SinkSnapshot, records: number, kind: 'checkpoint' | 'savepoint') => void,
): Promise<void> {
  for (let record = 0; record < 8; record++) {
    await run.write(`record ${record}`);
    if (record % 3 === 1) durable(await run.savepoint(), record + 1, 'savepoint');
    if (record % 3 !== 2) continue;
    const checkpoint = await run.checkpoint();
    durable(checkpoint, record + 1, 'checkpoint');
    await run.commit(checkpoint);
  }
}

test('wherever a job dies, from its last checkpoint it goes on exactly, and every savepoint has all it holds', async () => {
  let crashes = 0;
  for (let step = 0; ; step++) {
    const first = new MemoryStorage();
    const snapshots: { snapshot: SinkSnapshot; records: number; kind: string }[] = [];
    first.fault = (_operation, _path, count) => (count === step ? 'crash' : undefined);
    const run = await start(first, { jobId: 'job', rolling: { maxBytes: 20 } });
    const alive = await course(run, (snapshot, records, kind) => void snapshots.push({ snapshot, records, kind })).then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof Crash || (error as Error).cause instanceof Crash, String(error));
        return false;
      },
    );
    await run.close().catch(() => {});
    if (alive) break;
    crashes++;
    const last = snapshots.findLast(({ kind }) => kind === 'checkpoint');
    const second = new MemoryStorage(first);
    const restored = await start(second, { jobId: 'job', ...(last === undefined ? {} : { restore: last.snapshot }) });
    for (let record = last?.records ?? 0; record < 8; record++) await restored.write(`record ${record}`);
    await finish(restored);
    const all = Array.from({ length: 8 }, (_, index) => `record ${index}`);
    assert.deepEqual(published(second), all, `from the checkpoint, crashed at step ${step}`);
    // Afterwards somebody restores a savepoint, twice: it may bring what the job did again, but all of its own is there.
    const savepoint = snapshots.findLast(({ kind }) => kind === 'savepoint');
    if (savepoint === undefined) continue;
    const before = published(second);
    for (const jobId of ['one', 'two']) await finish(await start(second, { jobId, restore: savepoint.snapshot }));
    const held = Array.from({ length: savepoint.records }, (_, index) => `record ${index}`);
    const twice = published(second).filter((record, index, list) => list.indexOf(record) !== index);
    assert.deepEqual([...new Set([...before, ...held])].toSorted(), [...new Set(published(second))], `step ${step}`);
    // Twice comes only what the failed attempt had given to the savepoint behind its last checkpoint.
    for (const record of twice) assert.ok(all.indexOf(record) >= (last?.records ?? 0), `${record} at step ${step}`);
    assert.equal(new Set(twice).size, twice.length, `none three times at step ${step}`);
  }
  assert.ok(crashes > 20, `${crashes} crashes`);
});
