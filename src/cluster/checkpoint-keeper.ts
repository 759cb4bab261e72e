/**
 * Where the completed checkpoints of a job are kept: in the memory of the JobManager, or in a directory or bucket, where
 * another process finds them.
 */

import { MillstreamError } from '../base/error.ts';
import type { World } from '../base/world.ts';
import type { JobOutcome } from '../checkpoint/storage/epoch-record.ts';
import { JobStorage, type ClaimMode } from '../checkpoint/storage/job-storage.ts';
import { savepointName } from '../checkpoint/storage/layout.ts';
import type { CheckpointContent } from '../checkpoint/storage/metadata.ts';
import { writeSavepoint } from '../checkpoint/storage/savepoint-files.ts';
import { findSnapshot } from '../checkpoint/storage/snapshot-location.ts';
import type { CheckpointStores } from '../checkpoint/storage/stores.ts';
import { checkpointDirectory, type CheckpointSettings } from '../graph/settings.ts';
import { fromContent, type CompletedCheckpoint } from './completed-checkpoint.ts';

/** What is known of a checkpoint beside its state. */
export interface CheckpointFacts {
  readonly epoch: number;
  readonly triggeredAt: number;
}

export interface CheckpointKeeper {
  /** The number of the last attempt that any process began. */
  readonly epoch: number;
  readonly latest: CompletedCheckpoint | undefined;
  /**
   * Begins an attempt, after which all earlier ones are stale.
   *
   * @returns Its number, `atLeast` or higher.
   */
  startAttempt(atLeast: number): Promise<number>;
  /** A checkpoint is under way. */
  begin(checkpoint: number): void;
  /** Makes a checkpoint durable, and the latest. */
  complete(checkpoint: CompletedCheckpoint, facts: CheckpointFacts): Promise<CompletedCheckpoint>;
  /**
   * A fresh place below `directory`, or below the one of the settings, for a savepoint. Undefined where it can stay with
   * whoever asked for it, because no checkpoint of the job leaves the memory.
   *
   * @throws OPTION_INVALID when there is no place.
   */
  savepointPlace(directory: string | undefined): string | undefined;
  /** Writes a savepoint to its place. */
  completeSavepoint(
    checkpoint: CompletedCheckpoint,
    facts: CheckpointFacts,
    place: string | undefined,
  ): Promise<CompletedCheckpoint>;
  /** What was written for a checkpoint that will not be, or came too late for one, is removed. */
  discard(checkpoint: number, parts: unknown): void;
  /** Takes a savepoint or a retained checkpoint as what the job starts from. */
  restore(path: string, mode: ClaimMode): Promise<CompletedCheckpoint>;
  /** The job is over. */
  close(outcome: JobOutcome): Promise<void>;
}

export interface KeptJob {
  readonly world: World;
  readonly stores: CheckpointStores;
  readonly jobId: string;
  readonly jobName: string;
  readonly settings: CheckpointSettings;
  /** Attempts that are known to have been begun, where checkpoints in memory know of none. */
  readonly attemptsBefore: number;
}

/** Opens what there is of a job: an earlier process may have left checkpoints. */
export async function openKeeper(job: KeptJob): Promise<CheckpointKeeper> {
  const { jobId, settings, world, stores } = job;
  const directory = checkpointDirectory(settings);
  if (directory === undefined) return new MemoryKeeper(job);
  const { retained, externalizedRetention: retention } = settings;
  return new StoredKeeper(job, await JobStorage.open({ jobId, directory, retained, retention }, world, stores));
}

function placeBelow({ jobId, settings, world }: KeptJob, directory: string | undefined): string | undefined {
  const parent = directory ?? settings.savepointDirectory;
  return parent && `${parent}/${savepointName(jobId, world.random)}`;
}

function contentOf(
  job: KeptJob,
  kind: CheckpointContent['kind'],
  checkpoint: CompletedCheckpoint,
  facts: CheckpointFacts,
): CheckpointContent {
  const { id, operators, coordinators, channels } = checkpoint;
  const { jobId, jobName, world } = job;
  const completedAt = world.clock.now();
  return { kind, checkpoint: id, ...facts, jobId, jobName, completedAt, operators, coordinators, channels };
}

class MemoryKeeper implements CheckpointKeeper {
  readonly #job: KeptJob;
  epoch: number;
  latest: CompletedCheckpoint | undefined;

  constructor(job: KeptJob) {
    this.#job = job;
    this.epoch = job.attemptsBefore;
  }

  async startAttempt(atLeast: number): Promise<number> {
    this.epoch = Math.max(atLeast, this.epoch + 1);
    return this.epoch;
  }

  begin(): void {}

  async complete(checkpoint: CompletedCheckpoint): Promise<CompletedCheckpoint> {
    this.latest = checkpoint;
    return checkpoint;
  }

  savepointPlace(directory: string | undefined): string | undefined {
    return placeBelow(this.#job, directory);
  }

  async completeSavepoint(
    checkpoint: CompletedCheckpoint,
    facts: CheckpointFacts,
    place: string | undefined,
  ): Promise<CompletedCheckpoint> {
    if (place === undefined) return checkpoint;
    const { stores, world } = this.#job;
    const content = contentOf(this.#job, 'savepoint', checkpoint, facts);
    const stored = await writeSavepoint(stores, world.random, content, place);
    return fromContent(stored.content, stored.directory, false);
  }

  discard(): void {}

  async restore(path: string): Promise<CompletedCheckpoint> {
    const found = await findSnapshot(this.#job.stores, path);
    return fromContent(found.content, found.directory, false);
  }

  async close(): Promise<void> {
    this.latest = undefined;
  }
}

class StoredKeeper implements CheckpointKeeper {
  readonly #job: KeptJob;
  readonly #storage: JobStorage;

  constructor(job: KeptJob, storage: JobStorage) {
    this.#job = job;
    this.#storage = storage;
  }

  get epoch(): number {
    return this.#storage.epoch;
  }

  get latest(): CompletedCheckpoint | undefined {
    const latest = this.#storage.latest;
    return latest && fromContent(latest.content, latest.directory, latest.owned);
  }

  async startAttempt(atLeast: number): Promise<number> {
    const epoch = await this.#storage.startAttempt(atLeast);
    // What cannot be removed now is found the next time.
    void this.#storage.sweep().catch(() => {});
    return epoch;
  }

  begin(checkpoint: number): void {
    this.#storage.begin(checkpoint);
  }

  async complete(checkpoint: CompletedCheckpoint, facts: CheckpointFacts): Promise<CompletedCheckpoint> {
    const stored = await this.#storage.complete(contentOf(this.#job, 'checkpoint', checkpoint, facts));
    return fromContent(stored.content, stored.directory, true);
  }

  savepointPlace(directory: string | undefined): string {
    const place = placeBelow(this.#job, directory);
    if (place !== undefined) return place;
    throw new MillstreamError(
      'OPTION_INVALID',
      `There is no place for the savepoint of job "${this.#job.jobName}": name a directory, or set checkpoint.savepointDirectory.`,
      { details: { option: 'checkpoint.savepointDirectory' } },
    );
  }

  async completeSavepoint(
    checkpoint: CompletedCheckpoint,
    facts: CheckpointFacts,
    place: string,
  ): Promise<CompletedCheckpoint> {
    const content = contentOf(this.#job, 'savepoint', checkpoint, facts);
    const stored = await this.#storage.completeSavepoint(content, place);
    // What tasks wrote for it lies beside the checkpoints, unless the job stops behind it.
    this.discard(checkpoint.id, checkpoint.operators);
    return fromContent(stored.content, stored.directory, false);
  }

  discard(checkpoint: number, parts: unknown): void {
    // What cannot be removed now is swept later.
    void this.#storage.discard(checkpoint, parts).catch(() => {});
  }

  async restore(path: string, mode: ClaimMode): Promise<CompletedCheckpoint> {
    const { content, directory, owned } = await this.#storage.restore(path, mode);
    return fromContent(content, directory, owned);
  }

  async close(outcome: JobOutcome): Promise<void> {
    await this.#storage.close(outcome);
  }
}
