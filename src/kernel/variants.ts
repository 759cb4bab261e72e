/**
 * The functions that were generated for the layouts of batches so far. Asking for the same layout as the time before
 * costs a comparison per column.
 */

import type { Column, ColumnBatch } from '../data/column-batch.ts';
import { layoutCode } from './column-access.ts';

export class Variants<F> {
  readonly #columns: readonly number[];
  readonly #make: (layout: ReadonlyMap<number, number>, selection: boolean, number: number, mode: number) => F;
  readonly #functions = new Map<string, F>();
  /** The layout of the last batch by place, then whether it had a selection, and the mode. */
  readonly #last: Int32Array;
  #lastFunction: F | undefined;

  /**
   * `columns` are those whose layout matters. `make` gets the layout codes by column, whether there is a selection,
   * how many functions there are, and the mode that was asked for.
   */
  constructor(
    columns: readonly number[],
    make: (layout: ReadonlyMap<number, number>, selection: boolean, number: number, mode: number) => F,
  ) {
    this.#columns = columns;
    this.#make = make;
    this.#last = new Int32Array(columns.length + 1).fill(-1);
  }

  of(batch: ColumnBatch, mode = 0): F {
    const columns = this.#columns;
    const last = this.#last;
    const form = mode * 2 + (batch.selection === undefined ? 0 : 1);
    let same = last[columns.length] === form;
    last[columns.length] = form;
    for (let i = 0; i < columns.length; i++) {
      const code = layoutCode(batch.columns[columns[i] as number] as Column);
      if (last[i] !== code) {
        last[i] = code;
        same = false;
      }
    }
    if (!same || this.#lastFunction === undefined) this.#lastFunction = this.#find(batch, mode);
    return this.#lastFunction;
  }

  #find(batch: ColumnBatch, mode: number): F {
    const key = this.#last.join(',');
    let found = this.#functions.get(key);
    if (found === undefined) {
      const layout = new Map(this.#columns.map((index) => [index, layoutCode(batch.columns[index] as Column)]));
      found = this.#make(layout, batch.selection !== undefined, this.#functions.size, mode);
      this.#functions.set(key, found);
    }
    return found;
  }
}
