/** The evictors that come with the engine. Each evicts before the window function, or after it when told so. */

import { MillstreamError } from '../../base/error.ts';
import { NO_TIMESTAMP } from '../../data/record-batch.ts';
import type { DeltaFunction } from '../triggers/delta-trigger.ts';
import { positive } from '../windows/durations.ts';
import type { Window } from '../windows/window.ts';
import type { Evictor, TimestampedValue } from './evictor.ts';

type Elements<T> = readonly TimestampedValue<T>[];

/** Evicts at one of the two moments by one rule. */
abstract class OneMomentEvictor<T> implements Evictor<T, Window> {
  abstract readonly kind: string;
  readonly #after: boolean;

  constructor(doEvictAfter: boolean) {
    this.#after = doEvictAfter;
  }

  evictBefore(elements: Elements<T>): Elements<T> {
    return this.#after ? elements : this.kept(elements);
  }

  evictAfter(elements: Elements<T>): Elements<T> {
    return this.#after ? this.kept(elements) : elements;
  }

  protected abstract kept(elements: Elements<T>): Elements<T>;
}

/**
 * Keeps the last `maxCount` elements.
 *
 * @example
 * ```ts
 * const lastTen = CountEvictor.of(10);
 * ```
 */
export class CountEvictor<T> extends OneMomentEvictor<T> {
  readonly kind = 'count';
  readonly #maxCount: number;

  private constructor(maxCount: number, doEvictAfter: boolean) {
    super(doEvictAfter);
    this.#maxCount = maxCount;
  }

  /** @throws WINDOW_INVALID unless `maxCount` is a whole number from 0 on. */
  static of<T>(maxCount: number, doEvictAfter = false): CountEvictor<T> {
    if (!Number.isInteger(maxCount) || maxCount < 0) {
      throw new MillstreamError(
        'WINDOW_INVALID',
        `A count evictor keeps a whole number of elements, but was given ${String(maxCount)}.`,
      );
    }
    return new CountEvictor(maxCount, doEvictAfter);
  }

  protected kept(elements: Elements<T>): Elements<T> {
    return elements.slice(Math.max(0, elements.length - this.#maxCount));
  }
}

/**
 * Keeps the elements that are less than `windowSize` milliseconds older than the newest.
 *
 * @example
 * ```ts
 * const lastMinute = TimeEvictor.of(60_000);
 * ```
 */
export class TimeEvictor<T> extends OneMomentEvictor<T> {
  readonly kind = 'time';
  readonly #windowSize: number;

  private constructor(windowSize: number, doEvictAfter: boolean) {
    super(doEvictAfter);
    this.#windowSize = positive('The window size of a time evictor', windowSize);
  }

  /** @throws WINDOW_INVALID unless the size in milliseconds is above 0. */
  static of<T>(windowSize: number, doEvictAfter = false): TimeEvictor<T> {
    return new TimeEvictor(windowSize, doEvictAfter);
  }

  protected kept(elements: Elements<T>): Elements<T> {
    if (elements[0] === undefined || elements[0].timestamp === NO_TIMESTAMP) return elements;
    const newest = elements.reduce((latest, { timestamp }) => Math.max(latest, timestamp), NO_TIMESTAMP);
    return elements.filter(({ timestamp }) => timestamp > newest - this.#windowSize);
  }
}

/**
 * Keeps the elements whose delta to the last one is below the threshold.
 *
 * @example
 * ```ts
 * const nearTheLast = DeltaEvictor.of<{ metres: number }>(100, (element, last) => last.metres - element.metres);
 * ```
 */
export class DeltaEvictor<T> extends OneMomentEvictor<T> {
  readonly kind = 'delta';
  readonly #threshold: number;
  readonly #delta: DeltaFunction<T>;

  private constructor(threshold: number, delta: DeltaFunction<T>, doEvictAfter: boolean) {
    super(doEvictAfter);
    this.#threshold = threshold;
    this.#delta = delta;
  }

  static of<T>(threshold: number, delta: DeltaFunction<T>, doEvictAfter = false): DeltaEvictor<T> {
    return new DeltaEvictor(threshold, delta, doEvictAfter);
  }

  protected kept(elements: Elements<T>): Elements<T> {
    const last = elements.at(-1);
    return last === undefined
      ? elements
      : elements.filter(({ value }) => this.#delta(value, last.value) < this.#threshold);
  }
}
