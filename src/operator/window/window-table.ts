/**
 * One tumbling window of all keys: accumulators by row.
 *
 * There may be many thousands of open windows with a few keys each, or a few windows with millions: a table begins as
 * a map and becomes a column when it holds enough of all rows to be worth the room.
 */

import type { Changes } from '../../state/changes.ts';
import { Column } from '../../state/columns.ts';
import { TimeWindow } from '../../time/windows/window.ts';

/** Accumulators by row; undefined where there is none. */
export interface RowAccumulators {
  get(row: number): unknown;
  /** Sets the accumulator and returns the one before. */
  exchange(row: number, accumulator: unknown): unknown;
}

/** From here on a table looks whether it should become a column, and again at every doubling. */
const COLUMN_LEAST = 256;

/** A column takes room for all rows; it is worth it where at least one in so many has an accumulator. */
const ROWS_PER_ENTRY_MAX = 32;

class SparseAccumulators implements RowAccumulators {
  readonly byRow = new Map<number, unknown>();

  get(row: number): unknown {
    return this.byRow.get(row);
  }

  exchange(row: number, accumulator: unknown): unknown {
    const before = this.byRow.get(row);
    if (accumulator === undefined) this.byRow.delete(row);
    else this.byRow.set(row, accumulator);
    return before;
  }
}

/** What of a table has changed: told before it does. Rows go by themselves, or by the number of their coming. */
export interface TableNotes {
  readonly contents: Changes<never>;
  readonly timers: Changes<never>;
  /** A row was entered, just now. */
  created(row: number): void;
  /** A row fires, and is kept. */
  firing(number: number): void;
  /** A row that has fired is to fire anew. */
  rescheduled(row: number): void;
  /** A row is let go of. */
  dropping(number: number): void;
}

export class WindowTable {
  readonly window: TimeWindow;
  readonly start: number;
  readonly end: number;
  /** Its last timestamp. */
  readonly last: number;
  accumulators: RowAccumulators = new SparseAccumulators();
  /** The rows in the order in which they came. */
  readonly rows: number[] = [];
  /** Rows that have fired, or have been passed over. */
  done = 0;
  fired = false;
  /** Rows that were let go of, when the window is forgotten. */
  released = 0;
  /**
   * Only these rows have to fire; undefined means all. After a restore, the others had fired before and are kept for
   * late elements.
   */
  pending: Set<number> | undefined;
  /** What of it has changed, from its first view on. */
  views: TableNotes | undefined;
  #lookAt = COLUMN_LEAST;

  constructor(window: TimeWindow) {
    this.window = window;
    this.start = window.start;
    this.end = window.end;
    this.last = window.maxTimestamp();
  }

  /** The first accumulator of a row. `rowLimit`: all rows of the operator lie below. */
  enter(row: number, accumulator: unknown, rowLimit: number): void {
    this.accumulators.exchange(row, accumulator);
    this.rows.push(row);
    if (this.rows.length >= this.#lookAt) this.#consider(rowLimit);
  }

  /** Whether it takes room for all rows. */
  get isColumn(): boolean {
    return !(this.accumulators instanceof SparseAccumulators);
  }

  #consider(rowLimit: number): void {
    this.#lookAt *= 2;
    const { accumulators } = this;
    if (!(accumulators instanceof SparseAccumulators) || this.rows.length * ROWS_PER_ENTRY_MAX < rowLimit) return;
    const column = new Column<unknown>();
    for (const [row, accumulator] of accumulators.byRow) column.exchange(row, accumulator);
    this.accumulators = column;
    this.views?.contents.fill();
  }
}

/** No element falls into it. */
export const NO_WINDOW = new WindowTable(new TimeWindow(Infinity, -Infinity));
