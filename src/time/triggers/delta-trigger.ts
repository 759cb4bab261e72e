/** Fires when an element differs enough from the one at which it fired last. */

import type { Window } from '../windows/window.ts';
import { TriggerResult, triggerValue, type Trigger, type TriggerContext } from './trigger.ts';

/** The distance from one element to a later one. */
export type DeltaFunction<T> = (oldElement: T, newElement: T) => number;

/**
 * Fires when the delta between the element at which it fired last (the first one, before that) and the newest exceeds
 * the threshold.
 *
 * @example
 * ```ts
 * const everyHundredMetres = DeltaTrigger.of<{ metres: number }>(100, (last, next) => next.metres - last.metres);
 * ```
 */
export class DeltaTrigger<T> implements Trigger<T, Window> {
  readonly kind = 'delta';
  readonly canMerge = false;
  readonly #threshold: number;
  readonly #delta: DeltaFunction<T>;
  readonly #last = triggerValue<T>('last-element');

  private constructor(threshold: number, delta: DeltaFunction<T>) {
    this.#threshold = threshold;
    this.#delta = delta;
  }

  static of<T>(threshold: number, delta: DeltaFunction<T>): DeltaTrigger<T> {
    return new DeltaTrigger(threshold, delta);
  }

  onElement(element: T, _timestamp: number, _window: Window, ctx: TriggerContext): TriggerResult {
    const last = ctx.getPartitionedState(this.#last);
    const before = last.value();
    if (before === undefined) {
      last.update(element);
      return TriggerResult.CONTINUE;
    }
    if (this.#delta(before, element) <= this.#threshold) return TriggerResult.CONTINUE;
    last.update(element);
    return TriggerResult.FIRE;
  }

  onEventTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  onProcessingTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  clear(_window: Window, ctx: TriggerContext): void {
    ctx.getPartitionedState(this.#last).clear();
  }
}
