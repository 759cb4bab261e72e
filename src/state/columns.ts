/**
 * Columns: what the tables of a memory backend keep per row. The first chunk of a column doubles until it is full;
 * from there on chunks are added, and growing copies nothing, so that no record waits for millions of rows to move.
 */

const CHUNK_BITS = 16;
const CHUNK = 1 << CHUNK_BITS;
const INDEX_MASK = CHUNK - 1;
const CHUNK_LEAST = 64;

/** How long the chunk must be that is to hold `index` at least. */
function chunkLength(number: number, index: number): number {
  if (number > 0) return CHUNK;
  let length = CHUNK_LEAST;
  while (length <= index) length *= 2;
  return length;
}

/** Any values by index; `undefined` stands for none. */
export class Column<T> {
  readonly #chunks: (T | undefined)[][] = [];

  get(index: number): T | undefined {
    const chunk = this.#chunks[index >>> CHUNK_BITS];
    const offset = index & INDEX_MASK;
    return chunk !== undefined && offset < chunk.length ? chunk[offset] : undefined;
  }

  /** Sets the value and returns the one before. */
  exchange(index: number, value: T | undefined): T | undefined {
    let chunk = this.#chunks[index >>> CHUNK_BITS];
    const offset = index & INDEX_MASK;
    if (chunk === undefined || offset >= chunk.length) chunk = this.#grow(index >>> CHUNK_BITS, offset);
    const before = chunk[offset];
    chunk[offset] = value;
    return before;
  }

  clear(): void {
    this.#chunks.length = 0;
  }

  #grow(number: number, offset: number): (T | undefined)[] {
    // Chunks before it that hold nothing yet stay empty.
    while (this.#chunks.length <= number) this.#chunks.push([]);
    const old = this.#chunks[number] as (T | undefined)[];
    const chunk = new Array<T | undefined>(chunkLength(number, offset)).fill(undefined);
    for (let i = 0; i < old.length; i++) chunk[i] = old[i];
    this.#chunks[number] = chunk;
    return chunk;
  }
}

/** 32-bit integers by index, 0 where nothing was set. */
export class IntColumn {
  readonly #chunks: Int32Array[] = [];

  get(index: number): number {
    const chunk = this.#chunks[index >>> CHUNK_BITS];
    const offset = index & INDEX_MASK;
    return chunk !== undefined && offset < chunk.length ? (chunk[offset] as number) : 0;
  }

  set(index: number, value: number): void {
    this.#chunkOf(index)[index & INDEX_MASK] = value;
  }

  /** Adds and returns the sum. */
  add(index: number, delta: number): number {
    const chunk = this.#chunkOf(index);
    const sum = (chunk[index & INDEX_MASK] as number) + delta;
    chunk[index & INDEX_MASK] = sum;
    return sum;
  }

  clear(): void {
    this.#chunks.length = 0;
  }

  #chunkOf(index: number): Int32Array {
    const chunk = this.#chunks[index >>> CHUNK_BITS];
    const offset = index & INDEX_MASK;
    return chunk !== undefined && offset < chunk.length ? chunk : this.#grow(index >>> CHUNK_BITS, offset);
  }

  #grow(number: number, offset: number): Int32Array {
    while (this.#chunks.length <= number) this.#chunks.push(new Int32Array(0));
    const chunk = new Int32Array(chunkLength(number, offset));
    chunk.set(this.#chunks[number] as Int32Array);
    this.#chunks[number] = chunk;
    return chunk;
  }
}

/** Doubles by index. Only what was set may be read. */
export class DoubleColumn {
  #chunks: Float64Array[] = [];

  get(index: number): number {
    return (this.#chunks[index >>> CHUNK_BITS] as Float64Array)[index & INDEX_MASK] as number;
  }

  set(index: number, value: number): void {
    const number = index >>> CHUNK_BITS;
    const offset = index & INDEX_MASK;
    let chunk = this.#chunks[number];
    if (chunk === undefined || offset >= chunk.length) {
      const grown = new Float64Array(chunkLength(number, offset));
      if (chunk !== undefined) grown.set(chunk);
      this.#chunks[number] = grown;
      chunk = grown;
    }
    chunk[offset] = value;
  }
}
