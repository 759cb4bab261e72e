/** Fire again and again while a window is open. */

import { positive } from '../windows/durations.ts';
import type { Window } from '../windows/window.ts';
import { triggerReducing, TriggerResult, type OnMergeContext, type Trigger, type TriggerContext } from './trigger.ts';

/** The next time at which the trigger fires; the earliest when windows merge. */
const FIRE_TIME = triggerReducing<number>('fire-time', (a, b) => Math.min(a, b));

/**
 * Fires each time event time passes a multiple of the interval, and at the end of the window.
 *
 * @example
 * ```ts
 * const everyMinute = ContinuousEventTimeTrigger.of(60_000);
 * ```
 */
export class ContinuousEventTimeTrigger implements Trigger<unknown, Window> {
  readonly kind = 'continuous event-time';
  readonly canMerge = true;
  readonly interval: number;

  private constructor(interval: number) {
    this.interval = positive('The interval of a continuous trigger', interval);
  }

  /** @throws WINDOW_INVALID unless the interval in milliseconds is above 0. */
  static of(interval: number): ContinuousEventTimeTrigger {
    return new ContinuousEventTimeTrigger(interval);
  }

  onElement(_element: unknown, timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    if (window.maxTimestamp() <= ctx.currentWatermark()) return TriggerResult.FIRE;
    ctx.registerEventTimeTimer(window.maxTimestamp());
    if (ctx.getPartitionedState(FIRE_TIME).get() === undefined) {
      this.#registerAfter(Math.floor(timestamp / this.interval) * this.interval, window, ctx);
    }
    return TriggerResult.CONTINUE;
  }

  onEventTime(time: number, window: Window, ctx: TriggerContext): TriggerResult {
    if (time === window.maxTimestamp()) return TriggerResult.FIRE;
    const fireTime = ctx.getPartitionedState(FIRE_TIME);
    if (fireTime.get() !== time) return TriggerResult.CONTINUE;
    fireTime.clear();
    this.#registerAfter(time, window, ctx);
    return TriggerResult.FIRE;
  }

  #registerAfter(time: number, window: Window, ctx: TriggerContext): void {
    const next = Math.min(time + this.interval, window.maxTimestamp());
    ctx.getPartitionedState(FIRE_TIME).add(next);
    ctx.registerEventTimeTimer(next);
  }

  onProcessingTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  clear(window: Window, ctx: TriggerContext): void {
    const fireTime = ctx.getPartitionedState(FIRE_TIME);
    const next = fireTime.get();
    if (next !== undefined) ctx.deleteEventTimeTimer(next);
    fireTime.clear();
    ctx.deleteEventTimeTimer(window.maxTimestamp());
  }

  onMerge(window: Window, ctx: OnMergeContext): void {
    ctx.mergePartitionedState(FIRE_TIME);
    const next = ctx.getPartitionedState(FIRE_TIME).get();
    if (next !== undefined) ctx.registerEventTimeTimer(next);
    if (window.maxTimestamp() > ctx.currentWatermark()) ctx.registerEventTimeTimer(window.maxTimestamp());
  }
}

/**
 * Fires each time the clock passes a multiple of the interval while the window has not ended.
 *
 * @example
 * ```ts
 * const everyTenSeconds = ContinuousProcessingTimeTrigger.of(10_000);
 * ```
 */
export class ContinuousProcessingTimeTrigger implements Trigger<unknown, Window> {
  readonly kind = 'continuous processing-time';
  readonly canMerge = true;
  readonly interval: number;

  private constructor(interval: number) {
    this.interval = positive('The interval of a continuous trigger', interval);
  }

  /** @throws WINDOW_INVALID unless the interval in milliseconds is above 0. */
  static of(interval: number): ContinuousProcessingTimeTrigger {
    return new ContinuousProcessingTimeTrigger(interval);
  }

  onElement(_element: unknown, _timestamp: number, window: Window, ctx: TriggerContext): TriggerResult {
    if (ctx.getPartitionedState(FIRE_TIME).get() === undefined) {
      this.#registerAfter(Math.floor(ctx.currentProcessingTime() / this.interval) * this.interval, window, ctx);
    }
    return TriggerResult.CONTINUE;
  }

  onEventTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  onProcessingTime(time: number, window: Window, ctx: TriggerContext): TriggerResult {
    const fireTime = ctx.getPartitionedState(FIRE_TIME);
    if (fireTime.get() !== time) return TriggerResult.CONTINUE;
    fireTime.clear();
    this.#registerAfter(time, window, ctx);
    return TriggerResult.FIRE;
  }

  /** The end of the window is one of the times, unless it is past: windows of event time may lie long ago. */
  #registerAfter(time: number, window: Window, ctx: TriggerContext): void {
    const end = window.maxTimestamp();
    const next = end > time ? Math.min(time + this.interval, end) : time + this.interval;
    ctx.getPartitionedState(FIRE_TIME).add(next);
    ctx.registerProcessingTimeTimer(next);
  }

  clear(_window: Window, ctx: TriggerContext): void {
    const fireTime = ctx.getPartitionedState(FIRE_TIME);
    const next = fireTime.get();
    if (next !== undefined) ctx.deleteProcessingTimeTimer(next);
    fireTime.clear();
  }

  onMerge(_window: Window, ctx: OnMergeContext): void {
    ctx.mergePartitionedState(FIRE_TIME);
    const next = ctx.getPartitionedState(FIRE_TIME).get();
    if (next !== undefined) ctx.registerProcessingTimeTimer(next);
  }
}
