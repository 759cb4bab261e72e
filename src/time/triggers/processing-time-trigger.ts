/** Fires when the clock has reached the end of the window; the default of processing-time windows. */

import type { Window } from '../windows/window.ts';
import { TriggerResult, type OnMergeContext, type Trigger, type TriggerContext } from './trigger.ts';

/**
 * Fires once the machine's clock passes the end of the window.
 *
 * @example
 * ```ts
 * const trigger = ProcessingTimeTrigger.create();
 * ```
 */
export class ProcessingTimeTrigger implements Trigger<unknown, Window> {
  static readonly #instance = new ProcessingTimeTrigger();
  readonly kind = 'processing-time';
  readonly canMerge = true;

  private constructor() {}

  static create(): ProcessingTimeTrigger {
    return ProcessingTimeTrigger.#instance;
  }

  onElement(_element: unknown, _timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    ctx.registerProcessingTimeTimer(window.maxTimestamp());
    return TriggerResult.CONTINUE;
  }

  onEventTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  onProcessingTime(): TriggerResult {
    return TriggerResult.FIRE;
  }

  clear(window: Window, ctx: TriggerContext): void {
    ctx.deleteProcessingTimeTimer(window.maxTimestamp());
  }

  onMerge(window: Window, ctx: OnMergeContext): void {
    if (window.maxTimestamp() > ctx.currentProcessingTime()) ctx.registerProcessingTimeTimer(window.maxTimestamp());
  }
}
