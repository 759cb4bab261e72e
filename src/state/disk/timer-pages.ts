/**
 * Timers in the order in which they fire: pages of some dozens, which leave memory like any row when they are not
 * needed. Timers that are near are in memory, because their page is looked at; those far off are in the log. A
 * directory in memory says at which timer each page begins.
 */

import { invariant } from '../../base/assert.ts';
import { mix32 } from '../hash-index.ts';
import type { CellReader, CellWriter } from './cell-io.ts';
import { RowKind, type Row } from './row.ts';
import type { RowStore } from './row-store.ts';
import { sizeOf } from './size-of.ts';

const TIMERS_PER_PAGE = 64;

/** What is counted for a page in the directory. */
const DIRECTORY_BYTES = 96;

/** A stretch of timers, in parallel arrays, ordered by time and then by sequence. */
export class TimerPage {
  readonly times: number[] = [];
  readonly sequences: number[] = [];
  readonly keys: unknown[] = [];
  readonly namespaces: unknown[] = [];

  /** The first timer that is not before the given one. */
  place(time: number, sequence: number): number {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.times[middle] as number, this.sequences[middle] as number, time, sequence)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  insert(at: number, time: number, sequence: number, key: unknown, namespace: unknown): void {
    this.times.splice(at, 0, time);
    this.sequences.splice(at, 0, sequence);
    this.keys.splice(at, 0, key);
    this.namespaces.splice(at, 0, namespace);
  }

  remove(at: number): void {
    this.times.splice(at, 1);
    this.sequences.splice(at, 1);
    this.keys.splice(at, 1);
    this.namespaces.splice(at, 1);
  }

  /** Takes the timers from `at` on away, as a page of their own. */
  split(at: number): TimerPage {
    const rest = new TimerPage();
    rest.times.push(...this.times.splice(at));
    rest.sequences.push(...this.sequences.splice(at));
    rest.keys.push(...this.keys.splice(at));
    rest.namespaces.push(...this.namespaces.splice(at));
    return rest;
  }

  get bytes(): number {
    const { length } = this.times;
    return 512 + length * (48 + sizeOf(this.keys[0]) + sizeOf(this.namespaces[0]));
  }

  write(to: CellWriter): void {
    to.varint(this.times.length);
    for (let i = 0; i < this.times.length; i++) {
      to.f64(this.times[i] as number);
      to.varint(this.sequences[i] as number);
      to.value(this.keys[i]);
      to.value(this.namespaces[i]);
    }
  }

  static read(from: CellReader): TimerPage {
    const page = new TimerPage();
    for (let left = from.varint(); left > 0; left--) {
      page.times.push(from.f64());
      page.sequences.push(from.varint());
      page.keys.push(from.any());
      page.namespaces.push(from.any());
    }
    return page;
  }
}

function isBefore(time: number, sequence: number, otherTime: number, otherSequence: number): boolean {
  return time < otherTime || (time === otherTime && sequence < otherSequence);
}

/** Where a page begins. */
interface PageStart {
  time: number;
  sequence: number;
  readonly id: number;
}

/** Gives pages their numbers. */
export class PageNumbers {
  #next = 1;

  take(): number {
    return this.#next++;
  }
}

/** The timers of one lane. */
export class TimerPages {
  readonly #store: RowStore;
  readonly #group: number;
  readonly #numbers: PageNumbers;
  readonly #reserve: (bytes: number) => void;
  /** In the order of their timers. */
  readonly #pages: PageStart[] = [];
  size = 0;

  /** @param group the table of the index that pages are in. */
  constructor(store: RowStore, group: number, numbers: PageNumbers, reserve: (bytes: number) => void) {
    this.#store = store;
    this.#group = group;
    this.#numbers = numbers;
    this.#reserve = reserve;
  }

  /** The time of the first timer; Infinity when there is none, and for one at the end of time. */
  get earliest(): number {
    return this.#pages[0]?.time ?? Infinity;
  }

  /** The first timer: its key and namespace. */
  first(): { readonly key: unknown; readonly namespace: unknown; readonly time: number; readonly sequence: number } {
    const [start] = this.#pages;
    invariant(start !== undefined, 'there is a first timer where there are timers');
    const page = this.#pageOf(this.#rowOf(start));
    return { key: page.keys[0], namespace: page.namespaces[0], time: start.time, sequence: start.sequence };
  }

  add(time: number, sequence: number, key: unknown, namespace: unknown): void {
    this.size++;
    const at = this.#find(time, sequence);
    if (at < 0) {
      this.#create(0, time, sequence, new TimerPage()).insert(0, time, sequence, key, namespace);
      return;
    }
    const start = this.#pages[at] as PageStart;
    const row = this.#rowOf(start);
    const page = this.#pageOf(row);
    const place = page.place(time, sequence);
    if (page.times.length >= TIMERS_PER_PAGE) {
      // Timers often come in their order: then a new page begins, and full ones stay full.
      if (place === page.times.length) {
        this.#create(at + 1, time, sequence, new TimerPage()).insert(0, time, sequence, key, namespace);
        return;
      }
      this.#store.touch(row);
      const rest = page.split(TIMERS_PER_PAGE / 2);
      this.#store.resized(row);
      this.#create(at + 1, rest.times[0] as number, rest.sequences[0] as number, rest);
      this.size--;
      this.add(time, sequence, key, namespace);
      return;
    }
    this.#store.touch(row);
    page.insert(place, time, sequence, key, namespace);
    if (place === 0) {
      start.time = time;
      start.sequence = sequence;
    }
    if ((page.times.length & 15) === 0) this.#store.resized(row);
  }

  #create(at: number, time: number, sequence: number, page: TimerPage): TimerPage {
    const id = this.#numbers.take();
    const row = this.#store.create(RowKind.PAGE, this.#group, mix32(id), id, undefined, undefined, undefined);
    this.#store.pinnedPage = row;
    row.exchange(0, page);
    this.#store.resized(row);
    this.#pages.splice(at, 0, { time, sequence, id });
    this.#reserve(DIRECTORY_BYTES);
    return page;
  }

  /** Removes a timer that is there. */
  remove(time: number, sequence: number): void {
    const at = this.#find(time, sequence);
    const start = this.#pages[at] as PageStart;
    const row = this.#rowOf(start);
    const page = this.#pageOf(row);
    const place = page.place(time, sequence);
    invariant(
      page.times[place] === time && page.sequences[place] === sequence,
      'a timer that its key knows stands in a page',
    );
    this.#store.touch(row);
    page.remove(place);
    this.size--;
    if (page.times.length === 0) {
      this.#store.purge(row);
      this.#pages.splice(at, 1);
      this.#reserve(-DIRECTORY_BYTES);
    } else if (place === 0) {
      start.time = page.times[0] as number;
      start.sequence = page.sequences[0] as number;
    }
  }

  /** The page in which a timer is, or would be: the last that does not begin behind it. */
  #find(time: number, sequence: number): number {
    const pages = this.#pages;
    let low = 0;
    let high = pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const start = pages[middle] as PageStart;
      if (isBefore(time, sequence, start.time, start.sequence)) high = middle;
      else low = middle + 1;
    }
    return low === 0 && pages.length > 0 ? 0 : low - 1;
  }

  #rowOf(start: PageStart): Row {
    const row = this.#store.find(RowKind.PAGE, this.#group, mix32(start.id), start.id, undefined);
    invariant(row !== undefined, 'a page of timers is where the directory says');
    this.#store.pinnedPage = row;
    return row;
  }

  #pageOf(row: Row): TimerPage {
    return row.cell(0) as TimerPage;
  }
}
