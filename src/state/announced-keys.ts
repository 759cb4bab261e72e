/**
 * The keys of the records that come next, with their rows.
 *
 * Of many keys few lie in the processor's caches, and a look-up waits for memory two or three times. One record after
 * the other, that is most of what reading and writing a value costs: the processor cannot see far enough ahead to begin
 * the next look-up meanwhile. A loop that does nothing but look up keys has ten of them under way at once, so the rows
 * of a whole batch are found together, and what states hold there is looked at; each record then finds its row here.
 *
 * What is found stays true until a row is given up. A key that was not there, and one that comes out of turn (of a
 * timer, say), is looked up as ever.
 */

import { NO_ROW, type KeyTable } from './key-table.ts';

const NO_KEYS: readonly unknown[] = [];

export class AnnouncedKeys {
  readonly #table: KeyTable;
  #keys = NO_KEYS;
  #rows = new Int32Array(0);
  /** The one that comes next. */
  #at = 0;
  /** How many rows had been given up when these were found. */
  #removals = 0;

  constructor(table: KeyTable) {
    this.#table = table;
  }

  /** Finds the rows of the keys; returns them, {@link NO_ROW} where there is none. */
  announce(keys: readonly unknown[]): Int32Array {
    if (this.#rows.length < keys.length) this.#rows = new Int32Array(keys.length);
    const rows = this.#rows.subarray(0, keys.length);
    this.#table.findAll(keys, rows);
    this.#keys = keys;
    this.#at = 0;
    this.#removals = this.#table.removals;
    return rows;
  }

  /** The row of a key that becomes current, where that is known without a look-up; otherwise {@link NO_ROW}. */
  take(key: unknown): number {
    const at = this.#at;
    if (at === this.#keys.length || this.#keys[at] !== key) return NO_ROW;
    this.#at = at + 1;
    return this.#removals === this.#table.removals ? (this.#rows[at] as number) : NO_ROW;
  }
}
