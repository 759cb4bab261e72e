/** Makes any trigger forget the window's elements each time it fires. */

import type { Window } from '../windows/window.ts';
import { fires, TriggerResult, type OnMergeContext, type Trigger, type TriggerContext } from './trigger.ts';

/**
 * Fires when the trigger inside does, and purges the window then.
 *
 * @example
 * ```ts
 * const batchesOfTen = PurgingTrigger.of(CountTrigger.of(10));
 * ```
 */
export class PurgingTrigger<in T, in W extends Window> implements Trigger<T, W> {
  readonly kind: string;
  readonly canMerge: boolean;
  readonly nested: Trigger<T, W>;

  private constructor(nested: Trigger<T, W>) {
    this.kind = `purging ${nested.kind}`;
    this.canMerge = nested.canMerge;
    this.nested = nested;
  }

  static of<T, W extends Window>(nested: Trigger<T, W>): PurgingTrigger<T, W> {
    return new PurgingTrigger(nested);
  }

  onElement(element: T, timestamp: number, window: W, ctx: TriggerContext): TriggerResult {
    return purging(this.nested.onElement(element, timestamp, window, ctx));
  }

  onEventTime(time: number, window: W, ctx: TriggerContext): TriggerResult {
    return purging(this.nested.onEventTime(time, window, ctx));
  }

  onProcessingTime(time: number, window: W, ctx: TriggerContext): TriggerResult {
    return purging(this.nested.onProcessingTime(time, window, ctx));
  }

  clear(window: W, ctx: TriggerContext): void {
    this.nested.clear(window, ctx);
  }

  onMerge(window: W, ctx: OnMergeContext): void {
    this.nested.onMerge?.(window, ctx);
  }
}

function purging(result: TriggerResult): TriggerResult {
  return fires(result) ? TriggerResult.FIRE_AND_PURGE : result;
}
