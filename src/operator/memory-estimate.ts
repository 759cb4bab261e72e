/** What records take in memory, by the bytes of a few of them. */

import { ByteWriter } from '../base/bytes.ts';

/** One record in so many is measured. */
const SAMPLE_EVERY = 32;

/** An object on the heap takes about this much more than its bytes. */
const HEAP_FACTOR = 3;

export class MemoryEstimate<T> {
  readonly #write: (record: T, writer: ByteWriter) => void;
  readonly #memoryBytes: number;
  readonly #scratch = new ByteWriter();
  #records = 0;
  #sampledBytes = 0;
  #samples = 0;
  #sinceSample = 0;

  /** `memoryBytes`: what the records may take. */
  constructor(write: (record: T, writer: ByteWriter) => void, memoryBytes: number) {
    this.#write = write;
    this.#memoryBytes = memoryBytes;
  }

  add(record: T): void {
    this.#records++;
    if (this.#sinceSample-- > 0) return;
    this.#sinceSample = SAMPLE_EVERY;
    this.#scratch.reset();
    this.#write(record, this.#scratch);
    this.#sampledBytes += this.#scratch.length;
    this.#samples++;
  }

  /** Whether what is in memory should be spilled before more is added. */
  get full(): boolean {
    return this.#samples > 0 && this.#records * (this.#sampledBytes / this.#samples) * HEAP_FACTOR >= this.#memoryBytes;
  }

  /** So many records are no longer in memory. */
  remove(records: number): void {
    this.#records -= records;
  }

  /** Memory is empty again. What a record takes is not forgotten. */
  clear(): void {
    this.#records = 0;
  }
}
