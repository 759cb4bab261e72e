/**
 * The disk of a simulation, shared by all its processes as a directory on one machine or a network would be.
 *
 * What was appended is safe only when it was synced. When a process crashes, each file that it wrote to and did not
 * sync loses some of it: nothing, everything, or a part, and where the part ends there may be a stretch of zeros. A
 * file that was never synced may be gone. Renaming, removing and making directories are durable at once, as the
 * contract of `Storage` has it.
 */

import { posix } from 'node:path';
import {
  StorageError,
  type AppendFile,
  type FileStatus,
  type Milliseconds,
  type ReadFile,
  type Storage,
  type WorkingFile,
  type WorkingFiles,
} from '../../base/world.ts';
import type { SimulatedProcess } from './process.ts';
import { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

const ROOT = '/';

/** The most zeros that a torn file ends with. */
const TORN_BYTES_MAX = 64;

interface StoredFile {
  readonly kind: 'file';
  bytes: Uint8Array;
  length: number;
  /** Bytes that survive a crash; undefined while even the file itself may be lost. */
  synced: number | undefined;
  writer: SimulatedProcess | undefined;
  modifiedAt: Milliseconds;
  /** Names that lead to it. */
  links: number;
}

type Node = StoredFile | { readonly kind: 'directory'; readonly modifiedAt: Milliseconds };

/** The files of a simulation, for a test to prepare, to look at, and to make trouble with. */
export interface SimulatedDisk {
  /** Bytes that still fit; appends beyond fail with ENOSPC. `Infinity` unless set. */
  freeBytes: number;
  /** Paths of all files, sorted. */
  files(): readonly string[];
  /** What is in a file, synced or not; undefined when there is none. */
  read(path: string): Uint8Array | undefined;
  /** Puts a file there at once, durably, with the directories above it. */
  write(path: string, bytes: Uint8Array | string): void;
}

export class SimulatedStorage implements SimulatedDisk {
  freeBytes = Infinity;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #delayMs: readonly [Milliseconds, Milliseconds];
  readonly #nodes = new Map<string, Node>([[ROOT, { kind: 'directory', modifiedAt: 0 }]]);
  #temporary = 0;

  constructor(scheduler: Scheduler, seed: number, delayMs: readonly [Milliseconds, Milliseconds]) {
    this.#scheduler = scheduler;
    this.#random = new SeededRandom(seed, 'storage');
    this.#delayMs = delayMs;
  }

  // For tests.

  files(): readonly string[] {
    return [...this.#nodes]
      .filter(([, node]) => node.kind === 'file')
      .map(([path]) => path)
      .sort(byCodeUnits);
  }

  read(path: string): Uint8Array | undefined {
    const node = this.#nodes.get(normal(path));
    return node?.kind === 'file' ? node.bytes.slice(0, node.length) : undefined;
  }

  write(path: string, content: Uint8Array | string): void {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content.slice();
    this.#makeDirectory(posix.dirname(normal(path)));
    this.#nodes.set(normal(path), {
      kind: 'file',
      bytes,
      length: bytes.length,
      synced: bytes.length,
      writer: undefined,
      modifiedAt: this.#scheduler.now,
      links: 1,
    });
  }

  // The disk as a process sees it.

  of(process: SimulatedProcess): Storage {
    process.onDeath(() => this.#crash(process));
    const look = <T>(what: string, work: () => T): Promise<T> => this.#perform(process, what, work);
    const change = <T>(what: string, work: () => T, half = (): void => {}): Promise<T> =>
      this.#change(process, what, work, half);
    return {
      openRead: (path) => look(`open-read ${path}`, () => this.#openRead(process, normal(path))),
      openAppend: (path, options) =>
        change(`open-append ${path}`, () => this.#openAppend(process, normal(path), options?.truncateTo)),
      status: (path) => look(`status ${path}`, () => this.#status(normal(path))),
      list: (directory) => look(`list ${directory}`, () => this.#list(normal(directory))),
      makeDirectory: (path) =>
        change(
          `make-directory ${path}`,
          () => this.#makeDirectory(normal(path)),
          () => this.#makeDirectory(posix.dirname(normal(path))),
        ),
      rename: (from, to) => change(`rename ${from} to ${to}`, () => this.#rename(normal(from), normal(to))),
      link: (path, name) => change(`link ${path} as ${name}`, () => this.#link(normal(path), normal(name))),
      remove: (path) =>
        change(
          `remove ${path}`,
          () => this.#remove(normal(path)),
          () => this.#removeSome(normal(path)),
        ),
      removeEmptyDirectory: (path) => change(`remove-directory ${path}`, () => this.#removeEmpty(normal(path))),
      temporaryDirectory: () => change('temporary-directory', () => this.#makeTemporary()),
    };
  }

  /** Happens within the event of its caller: a process crashes before or after it, and what it wrote may be torn. */
  working(process: SimulatedProcess): WorkingFiles {
    return {
      directory: (parent) => this.#makeTemporary(parent),
      create: (path) => this.#createWorking(process, normal(path)),
      remove: (path) => this.#remove(normal(path)),
    };
  }

  #createWorking(process: SimulatedProcess, path: string): WorkingFile {
    const file = this.#create(path);
    file.writer = process;
    return {
      path,
      get length() {
        return file.length;
      },
      append: (bytes, from, to) => {
        const written = Math.min(to - from, Math.max(0, this.freeBytes));
        this.#put(file, file.length, bytes.subarray(from, from + written));
        if (written < to - from) throw new StorageError('ENOSPC', path);
      },
      // By path: a test may have put other bytes there.
      read: (into, length, position) => copyOut(this.#file(path), into.subarray(0, length), position),
      sync: () => this.#sync(process, path, file),
      close: () => {},
    };
  }

  /** `what` stands in the trace. First the work is done, later its caller hears of it: a process can crash in between, and before. */
  #perform<T>(process: SimulatedProcess, what: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      process.after(this.#delay(), what, () => {
        try {
          const result = work();
          process.after(this.#delay(), `${what} done`, () => resolve(result));
        } catch (error) {
          process.after(this.#delay(), `${what} failed`, () => reject(error));
        }
      });
    });
  }

  /** The same with an effect, in which the process may crash. */
  #change<T>(process: SimulatedProcess, what: string, work: () => T, half: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      process.after(this.#delay(), what, () => {
        try {
          const done = (result: T): void => void process.after(this.#delay(), `${what} done`, () => resolve(result));
          process.effect(() => done(work()), half);
        } catch (error) {
          process.after(this.#delay(), `${what} failed`, () => reject(error));
        }
      });
    });
  }

  #sync(process: SimulatedProcess, path: string, file: StoredFile): Promise<void> {
    const until = (length: number) => (): void => {
      file.synced = length;
    };
    return this.#change(
      process,
      `sync ${path}`,
      () => until(file.length)(),
      () => until(this.#between(file.synced ?? 0, file.length))(),
    );
  }

  #between(least: number, most: number): number {
    return least + this.#random.below(most - least + 1);
  }

  #delay(): Milliseconds {
    return this.#random.between(...this.#delayMs) / 2;
  }

  // Files.

  #openRead(process: SimulatedProcess, path: string): ReadFile {
    const file = this.#file(path);
    return {
      bytes: file.length,
      read: (into, position) => this.#perform(process, `read ${path}`, () => copyOut(file, into, position)),
      close: () => Promise.resolve(),
    };
  }

  #openAppend(process: SimulatedProcess, path: string, truncateTo: number | undefined): AppendFile {
    const file = truncateTo === undefined ? this.#create(path) : this.#truncate(path, truncateTo);
    file.writer = process;
    let length = file.length;
    return {
      path,
      get length() {
        return length;
      },
      append: (bytes) => {
        const put = (count: number): void => {
          const written = Math.min(count, Math.max(0, this.freeBytes));
          this.#put(file, length, bytes.subarray(0, written));
          length += written;
          if (written < count) throw new StorageError('ENOSPC', path);
        };
        return this.#change(
          process,
          `append ${path}`,
          () => put(bytes.length),
          () => put(Math.min(this.#random.below(bytes.length + 1), Math.max(0, this.freeBytes))),
        );
      },
      sync: () => this.#sync(process, path, file),
      close: () => Promise.resolve(),
    };
  }

  #create(path: string): StoredFile {
    if (this.#nodes.has(path)) throw new StorageError('EEXIST', path);
    this.#parentOf(path);
    const file: StoredFile = {
      kind: 'file',
      bytes: new Uint8Array(256),
      length: 0,
      synced: undefined,
      writer: undefined,
      modifiedAt: this.#scheduler.now,
      links: 1,
    };
    this.#nodes.set(path, file);
    return file;
  }

  #truncate(path: string, length: number): StoredFile {
    const file = this.#file(path);
    if (file.length < length) throw new StorageError('ENODATA', path);
    this.freeBytes += file.length - length;
    file.length = length;
    if (file.synced !== undefined) file.synced = Math.min(file.synced, length);
    return file;
  }

  #put(file: StoredFile, at: number, bytes: Uint8Array): void {
    const length = Math.max(file.length, at + bytes.length);
    this.freeBytes -= length - file.length;
    grow(file, length);
    file.bytes.set(bytes, at);
    file.length = length;
    file.modifiedAt = this.#scheduler.now;
  }

  #file(path: string): StoredFile {
    const node = this.#nodes.get(path);
    if (node === undefined) throw new StorageError(this.#missing(path), path);
    if (node.kind === 'directory') throw new StorageError('EISDIR', path);
    return node;
  }

  // Directories.

  /** What is wrong with a path that leads to nothing. */
  #missing(path: string): string {
    for (let above = posix.dirname(path); above !== ROOT; above = posix.dirname(above)) {
      if (this.#nodes.get(above)?.kind === 'file') return 'ENOTDIR';
    }
    return 'ENOENT';
  }

  #parentOf(path: string): void {
    const parent = posix.dirname(path);
    const node = this.#nodes.get(parent);
    if (node === undefined) throw new StorageError(this.#missing(path), path);
    if (node.kind === 'file') throw new StorageError('ENOTDIR', path);
  }

  #status(path: string): FileStatus | undefined {
    const node = this.#nodes.get(path);
    if (node === undefined) return undefined;
    return { kind: node.kind, bytes: node.kind === 'file' ? node.length : 0, modifiedAt: node.modifiedAt };
  }

  #list(directory: string): readonly string[] {
    const node = this.#nodes.get(directory);
    if (node === undefined) throw new StorageError(this.#missing(directory), directory);
    if (node.kind === 'file') throw new StorageError('ENOTDIR', directory);
    return [...this.#nodes.keys()]
      .filter((path) => path !== ROOT && posix.dirname(path) === directory)
      .map((path) => posix.basename(path))
      .sort(byCodeUnits);
  }

  #makeDirectory(path: string): void {
    const node = this.#nodes.get(path);
    if (node?.kind === 'directory') return;
    if (node !== undefined) throw new StorageError('EEXIST', path);
    const above = this.#nodes.get(posix.dirname(path));
    if (above?.kind === 'file') throw new StorageError('ENOTDIR', path);
    this.#makeDirectory(posix.dirname(path));
    this.#nodes.set(path, { kind: 'directory', modifiedAt: this.#scheduler.now });
  }

  #rename(from: string, to: string): void {
    const node = this.#nodes.get(from);
    if (node === undefined) throw new StorageError(this.#missing(from), from);
    this.#parentOf(to);
    const target = this.#nodes.get(to);
    if (node.kind === 'file' && target?.kind === 'directory') throw new StorageError('EISDIR', from);
    if (node.kind === 'directory' && target?.kind === 'file') throw new StorageError('ENOTDIR', from);
    if (node.kind === 'directory' && target !== undefined && target !== node && this.#list(to).length > 0)
      throw new StorageError('ENOTEMPTY', from);
    if (target === node) return;
    if (to.startsWith(`${from}/`)) throw new StorageError('EINVAL', from);
    for (const path of Array.from(this.#nodes.keys())) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      const moved = this.#nodes.get(path) as Node;
      this.#nodes.delete(path);
      this.#nodes.set(to + path.slice(from.length), moved);
      // The rename is durable, so the file is; what is in it need not be.
      if (moved.kind === 'file') moved.synced ??= 0;
    }
  }

  #link(path: string, name: string): void {
    const file = this.#file(path);
    if (this.#nodes.has(name)) throw new StorageError('EEXIST', name);
    this.#parentOf(name);
    file.links++;
    // The name is durable, so the file is; what is in it need not be.
    file.synced ??= 0;
    this.#nodes.set(name, file);
  }

  #remove(path: string): void {
    for (const [inside, node] of this.#nodes) {
      if (inside !== path && !inside.startsWith(`${path}/`)) continue;
      if (node.kind === 'file' && --node.links === 0) this.freeBytes += node.length;
      this.#nodes.delete(inside);
    }
  }

  /** Of a directory some files are gone, and the rest is there. */
  #removeSome(path: string): void {
    for (const inside of Array.from(this.#nodes.keys()))
      if (inside.startsWith(`${path}/`) && this.#nodes.get(inside)?.kind === 'file' && this.#random.chance(0.5))
        this.#remove(inside);
  }

  #removeEmpty(path: string): boolean {
    const node = this.#nodes.get(path);
    if (node === undefined) return true;
    if (this.#list(path).length > 0) return false;
    this.#nodes.delete(path);
    return true;
  }

  #makeTemporary(parent = '/tmp'): string {
    const path = normal(`${parent}/millstream-${this.#temporary++}`);
    this.#makeDirectory(path);
    return path;
  }

  // Crashes.

  #crash(process: SimulatedProcess): void {
    for (const [path, node] of this.#nodes) {
      if (node.kind !== 'file' || node.writer !== process) continue;
      node.writer = undefined;
      if (node.synced === undefined && this.#random.chance(0.5)) {
        this.freeBytes += node.length;
        this.#nodes.delete(path);
      } else if (node.length > (node.synced ?? 0)) {
        this.#tear(node);
      }
      node.synced = node.length;
    }
  }

  #tear(file: StoredFile): void {
    const synced = file.synced ?? 0;
    const before = file.length;
    const kept = this.#random.chance(0.3) ? synced : this.#between(synced, before);
    const zeros = this.#random.chance(0.2) ? this.#random.below(TORN_BYTES_MAX) : 0;
    grow(file, kept + zeros);
    file.bytes.fill(0, kept, kept + zeros);
    file.length = kept + zeros;
    this.freeBytes += before - file.length;
  }
}

function normal(path: string): string {
  return posix.resolve(ROOT, path);
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function grow(file: StoredFile, length: number): void {
  if (file.bytes.length >= length) return;
  const grown = new Uint8Array(Math.max(length, file.bytes.length * 2));
  grown.set(file.bytes.subarray(0, file.length));
  file.bytes = grown;
}

function copyOut(file: StoredFile, into: Uint8Array, position: number): number {
  const bytes = file.bytes.subarray(position, Math.max(position, Math.min(file.length, position + into.length)));
  into.set(bytes);
  return bytes.length;
}
