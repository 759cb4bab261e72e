/** `npm run node test/checkpoint/storage/write-golden.ts VERSION`: the golden files of a new version of the formats. */

import { join } from 'node:path';
import { JobStorage } from '../../../src/checkpoint/storage/job-storage.ts';
import { StoredSnapshotFiles } from '../../../src/checkpoint/storage/stored-snapshot-files.ts';
import { CheckpointStores } from '../../../src/checkpoint/storage/stores.ts';
import type { StateBytes } from '../../../src/state/snapshot.ts';
import { createRealWorld } from '../../../src/world/real-world.ts';
import { GOLDEN_JOB, GOLDEN_PARTS, goldenBytes, goldenContent } from './golden.ts';

const directory = join(import.meta.dirname, 'golden', `v${process.argv[2]}`);
const world = createRealWorld();
const stores = new CheckpointStores(world);
const options = { jobId: GOLDEN_JOB, directory, retained: 1, retention: 'no-externalized-checkpoints' } as const;
const storage = await JobStorage.open(options, world, stores);
if (storage.latest !== undefined) throw new Error(`${directory} is there already, and must not change.`);
const epoch = await storage.startAttempt(2);

async function write(parts: keyof typeof GOLDEN_PARTS): Promise<readonly StateBytes[]> {
  const plan = {
    jobId: GOLDEN_JOB,
    epoch,
    directory,
    inlineThresholdBytes: 100,
    compression: parts === 'compressed',
    localDirectories: [],
  };
  const files = new StoredSnapshotFiles(plan, world, stores);
  const file = files.open({ checkpoint: 7, operatorId: 'counts', subtask: 1 });
  for (const [length, seed] of GOLDEN_PARTS[parts]) {
    file.write(goldenBytes(length, seed));
    file.endSection();
  }
  return await file.finish();
}

const written = { plain: await write('plain'), compressed: await write('compressed'), inline: await write('inline') };
await storage.complete(goldenContent(epoch, written));
