/** Fires at the latest some time after an element has come, whatever the trigger inside is waiting for. */

import { positive } from '../windows/durations.ts';
import type { Window } from '../windows/window.ts';
import { fires, purges, TriggerResult, triggerValue, type Trigger, type TriggerContext } from './trigger.ts';

const TIMEOUT = triggerValue<number>('timeout');

/** How a timeout behaves. */
export interface ProcessingTimeoutOptions {
  /** Whether each element starts the time anew. Default false: the first one counts. */
  readonly resetTimerOnNewRecord?: boolean;
  /** Whether the trigger inside forgets its state when the time is over. Default true. */
  readonly shouldClearOnTimeout?: boolean;
}

/**
 * Fires when the trigger inside fires, or when `timeout` milliseconds of processing time have passed since the first
 * element (or the latest, see the options).
 *
 * @example
 * ```ts
 * const tenOrWhatCameInASecond = ProcessingTimeoutTrigger.of(CountTrigger.of(10), 1_000);
 * ```
 */
export class ProcessingTimeoutTrigger<in T, in W extends Window> implements Trigger<T, W> {
  readonly kind: string;
  /** Windows that become one would have several timeouts. */
  readonly canMerge = false;
  readonly #nested: Trigger<T, W>;
  readonly #timeout: number;
  readonly #reset: boolean;
  readonly #clear: boolean;

  private constructor(nested: Trigger<T, W>, timeout: number, options: ProcessingTimeoutOptions) {
    this.kind = `${nested.kind} with timeout`;
    this.#nested = nested;
    this.#timeout = positive('The timeout of a trigger', timeout);
    this.#reset = options.resetTimerOnNewRecord ?? false;
    this.#clear = options.shouldClearOnTimeout ?? true;
  }

  /** @throws WINDOW_INVALID unless the timeout in milliseconds is above 0. */
  static of<T, W extends Window>(
    nested: Trigger<T, W>,
    timeout: number,
    options: ProcessingTimeoutOptions = {},
  ): ProcessingTimeoutTrigger<T, W> {
    return new ProcessingTimeoutTrigger(nested, timeout, options);
  }

  onElement(element: T, timestamp: number, window: W, ctx: TriggerContext): TriggerResult {
    const result = this.#nested.onElement(element, timestamp, window, ctx);
    if (fires(result)) {
      this.clear(window, ctx);
      return result;
    }
    const timeout = ctx.getPartitionedState(TIMEOUT);
    let pending = timeout.value();
    if (pending !== undefined && this.#reset) {
      ctx.deleteProcessingTimeTimer(pending);
      pending = undefined;
    }
    if (pending === undefined) {
      const next = ctx.currentProcessingTime() + this.#timeout;
      timeout.update(next);
      ctx.registerProcessingTimeTimer(next);
    }
    return result;
  }

  onEventTime(time: number, window: W, ctx: TriggerContext): TriggerResult {
    return this.#timedOut(this.#nested.onEventTime(time, window, ctx), window, ctx);
  }

  onProcessingTime(time: number, window: W, ctx: TriggerContext): TriggerResult {
    return this.#timedOut(this.#nested.onProcessingTime(time, window, ctx), window, ctx);
  }

  #timedOut(nested: TriggerResult, window: W, ctx: TriggerContext): TriggerResult {
    if (this.#clear) this.clear(window, ctx);
    return purges(nested) ? TriggerResult.FIRE_AND_PURGE : TriggerResult.FIRE;
  }

  clear(window: W, ctx: TriggerContext): void {
    const timeout = ctx.getPartitionedState(TIMEOUT);
    const pending = timeout.value();
    if (pending !== undefined) ctx.deleteProcessingTimeTimer(pending);
    timeout.clear();
    this.#nested.clear(window, ctx);
  }
}
