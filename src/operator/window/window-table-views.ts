/**
 * What has changed in the table of one tumbling window: its accumulators by row, and its timers by the number of the
 * row in the order in which rows came. A timer never changes, so it is written once and not with every change.
 *
 * A table is noted from its first view on; one that comes and goes between two views costs nothing.
 */

import type { ChangeWriter, Changing } from '../../state/change-lists.ts';
import { Changes } from '../../state/changes.ts';
import type { ViewPlan } from '../../state/views.ts';
import type { TableNotes, WindowTable } from './window-table.ts';
import type { WindowViews, WrittenState } from './window-views.ts';

/** What a table has to know of its operator. */
export interface TableOwner {
  readonly contents: WrittenState;
  readonly timers: WrittenState;
  readonly views: WindowViews;
  keyOf(row: number): unknown;
  keyGroupOf(key: unknown): number;
  /** When a window is forgotten that has fired. */
  cleanupTime(table: WindowTable): number;
}

export class WindowTableViews implements TableNotes {
  readonly #owner: TableOwner;
  readonly #table: WindowTable;
  readonly contents: Changes<never>;
  readonly timers: Changes<never>;

  /** `generation`: the present one, 0 where no view has been taken of the table. */
  constructor(owner: TableOwner, table: WindowTable, generation: number) {
    this.#owner = owner;
    this.#table = table;
    this.contents = new Changes(this.#contentsByRow(), generation, false, !table.isColumn);
    this.timers = new Changes(this.#timersByNumber(), generation);
  }

  #contentsByRow(): Changing<never> {
    const table = this.#table;
    return {
      get limit() {
        return table.rows.length;
      },
      placeAt: (number) => table.rows[number] as number,
      exists: (row) => table.accumulators.get(row) !== undefined,
      groupOf: (row) => this.#groupOf(row),
      writer: (plan) => this.#contentsWriter(plan),
    };
  }

  #groupOf(row: number): number {
    return this.#owner.keyGroupOf(this.#owner.keyOf(row));
  }

  #contentsWriter({ to }: ViewPlan): ChangeWriter<never> {
    const { name, kind } = this.#owner.contents;
    const contents = to.state(name, kind, 1);
    return {
      write: (row) => {
        const key = this.#owner.keyOf(row);
        const table = this.#table;
        contents.put(this.#owner.keyGroupOf(key), key, table.window.key, table.accumulators.get(row));
      },
      remove: () => {},
    };
  }

  #timersByNumber(): Changing<never> {
    const table = this.#table;
    return {
      get limit() {
        return table.rows.length;
      },
      exists: (number) => table.accumulators.get(table.rows[number] as number) !== undefined,
      groupOf: (number) => this.#groupOf(table.rows[number] as number),
      writer: (plan) => this.#timersWriter(plan),
    };
  }

  #timersWriter({ to }: ViewPlan): ChangeWriter<never> {
    const { name, kind } = this.#owner.timers;
    const timers = to.state(name, kind, 1);
    const { window, last } = this.#table;
    return {
      write: (number) => {
        const key = this.#owner.keyOf(this.#table.rows[number] as number);
        const group = this.#owner.keyGroupOf(key);
        const cleanup = this.#cleanup;
        if (this.#fires(number)) timers.putEntry(group, key, window.key, last, undefined);
        if (cleanup !== undefined) timers.putEntry(group, key, window.key, cleanup, undefined);
      },
      remove: () => {},
    };
  }

  /** Whether the window has yet to fire for a row. */
  #fires(number: number): boolean {
    const { fired, done, pending, rows } = this.#table;
    return !fired && number >= done && pending?.has(rows[number] as number) !== false;
  }

  get #cleanup(): number | undefined {
    const cleanup = this.#owner.cleanupTime(this.#table);
    return cleanup === this.#table.last || cleanup === Infinity ? undefined : cleanup;
  }

  created(row: number): void {
    this.contents.created(row);
    this.timers.created(this.#table.rows.length - 1);
  }

  /** To be called before a row fires that is kept: it has no timer for that any more. */
  firing(number: number): void {
    // The accumulator is handed out, and may be changed.
    this.contents.touch(this.#table.rows[number] as number);
    if (!this.timers.noting || !this.#fires(number)) return;
    if (this.timers.isFirst(number)) this.#goneTimer(number, this.#table.last);
    this.timers.touch(number);
  }

  /** To be called before a row that has fired is to fire anew. */
  rescheduled(row: number): void {
    this.timers.touch(this.#table.rows.indexOf(row));
  }

  /** To be called before a row is let go of. */
  dropping(number: number): void {
    const row = this.#table.rows[number] as number;
    if (this.timers.dropping(number)) {
      this.#goneTimer(number, this.#table.last);
      const cleanup = this.#cleanup;
      if (cleanup !== undefined) this.#goneTimer(number, cleanup);
    }
    if (!this.contents.dropping(row)) return;
    const key = this.#owner.keyOf(row);
    const group = this.#owner.keyGroupOf(key);
    const { contents } = this.#owner;
    const namespace = this.#table.window.key;
    this.#owner.views.gone((to) => to.state(contents.name, contents.kind, 1).remove(group, key, namespace));
  }

  #goneTimer(number: number, time: number): void {
    const key = this.#owner.keyOf(this.#table.rows[number] as number);
    const group = this.#owner.keyGroupOf(key);
    const { timers } = this.#owner;
    const namespace = this.#table.window.key;
    this.#owner.views.gone((to) => to.state(timers.name, timers.kind, 1).removeEntry(group, key, namespace, time));
  }
}
