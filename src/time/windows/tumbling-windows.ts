/** Tumbling windows: of one size, one after the other, without gaps or overlaps. */

import { EventTimeTrigger } from '../triggers/event-time-trigger.ts';
import { ProcessingTimeTrigger } from '../triggers/processing-time-trigger.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { offsetWithin, positive, timestamped } from './durations.ts';
import type { AssignerSubtask, WindowAssigner, WindowAssignerContext } from './window-assigner.ts';
import { staggerOffset, WindowStagger } from './window-stagger.ts';
import { TimeWindow } from './window.ts';

/** What both time domains share: the arithmetic, and the last window, which most elements fall into again. */
export class TumblingWindows {
  readonly size: number;
  readonly offset: number;
  readonly stagger: WindowStagger;
  readonly #subtask: AssignerSubtask | undefined;
  #shift: number | undefined;
  #last: readonly [TimeWindow] | undefined;

  constructor(kind: string, size: number, offset: number, stagger: WindowStagger, subtask?: AssignerSubtask) {
    this.size = positive(`The size of ${kind} windows`, size);
    this.offset = offsetWithin(`${kind} windows`, offset, size);
    this.stagger = stagger;
    this.#subtask = subtask;
    if (stagger === 'ALIGNED') this.#shift = offset;
  }

  get windows(): typeof TimeWindow {
    return TimeWindow;
  }

  /** Where windows begin, modulo their size, in this subtask; `now` fixes it when they stagger naturally. */
  shift(now: () => number): number {
    if (this.#shift !== undefined) return this.#shift;
    const subtask = this.#subtask ?? { operatorId: '', subtask: 0 };
    return (this.#shift = (this.offset + staggerOffset(this.stagger, this.size, subtask, now())) % this.size);
  }

  protected windowOf(time: number, context: WindowAssignerContext): readonly [TimeWindow] {
    const last = this.#last;
    if (last !== undefined && time >= last[0].start && time < last[0].end) return last;
    const start = TimeWindow.getWindowStartWithOffset(
      time,
      this.shift(() => context.currentProcessingTime()),
      this.size,
    );
    return (this.#last = [new TimeWindow(start, start + this.size)]);
  }

  describe(): Readonly<Record<string, string | number>> {
    return {
      sizeMs: this.size,
      ...(this.offset === 0 ? {} : { offsetMs: this.offset }),
      ...(this.stagger === 'ALIGNED' ? {} : { stagger: this.stagger }),
    };
  }
}

/**
 * Windows of a fixed size in event time.
 *
 * @example
 * ```ts
 * const minutes = TumblingEventTimeWindows.of(60_000);
 * const daysInTokyo = TumblingEventTimeWindows.of(86_400_000, -9 * 3_600_000);
 * ```
 */
export class TumblingEventTimeWindows extends TumblingWindows implements WindowAssigner<unknown, TimeWindow> {
  readonly kind = 'tumbling event-time';
  readonly isEventTime = true;

  private constructor(size: number, offset: number, stagger: WindowStagger, subtask?: AssignerSubtask) {
    super('tumbling event-time', size, offset, stagger, subtask);
  }

  /**
   * `size` and `offset` in milliseconds; windows begin at multiples of the size, plus the offset.
   *
   * @throws WINDOW_INVALID when the size is not above 0, or the offset not within one window.
   */
  static of(size: number, offset = 0, stagger: WindowStagger = WindowStagger.ALIGNED): TumblingEventTimeWindows {
    return new TumblingEventTimeWindows(size, offset, stagger);
  }

  assignWindows(_element: unknown, timestamp: number, context: WindowAssignerContext): readonly TimeWindow[] {
    return this.windowOf(timestamped(timestamp, this.kind), context);
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }

  forSubtask(subtask: AssignerSubtask): TumblingEventTimeWindows {
    return new TumblingEventTimeWindows(this.size, this.offset, this.stagger, subtask);
  }
}

/**
 * Windows of a fixed size by the clock of the machine that processes the elements.
 *
 * @example
 * ```ts
 * const minutes = TumblingProcessingTimeWindows.of(60_000);
 * ```
 */
export class TumblingProcessingTimeWindows extends TumblingWindows implements WindowAssigner<unknown, TimeWindow> {
  readonly kind = 'tumbling processing-time';
  readonly isEventTime = false;

  private constructor(size: number, offset: number, stagger: WindowStagger, subtask?: AssignerSubtask) {
    super('tumbling processing-time', size, offset, stagger, subtask);
  }

  /**
   * `size` and `offset` in milliseconds; windows begin at multiples of the size, plus the offset.
   *
   * @throws WINDOW_INVALID when the size is not above 0, or the offset not within one window.
   */
  static of(size: number, offset = 0, stagger: WindowStagger = WindowStagger.ALIGNED): TumblingProcessingTimeWindows {
    return new TumblingProcessingTimeWindows(size, offset, stagger);
  }

  assignWindows(_element: unknown, _timestamp: number, context: WindowAssignerContext): readonly TimeWindow[] {
    return this.windowOf(context.currentProcessingTime(), context);
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return ProcessingTimeTrigger.create();
  }

  forSubtask(subtask: AssignerSubtask): TumblingProcessingTimeWindows {
    return new TumblingProcessingTimeWindows(this.size, this.offset, this.stagger, subtask);
  }
}
