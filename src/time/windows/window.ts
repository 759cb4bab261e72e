/**
 * Windows: the finite pieces that a stream is cut into.
 *
 * A window is a value. Two windows are the same when their keys are equal, however the objects came about; the key is
 * also what stands for the window in state and in snapshots.
 */

import { MAX_WATERMARK } from '../../data/element.ts';

export interface Window {
  /** Stands for the window in state; fixed for good, because snapshots hold it. */
  readonly key: string;
  /** The last time that belongs to the window. Results of the window carry it as their timestamp. */
  maxTimestamp(): number;
}

/** Makes windows again from their keys. */
export interface WindowReader<W extends Window> {
  fromKey(key: string): W;
}

/**
 * A window from `start` (inclusive) to `end` (exclusive), in milliseconds since the epoch.
 *
 * @example
 * ```ts
 * const minute = new TimeWindow(60_000, 120_000);
 * console.log(minute.maxTimestamp());
 * ```
 */
export class TimeWindow implements Window {
  readonly start: number;
  readonly end: number;
  #key: string | undefined;

  constructor(start: number, end: number) {
    this.start = start;
    this.end = end;
  }

  get key(): string {
    return (this.#key ??= `${this.start}/${this.end}`);
  }

  maxTimestamp(): number {
    return this.end - 1;
  }

  /** Whether the windows overlap or touch. */
  intersects(other: TimeWindow): boolean {
    return this.start <= other.end && this.end >= other.start;
  }

  /** The smallest window that holds both. */
  cover(other: TimeWindow): TimeWindow {
    return new TimeWindow(Math.min(this.start, other.start), Math.max(this.end, other.end));
  }

  toString(): string {
    return `TimeWindow[${this.start}, ${this.end})`;
  }

  static fromKey(key: string): TimeWindow {
    const slash = key.indexOf('/');
    return new TimeWindow(Number(key.slice(0, slash)), Number(key.slice(slash + 1)));
  }

  /** The start of the window of `size` that holds `timestamp`, where windows begin at multiples of `size` plus `offset`. */
  static getWindowStartWithOffset(timestamp: number, offset: number, size: number): number {
    return Math.floor((timestamp - offset) / size) * size + offset;
  }
}

/**
 * The only window of a stream that is not cut by time. It never ends by itself.
 *
 * @example
 * ```ts
 * console.log(GlobalWindow.get().maxTimestamp());
 * ```
 */
export class GlobalWindow implements Window {
  static readonly #instance = new GlobalWindow();
  readonly key = 'global';

  static get(): GlobalWindow {
    return GlobalWindow.#instance;
  }

  maxTimestamp(): number {
    return MAX_WATERMARK;
  }

  toString(): string {
    return 'GlobalWindow';
  }

  static fromKey(): GlobalWindow {
    return GlobalWindow.#instance;
  }
}
