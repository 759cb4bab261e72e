/** Fires when event time has reached the end of the window; the default of event-time windows. */

import type { Window } from '../windows/window.ts';
import { TriggerResult, type OnMergeContext, type Trigger, type TriggerContext } from './trigger.ts';

/**
 * Fires once the watermark passes the end of the window, and for each late element that is still allowed.
 *
 * @example
 * ```ts
 * const trigger = EventTimeTrigger.create();
 * ```
 */
export class EventTimeTrigger implements Trigger<unknown, Window> {
  static readonly #instance = new EventTimeTrigger();
  readonly kind = 'event-time';
  readonly canMerge = true;

  private constructor() {}

  static create(): EventTimeTrigger {
    return EventTimeTrigger.#instance;
  }

  onElement(_element: unknown, _timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    if (window.maxTimestamp() <= ctx.currentWatermark()) return TriggerResult.FIRE;
    ctx.registerEventTimeTimer(window.maxTimestamp());
    return TriggerResult.CONTINUE;
  }

  onEventTime(time: number, window: Window): TriggerResult {
    return time === window.maxTimestamp() ? TriggerResult.FIRE : TriggerResult.CONTINUE;
  }

  onProcessingTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  clear(window: Window, ctx: TriggerContext): void {
    ctx.deleteEventTimeTimer(window.maxTimestamp());
  }

  onMerge(window: Window, ctx: OnMergeContext): void {
    // Behind the watermark the late element that caused the merge fires by itself.
    if (window.maxTimestamp() > ctx.currentWatermark()) ctx.registerEventTimeTimer(window.maxTimestamp());
  }
}
