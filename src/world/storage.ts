/** Files of the system. Every failure is a `StorageError` that carries the system's code and the path. */

import { constants } from 'node:fs';
import { link, mkdir, mkdtemp, open, readdir, rename, rm, rmdir, stat, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { StorageError, type AppendFile, type FileStatus, type ReadFile, type Storage } from '../base/world.ts';
import { storageError } from './system-error.ts';

export class RealStorage implements Storage {
  async openRead(path: string): Promise<ReadFile> {
    const handle = await attempt(path, open(path, constants.O_RDONLY));
    try {
      const status = await attempt(path, handle.stat());
      if (status.isDirectory()) throw new StorageError('EISDIR', path);
      return new RealReadFile(path, handle, status.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async openAppend(path: string, options: { readonly truncateTo?: number } = {}): Promise<AppendFile> {
    const { truncateTo } = options;
    if (truncateTo === undefined) {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
      return new RealAppendFile(path, await attempt(path, open(path, flags)), 0);
    }
    const handle = await attempt(path, open(path, constants.O_WRONLY));
    try {
      const { size } = await attempt(path, handle.stat());
      // Cutting "to" a greater length would fill the gap with zeros: bytes that were promised are gone.
      if (size < truncateTo) throw new StorageError('ENODATA', path);
      await attempt(path, handle.truncate(truncateTo));
      return new RealAppendFile(path, handle, truncateTo);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async status(path: string): Promise<FileStatus | undefined> {
    try {
      const found = await stat(path);
      return { kind: found.isDirectory() ? 'directory' : 'file', bytes: found.size, modifiedAt: found.mtimeMs };
    } catch (error) {
      const failure = storageError(error, path);
      if (failure.system === 'ENOENT' || failure.system === 'ENOTDIR') return undefined;
      throw failure;
    }
  }

  async list(directory: string): Promise<readonly string[]> {
    const names = await attempt(directory, readdir(directory));
    // By code unit, which is the same everywhere; a locale is not.
    return names.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  }

  async makeDirectory(path: string): Promise<void> {
    const first = await attempt(path, mkdir(path, { recursive: true }));
    if (first === undefined) return;
    // Each of the new directories is an entry of the one above it.
    for (let made = resolve(path); made !== dirname(resolve(first)); made = dirname(made))
      await syncDirectory(dirname(made));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(from, rename(from, to));
    await syncDirectory(dirname(to));
    if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from));
  }

  async link(path: string, name: string): Promise<void> {
    await attempt(name, link(path, name));
    await syncDirectory(dirname(name));
  }

  async remove(path: string): Promise<void> {
    await attempt(path, rm(path, { recursive: true, force: true }));
  }

  async removeEmptyDirectory(path: string): Promise<boolean> {
    try {
      await rmdir(path);
      return true;
    } catch (error) {
      const failure = storageError(error, path);
      if (failure.system === 'ENOENT') return true;
      // What systems say of one that is not empty differs.
      if (['ENOTEMPTY', 'EEXIST', 'EPERM', 'EBUSY'].includes(failure.system)) return false;
      throw failure;
    }
  }

  async temporaryDirectory(): Promise<string> {
    return await attempt(tmpdir(), mkdtemp(join(tmpdir(), 'millstream-')));
  }
}

class RealReadFile implements ReadFile {
  readonly bytes: number;
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle, bytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.bytes = bytes;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const left = into.length - filled;
      const { bytesRead } = await attempt(this.#path, this.#handle.read(into, filled, left, position + filled));
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async close(): Promise<void> {
    await attempt(this.#path, this.#handle.close());
  }
}

class RealAppendFile implements AppendFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #length: number;

  constructor(path: string, handle: FileHandle, length: number) {
    this.path = path;
    this.#handle = handle;
    this.#length = length;
  }

  get length(): number {
    return this.#length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const left = bytes.length - written;
      const { bytesWritten } = await attempt(this.path, this.#handle.write(bytes, written, left, this.#length));
      written += bytesWritten;
      this.#length += bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await attempt(this.path, this.#handle.sync());
  }

  async close(): Promise<void> {
    await attempt(this.path, this.#handle.close());
  }
}

/** Makes a rename durable. Where directories cannot be opened, the system does not need it. */
async function syncDirectory(path: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY);
  } catch {
    return;
  }
  try {
    await handle.sync();
  } catch (error) {
    const { system } = storageError(error, path);
    if (system !== 'EPERM' && system !== 'EINVAL') throw storageError(error, path);
  } finally {
    await handle.close();
  }
}

async function attempt<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw storageError(error, path);
  }
}
