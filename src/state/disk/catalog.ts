/**
 * The catalogue of a directory of segments: which states and which shapes of objects its records refer to by number,
 * so that the segments can be read without the process that wrote them. One checked entry after the other.
 */

import { crc32 } from 'node:zlib';
import { attempt } from './disk-failure.ts';
import type { WorkingFile, WorkingFiles } from '../../base/world.ts';

export class Catalog {
  readonly #file: WorkingFile;

  constructor(files: WorkingFiles, directory: string) {
    this.#file = attempt(() => files.create(`${directory}/catalog`));
  }

  /** Adds an entry: its length, its checksum, and the entry as JSON. */
  add(entry: Readonly<Record<string, unknown>>): void {
    const text = Buffer.from(JSON.stringify(entry));
    const bytes = Buffer.alloc(8 + text.length);
    bytes.writeUInt32LE(text.length, 0);
    bytes.writeUInt32LE(crc32(text), 4);
    bytes.set(text, 8);
    attempt(() => this.#file.append(bytes, 0, bytes.length));
  }

  close(): void {
    this.#file.close();
  }
}
