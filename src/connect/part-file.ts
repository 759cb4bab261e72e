/**
 * One file of a file sink, on its way from in progress to finished.
 *
 * While it is written it has a hidden name, which sources leave out. When it is closed it is *pending*: it has all its
 * bytes and keeps the hidden name. The committer gives it the final name once the checkpoint that contains all its
 * records is complete; so under a final name there are only whole files, and only records that are never written again.
 */

import { MillstreamError } from '../base/error.ts';
import { StorageError, type AppendFile, type Storage } from '../base/world.ts';
import { ByteAppender } from '../format/byte-appender.ts';

/** A pending file: all the committer needs to know. Plain data. */
export interface PendingPart {
  readonly hidden: string;
  readonly final: string;
  readonly bytes: number;
}

/** A file in progress, as it lies in a checkpoint. Plain data. */
export interface OpenPart extends PendingPart {
  readonly createdAt: number;
  readonly writtenAt: number;
}

/** Most parts are small, and there may be many buckets. */
const BUFFER_BYTES = 4 * 1024;

export class PartFile {
  readonly hidden: string;
  readonly final: string;
  readonly createdAt: number;
  writtenAt: number;
  /** Encoded records that are not handed to storage yet. */
  readonly buffer = new ByteAppender(BUFFER_BYTES);
  readonly #storage: Storage;
  /** Bytes that were handed over. */
  #bytes: number;
  #file: AppendFile | undefined;
  #dirty = false;

  private constructor(storage: Storage, part: OpenPart) {
    this.#storage = storage;
    this.hidden = part.hidden;
    this.final = part.final;
    this.createdAt = part.createdAt;
    this.writtenAt = part.writtenAt;
    this.#bytes = part.bytes;
  }

  /** A new file `name` in `directory`; nothing is created before `create`. */
  static begin(storage: Storage, directory: string, name: string, now: number): PartFile {
    const [hidden, final] = [`${directory}/.${name}.inprogress`, `${directory}/${name}`];
    return new PartFile(storage, { hidden, final, bytes: 0, createdAt: now, writtenAt: now });
  }

  /** A file that a checkpoint left in progress; nothing is touched before `reopen`. */
  static resume(storage: Storage, part: OpenPart): PartFile {
    return new PartFile(storage, part);
  }

  /** Bytes in the file once all that is buffered has been written. */
  get bytes(): number {
    return this.#bytes + this.buffer.length;
  }

  async create(): Promise<void> {
    await this.#storage.makeDirectory(this.hidden.slice(0, this.hidden.lastIndexOf('/')));
    this.#file = await this.#storage.openAppend(this.hidden);
  }

  /**
   * Cuts what was written after the checkpoint. False when the file was finished after a later checkpoint: everything
   * up to this one lies under its final name.
   */
  async reopen(): Promise<boolean> {
    try {
      this.#file = await this.#storage.openAppend(this.hidden, { truncateTo: this.#bytes });
      this.#dirty = true;
      return true;
    } catch (error) {
      const system = error instanceof StorageError ? error.system : undefined;
      if (system === 'ENOENT' && (await this.#storage.status(this.final)) !== undefined) return false;
      if (system !== 'ENOENT' && system !== 'ENODATA') throw error;
      throw new MillstreamError(
        'SINK_FAILED',
        `The file sink cannot go on with ${this.hidden}, of which the checkpoint holds ${this.#bytes} bytes: ${system === 'ENOENT' ? 'the file is gone' : 'the file is shorter'}. Put it back, or restore from another checkpoint.`,
        { cause: error, details: { path: this.hidden } },
      );
    }
  }

  /** Takes what is buffered, to be given to `append`. */
  takeBuffer(): Uint8Array {
    const bytes = this.buffer.take();
    this.#bytes += bytes.length;
    return bytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#dirty = true;
    await this.#file?.append(bytes);
  }

  async sync(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    await this.#file?.sync();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** As a checkpoint holds it; everything must have been appended and synced. */
  openPart(): OpenPart {
    return { ...this.pendingPart(), createdAt: this.createdAt, writtenAt: this.writtenAt };
  }

  pendingPart(): PendingPart {
    return { hidden: this.hidden, final: this.final, bytes: this.#bytes };
  }
}
