/** Environments of BATCH mode with one megabyte to sort in, on a disk that is watched. */

import assert from 'node:assert/strict';
import type { AppendFile, ReadFile, Storage, WorkingFiles, World } from '../../src/base/world.ts';
import { StreamEnvironment } from '../../src/api/environment.ts';
import { InlineLauncher } from '../../src/cluster/embedded-cluster.ts';
import { RealDoorbell } from '../../src/world/doorbell.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

/** The real storage, with what goes through it counted. */
export class WatchedStorage implements Storage {
  readonly #real: Storage;
  files = 0;
  bytesWritten = 0;
  openForReading = 0;
  /** Blocks of working files that were read. */
  blocksPulled = 0;
  readonly directories: string[] = [];
  /** Called before every append and every new directory. */
  before: () => void | Promise<void> = () => {};

  constructor(real: Storage) {
    this.#real = real;
  }

  async openAppend(path: string, options?: { readonly truncateTo?: number }): Promise<AppendFile> {
    this.files++;
    const file = await this.#real.openAppend(path, options);
    return {
      path,
      get length() {
        return file.length;
      },
      append: async (bytes) => {
        await this.before();
        this.bytesWritten += bytes.length;
        await file.append(bytes);
      },
      sync: () => file.sync(),
      close: () => file.close(),
    };
  }

  async temporaryDirectory(): Promise<string> {
    await this.before();
    const directory = await this.#real.temporaryDirectory();
    this.directories.push(directory);
    return directory;
  }

  async openRead(path: string): Promise<ReadFile> {
    const file = await this.#real.openRead(path);
    this.openForReading++;
    return {
      bytes: file.bytes,
      read: (into, position) => file.read(into, position),
      close: async () => {
        this.openForReading--;
        await file.close();
      },
    };
  }

  /** Working files, counted along. */
  working(real: WorkingFiles): WorkingFiles {
    return {
      directory: (parent) => {
        const directory = real.directory(parent);
        this.directories.push(directory);
        return directory;
      },
      create: (path) => {
        this.files++;
        this.openForReading++;
        const file = real.create(path);
        return {
          path,
          get length() {
            return file.length;
          },
          append: (bytes, from, to) => {
            void this.before();
            this.bytesWritten += to - from;
            file.append(bytes, from, to);
          },
          read: (into, length, position) => {
            this.blocksPulled++;
            return file.read(into, length, position);
          },
          sync: () => file.sync(),
          close: () => {
            this.openForReading--;
            file.close();
          },
        };
      },
      remove: (path) => real.remove(path),
    };
  }

  status(path: string): ReturnType<Storage['status']> {
    return this.#real.status(path);
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#real.list(directory);
  }

  link(path: string, name: string): Promise<void> {
    return this.#real.link(path, name);
  }

  removeEmptyDirectory(path: string): Promise<boolean> {
    return this.#real.removeEmptyDirectory(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#real.makeDirectory(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#real.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#real.remove(path);
  }

  /** That of all directories there were none is left, and nothing is open. */
  async assertClean(): Promise<void> {
    assert.ok(this.directories.length > 0, 'something was spilled');
    for (const directory of this.directories)
      assert.equal(await this.status(directory), undefined, `${directory} is left behind`);
    assert.equal(this.openForReading, 0, 'files are left open');
  }
}

/** An environment of BATCH mode that may hold a megabyte in memory. */
export function spilling(): { readonly env: StreamEnvironment; readonly storage: WatchedStorage } {
  const real = createRealWorld();
  const storage = new WatchedStorage(real.storage);
  const world: World = {
    clock: real.clock,
    random: real.random,
    network: real.network,
    threads: real.threads,
    storage,
    working: storage.working(real.working),
    ownership: real.ownership,
    cpuMicroseconds: () => real.cpuMicroseconds(),
    heapMegabytes: () => ({ used: 0, limit: 0 }),
    print: (line, stream) => real.print(line, stream),
  };
  const launcher = new InlineLauncher(world, () => new RealDoorbell());
  return {
    env: new StreamEnvironment(launcher, { settings: { runtimeMode: 'batch', sortMemoryMegabytes: 1 } }),
    storage,
  };
}
