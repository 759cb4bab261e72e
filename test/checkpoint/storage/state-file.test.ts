import assert from 'node:assert/strict';
import { readFileSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { readEpoch, writeEpoch } from '../../../src/checkpoint/storage/epoch-record.ts';
import { readFrame } from '../../../src/checkpoint/storage/state-file.ts';
import { StoredSnapshotFiles, type SnapshotFilesPlan } from '../../../src/checkpoint/storage/stored-snapshot-files.ts';
import { CheckpointStores } from '../../../src/checkpoint/storage/stores.ts';
import { isFileSegment, type FileSegment, type StateBytes } from '../../../src/state/snapshot.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';
import { scratchDirectory } from '../../connect/scratch.ts';

const world = createRealWorld();

interface Rig {
  readonly directory: string;
  readonly files: StoredSnapshotFiles;
  readonly stores: CheckpointStores;
  again(change: Partial<SnapshotFilesPlan>): StoredSnapshotFiles;
}

async function rig(t: TestContext, change: Partial<SnapshotFilesPlan> = {}): Promise<Rig> {
  const directory = scratchDirectory(t);
  const stores = new CheckpointStores(world);
  const plan: SnapshotFilesPlan = {
    jobId: 'job',
    epoch: 1,
    directory,
    inlineThresholdBytes: 100,
    compression: false,
    localDirectories: [],
    ...change,
  };
  await raise(stores, directory, 1, undefined);
  const again = (more: Partial<SnapshotFilesPlan>): StoredSnapshotFiles =>
    new StoredSnapshotFiles({ ...plan, ...more }, world, stores);
  return { directory, files: again({}), stores, again };
}

async function raise(
  stores: CheckpointStores,
  directory: string,
  epoch: number,
  from: string | undefined,
): Promise<string> {
  const record = { epoch, checkpoints: [], ended: undefined, write: String(epoch) };
  return (await writeEpoch(stores.at(directory), 'job', record, from)) as string;
}

const OPERATOR = { checkpoint: 5, operatorId: 'counts', subtask: 2 };
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const shared = (directory: string): string[] => {
  try {
    return readdirSync(join(directory, 'job/shared'));
  } catch {
    return [];
  }
};

async function write(
  files: StoredSnapshotFiles,
  sections: readonly (readonly Uint8Array[])[],
): Promise<readonly StateBytes[]> {
  const file = files.open(OPERATOR);
  for (const [i, section] of sections.entries()) {
    for (const part of section) {
      file.write(part);
      if (!file.ready) await file.drained();
    }
    assert.equal(file.endSection(), i);
  }
  return await file.finish();
}

test('sections come back as they were written, whatever their sizes, compressed or not', async (t) => {
  const { again } = await rig(t);
  const parts = fc.array(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(parts, fc.boolean(), fc.nat(3_000), async (sections, compression, inlineThresholdBytes) => {
      const files = again({ compression, inlineThresholdBytes });
      // Arbitrary bytes do not compress; zeros behind them do, and fill several blocks.
      const large = sections.map((section, i) => (i % 3 === 2 ? [...section, filled(200_000 * i, i)] : section));
      const written = await write(files, large);
      const read = await files.read(written);
      assert.deepEqual(
        read.map(Buffer.from),
        large.map((section) => Buffer.concat(section)),
      );
      const total = large.flat().reduce((sum, part) => sum + part.length, 0);
      const inFile = written.some(isFileSegment);
      assert.equal(inFile, total > inlineThresholdBytes);
    }),
    { numRuns: 60 },
  );
});

test('a small snapshot never becomes a file', async (t) => {
  const { directory, files } = await rig(t);
  const written = await write(files, [[filled(60, 1)], [], [filled(20, 2), filled(20, 3)]]);
  assert.deepEqual(
    written.map((part) => (part as Uint8Array).length),
    [60, 0, 40],
  );
  assert.deepEqual(shared(directory), []);
});

test('without a directory everything stays inline', async (t) => {
  const { again } = await rig(t);
  const files = again({ directory: undefined });
  const written = await write(files, [[filled(1_000_000, 1)]]);
  assert.equal((written[0] as Uint8Array).length, 1_000_000);
});

test('a file says of itself whose it is, and where its sections lie', async (t) => {
  const { directory, again } = await rig(t);
  const written = await write(again({ compression: true }), [[filled(9_000, 1)], [], [filled(300_000, 2)]]);
  const [name] = shared(directory);
  assert.match(name ?? '', /^e1-c5-[0-9a-f]{16}\.state$/);
  const frame = readFrame(readFileSync(join(directory, 'job/shared', name as string)), name as string);
  assert.deepEqual(frame.header, {
    compressed: true,
    jobId: 'job',
    epoch: 1,
    checkpoint: 5,
    operatorId: 'counts',
    subtask: 2,
  });
  assert.deepEqual(
    frame.sections.map((section) => section.rawLength),
    [9_000, 0, 300_000],
  );
  const last = written[2] as FileSegment;
  assert.deepEqual({ offset: last.offset, length: last.length, crc: last.crc }, pick(frame.sections[2]));
  assert.ok(last.length < 300);
});

function pick(section: FrameSection | undefined): object {
  return { offset: section?.offset, length: section?.length, crc: section?.crc };
}
type FrameSection = ReturnType<typeof readFrame>['sections'][number];

test('every flipped byte of a section, and every missing one, is found and named', async (t) => {
  for (const compression of [false, true]) {
    const { files, again, stores } = await rig(t, { compression });
    const written = await write(files, [[filled(200, 7)], [filled(100, 8)]]);
    const segments = written.filter(isFileSegment);
    const path = fileURLToPath((segments[0] as FileSegment).file);
    const whole = readFileSync(path);
    for (const segment of segments) {
      for (let i = 0; i < segment.length; i += 3) {
        const damaged = Buffer.from(whole);
        damaged[segment.offset + i] = (damaged[segment.offset + i] as number) ^ 0x10;
        writeFileSync(path, damaged);
        const details = { file: segment.file, offset: segment.offset };
        await assert.rejects(again({}).read([segment]), { code: 'STATE_CORRUPT', details });
      }
      writeFileSync(path, whole.subarray(0, segment.offset + segment.length - 1));
      await assert.rejects(again({}).read([segment]), {
        code: 'STATE_CORRUPT',
        details: { file: segment.file, offset: segment.offset + segment.length - 1 },
      });
    }
    writeFileSync(path, whole);
    await stores.at(path.slice(0, path.lastIndexOf('/'))).remove([path.slice(path.lastIndexOf('/') + 1)]);
    await assert.rejects(files.read(written), { code: 'STATE_CORRUPT', message: /the file is missing/ });
  }
});

test('every flipped byte of the frame, and every missing one, is found', async (t) => {
  const { directory, files } = await rig(t);
  await write(files, [[filled(200, 7)]]);
  const whole = readFileSync(join(directory, 'job/shared', shared(directory)[0] as string));
  const [section] = readFrame(whole, 'f').sections;
  for (let i = 0; i < whole.length; i++) {
    if (section !== undefined && i >= section.offset && i < section.offset + section.length) continue;
    const damaged = Buffer.from(whole);
    damaged[i] = (damaged[i] as number) ^ 1;
    assert.throws(() => readFrame(damaged, 'f'), { code: 'STATE_CORRUPT' }, `byte ${i}`);
  }
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => readFrame(whole.subarray(0, length), 'f'), { code: 'STATE_CORRUPT' }, `length ${length}`);
});

test('what is given up is removed, before it is finished and after', async (t) => {
  const { directory, files } = await rig(t);
  const early = files.open(OPERATOR);
  early.write(filled(3_000_000, 1));
  await new Promise((resolve) => setTimeout(resolve, 5));
  await early.abort();
  const late = files.open(OPERATOR);
  late.write(filled(3_000_000, 1));
  await late.finish();
  assert.equal(shared(directory).length, 1);
  await late.abort();
  const between = files.open(OPERATOR);
  between.write(filled(3_000_000, 1));
  const finishing = assert.rejects(between.finish(), { code: 'CHECKPOINT_FAILED' });
  await between.abort();
  await finishing;
  assert.deepEqual(shared(directory), []);
});

test('an attempt that was overtaken publishes nothing', async (t) => {
  const { directory, files, stores } = await rig(t);
  const file = files.open(OPERATOR);
  file.write(filled(1_000, 1));
  const { version } = (await readEpoch(stores.at(directory), 'job')) as { version: string };
  await raise(stores, directory, 2, version);
  await assert.rejects(file.finish(), { code: 'CHECKPOINT_STALE', message: /attempt 2 has begun/ });
  assert.deepEqual(shared(directory), []);
  await stores.at(directory).removeRegister('job/epoch');
  const after = files.open(OPERATOR);
  after.write(filled(1_000, 1));
  await assert.rejects(after.finish(), { code: 'CHECKPOINT_STALE', message: /the job is over/ });
});

test('a writer that is faster than the storage is asked to hold back', async (t) => {
  const { files } = await rig(t);
  const file = files.open(OPERATOR);
  let written = 0;
  while (file.ready) {
    file.write(filled(1_000_000, 1));
    written++;
    assert.ok(written < 100, 'never asked');
  }
  await file.drained();
  assert.equal(file.ready, true);
  await file.abort();
});

test('neighbours in a file are fetched together', async (t) => {
  const { files, again, stores, directory } = await rig(t);
  const written = await write(
    files,
    Array.from({ length: 50 }, (_, i) => [filled(1_000, i)]),
  );
  const store = stores.at(directory);
  const getRange = store.getRange.bind(store);
  let reads = 0;
  store.getRange = (...args) => {
    reads++;
    return getRange(...args);
  };
  const [, ...rest] = written;
  const read = await again({}).read([...rest.slice(10, 30)].toReversed());
  assert.deepEqual(
    read.map((bytes) => bytes[0]),
    Array.from({ length: 20 }, (_, i) => 30 - i),
  );
  assert.equal(reads, 1);
});

test('local copies are read first, and fetched anew when they are missing or damaged', async (t) => {
  const local = scratchDirectory(t);
  const { files, again } = await rig(t, { localDirectories: [local] });
  const written = await write(files, [[filled(10_000, 1)], [filled(10_000, 2)]]);
  const copies = join(local, 'job');
  const [copy] = readdirSync(copies);
  const restored = again({ localDirectories: [local] });
  await restored.read(written);
  assert.deepEqual(restored.readCounts, { local: 20_000, fetched: 0 });
  // A link shares its bytes with the checkpoint: put a damaged file in its place.
  const damaged = Buffer.from(readFileSync(join(copies, copy as string)));
  damaged[5_000] = 99;
  unlinkSync(join(copies, copy as string));
  writeFileSync(join(copies, copy as string), damaged);
  const again1 = again({ localDirectories: [local] });
  assert.equal((await again1.read(written))[1]?.[0], 2);
  assert.deepEqual(again1.readCounts, { local: 0, fetched: 20_000 });
  assert.deepEqual(readdirSync(copies), []);
});

/** What a part of one value is, in short. */
function described(part: Uint8Array): string {
  assert.ok(part.every((byte) => byte === part[0]));
  return `${part.length} x ${part[0]}`;
}

async function streamed(files: StoredSnapshotFiles, bytes: readonly StateBytes[]): Promise<string[]> {
  const taken: string[] = [];
  await files.stream(bytes, (part, index) => {
    assert.equal(index, taken.length);
    taken.push(described(part));
  });
  return taken;
}

test('a stream hands over the bytes in the order given, whatever lies where', async (t) => {
  for (const compression of [false, true]) {
    const { files, again } = await rig(t, { compression });
    const parts = Array.from({ length: 60 }, (_, i) => filled(100_000 + i, i));
    const [first, second] = [
      await write(
        files,
        parts.map((part) => [part]),
      ),
      await write(files, [[filled(5, 77)], [filled(500, 78)]]),
    ];
    const inline = filled(3, 9);
    const asked = [...second, inline, ...first.slice(20), inline, ...first.slice(0, 20).toReversed()];
    const expected = [
      filled(5, 77),
      filled(500, 78),
      inline,
      ...parts.slice(20),
      inline,
      ...parts.slice(0, 20).toReversed(),
    ];
    assert.deepEqual(await streamed(again({}), asked), expected.map(described));
    assert.deepEqual(await streamed(again({}), []), []);
  }
});

test('a stream uses its memory again, however much it hands over', async (t) => {
  const { files, again } = await rig(t);
  const written = await write(
    files,
    Array.from({ length: 64 }, (_, i) => [filled(300_000, i)]),
  );
  const pieces = new Set<ArrayBufferLike>();
  await again({}).stream(written, (part, index) => {
    assert.ok(part.every((byte) => byte === index));
    pieces.add(part.buffer);
  });
  assert.ok(pieces.size <= 4, `${pieces.size} pieces of memory`);
});

test('a stream ends before the segment that is damaged, and names it', async (t) => {
  const { files, again } = await rig(t);
  const written = await write(
    files,
    Array.from({ length: 30 }, (_, i) => [filled(300_000, i)]),
  );
  const damaged = written[20] as FileSegment;
  const path = fileURLToPath(damaged.file);
  const bytes = readFileSync(path);
  bytes[damaged.offset + 1_000] = 99;
  writeFileSync(path, bytes);
  let taken = 0;
  await assert.rejects(
    again({}).stream(written, (_part, index) => {
      assert.ok(index < 20);
      taken++;
    }),
    { code: 'STATE_CORRUPT', details: { file: damaged.file, offset: damaged.offset } },
  );
  assert.ok(taken > 0);
  await assert.rejects(
    again({}).stream(written, () => {
      throw new Error('no room');
    }),
    /no room/,
  );
});

test('a stream reads local copies first, and the file where a copy is damaged', async (t) => {
  const local = scratchDirectory(t);
  const { files, again } = await rig(t, { localDirectories: [local] });
  const parts = Array.from({ length: 30 }, (_, i) => filled(300_000, i));
  const written = await write(
    files,
    parts.map((part) => [part]),
  );
  const whole = again({ localDirectories: [local] });
  assert.deepEqual(await streamed(whole, written), parts.map(described));
  assert.deepEqual(whole.readCounts, { local: 9_000_000, fetched: 0 });
  const copies = join(local, 'job');
  const copy = join(copies, readdirSync(copies)[0] as string);
  const damaged = Buffer.from(readFileSync(copy));
  damaged[(written[20] as FileSegment).offset + 5] = 99;
  // A link shares its bytes with the checkpoint.
  unlinkSync(copy);
  writeFileSync(copy, damaged);
  const restored = again({ localDirectories: [local] });
  assert.deepEqual(await streamed(restored, written), parts.map(described));
  assert.equal(restored.readCounts.local + restored.readCounts.fetched, 9_000_000);
  assert.ok(restored.readCounts.fetched > 0);
  assert.deepEqual(readdirSync(copies), []);
});

test('a local copy goes when a checkpoint completes that does not refer to it', async (t) => {
  const local = scratchDirectory(t);
  const { files } = await rig(t, { localDirectories: [local] });
  const urls: string[] = [];
  for (const checkpoint of [5, 6, 7]) {
    const file = files.open({ ...OPERATOR, checkpoint });
    file.write(filled(1_000, checkpoint));
    urls.push(((await file.finish())[0] as FileSegment).file);
  }
  const left = (): string[] =>
    readdirSync(join(local, 'job'))
      .map((name) => name.slice(0, 5))
      .toSorted();
  assert.deepEqual(left(), ['e1-c5', 'e1-c6', 'e1-c7']);
  files.completed(6, new Set([urls[1] as string]));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(left(), ['e1-c6', 'e1-c7']);
});
