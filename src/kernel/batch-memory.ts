/**
 * Memory for the batches that one operator emits.
 *
 * A batch is borrowed by those that it is emitted to: once they have returned, and nothing of theirs is paused or held,
 * nobody uses it any more, and its arrays serve the next one. Fresh arrays would cost more than the computation: each
 * is memory touched for the first time, and makes the garbage collector run for the sake of a few bytes of heap.
 */

import { BufferPool } from './buffer-pool.ts';

export class BatchMemory {
  readonly #pool = new BufferPool();
  readonly #lent: ArrayBufferView<ArrayBuffer>[] = [];

  /**
   * Starts a batch, in the memory of the one before. Where that one may still be in use (`settled` of the task's gate
   * says whether), it keeps its memory, which is then the garbage collector's.
   */
  begin(settled = true): void {
    const lent = this.#lent;
    if (!settled) {
      lent.length = 0;
      return;
    }
    for (let array = lent.pop(); array !== undefined; array = lent.pop()) this.#pool.release(array);
  }

  // Arrays are filled with zeros.

  int32(length: number): Int32Array<ArrayBuffer> {
    const array = this.#pool.int32(length).fill(0);
    this.#lent.push(array);
    return array;
  }

  float64(length: number): Float64Array<ArrayBuffer> {
    const array = this.#pool.float64(length).fill(0);
    this.#lent.push(array);
    return array;
  }

  bigInt64(length: number): BigInt64Array<ArrayBuffer> {
    const array = this.#pool.bigInt64(length).fill(0n);
    this.#lent.push(array);
    return array;
  }

  uint8(length: number): Uint8Array<ArrayBuffer> {
    return this.bytes(length).fill(0);
  }

  /** Bytes with anything in them. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const array = this.#pool.uint8(length);
    this.#lent.push(array);
    return array;
  }
}
