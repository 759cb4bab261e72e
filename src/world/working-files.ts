/** Working files of the system, by its synchronous calls. */

import { closeSync, constants, fsync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkingFile, WorkingFiles } from '../base/world.ts';
import { storageError } from './system-error.ts';
import { directoryPrefix, sweepDirectories } from './working-directories.ts';

/** Where this thread has removed what killed processes left behind. */
const swept = new Set<string>();

export const REAL_WORKING_FILES: WorkingFiles = {
  directory(parent = tmpdir()) {
    if (!swept.has(parent)) {
      swept.add(parent);
      sweepDirectories(parent);
    }
    try {
      mkdirSync(parent, { recursive: true });
      return mkdtempSync(join(parent, directoryPrefix()));
    } catch (error) {
      throw storageError(error, parent);
    }
  },
  create: (path) => new RealWorkingFile(path),
  remove(path) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (error) {
      throw storageError(error, path);
    }
  },
};

class RealWorkingFile implements WorkingFile {
  readonly path: string;
  readonly #descriptor: number;
  #length = 0;

  constructor(path: string) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
    } catch (error) {
      throw storageError(error, path);
    }
  }

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    try {
      while (at < to) {
        const written = writeSync(this.#descriptor, bytes, at, to - at, this.#length);
        at += written;
        this.#length += written;
      }
    } catch (error) {
      throw storageError(error, this.path);
    }
  }

  read(into: Uint8Array, length: number, position: number): number {
    try {
      let filled = readSync(this.#descriptor, into, 0, length, position);
      // A read that a signal cut short goes on; at the end of the file there is nothing more.
      while (filled < length && position + filled < this.#length) {
        const more = readSync(this.#descriptor, into, filled, length - filled, position + filled);
        if (more === 0) break;
        filled += more;
      }
      return filled;
    } catch (error) {
      throw storageError(error, this.path);
    }
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fsync(this.#descriptor, (error) => (error === null ? resolve() : reject(storageError(error, this.path))));
    });
  }

  close(): void {
    try {
      closeSync(this.#descriptor);
    } catch (error) {
      throw storageError(error, this.path);
    }
  }
}
