/** Lists of small numbers, many of them in three columns: which cells a row has, which timers stand at a timestamp. */

import { IntColumn } from './columns.ts';

/** Ends a chain. */
export const CHAIN_END = -1;

/** Each member is in at most one chain; a chain keeps the order in which its members came. Links are stored plus one. */
export class Chains {
  readonly #heads = new IntColumn();
  readonly #tails = new IntColumn();
  readonly #next = new IntColumn();
  readonly #previous = new IntColumn();

  /** The first member of the owner's chain, or {@link CHAIN_END}. */
  first(owner: number): number {
    return this.#heads.get(owner) - 1;
  }

  next(member: number): number {
    return this.#next.get(member) - 1;
  }

  append(owner: number, member: number): void {
    const tail = this.#tails.get(owner);
    this.#previous.set(member, tail);
    this.#next.set(member, 0);
    if (tail === 0) this.#heads.set(owner, member + 1);
    else this.#next.set(tail - 1, member + 1);
    this.#tails.set(owner, member + 1);
  }

  remove(owner: number, member: number): void {
    const next = this.#next.get(member);
    const previous = this.#previous.get(member);
    if (previous === 0) this.#heads.set(owner, next);
    else this.#next.set(previous - 1, next);
    if (next === 0) this.#tails.set(owner, previous);
    else this.#previous.set(next - 1, previous);
  }

  clear(): void {
    for (const column of [this.#heads, this.#tails, this.#next, this.#previous]) column.clear();
  }
}
