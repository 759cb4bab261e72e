/**
 * Evictors: which elements of a window are left out of its result, or forgotten after it.
 *
 * A window with an evictor keeps all its elements; its function, also a reducing one, is run over them each time the
 * window fires.
 */

import type { Window } from '../windows/window.ts';

/** An element with its timestamp; `-Infinity` when it has none. */
export interface TimestampedValue<T> {
  readonly value: T;
  readonly timestamp: number;
}

/** What an evictor may ask. */
export interface EvictorContext {
  currentWatermark(): number;
  currentProcessingTime(): number;
}

/**
 * Removes elements before or after the window function runs. Both get the elements in the order in which they came,
 * and return those that stay; what is not returned is gone for good.
 *
 * @example
 * ```ts
 * const onlyBig: Evictor<number, Window> = {
 *   kind: 'only big',
 *   evictBefore: (elements) => elements.filter((element) => element.value > 100),
 *   evictAfter: (elements) => elements,
 * };
 * ```
 */
export interface Evictor<T, in W extends Window> {
  /** What plans show. */
  readonly kind: string;
  evictBefore(elements: readonly TimestampedValue<T>[], window: W, ctx: EvictorContext): readonly TimestampedValue<T>[];
  evictAfter(elements: readonly TimestampedValue<T>[], window: W, ctx: EvictorContext): readonly TimestampedValue<T>[];
}
