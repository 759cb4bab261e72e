/**
 * Sorts more records than fit into memory: sorted chunks in memory, sorted runs on disk, merged at the end.
 *
 * Records are added to a chunk, which is sorted when it is full. When the chunks hold as much as the budget allows, they are
 * merged into a run: a temporary file of blocks. Reading merges what is left in memory with all runs, one block of each in
 * memory and the next on its way. Sorting is stable, by the order of adding.
 *
 * Nothing here blocks for long: a chunk is small, and a run is written block by block, with an await between them.
 */

import { invariant } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { ReadFile, Storage } from '../base/world.ts';
import { MemoryEstimate } from './memory-estimate.ts';
import { fileTooShort, SPILL_BLOCK_BYTES, spillFailure, type SpillBlock, type SpillCodec } from './spill-file.ts';

/** Sorting this many records takes a millisecond or two. */
const CHUNK_RECORDS = 4_096;

/** Runs that are merged at once; two blocks of each are 16 MB. More are merged into one first. */
const RUNS_MAX = 128;

export interface SorterOptions<T> {
  readonly compare: (a: T, b: T) => number;
  readonly codec: SpillCodec<T>;
  /** Bytes that records may take in memory. */
  readonly memoryBytes: number;
  readonly storage: Storage;
}

/** There is a next record, but its block is still being read: wait for `Merge.ready`. */
export const NOT_READ_YET = Symbol('not read yet');

export class ExternalSorter<T> {
  readonly #options: SorterOptions<T>;
  #chunk: T[] = [];
  #chunks: T[][] = [];
  readonly #estimate: MemoryEstimate<T>;
  readonly #runs: Run[] = [];
  #directory: string | undefined;
  #runNumber = 0;
  #spilling: Promise<void> | undefined;
  #closed = false;

  constructor(options: SorterOptions<T>) {
    this.#options = options;
    this.#estimate = new MemoryEstimate((record, writer) => options.codec.write(record, writer), options.memoryBytes);
  }

  add(record: T): void {
    this.#chunk.push(record);
    this.#estimate.add(record);
    if (this.#chunk.length === CHUNK_RECORDS) this.#closeChunk();
  }

  #closeChunk(): void {
    if (this.#chunk.length === 0) return;
    this.#chunks.push(this.#chunk.sort(this.#options.compare));
    this.#chunk = [];
  }

  /** Whether what is in memory should be spilled before more is added. */
  get full(): boolean {
    return this.#estimate.full;
  }

  /** How many runs lie on disk. */
  get runs(): number {
    return this.#runs.length;
  }

  /** Writes what is in memory to disk. Records added meanwhile stay in memory. */
  spill(): Promise<void> {
    const spilling = this.#spilling === undefined ? this.#spillNow() : this.#spilling.then(() => this.#spillNow());
    this.#spilling = spilling;
    return spilling;
  }

  /** The last spill, settled or not. */
  get spilling(): Promise<void> | undefined {
    return this.#spilling;
  }

  async #spillNow(): Promise<void> {
    this.#closeChunk();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#estimate.clear();
    await this.#writeRun(
      new Merge(
        chunks.map((chunk) => new ChunkCursor(chunk)),
        this.#options.compare,
      ),
    );
    if (this.#runs.length >= RUNS_MAX) await this.#mergeRuns();
  }

  /** Makes one run of all. */
  async #mergeRuns(): Promise<void> {
    const runs = this.#runs.splice(0);
    const cursors = runs.map((run) => new RunCursor<T>(run, this.#options));
    try {
      await this.#writeRun(new Merge(cursors, this.#options.compare));
    } finally {
      await Promise.all(cursors.map((cursor) => cursor.close()));
    }
    for (const run of runs) await this.#options.storage.remove(run.path);
  }

  async #writeRun(merge: Merge<T>): Promise<void> {
    const { codec, storage } = this.#options;
    this.#directory ??= await spillGuarded(() => storage.temporaryDirectory());
    const path = `${this.#directory}/run-${this.#runNumber++}`;
    const blocks: SpillBlock[] = [];
    await spillGuarded(async () => {
      const file = await storage.openAppend(path);
      const writer = new ByteWriter();
      const append = async (): Promise<void> => {
        if (writer.length === 0) return;
        blocks.push({ position: file.length, bytes: writer.length });
        await file.append(writer.take());
        writer.reset();
      };
      try {
        for (let record = merge.next(); record !== undefined && !this.#closed; record = merge.next()) {
          if (record === NOT_READ_YET) {
            await merge.ready();
            continue;
          }
          codec.write(record.value, writer);
          if (writer.length >= SPILL_BLOCK_BYTES) await append();
        }
        await append();
      } finally {
        await file.close();
      }
    });
    this.#runs.push({ path, blocks });
  }

  /** Everything in order. Nothing may be added any more. */
  merge(): Merge<T> {
    this.#closeChunk();
    const runs = this.#runs.map((run) => new RunCursor<T>(run, this.#options));
    const chunks = this.#chunks.map((chunk) => new ChunkCursor(chunk));
    this.#chunks = [];
    return new Merge<T>([...runs, ...chunks], this.#options.compare);
  }

  /** Removes the temporary files, once what is being written is. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#chunks = [];
    this.#chunk = [];
    // Whoever waits for the spill hears of its failure.
    await this.#spilling?.catch(() => {});
    const directory = this.#directory;
    this.#directory = undefined;
    if (directory !== undefined) await this.#options.storage.remove(directory);
  }
}

async function spillGuarded<R>(work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw spillFailure(error);
  }
}

/** Calls each in turn, whatever becomes of the ones before; the first failure is thrown at the end. */
export async function closeAll(...closings: readonly (() => void | Promise<void> | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closings) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

interface Run {
  readonly path: string;
  readonly blocks: readonly SpillBlock[];
}

/** A sorted sequence, seen at its first record. */
interface Cursor<T> {
  /** The first record; meaningful while the state is `there`. */
  readonly current: T;
  readonly state: 'there' | 'reading' | 'ended';
  advance(): void;
  /** Settles when the state is no longer `reading`. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

class ChunkCursor<T> implements Cursor<T> {
  readonly #chunk: readonly T[];
  #at = 0;

  constructor(chunk: readonly T[]) {
    this.#chunk = chunk;
  }

  get current(): T {
    return this.#chunk[this.#at] as T;
  }

  get state(): 'there' | 'ended' {
    return this.#at < this.#chunk.length ? 'there' : 'ended';
  }

  advance(): void {
    this.#at++;
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {}
}

/** Reads a run a block at a time, the next one ahead. */
class RunCursor<T> implements Cursor<T> {
  readonly #run: Run;
  readonly #options: SorterOptions<T>;
  #file: Promise<ReadFile> | undefined;
  #block: ByteReader | undefined;
  #ahead: Promise<Uint8Array> | undefined;
  #nextBlock = 0;
  state: 'there' | 'reading' | 'ended' = 'reading';
  #current: T | undefined;

  constructor(run: Run, options: SorterOptions<T>) {
    this.#run = run;
    this.#options = options;
    this.#readAhead();
  }

  get current(): T {
    return this.#current as T;
  }

  advance(): void {
    if (this.#block !== undefined && this.#block.remaining > 0) {
      this.#current = this.#options.codec.read(this.#block);
      this.state = 'there';
      return;
    }
    this.#block = undefined;
    this.state = this.#ahead === undefined ? 'ended' : 'reading';
  }

  async ready(): Promise<void> {
    if (this.#ahead === undefined) return;
    const bytes = await this.#ahead;
    this.#ahead = undefined;
    this.#block = new ByteReader(bytes);
    this.#readAhead();
    this.advance();
  }

  #readAhead(): void {
    const block = this.#run.blocks[this.#nextBlock++];
    if (block === undefined) return;
    const ahead = spillGuarded(() => this.#read(block));
    // Whoever waits for the block hears of its failure; nobody may, when the task ends first.
    ahead.catch(() => {});
    this.#ahead = ahead;
  }

  async #read(block: SpillBlock): Promise<Uint8Array> {
    this.#file ??= this.#options.storage.openRead(this.#run.path);
    const file = await this.#file;
    const bytes = new Uint8Array(block.bytes);
    for (let filled = 0; filled < bytes.length;) {
      const read = await file.read(bytes.subarray(filled), block.position + filled);
      if (read === 0) throw fileTooShort(this.#run.path);
      filled += read;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    const file = await this.#file?.catch(() => undefined);
    await file?.close();
  }
}

/** Sorted sequences as one. Of equal records those of the earlier sequence come first. */
export class Merge<T> {
  readonly #cursors: readonly Cursor<T>[];
  readonly #compare: (a: T, b: T) => number;
  /** Indexes of cursors that are `there`, as a binary heap by their first records. */
  readonly #heap: number[] = [];
  /** Indexes of cursors that are `reading`. While there is one, nobody knows what is next. */
  #reading: number[] = [];

  constructor(cursors: readonly Cursor<T>[], compare: (a: T, b: T) => number) {
    this.#cursors = cursors;
    this.#compare = compare;
    cursors.forEach((_, index) => this.#place(index));
  }

  #at(index: number): Cursor<T> {
    return this.#cursors[index] as Cursor<T>;
  }

  #place(index: number): void {
    const { state } = this.#at(index);
    if (state === 'reading') this.#reading.push(index);
    else if (state === 'there') this.#push(index);
  }

  /** The next record; undefined at the end. */
  next(): { readonly value: T } | typeof NOT_READ_YET | undefined {
    if (this.#reading.length > 0) return NOT_READ_YET;
    const top = this.#heap[0];
    if (top === undefined) return undefined;
    const cursor = this.#at(top);
    const value = cursor.current;
    cursor.advance();
    if (cursor.state === 'there') this.#sink(0);
    else this.#dropTop(top);
    return { value };
  }

  #dropTop(top: number): void {
    const last = this.#heap.pop() as number;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink(0);
    }
    this.#place(top);
  }

  /** Settles when `next` knows more. */
  async ready(): Promise<void> {
    const reading = this.#reading;
    await Promise.all(reading.map((index) => this.#at(index).ready()));
    this.#reading = [];
    for (const index of reading) this.#place(index);
    invariant(this.#reading.length === 0, 'a cursor that was waited for has read its block');
  }

  async close(): Promise<void> {
    await Promise.all(this.#cursors.map((cursor) => cursor.close()));
  }

  #before(a: number, b: number): boolean {
    const order = this.#compare(this.#at(a).current, this.#at(b).current);
    return order < 0 || (order === 0 && a < b);
  }

  #push(index: number): void {
    const heap = this.#heap;
    let at = heap.push(index) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(index, heap[parent] as number)) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = index;
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const index = heap[start] as number;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.#before(heap[child] as number, index)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = index;
  }
}
