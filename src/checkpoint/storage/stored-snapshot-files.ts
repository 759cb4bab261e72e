/** The state files of a task: {@link SnapshotFiles} over a store, or, without one, all inline. */

import type { World } from '../../base/world.ts';
import { isFileSegment, type SnapshotFile, type SnapshotFiles, type StateBytes } from '../../state/snapshot.ts';
import { checkEpoch } from './epoch-record.ts';
import { sharedPrefix, stateFileName, writtenBy } from './layout.ts';
import { LocalCopies } from './local-copies.ts';
import type { ObjectStore } from './object-store.ts';
import { SegmentReader, type ReadCounts } from './segment-reader.ts';
import { StateFileWriter, type StateFileTarget } from './state-file-writer.ts';
import type { CheckpointStores } from './stores.ts';

/** What a task must know about the storage: plain data, part of its deployment. */
export interface SnapshotFilesPlan {
  readonly jobId: string;
  /** The epoch in which the task was started; barriers may bring higher ones. */
  readonly epoch: number;
  /** URL of the root; undefined keeps all checkpoints in the acknowledgements. */
  readonly directory: string | undefined;
  /** A state file of at most so many bytes becomes inline bytes instead. */
  readonly inlineThresholdBytes: number;
  readonly compression: boolean;
  /** Directories of local copies; none turns them off. */
  readonly localDirectories: readonly string[];
}

export class StoredSnapshotFiles implements SnapshotFiles {
  readonly #plan: SnapshotFilesPlan;
  readonly #world: World;
  readonly #stores: CheckpointStores;
  readonly #local: LocalCopies | undefined;
  readonly #reader: SegmentReader;
  /** Files that have local copies because of this task. */
  readonly #copied = new Set<string>();

  readonly #busy = new Set<Promise<unknown>>();
  #epoch: number;

  constructor(plan: SnapshotFilesPlan, world: World, stores: CheckpointStores) {
    this.#plan = plan;
    this.#epoch = plan.epoch;
    this.#world = world;
    this.#stores = stores;
    if (plan.localDirectories.length > 0)
      this.#local = new LocalCopies(world.storage, plan.localDirectories, plan.jobId);
    this.#reader = new SegmentReader(stores, this.#local);
  }

  enter(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
  }

  /** Bytes that were read for restores so far. */
  get readCounts(): Readonly<ReadCounts> {
    return this.#reader.counts;
  }

  open(file: { checkpoint: number; operatorId: string; subtask: number; directory?: string }): SnapshotFile {
    const { jobId, compression, inlineThresholdBytes } = this.#plan;
    const epoch = this.#epoch;
    const header = {
      compressed: compression,
      jobId,
      epoch,
      checkpoint: file.checkpoint,
      operatorId: file.operatorId,
      subtask: file.subtask,
    };
    const target = this.#target(stateFileName(epoch, file.checkpoint, this.#world.random), file.directory);
    const writer = new StateFileWriter(header, target, inlineThresholdBytes);
    return {
      write: (bytes) => writer.write(bytes),
      endSection: () => writer.endSection(),
      get ready() {
        return writer.ready;
      },
      drained: () => writer.drained(),
      finish: () => this.#underWay(writer.finish()),
      abort: () => this.#underWay(writer.abort()),
    };
  }

  #underWay<T>(work: Promise<T>): Promise<T> {
    this.#busy.add(work);
    const over = (): void => void this.#busy.delete(work);
    work.then(over, over);
    return work;
  }

  /** Settles when nothing is written or removed any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#busy);
  }

  #target(name: string, savepoint: string | undefined): StateFileTarget | undefined {
    const { directory, jobId } = this.#plan;
    if (savepoint !== undefined) return this.#fileTarget(this.#stores.at(savepoint), name, undefined);
    if (directory === undefined) return undefined;
    return this.#fileTarget(this.#stores.at(directory), sharedPrefix(jobId) + name, this.#local);
  }

  #fileTarget(store: ObjectStore, key: string, local: LocalCopies | undefined): StateFileTarget {
    const epoch = this.#epoch;
    const url = `${store.url}/${key}`;
    return {
      url,
      open: () => {
        const writer = store.openWriter(key);
        if (local === undefined) return writer;
        this.#copied.add(url);
        return local.along(store, url, writer);
      },
      check: () => this.#check(epoch),
      written: async () => await local?.keep(store, key, url),
      remove: async () => {
        this.#copied.delete(url);
        await local?.remove(url);
        // What cannot be removed now is swept later.
        await store.remove([key]).catch(() => {});
      },
    };
  }

  /** Savepoints, too, are written by the current attempt only. Without a directory nobody could tell. */
  async #check(epoch: number): Promise<void> {
    const { directory, jobId } = this.#plan;
    if (directory !== undefined) await checkEpoch(this.#stores.at(directory), jobId, epoch);
  }

  async read(bytes: readonly StateBytes[]): Promise<readonly Uint8Array[]> {
    this.#takeOver(bytes);
    return await this.#reader.read(bytes);
  }

  async stream(bytes: readonly StateBytes[], take: (bytes: Uint8Array, index: number) => void): Promise<void> {
    this.#takeOver(bytes);
    await this.#reader.stream(bytes, take);
  }

  /** Whoever is restored from a file has its copy in hand, until a checkpoint completes without it. */
  #takeOver(bytes: readonly StateBytes[]): void {
    if (this.#local !== undefined) for (const part of bytes) if (isFileSegment(part)) this.#copied.add(part.file);
  }

  /** The job is over: its copies are of no use to anybody. */
  async jobOver(): Promise<void> {
    await this.#local?.removeAll();
  }

  completed(checkpoint: number, files: ReadonlySet<string>): void {
    for (const file of this.#copied) {
      const written = writtenBy(file)?.checkpoint ?? 0;
      // Files of later checkpoints may still be needed.
      if (files.has(file) || written > checkpoint) continue;
      this.#copied.delete(file);
      void this.#local?.remove(file);
    }
  }
}
