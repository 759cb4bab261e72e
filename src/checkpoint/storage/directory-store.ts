/**
 * Checkpoints in a directory, local or shared, over the files of the World.
 *
 * An object is written under a temporary name (a dot in front, `.tmp` behind), synced, and then given its name: by a
 * rename where nobody else can want it, by a hard link where several might, because a link is given to one of them
 * only. A register is a directory of numbered files, its versions; see docs/internals/checkpoint-files.md for why that
 * is exact. File systems without hard links create the name first and fill it after; a reader tells by a checksum.
 */

import { dirname } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { StorageError, type AppendFile, type Storage, type World } from '../../base/world.ts';
import type { ObjectStore, ObjectWriter, Register, StoredObject } from './object-store.ts';
import { storageFailure } from './storage-failure.ts';

const TEMPORARY = /^\..*\.tmp$/;
const VERSION_DIGITS = 16;
const VERSION = /^\d{16}$/;
const FIRST_VERSION_MAX = 1e12;
const CRC_BYTES = 4;

/** What systems say where there are no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Files that are asked about or removed at a time. */
const AT_ONCE = 16;

/** How often a register is read again that changes while it is read. */
const READS_MAX = 100;

export class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #world: World;

  /** `url` is a file URL without a slash at its end. */
  constructor(url: string, world: World) {
    this.url = url;
    this.#root = fileURLToPath(url);
    this.#world = world;
  }

  get #files(): Storage {
    return this.#world.storage;
  }

  pathOf(key: string): string {
    return `${this.#root}/${key}`;
  }

  // Objects.

  async get(key: string): Promise<Uint8Array | undefined> {
    return await this.#read(key, 0);
  }

  async getRange(key: string, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array | undefined> {
    return await this.#read(key, offset, length, into);
  }

  async #read(key: string, offset: number, length?: number, into?: Uint8Array): Promise<Uint8Array | undefined> {
    const path = this.pathOf(key);
    return await this.#attempt('read', path, async () => {
      const file = await orNothing(this.#files.openRead(path));
      if (file === undefined) return undefined;
      try {
        const wanted = Math.max(0, Math.min(length ?? Infinity, file.bytes - offset));
        const bytes = into?.subarray(0, wanted) ?? room(wanted);
        const filled = await file.read(bytes, offset);
        return filled === bytes.length ? bytes : bytes.subarray(0, filled);
      } finally {
        await file.close();
      }
    });
  }

  async putNew(key: string, bytes: Uint8Array): Promise<boolean> {
    const path = this.pathOf(key);
    return await this.#attempt('write', path, () => this.#putNew(path, bytes));
  }

  async #putNew(path: string, bytes: Uint8Array): Promise<boolean> {
    const temporary = await this.#writeTemporary(path, bytes);
    try {
      await this.#files.link(temporary, path);
      return true;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.system === 'EEXIST') return false;
      if (!NO_LINKS.has(error.system)) throw error;
      return await this.#createAndFill(path, bytes);
    } finally {
      await this.#files.remove(temporary);
    }
  }

  async #writeTemporary(path: string, bytes: Uint8Array): Promise<string> {
    const temporary = this.#temporaryFor(path);
    const file = await this.#create(temporary);
    try {
      await file.append(bytes);
      await file.sync();
    } catch (error) {
      await file.close();
      await this.#files.remove(temporary);
      throw error;
    }
    await file.close();
    return temporary;
  }

  /** One creates the name, and fills it. */
  async #createAndFill(path: string, bytes: Uint8Array): Promise<boolean> {
    const file = await this.#files.openAppend(path).catch((error: unknown) => {
      if (error instanceof StorageError && error.system === 'EEXIST') return undefined;
      throw error;
    });
    if (file === undefined) return false;
    try {
      await file.append(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  }

  openWriter(key: string): ObjectWriter {
    const path = this.pathOf(key);
    const temporary = this.#temporaryFor(path);
    return new FileWriter(path, temporary, this.#files, () => this.#create(temporary));
  }

  #temporaryFor(path: string): string {
    const directory = dirname(path);
    return `${directory}/.${path.slice(directory.length + 1)}.${this.#world.random.id()}.tmp`;
  }

  /** The directory may be missing, or be taken away, being empty, right before the file is made. */
  async #create(path: string): Promise<AppendFile> {
    for (let left = 3; ; left--) {
      try {
        return await this.#files.openAppend(path);
      } catch (error) {
        if (!(error instanceof StorageError) || error.system !== 'ENOENT' || left === 0) throw error;
        await this.#files.makeDirectory(dirname(path));
      }
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#attempt('remove files in', this.#root, async () => {
      await each(keys, (key) => this.#files.remove(this.pathOf(key)));
      await this.#removeEmptyAbove(keys.map((key) => this.pathOf(key)));
    });
  }

  async #removeEmptyAbove(paths: readonly string[]): Promise<void> {
    const above = new Set(paths.map((path) => dirname(path)));
    for (let directory of above) {
      while (directory.length > this.#root.length && (await this.#files.removeEmptyDirectory(directory)))
        directory = dirname(directory);
    }
  }

  // Registers.

  async readRegister(key: string): Promise<Register | undefined> {
    const directory = this.pathOf(key);
    return await this.#attempt('read', directory, async () => {
      for (let reads = 0; reads < READS_MAX; reads++) {
        const versions = await this.#versions(directory);
        if (versions.length === 0) return undefined;
        for (const version of versions.toReversed()) {
          const bytes = unsealed(await this.#read(`${key}/${version}`, 0, undefined));
          if (bytes !== undefined) return { bytes, version };
        }
        // All have been replaced since they were listed.
      }
      throw new StorageError('EAGAIN', directory);
    });
  }

  async writeRegister(key: string, bytes: Uint8Array, expected: string | undefined): Promise<string | undefined> {
    const directory = this.pathOf(key);
    return await this.#attempt('write', directory, async () => {
      const before = await this.readRegister(key);
      if (before?.version !== expected) return undefined;
      const newest = (await this.#versions(directory)).at(-1) ?? this.#firstVersion();
      const version = String(Number(newest) + 1).padStart(VERSION_DIGITS, '0');
      if (!(await this.#putNew(`${directory}/${version}`, sealed(bytes)))) return undefined;
      const present = await this.#versions(directory);
      // Whoever went past us has removed what we replace, or stands above us.
      const ours = present.at(-1) === version && (expected === undefined || present.includes(expected));
      if (!ours) {
        await this.#files.remove(`${directory}/${version}`);
        return undefined;
      }
      await each(present.slice(0, -1), (old) => this.#files.remove(`${directory}/${old}`));
      return version;
    });
  }

  /** Anywhere: a register that is begun anew must not repeat the versions of the one that was removed. */
  #firstVersion(): number {
    return Math.floor(this.#world.random.next() * FIRST_VERSION_MAX);
  }

  async removeRegister(key: string): Promise<void> {
    const directory = this.pathOf(key);
    await this.#attempt('remove', directory, async () => {
      await this.#files.remove(directory);
      await this.#removeEmptyAbove([directory]);
    });
  }

  async #versions(directory: string): Promise<readonly string[]> {
    const names = (await orNothing(this.#files.list(directory))) ?? [];
    return names.filter((name) => VERSION.test(name));
  }

  // Cleaning.

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const found: StoredObject[] = [];
    await this.#attempt('list', this.pathOf(prefix), () => this.#listInto(found, prefix));
    return found;
  }

  async #listInto(found: StoredObject[], prefix: string): Promise<void> {
    const names = (await orNothing(this.#files.list(this.pathOf(prefix)))) ?? [];
    const below: string[] = [];
    await each(names, async (name) => {
      const key = prefix + name;
      const status = await this.#files.status(this.pathOf(key));
      if (status === undefined || VERSION.test(name)) return;
      if (status.kind === 'directory') below.push(`${key}/`);
      else
        found.push({
          key,
          bytes: status.bytes,
          modifiedAt: status.modifiedAt,
          ...(TEMPORARY.test(name) ? { upload: name } : {}),
        });
    });
    for (const directory of below) await this.#listInto(found, directory);
  }

  async dropUploads(uploads: readonly StoredObject[]): Promise<void> {
    await this.remove(uploads.map((upload) => upload.key));
  }

  async close(): Promise<void> {}

  async #attempt<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageFailure(what, path, error);
    }
  }
}

class FileWriter implements ObjectWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #files: Storage;
  readonly #create: () => Promise<AppendFile>;
  #file: AppendFile | undefined;
  #length = 0;

  constructor(path: string, temporary: string, files: Storage, create: () => Promise<AppendFile>) {
    this.#path = path;
    this.#temporary = temporary;
    this.#files = files;
    this.#create = create;
  }

  get length(): number {
    return this.#length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      this.#file ??= await this.#create();
      await this.#file.append(bytes);
      this.#length += bytes.length;
    } catch (error) {
      throw storageFailure('write', this.#path, error);
    }
  }

  async finish(): Promise<void> {
    try {
      const file = (this.#file ??= await this.#create());
      await file.sync();
      await file.close();
      this.#file = undefined;
      await this.#files.rename(this.#temporary, this.#path);
    } catch (error) {
      throw storageFailure('write', this.#path, error);
    }
  }

  async abort(): Promise<void> {
    try {
      await this.#file?.close();
      await this.#files.remove(this.#temporary);
    } catch {
      // A listing finds it later.
    }
  }
}

/** Memory that is filled at once: clearing it first would cost a restore more than reading does. */
function room(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer, 0, length);
}

/** What is behind a name that may not be there. */
async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StorageError && (error.system === 'ENOENT' || error.system === 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
}

function sealed(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length + CRC_BYTES);
  whole.set(bytes);
  new DataView(whole.buffer).setUint32(bytes.length, crc32(bytes), true);
  return whole;
}

/** Undefined for what is not there, or was not written to its end. */
function unsealed(whole: Uint8Array | undefined): Uint8Array | undefined {
  if (whole === undefined || whole.length < CRC_BYTES) return undefined;
  const bytes = whole.subarray(0, -CRC_BYTES);
  const crc = new DataView(whole.buffer, whole.byteOffset).getUint32(bytes.length, true);
  return crc === crc32(bytes) ? bytes : undefined;
}
