/**
 * Records in the order in which they were added, with what does not fit into memory in a working file.
 *
 * First it is filled, then read, as often as its reader likes. Both write and read a block at a time, with the thread:
 * it serves functions of users that pull records, and those cannot be suspended.
 */

import { invariant } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { RingBuffer } from '../base/ring-buffer.ts';
import type { WorkingFile, WorkingFiles } from '../base/world.ts';
import { MemoryEstimate } from './memory-estimate.ts';
import { fileTooShort, SPILL_BLOCK_BYTES, spillFailure, type SpillBlock, type SpillCodec } from './spill-file.ts';

export interface SpilledListOptions<T> {
  readonly codec: SpillCodec<T>;
  /** Bytes that records may take in memory. */
  readonly memoryBytes: number;
  readonly files: WorkingFiles;
}

export class SpilledList<T> {
  readonly #options: SpilledListOptions<T>;
  readonly #estimate: MemoryEstimate<T>;
  readonly #writer = new ByteWriter();
  /** Those behind the ones on disk. */
  readonly #records = new RingBuffer<T>();
  readonly #blocks: SpillBlock[] = [];
  #directory: string | undefined;
  #file: WorkingFile | undefined;
  #state: 'open' | 'closed' = 'open';

  constructor(options: SpilledListOptions<T>) {
    this.#options = options;
    this.#estimate = new MemoryEstimate((record, writer) => options.codec.write(record, writer), options.memoryBytes);
  }

  add(record: T): void {
    invariant(this.#state === 'open', 'a list that is closed is not added to');
    this.#records.push(record);
    this.#estimate.add(record);
    if (this.#estimate.full) this.#spillBlock();
  }

  /** Puts the oldest records in memory behind those on disk. */
  #spillBlock(): void {
    const records = this.#records;
    const writer = this.#writer;
    writer.reset();
    const before = records.size;
    while (records.size > 0 && writer.length < SPILL_BLOCK_BYTES)
      this.#options.codec.write(records.shift() as T, writer);
    this.#estimate.remove(before - records.size);
    const bytes = writer.view();
    try {
      const file = this.#create();
      this.#blocks.push({ position: file.length, bytes: bytes.length });
      file.append(bytes, 0, bytes.length);
    } catch (error) {
      throw spillFailure(error);
    }
  }

  #create(): WorkingFile {
    const { files } = this.#options;
    this.#directory ??= files.directory();
    return (this.#file ??= files.create(`${this.#directory}/records`));
  }

  /** From the first on each time they are iterated over, until the list is closed. */
  values(): Iterable<T> {
    return { [Symbol.iterator]: () => new Reading<T>(this) };
  }

  /** The records of a block, or those in memory behind the last. For iterators. */
  recordsAt(block: number): readonly T[] | undefined {
    if (this.#state === 'closed')
      throw new MillstreamError(
        'USER_CODE',
        'The values that were handed to mapPartition were read after its results were through. Read them before the function returns, or in the iterable that it returns.',
      );
    const at = this.#blocks[block];
    if (at === undefined) return block === this.#blocks.length ? [...this.#records] : undefined;
    const { codec } = this.#options;
    const reader = new ByteReader(this.#read(this.#file as WorkingFile, at));
    const records: T[] = [];
    while (reader.remaining > 0) records.push(codec.read(reader));
    return records;
  }

  #read(file: WorkingFile, { position, bytes }: SpillBlock): Uint8Array {
    const block = new Uint8Array(bytes);
    try {
      if (file.read(block, bytes, position) < bytes) throw fileTooShort(file.path);
    } catch (error) {
      throw spillFailure(error);
    }
    return block;
  }

  /** Lets go of the records and removes the file. May be called twice. */
  close(): void {
    this.#state = 'closed';
    this.#records.clear();
    const [file, directory] = [this.#file, this.#directory];
    this.#file = this.#directory = undefined;
    file?.close();
    if (directory !== undefined) this.#options.files.remove(directory);
  }
}

/** One way through a list. */
class Reading<T> implements Iterator<T> {
  readonly #list: SpilledList<T>;
  #block = 0;
  #records: readonly T[] | undefined;
  #at = 0;

  constructor(list: SpilledList<T>) {
    this.#list = list;
  }

  next(): IteratorResult<T> {
    for (;;) {
      const records = (this.#records ??= this.#list.recordsAt(this.#block));
      if (records === undefined) return { done: true, value: undefined };
      if (this.#at < records.length) return { done: false, value: records[this.#at++] as T };
      this.#records = undefined;
      this.#block++;
      this.#at = 0;
    }
  }
}
