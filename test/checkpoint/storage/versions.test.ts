/** The formats of files over the versions of this engine. */

import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { filesOf } from '../../../src/checkpoint/storage/file-references.ts';
import { JobStorage } from '../../../src/checkpoint/storage/job-storage.ts';
import { openRecord, sealRecord, type RecordForm } from '../../../src/checkpoint/storage/sealed-record.ts';
import { SegmentReader } from '../../../src/checkpoint/storage/segment-reader.ts';
import { readFrame } from '../../../src/checkpoint/storage/state-file.ts';
import { CheckpointStores } from '../../../src/checkpoint/storage/stores.ts';
import type { StateBytes } from '../../../src/state/snapshot.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';
import { scratchDirectory } from '../../connect/scratch.ts';
import { GOLDEN_JOB, GOLDEN_PARTS, goldenBytes, goldenContent } from './golden.ts';

const world = createRealWorld();
const GOLDEN = join(import.meta.dirname, 'golden');

for (const version of readdirSync(GOLDEN)) {
  test(`files of ${version} are restored`, async (t) => {
    const directory = join(scratchDirectory(t), 'moved here');
    cpSync(join(GOLDEN, version), directory, { recursive: true });
    const stores = new CheckpointStores(world);
    const options = { jobId: GOLDEN_JOB, directory, retained: 1, retention: 'no-externalized-checkpoints' } as const;
    const storage = await JobStorage.open(options, world, stores);
    assert.equal(storage.epoch, 2);
    const found = storage.latest?.content;
    assert.ok(found !== undefined);
    const [counts] = found.operators.get('counts') ?? [];
    const [low, high] = counts?.keyed[0]?.groups ?? [];
    const bytes = (group: typeof low): StateBytes[] => (group?.parts ?? []).map((part) => part.bytes);
    const [base, delta] = bytes(low);
    const [packed, removals] = bytes(high);
    const parts = { plain: [base, delta], compressed: [packed], inline: [removals] } as Record<
      keyof typeof GOLDEN_PARTS,
      readonly StateBytes[]
    >;
    assert.deepEqual(found, goldenContent(2, parts));
    const reader = new SegmentReader(stores);
    for (const [sort, expected] of Object.entries(GOLDEN_PARTS)) {
      const read = await reader.read(parts[sort as keyof typeof GOLDEN_PARTS]);
      for (const [i, [length, seed]] of expected.entries())
        assert.ok(Buffer.from(goldenBytes(length, seed)).equals(read[i] as Uint8Array), `${sort} ${i}`);
    }
    for (const file of filesOf(found.operators)) {
      const { store, key } = stores.find(file);
      const { header } = readFrame((await store.get(key)) as Uint8Array, file);
      assert.deepEqual(
        [header.jobId, header.checkpoint, header.operatorId, header.subtask],
        [GOLDEN_JOB, 7, 'counts', 1],
      );
    }
    assert.equal(await storage.startAttempt(), 3);
  });
}

const form = (version: number, readableFrom: number): RecordForm => ({
  name: 'a record',
  magic: 'MSTEST!\n',
  version,
  readableFrom,
});

test('a record of a later version is read as far as its writer allows it', () => {
  const added = sealRecord(form(5, 2), { old: 1, added: 2 });
  assert.deepEqual(openRecord(form(2, 1), added, 'f'), { version: 5, value: { old: 1, added: 2 } });
  assert.throws(() => openRecord(form(1, 1), added, 'f'), {
    code: 'CHECKPOINT_VERSION',
    message: /f is a record of version 5, which can be read from version 2 on; this build knows version 1/,
  });
});

test('a record of an earlier version is read', () => {
  assert.deepEqual(openRecord(form(9, 8), sealRecord(form(1, 1), 'old'), 'f'), { version: 1, value: 'old' });
});

test('every flipped bit of a record, and every missing byte, is found', () => {
  const whole = sealRecord(form(1, 1), { a: [1, 'two', 3n] });
  for (let i = 0; i < whole.length * 8; i++) {
    const damaged = whole.slice();
    damaged[i >> 3] = (damaged[i >> 3] as number) ^ (1 << (i & 7));
    assert.throws(() => openRecord(form(1, 1), damaged, 'f'), { code: 'STATE_CORRUPT' }, `bit ${i}`);
  }
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => openRecord(form(1, 1), whole.subarray(0, length), 'f'), { code: 'STATE_CORRUPT' });
});

test('a state file of a later version says from which one on it can be read', () => {
  const shared = join(GOLDEN, 'v1', GOLDEN_JOB, 'shared');
  const bytes = readFileSync(join(shared, readdirSync(shared)[0] as string));
  bytes.writeUInt16LE(4, 8);
  bytes.writeUInt16LE(3, 10);
  const headerEnd = 16 + bytes.readUInt16LE(14);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, headerEnd)), headerEnd);
  assert.throws(() => readFrame(bytes, 'f'), {
    code: 'CHECKPOINT_VERSION',
    message: /version 4, .* from version 3 on/,
  });
});
