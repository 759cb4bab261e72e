/** Checkpoints with made-up state, and files in simulated worlds, for the tests of the registry. */

import type { World } from '../../../src/base/world.ts';
import type { JobStorageOptions } from '../../../src/checkpoint/storage/job-storage.ts';
import type { CheckpointContent } from '../../../src/checkpoint/storage/metadata.ts';
import { StoredSnapshotFiles } from '../../../src/checkpoint/storage/stored-snapshot-files.ts';
import type { CheckpointStores } from '../../../src/checkpoint/storage/stores.ts';
import type { OperatorSnapshot, StateBytes } from '../../../src/state/snapshot.ts';

export const OPTIONS: JobStorageOptions = {
  jobId: 'job',
  directory: '/checkpoints',
  retained: 1,
  retention: 'no-externalized-checkpoints',
};

/** An operator whose state is these bytes. */
function operators(parts: readonly StateBytes[]): CheckpointContent['operators'] {
  const snapshot = { operatorId: 'counts', keyed: [{ name: 's', groups: [{ group: 0, parts }] }], lists: [] };
  return new Map([['counts', [snapshot as unknown as OperatorSnapshot]]]);
}

export function partsOf(content: CheckpointContent): readonly StateBytes[] {
  const [snapshot] = content.operators.get('counts') ?? [];
  const { keyed } = snapshot as unknown as { keyed: { groups: { parts: StateBytes[] }[] }[] };
  return keyed[0]?.groups[0]?.parts ?? [];
}

export function content(checkpoint: number, epoch: number, parts: readonly StateBytes[]): CheckpointContent {
  return {
    kind: 'checkpoint',
    checkpoint,
    epoch,
    jobId: 'job',
    jobName: 'Test',
    triggeredAt: 1,
    completedAt: 2,
    operators: operators(parts),
    coordinators: new Map([['source', { splits: [1, 2n] }]]),
    channels: [],
  };
}

export function filesFor(world: World, stores: CheckpointStores, epoch: number): StoredSnapshotFiles {
  const plan = {
    jobId: 'job',
    epoch,
    directory: '/checkpoints',
    inlineThresholdBytes: 0,
    compression: false,
    localDirectories: [],
  };
  return new StoredSnapshotFiles(plan, world, stores);
}

/** The state that a checkpoint adds: recognisable, and too large for one append to be all of it. */
export function stateOf(checkpoint: number): Uint8Array {
  return new Uint8Array(500 + checkpoint).fill(checkpoint);
}

export async function writeState(
  files: StoredSnapshotFiles,
  checkpoint: number,
  directory?: string,
): Promise<readonly StateBytes[]> {
  const place = directory === undefined ? {} : { directory };
  const file = files.open({ checkpoint, operatorId: 'counts', subtask: 0, ...place });
  file.write(stateOf(checkpoint));
  return await file.finish();
}
