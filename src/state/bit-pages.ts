/** A set of small numbers, a bit for each, in pages that are made when they are needed. */

const PAGE_BITS = 12;
const PAGE_BYTES = 1 << (PAGE_BITS - 3);
const PAGE_MASK = (1 << PAGE_BITS) - 1;

export class BitPages {
  readonly #pages: (Uint8Array | undefined)[] = [];

  /** Returns whether the number was not there before. */
  add(number: number): boolean {
    const index = number >>> PAGE_BITS;
    const page = (this.#pages[index] ??= new Uint8Array(PAGE_BYTES));
    const at = (number & PAGE_MASK) >>> 3;
    const bit = 1 << (number & 7);
    const bits = page[at] as number;
    if ((bits & bit) !== 0) return false;
    page[at] = bits | bit;
    return true;
  }
}
