import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StorageError, type World } from '../../src/base/world.ts';
import { bucketByTime, noBuckets } from '../../src/connect/bucket.ts';
import { fileSink, type FileSinkOptions } from '../../src/connect/file-sink.ts';
import { fileSource } from '../../src/connect/file-source.ts';
import { csv } from '../../src/format/csv.ts';
import { OperatorMetricGroup } from '../../src/runtime/metrics.ts';
import { json } from '../../src/format/json.ts';
import { text } from '../../src/format/text.ts';
import { runSink, runSource, type SinkRun, type SinkSnapshot } from '../../src/testing/connector-harness.ts';
import { ManualClock } from '../../src/testing/manual-world.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { Crash, MemoryStorage } from './memory-storage.ts';
import { scratchDirectory } from './scratch.ts';

const world = createRealWorld();

/** Everything below a directory, by relative path; hidden names are shown as what they are, random parts as `*`. */
function contents(directory: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, entry);
    if (statSync(path).isFile()) files[plainName(entry)] = readFileSync(path, 'utf8');
  }
  return files;
}

function plainName(path: string): string {
  return path.replaceAll(/part-(\d+)-[0-9a-f]{8}-(\d+)/g, 'part-$1-*-$2');
}

function plain(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [plainName(path), content]));
}

function memoryWorld(
  storage = new MemoryStorage(),
  clock = new ManualClock(),
): { world: World; storage: MemoryStorage; clock: ManualClock } {
  return { world: { ...world, storage, clock }, storage, clock };
}

const lines = (options: Partial<FileSinkOptions<string>> = {}): ReturnType<typeof fileSink<string>> =>
  fileSink<string>({ path: '/out', format: text(), bucket: noBuckets(), ...options });

test('what is written appears under a final name when the checkpoint is complete, and only then', async (t) => {
  const path = join(scratchDirectory(t), 'deep', 'out');
  const run = await runSink(lines({ path, rolling: { onCheckpoint: true } }), { world, parallelism: 2 });
  await run.write('one');
  await run.write('two', { subtask: 1 });
  await run.write('three');
  const snapshot = await run.checkpoint();
  assert.deepEqual(contents(path), {
    '.part-0-*-0.txt.pending': 'one\nthree\n',
    '.part-1-*-0.txt.pending': 'two\n',
  });
  assert.deepEqual(await run.commit(snapshot), { committed: 2, already: 0, retried: 0, failed: [] });
  assert.deepEqual(contents(path), { 'part-0-*-0.txt': 'one\nthree\n', 'part-1-*-0.txt': 'two\n' });
  await run.write('four');
  await run.finish();
  await run.close();
  assert.deepEqual(contents(path), {
    'part-0-*-0.txt': 'one\nthree\n',
    'part-0-*-1.txt': 'four\n',
    'part-1-*-0.txt': 'two\n',
  });
});

test('a checkpoint leaves a file in progress that is not full, and the end of the input finishes it', async () => {
  const { world: memory, storage } = memoryWorld();
  const run = await runSink(lines(), { world: memory });
  await run.write('one');
  const snapshot = await run.checkpoint();
  assert.deepEqual(snapshot.committables, []);
  await run.commit(snapshot);
  await run.write('two');
  await run.finish();
  await run.close();
  assert.deepEqual(plain(storage.contents('/out')), { 'part-0-*-0.txt': 'one\ntwo\n' });
  assert.equal(storage.openFiles, 0);
});

test('a file is closed when it is full, when it is old, and when nothing was written to it', async () => {
  const { world: memory, storage, clock } = memoryWorld();
  const rolling = { maxBytes: 10, rolloverMs: 1000, inactivityMs: 300, checkIntervalMs: 100 };
  const run = await runSink(lines({ rolling }), { world: memory });
  const closed = async (): Promise<number> => {
    run.turn();
    return (await run.checkpoint()).committables.length;
  };
  await run.write('12345');
  await run.write('6789');
  assert.equal(await closed(), 1, 'full with its eleventh byte');
  await run.write('x');
  clock.advanceTo(200);
  assert.equal(await closed(), 0);
  clock.advanceTo(300);
  assert.equal(await closed(), 1, 'inactive');
  await run.write('a');
  for (let now = 400; now < 1300; now += 100) {
    clock.advanceTo(now);
    run.turn();
    if (now % 200 === 0) await run.write('');
    assert.equal((await run.checkpoint()).committables.length, 0, `at ${now}`);
  }
  clock.advanceTo(1300);
  assert.equal(await closed(), 1, 'old');
  clock.advanceTo(1400);
  run.turn();
  assert.equal(clock.pending, 0, 'no timer without a file in progress');
  await run.close();
  assert.equal(Object.keys(storage.contents('/out')).length, 3);
});

test('buckets are directories: by hour, by any time of day and zone, or by the record', async () => {
  const time = Date.UTC(2024, 1, 29, 23, 5, 7);
  const clock = new ManualClock(time);
  const { world: memory, storage } = memoryWorld(new MemoryStorage(), clock);
  const writeOne = async (bucket: FileSinkOptions<string>['bucket'], timestamp?: number): Promise<void> => {
    const run = await runSink(
      fileSink<string>({ path: '/out/', format: text(), ...(bucket === undefined ? {} : { bucket }) }),
      { world: memory },
    );
    await run.write('x', timestamp === undefined ? {} : { timestamp });
    await run.finish();
    await run.close();
  };
  await writeOne(undefined);
  await writeOne(bucketByTime({ pattern: 'dt=yyyy-MM-dd/mm_ss', timeZone: 'Asia/Kolkata' }));
  await writeOne(bucketByTime({ pattern: 'yyyy', by: 'event-time' }), 0);
  await writeOne((value, { now, timestamp }) => `${value}-${now === time}-${timestamp}`);
  assert.deepEqual(Object.keys(plain(storage.contents('/out'))).toSorted(), [
    '1970/part-0-*-0.txt',
    '2024-02-29--23/part-0-*-0.txt',
    'dt=2024-03-01/35_07/part-0-*-0.txt',
    'x-true-undefined/part-0-*-0.txt',
  ]);
  await assert.rejects(writeOne(bucketByTime({ by: 'event-time' })), { code: 'TIMESTAMP_MISSING' });
  for (const bucket of ['../up', '/root', 'a//b', 'a/./b', 'a\\b', 'a\0']) {
    await assert.rejects(
      writeOne(() => bucket),
      { code: 'RECORD_UNENCODABLE', message: /is no relative path of plain names/ },
    );
  }
  assert.throws(() => bucketByTime({ timeZone: 'Nowhere/City' }), { code: 'OPTION_INVALID', message: /Nowhere\/City/ });
});

test('each file has its header, the names that were asked for, and reads back', async (t) => {
  const path = scratchDirectory(t);
  const format = csv({ header: true, columns: { id: 'integer', name: 'string' } });
  const rows = Array.from({ length: 20 }, (_, id) => ({ id, name: `name, ${id}` }));
  const sink = fileSink({
    path,
    format,
    bucket: (row: { id: number }) => `b${row.id % 2}`,
    partPrefix: 'rows',
    partSuffix: '-x.csv',
    rolling: { maxBytes: 60 },
  });
  const run = await runSink(sink, { world });
  for (const row of rows) await run.write(row);
  await run.finish();
  await run.close();
  const names = Object.keys(contents(path));
  assert.ok(
    names.length > 4 && names.every((name) => /^b[01]\/rows-0-[0-9a-f]{8}-\d+-x\.csv$/.test(name)),
    names.join(' '),
  );
  const source = runSource(fileSource({ path, format }), { world });
  const read = await source.finish();
  await source.close();
  assert.deepEqual(
    read.toSorted((a, b) => a.id - b.id),
    rows,
  );
});

test('a source never reads what is not finished', async (t) => {
  const path = scratchDirectory(t);
  const run = await runSink(lines({ path }), { world });
  await run.write('unfinished');
  await run.checkpoint();
  const source = runSource(fileSource({ path, format: text() }), { world });
  assert.deepEqual(await source.finish(), []);
  await source.close();
  await run.close();
});

test('a restored writer finishes its file without what was written after the checkpoint, and begins another', async () => {
  const { world: memory, storage } = memoryWorld();
  const before = await runSink(lines(), { world: memory });
  await before.write('one');
  const snapshot = await before.checkpoint();
  await before.write('too much');
  await before.checkpoint();
  await before.close();
  const after = await runSink(lines(), { world: memory, restore: snapshot });
  await after.write('two');
  await after.finish();
  await after.close();
  assert.deepEqual(Object.values(storage.contents('/out')).toSorted(), ['one\n', 'two\n']);
  assert.deepEqual(Object.keys(plain(storage.contents('/out'))), ['part-0-*-0.txt']);
});

test('files of two subtasks in one bucket both survive when one of the subtasks goes', async () => {
  const { world: memory, storage } = memoryWorld();
  const before = await runSink(lines(), { world: memory, parallelism: 3 });
  for (const subtask of [0, 1, 2]) await before.write(`of ${subtask}`, { subtask });
  const snapshot = await before.checkpoint();
  await before.close();
  const after = await runSink(lines(), { world: memory, parallelism: 1, restore: snapshot });
  await after.write('more');
  await after.finish();
  await after.close();
  const files = plain(storage.contents('/out'));
  assert.deepEqual(Object.keys(files).toSorted(), ['part-0-*-0.txt', 'part-1-*-0.txt', 'part-2-*-0.txt']);
  const records = Object.values(storage.contents('/out')).join('').trimEnd().split('\n');
  assert.deepEqual(records.toSorted(), ['more', 'of 0', 'of 1', 'of 2']);
});

test('a savepoint commits nothing, and whoever is restored from it commits what was closed', async () => {
  const { world: memory, storage } = memoryWorld();
  const before = await runSink(lines({ rolling: { maxBytes: 4 } }), { world: memory });
  await before.write('closed');
  const savepoint = await before.savepoint();
  assert.deepEqual(savepoint.committables, []);
  await before.commit(savepoint);
  assert.ok(Object.keys(storage.contents('/out')).every((name) => name.startsWith('.')));
  await before.close();
  const after = await runSink(lines(), { world: memory, restore: savepoint });
  await after.finish();
  await after.close();
  assert.deepEqual(plain(storage.contents('/out')), { 'part-0-*-0.txt': 'closed\n' });
});

test('committing twice, or after the file was taken away, is no error', async () => {
  const { world: memory, storage } = memoryWorld();
  const run = await runSink(lines({ rolling: { onCheckpoint: true } }), { world: memory });
  await run.write('one');
  const snapshot = await run.checkpoint();
  await run.commit(snapshot);
  assert.deepEqual(await run.commit(snapshot), { committed: 0, already: 1, retried: 0, failed: [] });
  storage.files.clear();
  assert.deepEqual(await run.commit(snapshot), { committed: 0, already: 1, retried: 0, failed: [] });
  await run.close();
});

test('a pending file that lost bytes is reported, one that gained some is cut', async () => {
  const { world: memory, storage } = memoryWorld();
  const run = await runSink(lines({ rolling: { onCheckpoint: true } }), { world: memory });
  await run.write('one');
  const snapshot = await run.checkpoint();
  const [file] = storage.files.values();
  assert.ok(file !== undefined);
  file.bytes = Buffer.from('on');
  const report = await run.commit(snapshot);
  assert.match(report.failed[0]?.message ?? '', /has 2 bytes, and 4 were written/);
  file.bytes = Buffer.from('one\ntwo\n');
  assert.equal((await run.commit(snapshot)).committed, 1);
  assert.deepEqual(plain(storage.contents('/out')), { 'part-0-*-0.txt': 'one\n' });
  await run.close();
});

test('a restored writer whose file is gone or cut says which, and does not go on silently', async () => {
  for (const [damage, message] of [
    [(storage: MemoryStorage) => storage.files.clear(), /the file is gone/],
    [
      (storage: MemoryStorage) => storage.files.forEach((file) => (file.bytes = Buffer.from('o'))),
      /the file is shorter/,
    ],
  ] as const) {
    const { world: memory, storage } = memoryWorld();
    const before = await runSink(lines(), { world: memory });
    await before.write('one');
    const snapshot = await before.checkpoint();
    await before.close();
    damage(storage);
    const after = await runSink(lines(), { world: memory, restore: snapshot });
    await after.write('two');
    await assert.rejects(after.checkpoint(), { code: 'SINK_FAILED', message });
    await after.close();
  }
});

test('restored from a checkpoint before its file was finished, a writer leaves that file as it is', async () => {
  const { world: memory, storage } = memoryWorld();
  const before = await runSink(lines(), { world: memory });
  await before.write('one');
  const early = await before.checkpoint();
  await before.write('two');
  await before.finish();
  await before.close();
  const after = await runSink(lines(), { world: memory, restore: early });
  await Promise.all([after.write('two'), after.write('three'), after.write('four')]);
  await after.finish();
  await after.close();
  assert.deepEqual(Object.values(storage.contents('/out')).toSorted(), ['one\ntwo\n', 'two\nthree\nfour\n']);
});

/** Throws the system's error for every operation of one kind. */
function failing(operation: string, system: string): MemoryStorage {
  const storage = new MemoryStorage();
  storage.fault = (done, path) => {
    if (done === operation) throw new StorageError(system, path);
  };
  return storage;
}

test('a full disk fails the sink with the path and what to do, wherever it is met', async () => {
  for (const operation of ['append', 'sync', 'openAppend', 'makeDirectory'] as const) {
    const { world: memory, storage } = memoryWorld(failing(operation, 'ENOSPC'));
    const run = await runSink(lines(), { world: memory });
    await run.write('one');
    await assert.rejects(run.checkpoint(), {
      code: 'SINK_DISK_FULL',
      message: /cannot write \/out\/\.part-0-.*: the disk or its quota is full\. Free space/,
    });
    await assert.rejects(run.write('two'), { code: 'SINK_DISK_FULL' });
    await run.close();
    assert.equal(storage.openFiles, 0, operation);
  }
});

test('a disk that fills up between checkpoints fails the sink at once, and once there is room it goes on exactly', async () => {
  const { world: memory, storage } = memoryWorld();
  const big = 'x'.repeat(300_000);
  const run = await runSink(lines(), { world: memory });
  await run.write('first');
  const snapshot = await run.checkpoint();
  storage.fault = (operation, path) => {
    if (operation === 'append') throw new StorageError('ENOSPC', path);
  };
  await run.write(big);
  await assert.rejects(
    async () => {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        run.turn();
      }
    },
    { code: 'SINK_DISK_FULL' },
  );
  await run.close();
  storage.fault = () => {};
  const after = await runSink(lines(), { world: memory, restore: snapshot });
  await after.write('second');
  await after.finish();
  await after.close();
  assert.deepEqual(Object.values(storage.contents('/out')).toSorted(), ['first\n', 'second\n']);
});

test('permissions, read-only file systems and other failures are told apart', async (t) => {
  for (const [system, code] of [
    ['EACCES', 'SINK_PERMISSION'],
    ['EROFS', 'SINK_PERMISSION'],
    ['EDQUOT', 'SINK_DISK_FULL'],
    ['EIO', 'SINK_FAILED'],
  ] as const) {
    const run = await runSink(lines(), { world: memoryWorld(failing('openAppend', system)).world });
    await run.write('one');
    await assert.rejects(run.checkpoint(), { code });
    await run.close();
  }
  const committing = memoryWorld(failing('rename', 'EACCES'));
  const run = await runSink(lines(), { world: committing.world });
  await run.write('one');
  await assert.rejects(run.finish(), { code: 'SINK_PERMISSION', message: /\/out\/part-0-/ });
  await run.close();
  const path = join(scratchDirectory(t), 'file');
  writeFileSync(path, '');
  const blocked = await runSink(lines({ path }), { world });
  await blocked.write('one');
  await assert.rejects(blocked.checkpoint(), { code: 'SINK_FAILED' });
  await blocked.close();
});

test('a lot of data is held back instead of being gathered in memory', async () => {
  const { world: memory, storage } = memoryWorld();
  const run = await runSink(lines({ rolling: { maxBytes: 1_000_000 } }), { world: memory });
  const line = 'y'.repeat(999);
  for (let count = 0; count < 20_000; count++) await run.write(line);
  await run.finish();
  await run.close();
  const files = Object.values(storage.contents('/out'));
  assert.equal(files.length, 20);
  assert.ok(files.every((content) => content === `${line}\n`.repeat(1000)));
});

test('a timer that rings in the middle of a checkpoint changes nothing that the checkpoint holds', async () => {
  const { world: memory, storage, clock } = memoryWorld();
  const writer = lines({ rolling: { inactivityMs: 1, checkIntervalMs: 10 } }).createWriter(
    {
      subtask: 0,
      parallelism: 1,
      attempt: 0,
      jobId: 'job',
      restoredCheckpoint: undefined,
      checkpointing: undefined,
      now: () => clock.now(),
      after: (delayMs, callback) => void clock.after(delayMs, callback),
      fail: (error) => assert.ifError(error),
      metrics: new OperatorMetricGroup(),
      world: memory,
    },
    [],
  );
  await writer.write('one', { timestamp: 0, watermark: 0, rowKind: 0 });
  await writer.flush(false);
  clock.advanceTo(10);
  assert.deepEqual(await writer.prepareCommit?.(1), []);
  clock.advanceTo(20);
  const state = writer.snapshot?.(1).find((one) => 'bucket' in one);
  assert.equal(state?.open?.bytes, 4);
  clock.advanceTo(30);
  await writer.flush(false);
  assert.equal((await writer.prepareCommit?.(2))?.length, 1, 'closed once the checkpoint was taken');
  await writer.close();
  assert.equal(storage.openFiles, 0);
});

interface Attempt {
  readonly run: SinkRun<string>;
  /** The number of the next record. */
  next: number;
}

const RECORDS = 12;
const CHECKPOINT_EVERY = 3;

/**
 * Writes all records, with checkpoints and commits on the way, like a job: `completed` is told of each checkpoint as
 * soon as it is complete, with the number of records that it holds.
 */
async function write(
  { run, next }: Attempt,
  completed: (snapshot: SinkSnapshot, records: number) => void,
): Promise<void> {
  for (let record = next; record < RECORDS; record++) {
    await run.write(`record ${record}`, { subtask: record % 2 });
    if ((record + 1) % CHECKPOINT_EVERY !== 0) continue;
    const snapshot = await run.checkpoint();
    completed(snapshot, record + 1);
    await run.commit(snapshot);
  }
  await run.finish();
}

/** Under final names there are whole files, and no record twice. */
function assertSound(storage: MemoryStorage): string[] {
  const finished = Object.entries(storage.contents('/out')).filter(([name]) => !/(^|\/)\./.test(name));
  const records = finished.flatMap(([name, content]) => {
    assert.ok(content.endsWith('\n'), `${name} is whole`);
    return content.trimEnd().split('\n');
  });
  assert.equal(new Set(records).size, records.length, `no record twice: ${records.join(', ')}`);
  return records;
}

for (const rolling of [{ onCheckpoint: true }, { maxBytes: 20 }, {}]) {
  test(`wherever a sink that rolls ${JSON.stringify(rolling)} crashes, the files have each record exactly once`, async () => {
    const sink = (): ReturnType<typeof lines> =>
      lines({ rolling, bucket: (value) => `b${Number(value.split(' ')[1]) % 3}` });
    let crashes = 0;
    for (let step = 0; ; step++) {
      const first = memoryWorld();
      let state: { snapshot: SinkSnapshot; records: number } | undefined;
      const completed = (snapshot: SinkSnapshot, records: number): void => void (state = { snapshot, records });
      first.storage.fault = (_operation, _path, count) => {
        assertSound(first.storage);
        return count === step ? 'crash' : undefined;
      };
      const run = await runSink(sink(), { world: first.world, parallelism: 2 });
      let crashed = false;
      try {
        await write({ run, next: 0 }, completed);
      } catch (error) {
        // The sink wraps what storage throws.
        assert.ok(error instanceof Crash || (error instanceof Error && error.cause instanceof Crash), String(error));
        crashed = true;
      }
      await run.close().catch(() => {});
      if (!crashed) {
        assert.equal(assertSound(first.storage).length, RECORDS);
        break;
      }
      crashes++;
      const second = memoryWorld(new MemoryStorage(first.storage));
      const parallelism = 1 + (step % 3);
      const restored = await runSink(sink(), {
        world: second.world,
        parallelism: Math.max(2, parallelism),
        ...(state === undefined ? {} : { restore: state.snapshot }),
      });
      await write({ run: restored, next: state?.records ?? 0 }, () => {});
      await restored.close();
      const records = assertSound(second.storage);
      assert.deepEqual(
        records.toSorted(),
        Array.from({ length: RECORDS }, (_, index) => `record ${index}`).toSorted(),
        `crashed at step ${step}`,
      );
    }
    assert.ok(crashes > 20, `${crashes} crashes`);
  });
}

test('records that cannot be written, and options that make no sense, are refused', async () => {
  const run = await runSink(fileSink<unknown>({ path: '/out', format: json() }), { world: memoryWorld().world });
  await assert.rejects(run.write({ big: 1n }), { code: 'RECORD_UNENCODABLE', message: /big: 1n/ });
  await run.close();
  assert.throws(() => lines({ path: '' }), { code: 'OPTION_INVALID' });
  assert.throws(() => lines({ partPrefix: 'a/b' }), { code: 'OPTION_INVALID', message: /partPrefix/ });
  assert.throws(() => lines({ rolling: { maxBytes: 0 } }), { code: 'OPTION_INVALID', message: /rolling\.maxBytes/ });
  assert.throws(() => lines({ rolling: { checkIntervalMs: Number.POSITIVE_INFINITY } }), { code: 'OPTION_INVALID' });
});

test('a directory that is there already, with other files in it, is written to and left alone', async (t) => {
  const path = scratchDirectory(t);
  mkdirSync(join(path, 'b'));
  writeFileSync(join(path, 'b', 'part-0-0.txt'), 'older');
  const run = await runSink(lines({ path, bucket: () => 'b' }), { world });
  await run.write('new');
  await run.finish();
  await run.close();
  assert.deepEqual(contents(path), { 'b/part-0-0.txt': 'older', 'b/part-0-*-0.txt': 'new\n' });
});
