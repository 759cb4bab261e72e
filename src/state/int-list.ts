/** A list of 32-bit integers that grows without moving: no append waits for what is there already. */

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
const MASK = CHUNK - 1;
/** The first chunk doubles from here, so that many short lists stay small. */
const CHUNK_LEAST = 16;

export class IntList {
  #chunks: Int32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get(index: number): number {
    return (this.#chunks[index >>> CHUNK_BITS] as Int32Array)[index & MASK] as number;
  }

  push(value: number): void {
    const index = this.#length++;
    const number = index >>> CHUNK_BITS;
    let chunk = this.#chunks[number];
    if (chunk === undefined || (index & MASK) >= chunk.length) chunk = this.#grow(number);
    chunk[index & MASK] = value;
  }

  #grow(number: number): Int32Array {
    const before = this.#chunks[number];
    const chunk = new Int32Array(number > 0 ? CHUNK : before === undefined ? CHUNK_LEAST : before.length * 2);
    if (before !== undefined) chunk.set(before);
    this.#chunks[number] = chunk;
    return chunk;
  }
}
