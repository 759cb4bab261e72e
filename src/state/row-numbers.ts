/** Gives out the numbers of rows, the freed ones first, so that tables stay dense. */

import { IntColumn } from './columns.ts';

const NONE = -1;

export class RowNumbers {
  /** For a freed number, the one freed before it, plus two; 0 for a number in use. */
  readonly #freedBefore = new IntColumn();
  #lastFreed = NONE;
  #limit = 0;
  #size = 0;

  /** How many are in use. */
  get size(): number {
    return this.#size;
  }

  /** All numbers in use lie below. */
  get limit(): number {
    return this.#limit;
  }

  take(): number {
    this.#size++;
    const freed = this.#lastFreed;
    if (freed === NONE) return this.#limit++;
    this.#lastFreed = this.#freedBefore.get(freed) - 2;
    this.#freedBefore.set(freed, 0);
    return freed;
  }

  free(number: number): void {
    this.#freedBefore.set(number, this.#lastFreed + 2);
    this.#lastFreed = number;
    this.#size--;
  }

  inUse(number: number): boolean {
    return number < this.#limit && this.#freedBefore.get(number) === 0;
  }

  clear(): void {
    this.#freedBefore.clear();
    this.#lastFreed = NONE;
    this.#limit = 0;
    this.#size = 0;
  }
}
