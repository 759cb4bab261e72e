/** Results on their way from a collecting sink to the program that reads them: a queue with one reader. */

import { RingBuffer } from '../base/ring-buffer.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { decodeValues, isNews, type BatchesRead, type CollectedBatch } from '../operator/collect-sink.ts';

/** Which batch of which subtask and attempt. */
export type BatchName = Omit<CollectedBatch, 'kind' | 'bytes'>;

/** Where a reader takes batches, one after the other. */
export interface BatchSource {
  /**
   * The next batch; undefined when there are no more. It stays until the reader asks for the one behind it.
   *
   * @param taken The batch that the reader has.
   * @throws What the job failed with.
   */
  nextBatch(taken: BatchName | undefined): Promise<CollectedBatch | undefined>;
  /** The reader has lost interest. */
  leave(): Promise<void>;
}

export class BatchQueue implements BatchSource {
  /** Hears of batches that the reader has. */
  readonly #taken: (batch: CollectedBatch) => void;
  readonly #left: () => Promise<void>;
  readonly #known: BatchesRead = new Map();
  readonly #batches = new RingBuffer<CollectedBatch>();
  #end: { readonly error: unknown } | 'finished' | undefined;
  #waiting: (() => void) | undefined;

  constructor(taken: (batch: CollectedBatch) => void, left: () => Promise<void> = async () => {}) {
    this.#taken = taken;
    this.#left = left;
  }

  /** What was pushed before is not news: an attempt that is restored hands out again what the one before may not have. */
  push(batch: CollectedBatch): void {
    if (!isNews(this.#known, batch)) return;
    this.#batches.push(batch);
    this.#wake();
  }

  /** No more will come: the job has finished, or failed with `error`. */
  end(failure?: { readonly error: unknown }): void {
    this.#end ??= failure ?? 'finished';
    this.#wake();
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** What the reader has not. */
  get unread(): readonly CollectedBatch[] {
    return [...this.#batches];
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async nextBatch(taken: BatchName | undefined): Promise<CollectedBatch | undefined> {
    if (taken !== undefined) this.#take(taken);
    for (;;) {
      const batch = this.#batches.peek();
      if (batch !== undefined) return batch;
      if (this.#end === 'finished') return undefined;
      if (this.#end !== undefined) throw this.#end.error;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  #take({ attempt, subtask, number }: BatchName): void {
    const first = this.#batches.peek();
    if (first?.attempt !== attempt || first.subtask !== subtask || first.number !== number) return;
    this.#batches.shift();
    this.#taken(first);
  }

  async leave(): Promise<void> {
    this.#batches.clear();
    if (this.#end === undefined) await this.#left();
    this.#end = 'finished';
  }
}

/** The values of a collecting sink as their reader sees them. */
export class CollectedValues implements AsyncIterableIterator<unknown> {
  readonly #source: BatchSource;
  readonly #types: TypeRegistry;
  /** A JobManager that comes back may hand out again what this reader has. */
  readonly #read: BatchesRead = new Map();
  #values: readonly unknown[] = [];
  #next = 0;
  #taken: BatchName | undefined;

  constructor(source: BatchSource, types: TypeRegistry) {
    this.#source = source;
    this.#types = types;
  }

  async next(): Promise<IteratorResult<unknown>> {
    while (this.#next >= this.#values.length) {
      const batch = await this.#source.nextBatch(this.#taken);
      if (batch === undefined) return { done: true, value: undefined };
      const { attempt, subtask, number, bytes } = batch;
      this.#taken = { attempt, subtask, number };
      this.#next = 0;
      this.#values = isNews(this.#read, batch) ? decodeValues(bytes, this.#types) : [];
    }
    return { done: false, value: this.#values[this.#next++] };
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#values = [];
    await this.#source.leave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    return this;
  }
}
