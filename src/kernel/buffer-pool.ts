/**
 * Memory for tables, in pieces of powers of two that are handed back and forth.
 *
 * Touching memory for the first time costs more than anything a table does with it later (docs/internals/columns.md),
 * so a piece that one table outgrew, or a window left behind, serves the next. The contents of a piece are whatever
 * its last user left there.
 */

/** The smallest piece: a cache line's worth of bookkeeping is not worth sharing. */
const BYTES_LEAST_LOG2 = 9;
/** Of pieces up to this size any number is kept; of larger ones those that fit the budget below. */
const BYTES_SMALL = 1 << 16;
/** Free bytes in large pieces that are kept at most. */
const FREE_BYTES_MAX = 256 * 1024 * 1024;

export class BufferPool {
  readonly #free: ArrayBuffer[][] = [];
  #freeBytes = 0;

  int32(length: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#take(length * 4), 0, length);
  }

  float64(length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#take(length * 8), 0, length);
  }

  bigInt64(length: number): BigInt64Array<ArrayBuffer> {
    return new BigInt64Array(this.#take(length * 8), 0, length);
  }

  uint8(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#take(length), 0, length);
  }

  #take(bytes: number): ArrayBuffer {
    const sizeClass = sizeClassOf(bytes);
    const piece = this.#free[sizeClass]?.pop();
    if (piece === undefined) return new ArrayBuffer(2 ** sizeClass);
    this.#freeBytes -= piece.byteLength;
    return piece;
  }

  /** Gives back the memory under an array that the pool handed out. Nobody may use it any more. */
  release(array: ArrayBufferView<ArrayBuffer> | undefined): void {
    if (array === undefined) return;
    const piece = array.buffer;
    if (piece.byteLength > BYTES_SMALL && this.#freeBytes + piece.byteLength > FREE_BYTES_MAX) return;
    this.#freeBytes += piece.byteLength;
    (this.#free[sizeClassOf(piece.byteLength)] ??= []).push(piece);
  }
}

function sizeClassOf(bytes: number): number {
  return Math.max(BYTES_LEAST_LOG2, bytes <= 1 ? 0 : Math.ceil(Math.log2(bytes)));
}
