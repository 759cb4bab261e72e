/** Fires at the end of the window in event time, and besides early, before it, and late, after it. */

import { MillstreamError } from '../../base/error.ts';
import { positive } from '../windows/durations.ts';
import type { Window } from '../windows/window.ts';
import { triggerReducing, TriggerResult, type OnMergeContext, type Trigger, type TriggerContext } from './trigger.ts';

/** When to fire apart from the end of the window: by number, by processing time, or whichever comes first. */
export interface Firings {
  /** After this many elements. */
  readonly everyCount?: number;
  /** This many milliseconds of processing time after the first element since the last firing. */
  readonly everyMs?: number;
}

/** What {@link EarlyLateTrigger} is told. */
export interface EarlyLateOptions {
  /** Before the watermark reaches the end of the window. Default: not at all. */
  readonly early?: Firings;
  /** After it, as far as lateness is allowed. Default: for every late element. */
  readonly late?: Firings;
}

const COUNT = triggerReducing<number>('firing-count', (a, b) => a + b);
const FIRE_TIME = triggerReducing<number>('firing-time', (a, b) => Math.min(a, b));

/**
 * An event-time trigger with early and late firings. Each firing gives the window's result so far; wrap it in a
 * {@link PurgingTrigger} to give only what is new.
 *
 * @example
 * ```ts
 * const trigger = EarlyLateTrigger.of({ early: { everyMs: 1_000 }, late: { everyCount: 10, everyMs: 5_000 } });
 * ```
 */
export class EarlyLateTrigger implements Trigger<unknown, Window> {
  readonly kind = 'early-late';
  readonly canMerge = true;
  readonly #early: Firings;
  readonly #late: Firings;

  private constructor({ early = {}, late = { everyCount: 1 } }: EarlyLateOptions) {
    this.#early = checked('early', early);
    this.#late = checked('late', late);
  }

  /** @throws WINDOW_INVALID when a count is no whole number above 0, or a time not above 0. */
  static of(options: EarlyLateOptions): EarlyLateTrigger {
    return new EarlyLateTrigger(options);
  }

  onElement(_element: unknown, _timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    const late = window.maxTimestamp() <= ctx.currentWatermark();
    if (!late) ctx.registerEventTimeTimer(window.maxTimestamp());
    return this.#counted(late ? this.#late : this.#early, ctx);
  }

  #counted({ everyCount, everyMs }: Firings, ctx: TriggerContext): TriggerResult {
    if (everyCount !== undefined) {
      const count = ctx.getPartitionedState(COUNT);
      count.add(1);
      if ((count.get() ?? 0) >= everyCount) {
        this.#forget(ctx);
        return TriggerResult.FIRE;
      }
    }
    const fireTime = ctx.getPartitionedState(FIRE_TIME);
    if (everyMs !== undefined && fireTime.get() === undefined) {
      const next = ctx.currentProcessingTime() + everyMs;
      fireTime.add(next);
      ctx.registerProcessingTimeTimer(next);
    }
    return TriggerResult.CONTINUE;
  }

  onEventTime(time: number, window: Window, ctx: TriggerContext): TriggerResult {
    if (time !== window.maxTimestamp()) return TriggerResult.CONTINUE;
    // What was counted towards an early firing is in this result.
    this.#forget(ctx);
    return TriggerResult.FIRE;
  }

  onProcessingTime(time: number, _window: Window, ctx: TriggerContext): TriggerResult {
    if (ctx.getPartitionedState(FIRE_TIME).get() !== time) return TriggerResult.CONTINUE;
    this.#forget(ctx);
    return TriggerResult.FIRE;
  }

  #forget(ctx: TriggerContext): void {
    ctx.getPartitionedState(COUNT).clear();
    const fireTime = ctx.getPartitionedState(FIRE_TIME);
    const next = fireTime.get();
    if (next !== undefined) ctx.deleteProcessingTimeTimer(next);
    fireTime.clear();
  }

  clear(window: Window, ctx: TriggerContext): void {
    this.#forget(ctx);
    ctx.deleteEventTimeTimer(window.maxTimestamp());
  }

  onMerge(window: Window, ctx: OnMergeContext): void {
    ctx.mergePartitionedState(COUNT);
    ctx.mergePartitionedState(FIRE_TIME);
    const next = ctx.getPartitionedState(FIRE_TIME).get();
    if (next !== undefined) ctx.registerProcessingTimeTimer(next);
    if (window.maxTimestamp() > ctx.currentWatermark()) ctx.registerEventTimeTimer(window.maxTimestamp());
  }
}

function checked(which: string, firings: Firings): Firings {
  const { everyCount, everyMs } = firings;
  if (everyMs !== undefined) positive(`everyMs of the ${which} firings`, everyMs);
  if (everyCount !== undefined && !(Number.isInteger(everyCount) && everyCount > 0)) {
    throw new MillstreamError(
      'WINDOW_INVALID',
      `everyCount of the ${which} firings must be a whole number above 0, but is ${String(everyCount)}.`,
    );
  }
  return Object.freeze({ ...firings });
}
