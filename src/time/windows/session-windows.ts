/**
 * Session windows: an element opens a window that lasts for a gap, and windows that overlap or touch become one, so
 * that a session ends when nothing has come for the length of the gap.
 */

import { EventTimeTrigger } from '../triggers/event-time-trigger.ts';
import { ProcessingTimeTrigger } from '../triggers/processing-time-trigger.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { invalidWindow, positive, timestamped } from './durations.ts';
import type { MergeCallback, MergingWindowAssigner, WindowAssignerContext } from './window-assigner.ts';
import { TimeWindow } from './window.ts';

/** The gap in milliseconds that an element opens. Must be above 0. */
export type SessionWindowTimeGapExtractor<T> = (element: T) => number;

/** What all sessions share. */
export class SessionWindows<in T> {
  /** Milliseconds, or a function of the element. */
  readonly gap: number | SessionWindowTimeGapExtractor<T>;
  readonly #kind: string;

  constructor(kind: string, gap: number | SessionWindowTimeGapExtractor<T>) {
    this.gap = typeof gap === 'number' ? positive(`The gap of ${kind} windows`, gap) : gap;
    this.#kind = kind;
  }

  get windows(): typeof TimeWindow {
    return TimeWindow;
  }

  protected windowAt(time: number, element: T): readonly [TimeWindow] {
    return [new TimeWindow(time, time + this.gapOf(element))];
  }

  /** @throws WINDOW_INVALID when a function returned a gap that is not above 0. */
  gapOf(element: T): number {
    if (typeof this.gap === 'number') return this.gap;
    const gap = this.gap(element);
    if (gap > 0 && gap < Infinity) return gap;
    throw invalidWindow(
      `The gap of ${this.#kind} windows must be a number of milliseconds above 0, but the function returned ${String(gap)}.`,
    );
  }

  mergeWindows(windows: readonly TimeWindow[], callback: MergeCallback<TimeWindow>): void {
    mergeTimeWindows(windows, callback);
  }

  describe(): Readonly<Record<string, string | number>> {
    return { gapMs: typeof this.gap === 'number' ? this.gap : 'dynamic' };
  }
}

/** Merges time windows that overlap or touch. */
export function mergeTimeWindows(windows: readonly TimeWindow[], callback: MergeCallback<TimeWindow>): void {
  const sorted = windows.toSorted((a, b) => a.start - b.start);
  let members: TimeWindow[] = [];
  let merged: TimeWindow | undefined;
  const finish = (): void => {
    if (merged !== undefined && members.length > 1) callback(members, merged);
  };
  for (const window of sorted) {
    if (merged !== undefined && merged.intersects(window)) {
      merged = merged.cover(window);
      members.push(window);
    } else {
      finish();
      merged = window;
      members = [window];
    }
  }
  finish();
}

/**
 * Sessions in event time.
 *
 * @example
 * ```ts
 * const visits = EventTimeSessionWindows.withGap(30 * 60_000);
 * const games = EventTimeSessionWindows.withDynamicGap((event: { patienceMs: number }) => event.patienceMs);
 * ```
 */
export class EventTimeSessionWindows<in T = unknown>
  extends SessionWindows<T>
  implements MergingWindowAssigner<T, TimeWindow>
{
  readonly kind = 'session event-time';
  readonly isEventTime = true;

  private constructor(gap: number | SessionWindowTimeGapExtractor<T>) {
    super('session event-time', gap);
  }

  /** @throws WINDOW_INVALID when the gap in milliseconds is not above 0. */
  static withGap(gap: number): EventTimeSessionWindows {
    return new EventTimeSessionWindows(gap);
  }

  static withDynamicGap<T>(gap: SessionWindowTimeGapExtractor<T>): EventTimeSessionWindows<T> {
    return new EventTimeSessionWindows(gap);
  }

  assignWindows(element: T, timestamp: number): readonly TimeWindow[] {
    return this.windowAt(timestamped(timestamp, this.kind), element);
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }
}

/**
 * Sessions by the clock of the machine that processes the elements.
 *
 * @example
 * ```ts
 * const bursts = ProcessingTimeSessionWindows.withGap(5_000);
 * ```
 */
export class ProcessingTimeSessionWindows<in T = unknown>
  extends SessionWindows<T>
  implements MergingWindowAssigner<T, TimeWindow>
{
  readonly kind = 'session processing-time';
  readonly isEventTime = false;

  private constructor(gap: number | SessionWindowTimeGapExtractor<T>) {
    super('session processing-time', gap);
  }

  /** @throws WINDOW_INVALID when the gap in milliseconds is not above 0. */
  static withGap(gap: number): ProcessingTimeSessionWindows {
    return new ProcessingTimeSessionWindows(gap);
  }

  static withDynamicGap<T>(gap: SessionWindowTimeGapExtractor<T>): ProcessingTimeSessionWindows<T> {
    return new ProcessingTimeSessionWindows(gap);
  }

  assignWindows(element: T, _timestamp: number, context: WindowAssignerContext): readonly TimeWindow[] {
    return this.windowAt(context.currentProcessingTime(), element);
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return ProcessingTimeTrigger.create();
  }
}
