/**
 * The checkpoints of one job as its JobManager keeps them: which count, which files they share, and what may go.
 *
 * Three rules carry it all; docs/internals/checkpoint-files.md argues them:
 *
 * 1. A checkpoint counts from the moment in which the epoch register names it, and not before.
 * 2. A file is removed only when no checkpoint that the register names refers to it, and no checkpoint that is under
 *    way could.
 * 3. What the register does not name, and an earlier attempt wrote, is rubbish, whoever finds it.
 */

import { MillstreamError } from '../../base/error.ts';
import type { World } from '../../base/world.ts';
import type { ExternalizedRetention } from '../../graph/settings.ts';
import {
  readEpoch,
  stale,
  writeEpoch,
  type CheckpointEntry,
  type EpochRecord,
  type JobOutcome,
} from './epoch-record.ts';
import { filesOf } from './file-references.ts';
import { checkJobId, checkpointPrefix, epochKey, METADATA, savepointName, writtenBy } from './layout.ts';
import { encodeMetadata, type CheckpointContent } from './metadata.ts';
import type { ObjectStore } from './object-store.ts';
import { writeSavepoint } from './savepoint-files.ts';
import { findSnapshot, removeFiles, removeSnapshot, type FoundSnapshot } from './snapshot-location.ts';
import { storeUrl, type CheckpointStores } from './stores.ts';

/** Whose a snapshot is that a job starts from: with `claim` the job's, which removes it when it is subsumed. */
export type ClaimMode = 'claim' | 'no-claim';

export interface JobStorageOptions {
  readonly jobId: string;
  /** Root of the checkpoints, URL or path. */
  readonly directory: string;
  /** Completed checkpoints that are kept, at least 1. */
  readonly retained: number;
  readonly retention: ExternalizedRetention;
}

/** A checkpoint that counts. */
export interface StoredCheckpoint extends FoundSnapshot {
  readonly id: number;
  /** False for what a job started from in no-claim mode: it is never removed, and no later one may build on it. */
  readonly owned: boolean;
}

/** Files that nothing refers to any more, but a checkpoint under way may. */
interface Fading {
  readonly files: readonly string[];
  /** The newest checkpoint that had begun when they lost their last reference. */
  readonly until: number;
}

export class JobStorage {
  readonly #options: JobStorageOptions;
  readonly #world: World;
  readonly #stores: CheckpointStores;
  readonly #store: ObjectStore;
  /** Newest last; as the register has it. */
  #completed: readonly StoredCheckpoint[] = [];
  #record: EpochRecord | undefined;
  #version: string | undefined;
  /** Writes of the register, by id, of which it is not known whether they have been done, or will be. */
  readonly #unsettled = new Set<string>();
  /** Whether this process has begun an attempt: from then on nobody else may, or this one is over. */
  #started = false;
  #begun = new Set<number>();
  #newestBegun = 0;
  #fading: Fading[] = [];
  /** One change at a time. */
  #queue: Promise<unknown> = Promise.resolve();
  #removals: Promise<void> = Promise.resolve();

  private constructor(options: JobStorageOptions, world: World, stores: CheckpointStores) {
    this.#options = options;
    this.#world = world;
    this.#stores = stores;
    this.#store = stores.at(options.directory);
  }

  /**
   * Finds what there is of a job: nothing, or the checkpoints that an earlier process completed.
   *
   * @throws STATE_CORRUPT, CHECKPOINT_VERSION, CHECKPOINT_STORAGE, OPTION_INVALID.
   */
  static async open(options: JobStorageOptions, world: World, stores: CheckpointStores): Promise<JobStorage> {
    checkJobId(options.jobId);
    const storage = new JobStorage(options, world, stores);
    await storage.#refresh();
    return storage;
  }

  /** Newest last. */
  get completed(): readonly StoredCheckpoint[] {
    return this.#completed;
  }

  /** What a restart starts from. */
  get latest(): StoredCheckpoint | undefined {
    return this.#completed.at(-1);
  }

  /** The epoch of the current attempt; 0 before the first. */
  get epoch(): number {
    return this.#record?.epoch ?? 0;
  }

  /** How the job ended, when it has. */
  get ended(): JobOutcome | undefined {
    return this.#record?.ended;
  }

  // Attempts.

  /**
   * Begins an attempt: from here on every earlier one is stale. Afterwards what earlier attempts left behind can be
   * swept, at any time.
   *
   * @param atLeast The new epoch is this or higher.
   * @returns The new epoch.
   * @throws CHECKPOINT_STALE when another process has taken the job over since this one began its first attempt.
   */
  async startAttempt(atLeast = 1): Promise<number> {
    return await this.#exclusive(async () => {
      await this.#settle();
      for (;;) {
        const epoch = Math.max(atLeast, this.epoch + 1);
        if (await this.#write({ epoch, ended: undefined })) {
          this.#started = true;
          this.#begun = new Set();
          return epoch;
        }
        // A process that takes over overtakes whoever wrote since it looked, once; from then on it can only lose.
        await this.#refresh();
      }
    });
  }

  /** A checkpoint is under way: files that it may build on stay until it is complete or discarded. */
  begin(checkpoint: number): void {
    this.#begun.add(checkpoint);
    this.#newestBegun = Math.max(this.#newestBegun, checkpoint);
  }

  // Checkpoints.

  /**
   * Makes a checkpoint durable, and count. Those that are not retained any more are removed, after the promise has
   * resolved.
   *
   * @throws CHECKPOINT_STALE when a newer attempt has begun, CHECKPOINT_STORAGE when the storage fails, CHECKPOINT_FAILED
   * when it refers to files that are gone, or a later checkpoint counts already: acknowledgements of several that are
   * under way come in any order.
   */
  async complete(content: CheckpointContent): Promise<StoredCheckpoint> {
    return await this.#exclusive(async () => {
      await this.#settle();
      this.#checkCurrent(content.epoch);
      this.#checkLater(content.checkpoint);
      const files = filesOf([content.operators, content.channels]);
      this.#checkFiles(content, files);
      const directory = await this.#putMetadata(content);
      const stored: StoredCheckpoint = { id: content.checkpoint, directory, content, files, owned: true };
      const all = [...this.#completed, stored];
      const kept = all.slice(-this.#options.retained);
      const dropped = all.slice(0, -this.#options.retained);
      await this.#publish(stored, kept);
      this.#completed = kept;
      this.#begun.delete(stored.id);
      this.#drop(dropped, stored.id);
      return stored;
    });
  }

  async #publish(stored: StoredCheckpoint, kept: readonly StoredCheckpoint[]): Promise<void> {
    const checkpoints = kept.map((one) => this.#entry(one));
    try {
      if (await this.#write({ checkpoints })) return;
      throw this.#overtaken();
    } catch (error) {
      // Unless nobody knows whether it was written, it was not.
      if (this.#unsettled.size === 0) await removeSnapshot(this.#stores, stored.directory, []).catch(() => {});
      throw error;
    }
  }

  #overtaken(): MillstreamError {
    return stale(this.#options.jobId, this.epoch, 'another process has taken the job over');
  }

  #checkCurrent(epoch: number): void {
    if (epoch !== this.epoch) throw stale(this.#options.jobId, epoch, `attempt ${this.epoch} is current`);
  }

  /** What a later checkpoint covers has been committed, so nobody may go back behind it. */
  #checkLater(checkpoint: number): void {
    const latest = this.latest?.id ?? 0;
    if (checkpoint > latest) return;
    throw new MillstreamError(
      'CHECKPOINT_FAILED',
      `Checkpoint ${checkpoint} of job ${this.#options.jobId} came too late: checkpoint ${latest} is complete.`,
    );
  }

  /** Tasks build on the checkpoint that they last heard to be complete; that must not have been too long ago. */
  #checkFiles(content: CheckpointContent, files: ReadonlySet<string>): void {
    const known = new Set(this.#completed.filter((one) => one.owned).flatMap((one) => [...one.files]));
    for (const fading of this.#fading) for (const file of fading.files) known.add(file);
    for (const file of files) {
      if (known.has(file) || writtenBy(file)?.checkpoint === content.checkpoint) continue;
      throw new MillstreamError(
        'CHECKPOINT_FAILED',
        `Checkpoint ${content.checkpoint} of job ${this.#options.jobId} refers to ${file}, which belongs to no checkpoint that is kept.`,
        { details: { file } },
      );
    }
  }

  /** A name that somebody stale has taken is left to the sweep. */
  async #putMetadata(content: CheckpointContent): Promise<string> {
    const id = this.#world.random.id();
    for (const suffix of ['', `-${id.slice(0, 8)}`]) {
      const prefix = checkpointPrefix(this.#options.jobId, content.checkpoint, suffix);
      const directory = `${this.#store.url}/${prefix.slice(0, -1)}`;
      const bytes = encodeMetadata(content, directory, id);
      if (await this.#store.putNew(prefix + METADATA, bytes)) return directory;
    }
    throw new MillstreamError('CHECKPOINT_FAILED', `No directory is free for checkpoint ${content.checkpoint}.`);
  }

  /**
   * A checkpoint will not be: removes the files that were written for it. `parts` is what its acknowledgements brought;
   * also that of a single one that came too late.
   */
  async discard(checkpoint: number, parts: unknown): Promise<void> {
    await this.#exclusive(async () => {
      this.#begun.delete(checkpoint);
      await this.#settle();
      const used = this.#used();
      const own = [...filesOf(parts)].filter((file) => writtenBy(file)?.checkpoint === checkpoint && !used.has(file));
      await removeFiles(this.#stores, own);
      this.#removeFaded();
    });
  }

  // Savepoints, and snapshots to start from.

  /** A fresh directory for a savepoint below a path or URL: what its tasks are told when it begins. */
  newSavepoint(below: string): string {
    return `${storeUrl(below)}/${savepointName(this.#options.jobId, this.#world.random)}`;
  }

  /**
   * Writes the metadata of a savepoint to its directory, and copies there what lies elsewhere: it is self-contained.
   * The register is not touched.
   */
  async completeSavepoint(content: CheckpointContent, directory: string): Promise<FoundSnapshot> {
    this.#checkCurrent(content.epoch);
    return await writeSavepoint(this.#stores, this.#world.random, content, directory);
  }

  /**
   * Takes a savepoint or a retained checkpoint as what the job starts from. Claimed, it is one of the job's checkpoints;
   * else it is left alone, and the first checkpoint of the job must not build on it.
   */
  async restore(path: string, mode: ClaimMode): Promise<StoredCheckpoint> {
    const found = await findSnapshot(this.#stores, path);
    return await this.#exclusive(async () => {
      const stored: StoredCheckpoint = { ...found, id: found.content.checkpoint, owned: mode === 'claim' };
      const all = [...this.#completed.filter((one) => one.directory !== stored.directory), stored];
      if (!(await this.#write({ checkpoints: all.map((one) => this.#entry(one)) }))) throw this.#overtaken();
      this.#completed = all;
      this.#newestBegun = Math.max(this.#newestBegun, stored.id);
      return stored;
    });
  }

  // Cleaning.

  /** Removes what attempts before the current one have left behind. Lists: not for the hot path. */
  async sweep(): Promise<void> {
    await this.#exclusive(async () => {
      await this.#settle();
      await this.#sweepBefore(this.epoch);
    });
  }

  async #sweepBefore(epoch: number): Promise<void> {
    const { jobId } = this.#options;
    const used = this.#used();
    const found = await this.#store.list(`${jobId}/`);
    const rubbish = found.filter((object) => {
      if (used.has(`${this.#store.url}/${object.key}`)) return false;
      const writer = writtenBy(object.key);
      // Metadata, and versions of the register, are written by this class only, and not while it sweeps.
      return writer === undefined || writer.epoch < epoch;
    });
    await this.#store.dropUploads(rubbish.filter((object) => object.upload !== undefined));
    await this.#store.remove(rubbish.filter((object) => object.upload === undefined).map((object) => object.key));
  }

  /**
   * The job is over for this process. By the outcome and the retention its checkpoints are kept or removed, and with
   * them everything else of the job.
   *
   * @returns The checkpoints that are kept, newest last.
   */
  async close(outcome: JobOutcome): Promise<readonly StoredCheckpoint[]> {
    return await this.#exclusive(async () => {
      await this.#removals;
      if (outcome === 'suspended') return this.#completed;
      await this.#settle();
      const kept = isKept(outcome, this.#options.retention);
      const before = this.#completed;
      // With the epoch raised, whoever still writes for the job is stale.
      const checkpoints = kept ? before.map((one) => this.#entry(one)) : [];
      if (!(await this.#write({ epoch: this.epoch + 1, ended: outcome, checkpoints }))) throw this.#overtaken();
      if (!kept) await this.#removeAll(before);
      this.#completed = kept ? before : [];
      this.#fading = [];
      await this.#sweepBefore(Infinity);
      if (!kept) await this.#store.removeRegister(epochKey(this.#options.jobId));
      return this.#completed;
    });
  }

  /** Everything that may be removed has been; for tests, and before a process ends. */
  async settled(): Promise<void> {
    await this.#exclusive(async () => await this.#removals);
  }

  async #removeAll(checkpoints: readonly StoredCheckpoint[]): Promise<void> {
    for (const one of checkpoints) if (one.owned) await removeSnapshot(this.#stores, one.directory, [...one.files]);
  }

  /** Absolute URLs of all files that must stay. */
  #used(): ReadonlySet<string> {
    const used = new Set([`${this.#store.url}/${epochKey(this.#options.jobId)}`]);
    for (const one of this.#completed) {
      used.add(`${one.directory}/${METADATA}`);
      for (const file of one.files) used.add(file);
    }
    for (const fading of this.#fading) for (const file of fading.files) used.add(file);
    return used;
  }

  /** These have been subsumed: their metadata goes now, their files once nothing refers to them or can build on them. */
  #drop(dropped: readonly StoredCheckpoint[], completed: number): void {
    const owned = dropped.filter((one) => one.owned);
    const files = new Set(owned.flatMap((one) => [...one.files]));
    for (const one of owned) this.#removeLater(() => removeSnapshot(this.#stores, one.directory, []));
    // First, so that what fades for the second time is not removed for the first.
    if (files.size > 0) this.#fading.push({ files: [...files], until: Math.max(completed, this.#newestBegun) });
    this.#removeFaded();
  }

  /** What lost its last reference before the checkpoint that is latest now began, and all others under way. */
  #removeFaded(): void {
    const oldest = Math.min(this.latest?.id ?? 0, ...this.#begun);
    const faded = this.#fading.filter((fading) => fading.until < oldest);
    if (faded.length === 0) return;
    this.#fading = this.#fading.filter((fading) => fading.until >= oldest);
    // Some may have been taken up again.
    const used = this.#used();
    const files = faded.flatMap((fading) => fading.files).filter((file) => !used.has(file));
    this.#removeLater(() => removeFiles(this.#stores, files));
  }

  /** One removal after the other; what fails is left to the sweep. */
  #removeLater(remove: () => Promise<void>): void {
    this.#removals = this.#removals.then(remove).catch(() => {});
  }

  // The register.

  #entry(one: StoredCheckpoint): CheckpointEntry {
    const own = `${this.#store.url}/${this.#options.jobId}`;
    // Relative where it can be, so that the directory of a job can be moved.
    const directory = one.directory.startsWith(`${own}/`) ? one.directory.slice(own.length) : one.directory;
    return { id: one.id, directory, owned: one.owned };
  }

  /** False when somebody else has written since this process read or wrote last. */
  async #write(change: Partial<EpochRecord>): Promise<boolean> {
    const { epoch = 0, checkpoints = [], ended } = this.#record ?? {};
    const record: EpochRecord = { epoch, checkpoints, ended, ...change, write: this.#world.random.id() };
    this.#unsettled.add(record.write);
    const version = await writeEpoch(this.#store, this.#options.jobId, record, this.#version);
    if (version === undefined) {
      this.#unsettled.delete(record.write);
      return false;
    }
    this.#unsettled.clear();
    this.#record = record;
    this.#version = version;
    return true;
  }

  /**
   * After a write that failed, or seemed to: finds out whether it was done, and if not makes sure that it never will be,
   * by writing what is there once more, so that a straggler finds another version than it expects.
   */
  async #settle(): Promise<void> {
    while (this.#unsettled.size > 0) {
      await this.#refresh();
      if (this.#unsettled.has(this.#record?.write ?? '')) this.#unsettled.clear();
      else await this.#write({});
    }
  }

  /** Reads the register anew, and the checkpoints that it names and are not known yet. */
  async #refresh(): Promise<void> {
    const { jobId } = this.#options;
    const current = await readEpoch(this.#store, jobId);
    const write = current?.record.write;
    if (this.#started && write !== this.#record?.write && !this.#unsettled.has(write ?? '')) throw this.#overtaken();
    const known = new Map(this.#completed.map((one) => [one.directory, one]));
    const completed = (current?.record.checkpoints ?? []).map(async (entry): Promise<StoredCheckpoint> => {
      const directory = entry.directory.startsWith('/')
        ? `${this.#store.url}/${jobId}${entry.directory}`
        : entry.directory;
      const found = known.get(directory) ?? (await findSnapshot(this.#stores, directory));
      return { ...found, id: entry.id, owned: entry.owned };
    });
    this.#completed = await Promise.all(completed);
    this.#record = current?.record;
    this.#version = current?.version;
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return await turn;
  }
}

/** Flink's table: a job that finished needs nothing, one that was cancelled or failed by the retention. */
function isKept(outcome: JobOutcome, retention: ExternalizedRetention): boolean {
  if (outcome === 'failed') return retention !== 'no-externalized-checkpoints';
  return outcome === 'cancelled' && retention === 'retain-on-cancellation';
}
