import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { JobStorage, type ClaimMode, type JobStorageOptions } from '../../../src/checkpoint/storage/job-storage.ts';
import type { JobOutcome } from '../../../src/checkpoint/storage/epoch-record.ts';
import { disposeSnapshot, findSnapshot } from '../../../src/checkpoint/storage/snapshot-location.ts';
import { StoredSnapshotFiles } from '../../../src/checkpoint/storage/stored-snapshot-files.ts';
import { CheckpointStores } from '../../../src/checkpoint/storage/stores.ts';
import { isFileSegment, type StateBytes } from '../../../src/state/snapshot.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';
import { scratchDirectory } from '../../connect/scratch.ts';
import { content, partsOf, stateOf, writeState } from './contents.ts';

const world = createRealWorld();

/** One JobManager with one task. */
class Manager {
  readonly storage: JobStorage;
  readonly stores: CheckpointStores;
  readonly root: string;
  readonly jobId: string;
  epoch = 0;
  files!: StoredSnapshotFiles;

  private constructor(root: string, jobId: string, stores: CheckpointStores, storage: JobStorage) {
    this.root = root;
    this.jobId = jobId;
    this.stores = stores;
    this.storage = storage;
  }

  static async start(root: string, options: Partial<JobStorageOptions> = {}): Promise<Manager> {
    const manager = await Manager.open(root, options);
    await manager.attempt();
    return manager;
  }

  static async open(root: string, options: Partial<JobStorageOptions> = {}): Promise<Manager> {
    const all: JobStorageOptions = {
      jobId: 'job',
      directory: root,
      retained: 1,
      retention: 'no-externalized-checkpoints',
      ...options,
    };
    const stores = new CheckpointStores(world);
    return new Manager(root, all.jobId, stores, await JobStorage.open(all, world, stores));
  }

  async attempt(): Promise<void> {
    this.epoch = await this.storage.startAttempt();
    const plan = {
      jobId: this.jobId,
      epoch: this.epoch,
      directory: this.root,
      inlineThresholdBytes: 0,
      compression: false,
      localDirectories: [],
    };
    this.files = new StoredSnapshotFiles(plan, world, this.stores);
  }

  /** Completes a checkpoint that carries on `older` and adds a file. */
  async checkpoint(id: number, older: readonly StateBytes[] = []): Promise<readonly StateBytes[]> {
    this.storage.begin(id);
    const parts = [...older, ...(await writeState(this.files, id))];
    await this.storage.complete(content(id, this.epoch, parts));
    await this.storage.settled();
    return parts;
  }

  state(): string[] {
    const shared = join(this.root, this.jobId, 'shared');
    return existsSync(shared) ? readdirSync(shared).map((name) => name.split('-')[1] as string) : [];
  }

  metadata(): string[] {
    const job = join(this.root, this.jobId);
    return existsSync(job) ? readdirSync(job).filter((name) => name.startsWith('chk-')) : [];
  }
}

function scratch(t: TestContext): string {
  return scratchDirectory(t);
}

test('as many checkpoints are kept as are to be, with the files that they share', async (t) => {
  const manager = await Manager.start(scratch(t), { retained: 2 });
  const one = await manager.checkpoint(1);
  const two = await manager.checkpoint(2, one);
  await manager.checkpoint(3, two);
  assert.deepEqual(manager.metadata(), ['chk-2', 'chk-3']);
  assert.deepEqual(manager.state().toSorted(), ['c1', 'c2', 'c3']);
  assert.deepEqual(
    manager.storage.completed.map((one) => one.id),
    [2, 3],
  );
  await manager.checkpoint(4);
  await manager.checkpoint(5);
  await manager.checkpoint(6);
  assert.deepEqual(manager.metadata(), ['chk-5', 'chk-6']);
  // Files outlive their last reference by one checkpoint, because one that is under way may build on them.
  assert.deepEqual(manager.state().toSorted(), ['c4', 'c5', 'c6']);
});

test('files that lost their last reference stay while a checkpoint is under way that may build on them', async (t) => {
  const manager = await Manager.start(scratch(t));
  const one = await manager.checkpoint(1);
  manager.storage.begin(2);
  manager.storage.begin(3);
  const late = await writeState(manager.files, 3);
  await manager.checkpoint(2);
  // 3 began before 2 was complete: it builds on 1.
  await manager.storage.complete(content(3, manager.epoch, [...one, ...late]));
  await manager.storage.settled();
  assert.deepEqual(manager.state().toSorted(), ['c1', 'c2', 'c3']);
  const read = await manager.files.read(partsOf(manager.storage.latest?.content ?? content(0, 0, [])));
  assert.deepEqual(
    read.map((bytes) => bytes[0]),
    [1, 3],
  );
  await manager.checkpoint(4);
  await manager.checkpoint(5);
  assert.deepEqual(manager.state().toSorted(), ['c4', 'c5']);
});

test('files that were taken up again fade anew when they lose their last reference once more', async (t) => {
  const manager = await Manager.start(scratch(t));
  const one = await manager.checkpoint(1);
  manager.storage.begin(2);
  manager.storage.begin(3);
  await manager.checkpoint(2);
  const three = await manager.checkpoint(3, one);
  manager.storage.begin(4);
  manager.storage.begin(5);
  await manager.checkpoint(4);
  // 5 began before 4 was complete: it builds on 3, and so on 1.
  await manager.checkpoint(5, three);
  assert.deepEqual(manager.state().toSorted(), ['c1', 'c3', 'c4', 'c5']);
  const read = await manager.files.read(partsOf(manager.storage.latest?.content ?? content(0, 0, [])));
  assert.deepEqual(
    read.map((bytes) => bytes[0]),
    [1, 3, 5],
  );
});

test('a checkpoint that refers to files that are gone does not complete', async (t) => {
  const manager = await Manager.start(scratch(t));
  const one = await manager.checkpoint(1);
  await manager.checkpoint(2);
  await manager.checkpoint(3);
  await assert.rejects(manager.checkpoint(4, one), { code: 'CHECKPOINT_FAILED', message: /refers to file:.*c1-/ });
  assert.equal(manager.storage.latest?.id, 3);
});

test('a checkpoint does not complete once a later one has', async (t) => {
  const manager = await Manager.start(scratchDirectory(t), { retained: 2 });
  await manager.checkpoint(1);
  await manager.checkpoint(3);
  await assert.rejects(manager.checkpoint(2), { code: 'CHECKPOINT_FAILED', message: /came too late: checkpoint 3/ });
  assert.deepEqual(
    manager.storage.completed.map(({ id }) => id),
    [1, 3],
  );
});

test('discarding removes what was written for a checkpoint, and nothing that others use', async (t) => {
  const manager = await Manager.start(scratch(t));
  const one = await manager.checkpoint(1);
  manager.storage.begin(2);
  const parts = [...one, ...(await writeState(manager.files, 2))];
  assert.deepEqual(manager.state().toSorted(), ['c1', 'c2']);
  await manager.storage.discard(2, content(2, 1, parts).operators);
  assert.deepEqual(manager.state(), ['c1']);
  // Even when told to discard what is complete.
  await manager.storage.discard(1, content(1, 1, one).operators);
  assert.deepEqual(manager.state(), ['c1']);
});

test('a process that was overtaken can complete nothing, remove nothing, and begin no attempt', async (t) => {
  const root = scratch(t);
  const old = await Manager.start(root);
  await old.checkpoint(1);
  const parts = await writeState(old.files, 2);
  const fresh = await Manager.start(root);
  assert.equal(fresh.epoch, 2);
  assert.equal(fresh.storage.latest?.id, 1);
  await assert.rejects(old.storage.complete(content(2, old.epoch, parts)), { code: 'CHECKPOINT_STALE' });
  await assert.rejects(writeState(old.files, 2), { code: 'CHECKPOINT_STALE' });
  await assert.rejects(old.storage.startAttempt(), { code: 'CHECKPOINT_STALE' });
  await assert.rejects(old.storage.close('cancelled'), { code: 'CHECKPOINT_STALE' });
  assert.deepEqual(fresh.metadata(), ['chk-1']);
  await fresh.storage.sweep();
  assert.deepEqual(fresh.state(), ['c1']);
  await fresh.checkpoint(2);
});

test('the metadata of somebody stale does not stand in the way', async (t) => {
  const root = scratch(t);
  const manager = await Manager.start(root);
  await manager.stores.at(root).putNew('job/chk-1/_metadata', Buffer.from('from another time'));
  await manager.checkpoint(1);
  assert.match(manager.storage.latest?.directory ?? '', /chk-1-[0-9a-f]{8}$/);
  const next = await Manager.start(root);
  assert.equal(next.storage.latest?.id, 1);
  await next.storage.sweep();
  assert.equal(next.metadata().length, 1);
});

test('a later attempt of the same process goes on, and what the failed one left is swept', async (t) => {
  const manager = await Manager.start(scratch(t));
  const one = await manager.checkpoint(1);
  await writeState(manager.files, 2);
  await manager.attempt();
  assert.equal(manager.epoch, 2);
  assert.deepEqual(manager.state().toSorted(), ['c1', 'c2']);
  await writeState(manager.files, 2);
  await manager.storage.sweep();
  assert.deepEqual(manager.state().toSorted(), ['c1', 'c2']);
  await manager.checkpoint(3, one);
  await assert.rejects(manager.storage.complete(content(4, 1, one)), { code: 'CHECKPOINT_STALE' });
});

/** Fails writes of the register: before they are done, or after, when the answer is lost. */
function breakRegister(manager: Manager, when: 'before' | 'after', times: number): void {
  const store = manager.stores.at(manager.root);
  const writeRegister = store.writeRegister.bind(store);
  let left = times;
  store.writeRegister = async (...args) => {
    if (left-- <= 0) return await writeRegister(...args);
    if (when === 'after') await writeRegister(...args);
    const { storageFailure } = await import('../../../src/checkpoint/storage/storage-failure.ts');
    throw storageFailure('write', 'job/epoch', new Error('connection reset'));
  };
}

test('a write whose answer was lost is found out, and its files stay', async (t) => {
  const manager = await Manager.start(scratch(t));
  await manager.checkpoint(1);
  manager.storage.begin(2);
  const parts = await writeState(manager.files, 2);
  breakRegister(manager, 'after', 1);
  const two = content(2, manager.epoch, parts);
  await assert.rejects(manager.storage.complete(two), { code: 'CHECKPOINT_STORAGE' });
  await manager.storage.discard(2, two.operators);
  assert.equal(manager.storage.latest?.id, 2);
  assert.ok(manager.state().includes('c2'));
  const next = await Manager.start(manager.root);
  assert.equal(next.storage.latest?.id, 2);
  assert.equal((await next.files.read(parts))[0]?.[0], 2);
});

test('a write that failed is undone, for good', async (t) => {
  const manager = await Manager.start(scratch(t));
  await manager.checkpoint(1);
  manager.storage.begin(2);
  const parts = await writeState(manager.files, 2);
  breakRegister(manager, 'before', 2);
  const two = content(2, manager.epoch, parts);
  await assert.rejects(manager.storage.complete(two), { code: 'CHECKPOINT_STORAGE' });
  await assert.rejects(manager.storage.discard(2, two.operators), { code: 'CHECKPOINT_STORAGE' });
  await manager.storage.discard(2, two.operators);
  assert.equal(manager.storage.latest?.id, 1);
  assert.deepEqual(manager.state(), ['c1']);
  await manager.checkpoint(3);
});

for (const [retention, outcome, kept] of [
  ['no-externalized-checkpoints', 'finished', false],
  ['no-externalized-checkpoints', 'cancelled', false],
  ['no-externalized-checkpoints', 'failed', false],
  ['delete-on-cancellation', 'finished', false],
  ['delete-on-cancellation', 'cancelled', false],
  ['delete-on-cancellation', 'failed', true],
  ['retain-on-cancellation', 'finished', false],
  ['retain-on-cancellation', 'cancelled', true],
  ['retain-on-cancellation', 'failed', true],
  ['no-externalized-checkpoints', 'suspended', true],
] as const satisfies readonly (readonly [JobStorageOptions['retention'], JobOutcome, boolean])[]) {
  test(`with ${retention} the checkpoints of a job that is ${outcome} are ${kept ? 'kept' : 'removed'}`, async (t) => {
    const manager = await Manager.start(scratch(t), { retained: 2, retention });
    await manager.checkpoint(1);
    await manager.checkpoint(2);
    await writeState(manager.files, 3);
    const left = await manager.storage.close(outcome);
    assert.deepEqual(
      left.map((one) => one.id),
      kept ? [1, 2] : [],
    );
    if (kept) assert.deepEqual(manager.metadata(), ['chk-1', 'chk-2']);
    else assert.deepEqual(readdirSync(manager.root), []);
    if (outcome !== 'suspended') await assert.rejects(writeState(manager.files, 3), { code: 'CHECKPOINT_STALE' });
    const next = await Manager.open(manager.root);
    assert.equal(next.storage.ended, kept && outcome !== 'suspended' ? outcome : undefined);
  });
}

async function startFrom(root: string, path: string, mode: ClaimMode): Promise<Manager> {
  const manager = await Manager.open(root, { jobId: 'second' });
  const restored = await manager.storage.restore(path, mode);
  assert.equal(restored.owned, mode === 'claim');
  await manager.attempt();
  return manager;
}

/** The directory of a retained checkpoint of a job that was cancelled. */
async function retained(root: string): Promise<string> {
  const manager = await Manager.start(root, { retention: 'retain-on-cancellation' });
  const parts = await manager.checkpoint(1);
  await manager.checkpoint(2, parts);
  await manager.storage.close('cancelled');
  return join(root, 'job', 'chk-2');
}

test('what was claimed is the job’s: later checkpoints build on it, and it goes when it is subsumed', async (t) => {
  const root = scratch(t);
  const path = await retained(root);
  const manager = await startFrom(root, path, 'claim');
  const parts = partsOf((manager.storage.latest as { content: ReturnType<typeof content> }).content);
  const old = (): string[] => readdirSync(join(root, 'job', 'shared')).toSorted();
  assert.equal(old().length, 2);
  await manager.checkpoint(3, parts.slice(0, 1));
  assert.equal(existsSync(path), false);
  assert.equal(old().length, 2);
  await manager.checkpoint(4);
  await manager.checkpoint(5);
  await manager.checkpoint(6);
  assert.equal(existsSync(join(root, 'job', 'shared')), false);
});

test('what was not claimed is left alone, and nothing may build on it', async (t) => {
  const root = scratch(t);
  const path = await retained(root);
  const manager = await startFrom(root, `${path}/_metadata`, 'no-claim');
  const parts = partsOf((manager.storage.latest as { content: ReturnType<typeof content> }).content);
  await assert.rejects(manager.checkpoint(3, parts), { code: 'CHECKPOINT_FAILED' });
  // A process that takes over before the first checkpoint knows what the job starts from.
  const next = await Manager.start(root, { jobId: 'second' });
  assert.deepEqual([next.storage.latest?.id, next.storage.latest?.owned], [2, false]);
  await next.checkpoint(4);
  await next.checkpoint(5);
  await next.storage.close('cancelled');
  assert.ok(existsSync(path));
  assert.deepEqual(
    (await next.files.read(parts)).map((bytes) => bytes[0]),
    [1, 2],
  );
  assert.deepEqual(readdirSync(root), ['job']);
});

test('a savepoint is self-contained, can be moved, and outlives the job', async (t) => {
  const root = scratch(t);
  const manager = await Manager.start(root);
  const parts = await manager.checkpoint(1);
  const url = manager.storage.newSavepoint(join(root, 'savepoints'));
  assert.match(url, /\/savepoints\/savepoint-job-[0-9a-f]{12}$/);
  const place = fileURLToPath(url);
  const own = await writeState(manager.files, 2, url);
  await manager.storage.completeSavepoint({ ...content(2, 1, [...parts, ...own]), kind: 'savepoint' }, place);
  await assert.rejects(manager.storage.completeSavepoint({ ...content(2, 1, own), kind: 'savepoint' }, place), {
    code: 'CHECKPOINT_FAILED',
    message: /There is a savepoint/,
  });
  await manager.storage.close('finished');
  const moved = join(root, 'elsewhere');
  renameSync(place, moved);
  const found = await findSnapshot(manager.stores, moved);
  const read = await manager.files.read(partsOf(found.content));
  assert.deepEqual(
    read.map((bytes) => bytes.length),
    [stateOf(1).length, stateOf(2).length],
  );
  await disposeSnapshot(manager.stores, moved);
  assert.deepEqual(readdirSync(root), ['savepoints']);
});

test('the directory of a job can be moved while the job does not run', async (t) => {
  const root = scratch(t);
  const manager = await Manager.start(root);
  await manager.checkpoint(2, await manager.checkpoint(1));
  renameSync(join(root, 'job'), join(root, 'moved'));
  const next = await Manager.open(root, { jobId: 'moved' });
  const found = partsOf((next.storage.latest as { content: ReturnType<typeof content> }).content);
  assert.ok(found.every((part) => isFileSegment(part) && part.file.includes('/moved/shared/')));
  assert.equal((await manager.files.read(found)).length, 2);
});

test('a path without a checkpoint, and one that is damaged, are told apart', async (t) => {
  const root = scratch(t);
  const manager = await Manager.start(root);
  await assert.rejects(manager.storage.restore(join(root, 'none'), 'claim'), { code: 'CHECKPOINT_MISSING' });
  await manager.checkpoint(1);
  const path = join(root, 'job', 'chk-1', '_metadata');
  const whole = readFileSync(path);
  for (let i = 0; i < whole.length; i += 5) {
    const damaged = Buffer.from(whole);
    damaged[i] = (damaged[i] as number) ^ 4;
    writeFileSync(path, damaged);
    await assert.rejects(Manager.open(root), { code: 'STATE_CORRUPT' }, `byte ${i}`);
  }
});

test('job ids that are no directory names are refused', async (t) => {
  await assert.rejects(Manager.open(scratch(t), { jobId: '../up' }), { code: 'OPTION_INVALID' });
});
