/**
 * One file of a file sink, on its way from in progress to finished.
 *
 * Its name says how far it has come. `.NAME.inprogress` is written, or closed and no more than that: nothing refers to
 * it but checkpoints, for as long as it is open. `.NAME.pending` is closed and synced, and belongs to a checkpoint or a
 * savepoint. `NAME` is finished: the committer gives a pending file its final name once the checkpoint that contains
 * all its records is complete. So under a final name there are only whole files, and only records that are never
 * written again; and that a pending file is gone means that it was finished.
 */

import { StorageError, type AppendFile, type Storage } from '../base/world.ts';
import { ByteAppender } from '../format/byte-appender.ts';

/** A file that is complete, under its hidden name: all the committer needs to know. Plain data. */
export interface PendingPart {
  readonly hidden: string;
  readonly final: string;
  readonly bytes: number;
  /**
   * Present on the beginning of a file whose writer was lost: somebody who goes on from a later checkpoint may publish
   * more of that file, and then this has nothing to add.
   */
  readonly beginning?: true;
  /** Present on a file that a restored state held: somebody else may have published its records since. */
  readonly restored?: true;
  /** Files that nobody needs once this one is finished. */
  readonly leftovers?: readonly string[];
}

/** A file in progress, as it lies in a checkpoint: its first bytes belong to it. Plain data. */
export interface OpenPart {
  readonly hidden: string;
  readonly final: string;
  readonly bytes: number;
}

/** Most parts are small, and there may be many buckets. */
const BUFFER_BYTES = 4 * 1024;

const IN_PROGRESS = '.inprogress';
const PENDING = '.pending';

/** The directory that a path lies in, and its name there. */
export function splitPath(path: string): { readonly directory: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** The name while the file `final` is in progress; `note` tells apart those who work on one file. */
export function inProgressPath(final: string, note = ''): string {
  const { directory, name } = splitPath(final);
  return `${directory}/.${name}${note}${IN_PROGRESS}`;
}

/** The final name of a file in progress; undefined for the name of any other file. */
export function nameInProgress(name: string): string | undefined {
  return name.startsWith('.') && name.endsWith(IN_PROGRESS) ? name.slice(1, -IN_PROGRESS.length) : undefined;
}

/** The name of a pending file. */
export function pendingPath(final: string, note = ''): string {
  const { directory, name } = splitPath(final);
  return `${directory}/.${name}${note}${PENDING}`;
}

export class PartFile {
  readonly hidden: string;
  readonly final: string;
  readonly createdAt: number;
  writtenAt: number;
  /** Encoded records that are not handed to storage yet. */
  readonly buffer = new ByteAppender(BUFFER_BYTES);
  readonly #storage: Storage;
  /** Bytes that were handed over. */
  #bytes = 0;
  #file: AppendFile | undefined;
  #dirty = false;

  /** A new file; nothing is created before `create`. */
  constructor(storage: Storage, hidden: string, final: string, now: number) {
    this.#storage = storage;
    this.hidden = hidden;
    this.final = final;
    this.createdAt = now;
    this.writtenAt = now;
  }

  /** Bytes in the file once all that is buffered has been written. */
  get bytes(): number {
    return this.#bytes + this.buffer.length;
  }

  async create(): Promise<void> {
    await this.#storage.makeDirectory(splitPath(this.hidden).directory);
    this.#file = await this.#storage.openAppend(this.hidden);
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

  /** As it lies in a checkpoint; everything must have been appended and synced. */
  part(): OpenPart {
    return { hidden: this.hidden, final: this.final, bytes: this.#bytes };
  }
}

/** Gives a closed file the name under which checkpoints and savepoints may refer to it. */
export async function hold(storage: Storage, part: PendingPart, note = ''): Promise<PendingPart> {
  if (nameInProgress(splitPath(part.hidden).name) === undefined) return part;
  const hidden = pendingPath(part.final, note);
  await storage.rename(part.hidden, hidden);
  return { ...part, hidden };
}

const COPY_BYTES = 256 * 1024;

/** Appends bytes of one file, from `start` up to `end`, to another. */
export async function copyBytes(
  storage: Storage,
  from: string,
  range: { readonly start: number; readonly end: number },
  append: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const file = await storage.openRead(from);
  try {
    const block = new Uint8Array(COPY_BYTES);
    for (let at = range.start; at < range.end;) {
      const read = await file.read(block.subarray(0, Math.min(block.length, range.end - at)), at);
      if (read === 0) throw new StorageError('ENODATA', from);
      await append(block.slice(0, read));
      at += read;
    }
  } finally {
    await file.close();
  }
}
