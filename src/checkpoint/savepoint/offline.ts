/** What tools outside of any job share: the stores, the files, and a way of naming classes. */

import { MillstreamError } from '../../base/error.ts';
import type { World } from '../../base/world.ts';
import { TypeRegistry, type InstanceClass, type InstanceCodec } from '../../data/type-registry.ts';
import type { SnapshotFile } from '../../state/snapshot.ts';
import { METADATA } from '../storage/layout.ts';
import { SegmentReader } from '../storage/segment-reader.ts';
import { openAround } from '../storage/snapshot-location.ts';
import { StoredSnapshotFiles } from '../storage/stored-snapshot-files.ts';
import { CheckpointStores, storeUrl } from '../storage/stores.ts';

/** Takes the classes whose instances are in state, under the names that the job gave them. */
export interface ClassRegistry {
  register<T extends object>(name: string, type: InstanceClass<T>, codec?: InstanceCodec<T>): void;
}

/** What reading and writing savepoints needs to know of the values in them. */
export interface SavepointClasses {
  /** Registers the classes of the job, as its `env.registerType` does. Not needed where state is plain data. */
  readonly registerTypes?: (types: ClassRegistry) => void;
}

/** So much of what is written waits in memory, then in a file beside the savepoint. */
const INLINE_BYTES = 16 << 20;

/** The surroundings of one use of a tool. */
export class Offline {
  readonly world: World;
  readonly stores: CheckpointStores;
  readonly types = new TypeRegistry();
  readonly reads: SegmentReader;

  constructor(world: World, { registerTypes }: SavepointClasses = {}) {
    this.world = world;
    this.stores = new CheckpointStores(world);
    this.reads = new SegmentReader(this.stores);
    registerTypes?.(this.types);
  }

  /** A file for entries that wait, to be removed in the end. */
  scratchFile(operatorId: string, directory: string): SnapshotFile {
    const plan = {
      jobId: 'savepoint',
      epoch: 0,
      directory: undefined,
      inlineThresholdBytes: INLINE_BYTES,
      compression: true,
      localDirectories: [],
    };
    const files = new StoredSnapshotFiles(plan, this.world, this.stores);
    return files.open({ checkpoint: 0, operatorId, subtask: 0, directory });
  }

  /** @throws CHECKPOINT_FAILED when there is a savepoint already. */
  async freshPlace(path: string): Promise<string> {
    const url = storeUrl(path);
    openAround(this.stores, url);
    const { store, key } = this.stores.find(`${url}/${METADATA}`);
    if ((await store.get(key)) === undefined) return url;
    throw new MillstreamError(
      'CHECKPOINT_FAILED',
      `There is a savepoint at ${url} already. Name another directory, or dispose of it first.`,
    );
  }

  async close(): Promise<void> {
    await this.stores.close();
  }
}
