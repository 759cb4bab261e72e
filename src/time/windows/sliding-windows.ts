/** Sliding windows: of one size, beginning every slide; an element belongs to all that cover it. */

import { EventTimeTrigger } from '../triggers/event-time-trigger.ts';
import { ProcessingTimeTrigger } from '../triggers/processing-time-trigger.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { offsetWithin, positive, timestamped } from './durations.ts';
import type { WindowAssigner, WindowAssignerContext } from './window-assigner.ts';
import { TimeWindow } from './window.ts';

/** What both time domains share. Elements of one slide belong to the same windows, so the last list is kept. */
export class SlidingWindows {
  readonly size: number;
  readonly slide: number;
  readonly offset: number;
  #last: readonly TimeWindow[] = [];
  /** Times from `#validFrom`, and before `#validTo`, belong to the windows in `#last`. */
  #validFrom = Infinity;
  #validTo = -Infinity;

  constructor(kind: string, size: number, slide: number, offset: number) {
    this.size = positive(`The size of ${kind} windows`, size);
    this.slide = positive(`The slide of ${kind} windows`, slide);
    this.offset = offsetWithin(`${kind} windows`, offset, slide);
  }

  get windows(): typeof TimeWindow {
    return TimeWindow;
  }

  protected windowsOf(time: number): readonly TimeWindow[] {
    if (time >= this.#validFrom && time < this.#validTo) return this.#last;
    const windows: TimeWindow[] = [];
    const lastStart = TimeWindow.getWindowStartWithOffset(time, this.offset, this.slide);
    let start = lastStart;
    for (; start > time - this.size; start -= this.slide) windows.push(new TimeWindow(start, start + this.size));
    // `start` is that of the last window which has ended by now; the earliest in the list ends next.
    this.#validFrom = Math.max(lastStart, start + this.size);
    this.#validTo = Math.min(lastStart + this.slide, windows.at(-1)?.end ?? Infinity);
    return (this.#last = windows);
  }

  describe(): Readonly<Record<string, string | number>> {
    return { sizeMs: this.size, slideMs: this.slide, ...(this.offset === 0 ? {} : { offsetMs: this.offset }) };
  }
}

/**
 * Overlapping windows in event time.
 *
 * @example
 * ```ts
 * const lastTenMinutesEveryMinute = SlidingEventTimeWindows.of(600_000, 60_000);
 * ```
 */
export class SlidingEventTimeWindows extends SlidingWindows implements WindowAssigner<unknown, TimeWindow> {
  readonly kind = 'sliding event-time';
  readonly isEventTime = true;

  private constructor(size: number, slide: number, offset: number) {
    super('sliding event-time', size, slide, offset);
  }

  /**
   * All in milliseconds. A slide above the size leaves elements between the windows, which belong to none.
   *
   * @throws WINDOW_INVALID when size or slide is not above 0, or the offset not within one slide.
   */
  static of(size: number, slide: number, offset = 0): SlidingEventTimeWindows {
    return new SlidingEventTimeWindows(size, slide, offset);
  }

  assignWindows(_element: unknown, timestamp: number): readonly TimeWindow[] {
    return this.windowsOf(timestamped(timestamp, this.kind));
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }

  forSubtask(): SlidingEventTimeWindows {
    return new SlidingEventTimeWindows(this.size, this.slide, this.offset);
  }
}

/**
 * Overlapping windows by the clock of the machine that processes the elements.
 *
 * @example
 * ```ts
 * const lastMinuteEverySecond = SlidingProcessingTimeWindows.of(60_000, 1_000);
 * ```
 */
export class SlidingProcessingTimeWindows extends SlidingWindows implements WindowAssigner<unknown, TimeWindow> {
  readonly kind = 'sliding processing-time';
  readonly isEventTime = false;

  private constructor(size: number, slide: number, offset: number) {
    super('sliding processing-time', size, slide, offset);
  }

  /**
   * All in milliseconds. A slide above the size leaves elements between the windows, which belong to none.
   *
   * @throws WINDOW_INVALID when size or slide is not above 0, or the offset not within one slide.
   */
  static of(size: number, slide: number, offset = 0): SlidingProcessingTimeWindows {
    return new SlidingProcessingTimeWindows(size, slide, offset);
  }

  assignWindows(_element: unknown, _timestamp: number, context: WindowAssignerContext): readonly TimeWindow[] {
    return this.windowsOf(context.currentProcessingTime());
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return ProcessingTimeTrigger.create();
  }

  forSubtask(): SlidingProcessingTimeWindows {
    return new SlidingProcessingTimeWindows(this.size, this.slide, this.offset);
  }
}
