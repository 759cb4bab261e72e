/**
 * Files in memory, which can be made to fail and to crash. After a crash nothing works any more; what is left of a
 * file is what was synced, and an arbitrary part of what was appended later.
 */

import { StorageError, type AppendFile, type FileStatus, type ReadFile, type Storage } from '../../src/base/world.ts';

export type Operation =
  | 'openAppend'
  | 'append'
  | 'sync'
  | 'close'
  | 'rename'
  | 'status'
  | 'makeDirectory'
  | 'openRead'
  | 'link'
  | 'remove';

interface MemoryFile {
  bytes: Buffer;
  synced: number;
}

export class Crash extends Error {}

export class MemoryStorage implements Storage {
  readonly files: Map<string, MemoryFile>;
  readonly directories: Set<string>;
  /** How often something was done that changes files. */
  operations = 0;
  /** Called before each operation; may throw, or return 'crash', and then the operation is done by half and nothing more works. */
  fault: (operation: Operation, path: string, count: number) => 'crash' | void = () => {};
  openFiles = 0;
  #crashed = false;

  constructor(after?: MemoryStorage) {
    this.files = after === undefined ? new Map() : after.#survivors();
    this.directories = new Set(after?.directories);
  }

  #survivors(): Map<string, MemoryFile> {
    const survivors = new Map<string, MemoryFile>();
    let torn = 0;
    for (const [path, { bytes, synced }] of this.files) {
      // Different files lose different parts of what was not synced.
      const kept = synced + Math.floor(((bytes.length - synced) * (torn++ % 3)) / 2);
      survivors.set(path, { bytes: Buffer.from(bytes.subarray(0, kept)), synced: kept });
    }
    return survivors;
  }

  /** Names and contents of everything under `directory`. */
  contents(directory: string): Record<string, string> {
    const inside = [...this.files].filter(([path]) => path.startsWith(`${directory}/`));
    return Object.fromEntries(inside.map(([path, file]) => [path.slice(directory.length + 1), file.bytes.toString()]));
  }

  #begin(operation: Operation, path: string): 'crash' | void {
    if (this.#crashed) throw new Crash('the process is dead');
    const fault = this.fault(operation, path, this.operations++);
    if (fault === 'crash') this.#crashed = true;
    return fault;
  }

  #do(operation: Operation, path: string): void {
    if (this.#begin(operation, path) === 'crash') throw new Crash(`crashed at ${operation} of ${path}`);
  }

  async openRead(path: string): Promise<ReadFile> {
    this.#do('openRead', path);
    const file = this.files.get(path);
    if (file === undefined) throw new StorageError('ENOENT', path);
    return {
      bytes: file.bytes.length,
      read: async (into, position) => file.bytes.copy(into, 0, position, position + into.length),
      close: async () => {},
    };
  }

  async openAppend(path: string, options: { readonly truncateTo?: number } = {}): Promise<AppendFile> {
    this.#do('openAppend', path);
    const { truncateTo } = options;
    let file = this.files.get(path);
    if (truncateTo === undefined) {
      if (file !== undefined) throw new StorageError('EEXIST', path);
      if (!this.directories.has(path.slice(0, path.lastIndexOf('/')))) throw new StorageError('ENOENT', path);
      file = { bytes: Buffer.alloc(0), synced: 0 };
      this.files.set(path, file);
    } else {
      if (file === undefined) throw new StorageError('ENOENT', path);
      if (file.bytes.length < truncateTo) throw new StorageError('ENODATA', path);
      file.bytes = file.bytes.subarray(0, truncateTo);
      file.synced = Math.min(file.synced, truncateTo);
    }
    this.openFiles++;
    return this.#appendFile(path, file);
  }

  #appendFile(path: string, file: MemoryFile): AppendFile {
    const append = (bytes: Uint8Array): void => void (file.bytes = Buffer.concat([file.bytes, bytes]));
    return {
      path,
      get length() {
        return file.bytes.length;
      },
      append: async (bytes) => {
        if (this.#begin('append', path) === 'crash') {
          append(bytes.subarray(0, bytes.length >> 1));
          throw new Crash(`crashed at append of ${path}`);
        }
        append(bytes);
      },
      sync: async () => {
        this.#do('sync', path);
        file.synced = file.bytes.length;
      },
      close: async () => {
        this.openFiles--;
        this.#do('close', path);
      },
    };
  }

  async status(path: string): Promise<FileStatus | undefined> {
    this.#do('status', path);
    const file = this.files.get(path);
    if (file !== undefined) return { kind: 'file', bytes: file.bytes.length, modifiedAt: 0 };
    return this.directories.has(path) ? { kind: 'directory', bytes: 0, modifiedAt: 0 } : undefined;
  }

  async list(directory: string): Promise<readonly string[]> {
    const names = [...this.files.keys()]
      .filter((path) => path.startsWith(`${directory}/`))
      .map((path) => path.slice(directory.length + 1));
    return names.filter((name) => !name.includes('/')).toSorted();
  }

  async makeDirectory(path: string): Promise<void> {
    this.#do('makeDirectory', path);
    this.directories.add(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#do('rename', from);
    const file = this.files.get(from);
    if (file === undefined) throw new StorageError('ENOENT', from);
    this.files.delete(from);
    this.files.set(to, file);
  }

  async link(path: string, name: string): Promise<void> {
    this.#do('link', path);
    const file = this.files.get(path);
    if (file === undefined) throw new StorageError('ENOENT', path);
    if (this.files.has(name)) throw new StorageError('EEXIST', name);
    this.files.set(name, file);
  }

  async remove(path: string): Promise<void> {
    this.#do('remove', path);
    this.files.delete(path);
  }

  async removeEmptyDirectory(path: string): Promise<boolean> {
    if ((await this.list(path)).length > 0) return false;
    this.directories.delete(path);
    return true;
  }

  async temporaryDirectory(): Promise<string> {
    return '/tmp/memory';
  }
}
