/**
 * The slices of time that have not passed yet, and which window is next to fire.
 *
 * Windows fire in the order of their ends. That a window has fired is part of the state, because the slices that it
 * shares with later windows are still there after it; and it is kept by key group, because subtasks are at different
 * windows when their state is put together anew.
 */

import type { AggregateKernels } from '../kernel/aggregate-kernels.ts';
import { AggregateTable, type TableRange } from '../kernel/aggregate-table.ts';

export interface WindowTimes {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly sliceMs: number;
  readonly offsetMs: number;
}

/** A window whose time has come. */
export interface DueWindow {
  readonly end: number;
  readonly table: AggregateTable;
  /** Whether nobody else needs the table. */
  readonly owned: boolean;
  /** Whether the keys of a key group have not fired yet; undefined where none has. */
  readonly isDue: ((keyGroup: number) => boolean) | undefined;
}

/** Hears which tables there are: those of slices, and what is left of windows that had fired in part. */
export interface SliceWatcher {
  opened(kind: 'slice' | 'partly', time: number, table: AggregateTable): void;
  /** It is about to be released, or fires; nothing is added to it any more. */
  dropped(kind: 'slice' | 'partly', time: number): void;
}

export class OpenSlices {
  /** Tables by the start of their slice. */
  readonly tables = new Map<number, AggregateTable>();
  /** What is left of windows that had fired in part when the state was written, by their end. */
  readonly partly = new Map<number, AggregateTable>();
  readonly #kernels: AggregateKernels;
  readonly #range: TableRange;
  readonly #times: WindowTimes;
  /** The end of the last window that fired here, or whose time passed without a row. */
  #firedEnd = -Infinity;
  #watcher: SliceWatcher | undefined;
  /** The same by key group, as of the state that was restored. */
  readonly #restoredEnds = new Map<number, number>();

  constructor(kernels: AggregateKernels, range: TableRange, times: WindowTimes) {
    this.#kernels = kernels;
    this.#range = range;
    this.#times = times;
  }

  /** The table of a slice, made when it is missing. */
  of(slice: number): AggregateTable {
    return this.#in(this.tables, 'slice', slice);
  }

  partlyFired(end: number): AggregateTable {
    return this.#in(this.partly, 'partly', end);
  }

  /** From now on tells which tables there are, beginning with those that are there. */
  watch(watcher: SliceWatcher): void {
    this.#watcher = watcher;
    for (const [slice, table] of this.tables) watcher.opened('slice', slice, table);
    for (const [end, table] of this.partly) watcher.opened('partly', end, table);
  }

  /** The end of the last window that has fired for every key group. */
  get firedEnd(): number {
    return this.#firedEnd;
  }

  #in(tables: Map<number, AggregateTable>, kind: 'slice' | 'partly', time: number): AggregateTable {
    let table = tables.get(time);
    if (table === undefined) {
      table = new AggregateTable(this.#kernels, this.#range);
      tables.set(time, table);
      this.#watcher?.opened(kind, time, table);
    }
    return table;
  }

  /** Windows with rows that have not fired, each counted once for all its keys. */
  get waiting(): number {
    const { slideMs } = this.#times;
    const ends = new Set(this.partly.keys());
    for (const slice of this.tables.keys()) {
      for (let start = this.#nextStart(slice); start <= slice; start += slideMs) ends.add(start + this.#times.sizeMs);
    }
    return ends.size;
  }

  restoreFired(keyGroup: number, end: number): void {
    this.#restoredEnds.set(keyGroup, end);
    const { start: first, end: last } = this.#range.keyGroups;
    let earliest = Infinity;
    for (let group = first; group <= last; group++)
      earliest = Math.min(earliest, this.#restoredEnds.get(group) ?? -Infinity);
    this.#firedEnd = earliest;
  }

  /** Tells the end of the last window that has fired, by key group. */
  fired(tell: (keyGroup: number, end: number) => void): void {
    const { start: first, end: last } = this.#range.keyGroups;
    for (let group = first; group <= last; group++) {
      const end = Math.max(this.#firedEnd, this.#restoredEnds.get(group) ?? -Infinity);
      if (end > -Infinity) tell(group, end);
    }
  }

  /** The least timestamp that still lies in a window that has not fired. */
  leastOpen(watermark: number): number {
    const { sizeMs, slideMs, offsetMs } = this.#times;
    return Math.floor((this.passed(watermark) - sizeMs - offsetMs) / slideMs) * slideMs + offsetMs + slideMs;
  }

  /** Every window that ends here or before has fired. */
  passed(watermark: number): number {
    return Math.max(watermark + 1, this.#firedEnd);
  }

  /** Takes out the next window that the watermark has passed; undefined when there is none. */
  nextWindow(watermark: number): DueWindow | undefined {
    const rest = this.#nextPartly(watermark);
    if (rest !== undefined) return rest;
    for (;;) {
      const slice = least(this.tables);
      if (slice === undefined) return undefined;
      const start = this.#nextStart(slice);
      const end = start + this.#times.sizeMs;
      if (slice >= start) return end - 1 <= watermark ? this.#take(start, end) : undefined;
      // All windows of the slice have fired.
      this.#drop(slice);
    }
  }

  /**
   * Every window that the watermark has passed is over, those without rows too: a row that comes late is for the
   * windows that are still open.
   */
  advance(watermark: number): void {
    const { sizeMs, slideMs, offsetMs } = this.#times;
    const last = Math.floor((watermark + 1 - sizeMs - offsetMs) / slideMs) * slideMs + offsetMs + sizeMs;
    this.#firedEnd = Math.max(this.#firedEnd, last);
  }

  #nextPartly(watermark: number): DueWindow | undefined {
    const end = least(this.partly);
    if (end === undefined || end - 1 > watermark) return undefined;
    const table = this.partly.get(end) as AggregateTable;
    this.partly.delete(end);
    this.#watcher?.dropped('partly', end);
    return { end, table, owned: true, isDue: undefined };
  }

  /** The start of the first window with the slice that has not fired. */
  #nextStart(slice: number): number {
    const { sizeMs, slideMs, offsetMs } = this.#times;
    const first = Math.floor((slice - sizeMs - offsetMs) / slideMs) * slideMs + offsetMs + slideMs;
    return Math.max(first, this.#firedEnd - sizeMs + slideMs);
  }

  #take(start: number, end: number): DueWindow {
    const { slideMs } = this.#times;
    this.#firedEnd = end;
    const isDue = this.#filter(end);
    const members = [...this.tables.keys()].filter((slice) => slice >= start && slice < end);
    const [only] = members;
    if (members.length > 1) return { end, table: this.#merged(members, start + slideMs), owned: true, isDue };
    const table = this.tables.get(only as number) as AggregateTable;
    // The only slice may be in later windows too.
    const owned = (only as number) < start + slideMs;
    if (owned) {
      this.tables.delete(only as number);
      this.#watcher?.dropped('slice', only as number);
    }
    return { end, table, owned, isDue };
  }

  /** The sum of slices. Those before `keepFrom` are in no later window. */
  #merged(members: readonly number[], keepFrom: number): AggregateTable {
    const whole = new AggregateTable(this.#kernels, this.#range);
    for (const slice of members) {
      whole.merge(this.tables.get(slice) as AggregateTable);
      if (slice < keepFrom) this.#drop(slice);
    }
    return whole;
  }

  #drop(slice: number): void {
    this.#watcher?.dropped('slice', slice);
    this.tables.get(slice)?.release();
    this.tables.delete(slice);
  }

  #filter(end: number): ((keyGroup: number) => boolean) | undefined {
    for (const restored of this.#restoredEnds.values()) {
      if (restored >= end) return (keyGroup) => (this.#restoredEnds.get(keyGroup) ?? -Infinity) < end;
    }
    return undefined;
  }

  release(): void {
    for (const table of this.tables.values()) table.release();
    for (const table of this.partly.values()) table.release();
  }
}

function least(tables: ReadonlyMap<number, unknown>): number | undefined {
  let found: number | undefined;
  for (const time of tables.keys()) if (found === undefined || time < found) found = time;
  return found;
}
