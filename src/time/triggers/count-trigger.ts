/** Fires after a number of elements. */

import { MillstreamError } from '../../base/error.ts';
import type { Window } from '../windows/window.ts';
import { triggerReducing, TriggerResult, type OnMergeContext, type Trigger, type TriggerContext } from './trigger.ts';

const COUNT = triggerReducing<number>('count', (a, b) => a + b);

/**
 * Fires when `maxCount` elements have come since it fired last. The elements stay in the window; wrap it in a
 * {@link PurgingTrigger} to begin anew each time.
 *
 * @example
 * ```ts
 * const everyHundredElements = CountTrigger.of(100);
 * ```
 */
export class CountTrigger implements Trigger<unknown, Window> {
  readonly kind = 'count';
  readonly canMerge = true;
  readonly maxCount: number;

  private constructor(maxCount: number) {
    this.maxCount = maxCount;
  }

  /** @throws WINDOW_INVALID unless `maxCount` is a whole number above 0. */
  static of(maxCount: number): CountTrigger {
    if (!Number.isInteger(maxCount) || maxCount < 1) {
      throw new MillstreamError(
        'WINDOW_INVALID',
        `A count trigger needs a whole number of elements above 0, but was given ${String(maxCount)}.`,
      );
    }
    return new CountTrigger(maxCount);
  }

  onElement(_element: unknown, _timestamp: number, _window: Window, ctx: TriggerContext): TriggerResult {
    const count = ctx.getPartitionedState(COUNT);
    count.add(1);
    if ((count.get() ?? 0) < this.maxCount) return TriggerResult.CONTINUE;
    count.clear();
    return TriggerResult.FIRE;
  }

  onEventTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  onProcessingTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  clear(_window: Window, ctx: TriggerContext): void {
    ctx.getPartitionedState(COUNT).clear();
  }

  onMerge(_window: Window, ctx: OnMergeContext): void {
    ctx.mergePartitionedState(COUNT);
  }
}
