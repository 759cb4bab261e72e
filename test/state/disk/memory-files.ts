/** Working files in memory, whose bytes a test can change and whose operations it can let fail. */
import { StorageError, type WorkingFile, type WorkingFiles } from '../../../src/base/world.ts';

interface Content {
  bytes: Uint8Array;
  length: number;
}

export class MemoryFiles implements WorkingFiles {
  readonly files = new Map<string, Content>();
  /** Operations that change something, so far. */
  operations = 0;
  /** From this operation on nothing works; that one is done by half. */
  failAt = Infinity;
  #directories = 0;

  directory(): string {
    this.#begin('/');
    return `/directory-${this.#directories++}`;
  }

  #begin(path: string): void {
    if (this.operations++ >= this.failAt) throw new StorageError('ENOSPC', path);
  }

  create(path: string): WorkingFile {
    this.#begin(path);
    const file: Content = { bytes: new Uint8Array(1024), length: 0 };
    this.files.set(path, file);
    return {
      path,
      get length() {
        return file.length;
      },
      append: (bytes, from, to) => {
        const torn = this.operations >= this.failAt;
        const end = torn ? from + ((to - from) >> 1) : to;
        put(file, bytes.subarray(from, end));
        this.#begin(path);
      },
      read: (into, length, position) => {
        const found = file.bytes.subarray(position, Math.max(position, Math.min(file.length, position + length)));
        into.set(found);
        return found.length;
      },
      sync: () => Promise.resolve(),
      close: () => {},
    };
  }

  remove(path: string): void {
    for (const name of [...this.files.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }
}

function put(file: Content, bytes: Uint8Array): void {
  const length = file.length + bytes.length;
  if (length > file.bytes.length) {
    const grown = new Uint8Array(length * 2);
    grown.set(file.bytes.subarray(0, file.length));
    file.bytes = grown;
  }
  file.bytes.set(bytes, file.length);
  file.length = length;
}
