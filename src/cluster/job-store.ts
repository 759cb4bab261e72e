/**
 * The jobs that a JobManager has taken, on durable storage: a JobManager that comes back after a crash goes on with
 * them. One file a job, `<directory>/<job id>.job`, written whole under another name first; it is gone with the job.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import type { Storage } from '../base/world.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import { TypeRegistry } from '../data/type-registry.ts';
import type { JobSubmission } from './client-protocol.ts';

const SUFFIX = '.job';
const PLAIN = new TypeRegistry();

export class JobStore {
  readonly #storage: Storage;
  readonly #directory: string;

  constructor(storage: Storage, directory: string) {
    this.#storage = storage;
    this.#directory = directory;
  }

  /** Durable when it resolves. */
  async save(submission: JobSubmission): Promise<void> {
    const writer = new ByteWriter();
    writeValue(submission, writer, PLAIN);
    await this.#storage.makeDirectory(this.#directory);
    const path = this.#path(submission.jobId);
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

  /** What was saved and not removed. A draft is a submission that nobody was told had succeeded. */
  async all(): Promise<readonly JobSubmission[]> {
    if ((await this.#storage.status(this.#directory)) === undefined) return [];
    const names = await this.#storage.list(this.#directory);
    return await Promise.all(
      names.filter((name) => name.endsWith(SUFFIX)).map((name) => this.#read(`${this.#directory}/${name}`)),
    );
  }

  async #read(path: string): Promise<JobSubmission> {
    const file = await this.#storage.openRead(path);
    try {
      const bytes = new Uint8Array(file.bytes);
      await file.read(bytes, 0);
      return readValue(new ByteReader(bytes), PLAIN) as JobSubmission;
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
