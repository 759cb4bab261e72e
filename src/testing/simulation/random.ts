/** Randomness that a seed decides: a generator of its own for each purpose, so that one does not disturb another. */

import { murmur3 } from '../../base/hash.ts';
import type { Random } from '../../base/world.ts';

const WORD = 2 ** 32;

/** sfc32 by Chris Doty-Humphrey (public domain): small, fast, and without visible pattern. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Generators of one seed and different purposes have nothing to do with each other. */
  constructor(seed: number, purpose: string) {
    const bytes = new TextEncoder().encode(`${seed}/${purpose}`);
    this.#a = murmur3(bytes, 1);
    this.#b = murmur3(bytes, 2);
    this.#c = murmur3(bytes, 3);
    for (let i = 0; i < 12; i++) this.#word();
  }

  next(): number {
    return this.#word() / WORD;
  }

  id(): string {
    let text = '';
    for (let i = 0; i < 4; i++) text += this.#word().toString(16).padStart(8, '0');
    return text;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** True this often. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
