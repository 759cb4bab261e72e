/**
 * The jobs that a JobManager has taken, on durable storage: a JobManager that comes back after a crash goes on with
 * them. One file a job, `<directory>/<job id>.job`, written whole under another name first; it is gone with the job.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { describeThrown, MillstreamError } from '../base/error.ts';
import type { Storage } from '../base/world.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import { TypeRegistry } from '../data/type-registry.ts';
import type { JobStorageOptions } from '../checkpoint/storage/job-storage.ts';
import type { JobSubmission } from './client-protocol.ts';
import type { JobEnd } from './held-job.ts';

const SUFFIX = '.job';
const PLAIN = new TypeRegistry();

/** A JobManager does not start a job so often before it dies. */
const ATTEMPTS_PER_LIFE = 1_000_000;

/** The checkpoints of a job, as far as it takes to remove them. */
export type CheckpointPlace = Omit<JobStorageOptions, 'jobId'>;

export interface StoredJob {
  readonly submission: JobSubmission;
  /** Set once the job has ended. While there are `checkpoints` they may not have been removed yet. */
  readonly end?: JobEnd;
  readonly checkpoints?: CheckpointPlace;
  /** Attempts of earlier processes have numbers up to this. */
  readonly attemptsBefore: number;
}

export class JobStore {
  readonly #storage: Storage;
  readonly #directory: string;

  constructor(storage: Storage, directory: string) {
    this.#storage = storage;
    this.#directory = directory;
  }

  /** Durable when it resolves. */
  async save(submission: JobSubmission): Promise<void> {
    await this.#write({ submission, attemptsBefore: 0 });
  }

  async #write(stored: StoredJob): Promise<void> {
    const path = this.#path(stored.submission.jobId);
    try {
      await this.#replace(path, stored);
    } catch (error) {
      throw new MillstreamError(
        'CHECKPOINT_STORAGE',
        `The job could not be noted in ${path}: ${describeThrown(error)}. Make the directory of the jobs writable.`,
        { cause: error, details: { path } },
      );
    }
  }

  async #replace(path: string, stored: StoredJob): Promise<void> {
    const writer = new ByteWriter();
    writeValue(stored, writer, PLAIN);
    await this.#storage.makeDirectory(this.#directory);
    const draft = `${path}.draft`;
    await this.#storage.remove(draft);
    const file = await this.#storage.openAppend(draft);
    try {
      await file.append(writer.take());
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#storage.rename(draft, path);
  }

  /**
   * Notes that this process takes the job up after another one: the attempts that died with that one have lower numbers
   * than all that follow.
   */
  async takeUp(stored: StoredJob): Promise<StoredJob> {
    const taken = { ...stored, attemptsBefore: stored.attemptsBefore + ATTEMPTS_PER_LIFE };
    await this.#write(taken);
    return taken;
  }

  /** Notes how a job has ended: from here on nobody starts it again. */
  async end(submission: JobSubmission, end: JobEnd, checkpoints: CheckpointPlace | undefined): Promise<void> {
    await this.#write({ submission, end, attemptsBefore: 0, ...(checkpoints === undefined ? {} : { checkpoints }) });
  }

  async find(jobId: string): Promise<StoredJob | undefined> {
    const path = this.#path(jobId);
    return (await this.#storage.status(path)) === undefined ? undefined : await this.#read(path);
  }

  /** What was saved and not removed. A draft is a submission that nobody was told had succeeded. */
  async all(): Promise<readonly StoredJob[]> {
    if ((await this.#storage.status(this.#directory)) === undefined) return [];
    const names = await this.#storage.list(this.#directory);
    return await Promise.all(
      names.filter((name) => name.endsWith(SUFFIX)).map((name) => this.#read(`${this.#directory}/${name}`)),
    );
  }

  async #read(path: string): Promise<StoredJob> {
    const file = await this.#storage.openRead(path);
    try {
      const bytes = new Uint8Array(file.bytes);
      await file.read(bytes, 0);
      return readValue(new ByteReader(bytes), PLAIN) as StoredJob;
    } catch (error) {
      throw new MillstreamError(
        'STATE_CORRUPT',
        `The stored job ${path} cannot be read. Remove the file and submit the job again from its last checkpoint.`,
        { cause: error, details: { path } },
      );
    } finally {
      await file.close();
    }
  }

  async remove(jobId: string): Promise<void> {
    await this.#storage.remove(this.#path(jobId));
  }

  #path(jobId: string): string {
    return `${this.#directory}/${jobId}${SUFFIX}`;
  }
}
