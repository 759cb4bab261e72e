/** Results on their way from a collecting sink to the program that reads them: a queue with one reader. */

import { RingBuffer } from '../base/ring-buffer.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { decodeValues, type CollectedBatch } from '../operator/collect-sink.ts';

export class ResultQueue implements AsyncIterableIterator<unknown> {
  readonly #types: TypeRegistry;
  /** Tells the sink's coordinator that a batch of a subtask has been taken. */
  readonly #taken: (subtask: number) => void;
  /** The reader lost interest. */
  readonly #left: () => Promise<void>;
  readonly #batches = new RingBuffer<CollectedBatch>();
  #values: readonly unknown[] = [];
  #next = 0;
  #end: { readonly error: unknown } | 'finished' | undefined;
  #waiting: (() => void) | undefined;

  constructor(types: TypeRegistry, taken: (subtask: number) => void, left: () => Promise<void>) {
    this.#types = types;
    this.#taken = taken;
    this.#left = left;
  }

  push(batch: CollectedBatch): void {
    this.#batches.push(batch);
    this.#wake();
  }

  /** No more will come: the job has finished, or failed with `error`. */
  end(failure?: { readonly error: unknown }): void {
    this.#end ??= failure ?? 'finished';
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async next(): Promise<IteratorResult<unknown>> {
    for (;;) {
      if (this.#next < this.#values.length) return { done: false, value: this.#values[this.#next++] };
      const batch = this.#batches.shift();
      if (batch !== undefined) {
        this.#values = decodeValues(batch.bytes, this.#types);
        this.#next = 0;
        this.#taken(batch.subtask);
        continue;
      }
      if (this.#end === 'finished') return { done: true, value: undefined };
      if (this.#end !== undefined) throw this.#end.error;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  /** The next batch as it came, for a reader in another process; undefined when there are no more. */
  async nextBytes(): Promise<Uint8Array | undefined> {
    for (;;) {
      const batch = this.#batches.shift();
      if (batch !== undefined) {
        this.#taken(batch.subtask);
        return batch.bytes;
      }
      if (this.#end === 'finished') return undefined;
      if (this.#end !== undefined) throw this.#end.error;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#batches.clear();
    this.#values = [];
    if (this.#end === undefined) await this.#left();
    this.#end = 'finished';
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    return this;
  }
}
