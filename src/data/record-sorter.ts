/** Sorts the rows of a batch by shape: each to the first block that has its shape at the root. */

import type { BlockEncoder } from './record-block.ts';

/** What `sort` returns when every row has found a block. */
export const ALL_SORTED = -1;

export class RecordSorter {
  /** The number of each row's block. */
  numbers = new Uint8Array(0);
  /** The values of each block, of which `counts` are valid. */
  readonly groups: unknown[][] = [];
  readonly counts: number[] = [];

  /** Returns ALL_SORTED or the first row that no block takes. */
  sort(blocks: readonly BlockEncoder[], values: readonly unknown[], from: number, to: number): number {
    const { groups, counts } = this;
    for (let i = 0; i < blocks.length; i++) {
      groups[i] ??= [];
      counts[i] = 0;
    }
    counts.length = blocks.length;
    if (this.numbers.length < to - from) this.numbers = new Uint8Array(2 * (to - from));
    const numbers = this.numbers;
    let number = 0;
    for (let i = from; i < to; i++) {
      const value = values[i];
      if (!(blocks[number] as BlockEncoder).code.fits(value)) number = blockFor(blocks, value, number);
      if (number < 0) return i;
      (groups[number] as unknown[])[counts[number] as number] = value;
      counts[number] = (counts[number] as number) + 1;
      numbers[i - from] = number;
    }
    return ALL_SORTED;
  }

  /** The numbers of the blocks that have rows. */
  filled(): readonly number[] {
    return this.counts.flatMap((count, number) => (count > 0 ? [number] : []));
  }

  /** The place, from the first row on, of the `n`th row of a block. */
  rowOf(number: number, n: number, rows: number): number {
    let left = n;
    for (let i = 0; i < rows; i++) {
      if (this.numbers[i] === number && left-- === 0) return i;
    }
    return 0;
  }

  /** Lets go of the values. */
  clear(): void {
    for (let i = 0; i < this.groups.length; i++) (this.groups[i] as unknown[]).fill(undefined, 0, this.counts[i] ?? 0);
  }
}

/** The block with the shape of the value, other than the one that was `tried`; else the first that takes values of other shapes, or -1. */
function blockFor(blocks: readonly BlockEncoder[], value: unknown, tried: number): number {
  for (let i = 0; i < blocks.length; i++) {
    if (i !== tried && (blocks[i] as BlockEncoder).code.fits(value)) return i;
  }
  return blocks.findIndex((block) => block.layout.variants);
}
