/**
 * Copies of state files on the disk of the machine that wrote them, so that who restarts there fetches only what was
 * lost. A copy is a second name for the file where the checkpoints lie on the same disk, else written along with it.
 * Copies are a help and no promise: one that is missing or damaged is fetched instead, and nothing ever fails for them.
 */

import { murmur3Ascii } from '../../base/hash.ts';
import { StorageError, type AppendFile, type Storage } from '../../base/world.ts';
import type { ObjectStore, ObjectWriter } from './object-store.ts';

const HASH_SEED = 0x10ca1;

/** The copies of one job on one machine. */
export class LocalCopies {
  readonly #files: Storage;
  readonly #directories: readonly string[];

  /** Files are spread over `directories` by their names. */
  constructor(files: Storage, directories: readonly string[], job: string) {
    this.#files = files;
    this.#directories = directories.map((directory) => `${directory}/${job}`);
  }

  pathOf(file: string): string {
    const name = file.slice(file.lastIndexOf('/') + 1);
    const at = (murmur3Ascii(name, HASH_SEED) >>> 0) % this.#directories.length;
    return `${this.#directories[at] as string}/${name}`;
  }

  /** Bytes of a copy, in `into` if it is given; undefined when there is none, or it is too short. */
  async read(file: string, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      const copy = await this.#files.openRead(this.pathOf(file));
      try {
        const bytes = into?.subarray(0, length) ?? new Uint8Array(length);
        return (await copy.read(bytes, offset)) === length ? bytes : undefined;
      } finally {
        await copy.close();
      }
    } catch {
      return undefined;
    }
  }

  /** A writer that writes a copy along. Where a finished file can be linked, none is needed: see `keep`. */
  along(store: ObjectStore, file: string, writer: ObjectWriter): ObjectWriter {
    if (store.pathOf !== undefined) return writer;
    return new WriterWithCopy(writer, () => this.#create(this.pathOf(file)));
  }

  /** A file has become visible: a copy of it, unless one was written along. */
  async keep(store: ObjectStore, key: string, file: string): Promise<void> {
    const path = store.pathOf?.(key);
    if (path === undefined) return;
    const copy = this.pathOf(file);
    try {
      await this.#linkOrCopy(path, copy);
    } catch {
      await this.#forget(copy);
    }
  }

  async #linkOrCopy(path: string, copy: string): Promise<void> {
    await this.#files.makeDirectory(copy.slice(0, copy.lastIndexOf('/')));
    try {
      await this.#files.link(path, copy);
    } catch (error) {
      if (!(error instanceof StorageError) || error.system === 'EEXIST') throw error;
      await this.#copy(path, copy);
    }
  }

  async #copy(path: string, copy: string): Promise<void> {
    const from = await this.#files.openRead(path);
    try {
      const to = await this.#files.openAppend(copy);
      try {
        const block = new Uint8Array(1024 * 1024);
        for (let at = 0, read: number; (read = await from.read(block, at)) > 0; at += read)
          await to.append(block.subarray(0, read));
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
  }

  async #create(path: string): Promise<AppendFile> {
    await this.#files.makeDirectory(path.slice(0, path.lastIndexOf('/')));
    return await this.#files.openAppend(path);
  }

  async remove(file: string): Promise<void> {
    await this.#forget(this.pathOf(file));
  }

  /** Removes all copies but those of the files named. */
  async sweep(keep: ReadonlySet<string>): Promise<void> {
    const kept = new Set(Array.from(keep, (file) => this.pathOf(file)));
    for (const directory of this.#directories) {
      for (const name of await this.#files.list(directory).catch(() => [])) {
        const path = `${directory}/${name}`;
        if (!kept.has(path)) await this.#forget(path);
      }
    }
  }

  /** The job is over. */
  async removeAll(): Promise<void> {
    for (const directory of this.#directories) await this.#forget(directory);
  }

  async #forget(path: string): Promise<void> {
    try {
      await this.#files.remove(path);
    } catch {
      // It is in nobody's way.
    }
  }
}

class WriterWithCopy implements ObjectWriter {
  readonly #writer: ObjectWriter;
  readonly #create: () => Promise<AppendFile>;
  /** Undefined before the first byte, null once the copy has failed. */
  #copy: AppendFile | undefined | null;

  constructor(writer: ObjectWriter, create: () => Promise<AppendFile>) {
    this.#writer = writer;
    this.#create = create;
  }

  get length(): number {
    return this.#writer.length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#append(bytes);
    await this.#writer.write(bytes);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (this.#copy === null) return;
    try {
      this.#copy ??= await this.#create();
      await this.#copy.append(bytes);
    } catch {
      await this.#close();
      this.#copy = null;
    }
  }

  async #close(): Promise<void> {
    try {
      await this.#copy?.close();
    } catch {
      // What is wrong with a copy is found when it is read.
    }
  }

  async finish(): Promise<void> {
    await this.#close();
    await this.#writer.finish();
  }

  async abort(): Promise<void> {
    await this.#close();
    await this.#writer.abort();
  }
}
