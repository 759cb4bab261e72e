/** Fires when the stream has ended. */

import type { Window } from '../windows/window.ts';
import { TriggerResult, type Trigger, type TriggerContext } from './trigger.ts';

/**
 * Fires the global window once, when event time ends with its bounded stream.
 *
 * @example
 * ```ts
 * const trigger = EndOfStreamTrigger.create();
 * ```
 */
export class EndOfStreamTrigger implements Trigger<unknown, Window> {
  static readonly #instance = new EndOfStreamTrigger();
  readonly kind = 'end-of-stream';
  readonly canMerge = false;

  private constructor() {}

  static create(): EndOfStreamTrigger {
    return EndOfStreamTrigger.#instance;
  }

  onElement(_element: unknown, _timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    ctx.registerEventTimeTimer(window.maxTimestamp());
    return TriggerResult.CONTINUE;
  }

  onEventTime(time: number, window: Window): TriggerResult {
    return time === window.maxTimestamp() ? TriggerResult.FIRE_AND_PURGE : TriggerResult.CONTINUE;
  }

  onProcessingTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  clear(window: Window, ctx: TriggerContext): void {
    ctx.deleteEventTimeTimer(window.maxTimestamp());
  }
}
