/**
 * Where the completed checkpoints of a job are kept: in the memory of the JobManager, or in a directory or bucket, where
 * another process finds them.
 */

import { MillstreamError } from '../base/error.ts';
import type { World } from '../base/world.ts';
import type { JobOutcome } from '../checkpoint/storage/epoch-record.ts';
import { JobStorage, type ClaimMode } from '../checkpoint/storage/job-storage.ts';
import { savepointName } from '../checkpoint/storage/layout.ts';
import type { CheckpointContent, OperatorFacts } from '../checkpoint/storage/metadata.ts';
import { writeSavepoint } from '../checkpoint/storage/savepoint-files.ts';
import { findSnapshot, type FoundSnapshot } from '../checkpoint/storage/snapshot-location.ts';
import { storeUrl, type CheckpointStores } from '../checkpoint/storage/stores.ts';
import { canonicalOperators } from '../checkpoint/savepoint/canonical-state.ts';
import type { SavepointOptions } from '../graph/launch.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { checkpointDirectory, type CheckpointSettings } from '../graph/settings.ts';
import { fromContent, type CompletedCheckpoint } from './completed-checkpoint.ts';

/** What is known of a checkpoint beside its state. */
export interface CheckpointFacts {
  readonly epoch: number;
  readonly triggeredAt: number;
}

/** Where a savepoint goes, and in which format. */
export interface SavepointPlace {
  readonly directory: string | undefined;
  readonly format: NonNullable<SavepointOptions['format']>;
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
   * A fresh place below the directory of the options, or below the one of the settings. Without a directory it can stay
   * with whoever asked for it, where no checkpoint of the job leaves the memory.
   *
   * @throws OPTION_INVALID when there is no place.
   */
  savepointPlace(options: SavepointOptions): SavepointPlace;
  /** Writes a savepoint to its place. */
  completeSavepoint(
    checkpoint: CompletedCheckpoint,
    facts: CheckpointFacts,
    place: SavepointPlace,
  ): Promise<CompletedCheckpoint>;
  /** What was written for a checkpoint that will not be, or came too late for one, is removed. */
  discard(checkpoint: number, parts: unknown): void;
  /** Takes a savepoint or a retained checkpoint as what the job starts from. */
  restore(path: string, mode: ClaimMode): Promise<CompletedCheckpoint>;
  /** The job is over. */
  close(outcome: JobOutcome): Promise<void>;
}

/** What savepoints say of the operators, and take to be written. */
export interface KnownOperators {
  readonly types: TypeRegistry;
  /** What is to be known of them in a restore. */
  facts(): ReadonlyMap<string, OperatorFacts>;
  /** The declared time to live of a state, in milliseconds. */
  timeToLive(operatorId: string, state: string): number | undefined;
}

export interface KeptJob {
  readonly world: World;
  readonly stores: CheckpointStores;
  readonly jobId: string;
  readonly jobName: string;
  readonly settings: CheckpointSettings;
  readonly operators: KnownOperators;
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

function placeBelow({ jobId, settings, world }: KeptJob, options: SavepointOptions): SavepointPlace {
  const { directory = settings.savepointDirectory, format = 'canonical' } = options;
  return { directory: directory && `${directory}/${savepointName(jobId, world.random)}`, format };
}

/** Brings a savepoint into its format, and has it written. */
async function writtenAs(
  job: KeptJob,
  content: CheckpointContent,
  directory: string,
  format: SavepointPlace['format'],
  write: (content: CheckpointContent, directory: string) => Promise<FoundSnapshot>,
): Promise<CompletedCheckpoint> {
  if (format === 'native') return savepoint(await write(content, directory));
  const { stores, world } = job;
  const url = storeUrl(directory);
  const writing = { ...job.operators, stores, clock: world.clock };
  const { operators, abort } = await canonicalOperators(writing, content.operators, url);
  try {
    return savepoint(await write({ ...content, operators }, url));
  } catch (error) {
    await abort();
    throw error;
  }
}

function savepoint({ content, directory }: FoundSnapshot): CompletedCheckpoint {
  return fromContent(content, directory, false);
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
  return {
    kind,
    checkpoint: id,
    ...facts,
    jobId,
    jobName,
    completedAt,
    operators,
    coordinators,
    channels,
    facts: job.operators.facts(),
  };
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

  savepointPlace(options: SavepointOptions): SavepointPlace {
    return placeBelow(this.#job, options);
  }

  async completeSavepoint(
    checkpoint: CompletedCheckpoint,
    facts: CheckpointFacts,
    { directory, format }: SavepointPlace,
  ): Promise<CompletedCheckpoint> {
    if (directory === undefined) return checkpoint;
    const { stores, world } = this.#job;
    const content = contentOf(this.#job, 'savepoint', checkpoint, facts);
    return await writtenAs(this.#job, content, directory, format, (own, url) =>
      writeSavepoint(stores, world.random, own, url),
    );
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

  savepointPlace(options: SavepointOptions): SavepointPlace {
    const place = placeBelow(this.#job, options);
    if (place.directory !== undefined) return place;
    throw new MillstreamError(
      'OPTION_INVALID',
      `There is no place for the savepoint of job "${this.#job.jobName}": name a directory, or set checkpoint.savepointDirectory.`,
      { details: { option: 'checkpoint.savepointDirectory' } },
    );
  }

  async completeSavepoint(
    checkpoint: CompletedCheckpoint,
    facts: CheckpointFacts,
    { directory, format }: SavepointPlace,
  ): Promise<CompletedCheckpoint> {
    const content = contentOf(this.#job, 'savepoint', checkpoint, facts);
    const stored = await writtenAs(this.#job, content, directory as string, format, (own, url) =>
      this.#storage.completeSavepoint(own, url),
    );
    // What tasks wrote for it lies beside the checkpoints, unless the job stops behind it.
    this.discard(checkpoint.id, checkpoint.operators);
    return stored;
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
