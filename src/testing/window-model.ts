/**
 * A model of windows that is slow and obviously right: it keeps every element and works everything out anew.
 *
 * It follows the definitions, not the operators: an element belongs to the windows whose span covers it, sessions are
 * the groups of elements that lie within a gap of each other, a window fires when its time is over or when enough
 * elements have come since it fired last, and an element is late for a window whose time and allowed lateness are
 * over. The operators are compared with it on random streams.
 */

import { MAX_WATERMARK, MIN_WATERMARK } from '../data/element.ts';
import type { TortureInput } from './torture.ts';

/** From `start` on, before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** How time is cut. */
export type ModelledWindows<T> =
  | { readonly kind: 'tumbling'; readonly size: number; readonly offset: number }
  | { readonly kind: 'sliding'; readonly size: number; readonly slide: number; readonly offset: number }
  | { readonly kind: 'session'; readonly gap: (value: T) => number }
  | { readonly kind: 'global' };

/** What is windowed how. */
export interface WindowModelOptions<T> {
  readonly windows: ModelledWindows<T>;
  readonly key: (value: T) => unknown;
  /** Whose time cuts the windows and fires them. */
  readonly domain: 'event' | 'processing';
  /** When windows fire: when their time is over, never, or after so many elements. */
  readonly trigger: 'time' | 'never' | { readonly count: number };
  /** Whether firing forgets the elements. */
  readonly purging: boolean;
  readonly allowedLateness: number;
}

/** What comes out of it. */
export type ModelOutput<T> =
  | { readonly kind: 'fired'; readonly key: unknown; readonly span: Span; readonly values: readonly T[] }
  /** An element that came too late for all its windows. */
  | { readonly kind: 'late'; readonly value: T; readonly timestamp: number }
  | { readonly kind: 'watermark'; readonly timestamp: number }
  | { readonly kind: 'status'; readonly idle: boolean };

/**
 * What the window operator has to give for the input, in order.
 *
 * @example
 * ```ts
 * const fired = windowModel(
 *   {
 *     windows: { kind: 'tumbling', size: 10, offset: 0 },
 *     key: (value: { user: string }) => value.user,
 *     domain: 'event',
 *     trigger: 'time',
 *     purging: false,
 *     allowedLateness: 0,
 *   },
 *   [element({ user: 'ann' }, 3), watermark(9)],
 * );
 * ```
 */
export function windowModel<T>(
  options: WindowModelOptions<T>,
  items: readonly TortureInput[],
): readonly ModelOutput<T>[] {
  const model = new WindowModel(options);
  for (const item of items) model.take(item);
  return model.output;
}

/** An element with what has become of it in one window; an element of several windows has several. */
interface Member<T> {
  readonly key: unknown;
  readonly value: T;
  /** The span of the element alone; of a session it is only a part. */
  readonly span: Span;
  /** Took part in a firing by count. */
  counted: boolean;
  /** Forgotten by a purge, though the window goes on. */
  purged: boolean;
}

const EVERYTHING: Span = { start: MIN_WATERMARK, end: MAX_WATERMARK };

class WindowModel<T> {
  readonly output: ModelOutput<T>[] = [];
  readonly #options: WindowModelOptions<T>;
  #members: Member<T>[] = [];
  #watermark = MIN_WATERMARK;
  #clock = 0;

  constructor(options: WindowModelOptions<T>) {
    this.#options = options;
  }

  take(item: TortureInput): void {
    const event = this.#options.domain === 'event';
    if (item.kind === 'element') {
      this.#element(item.value as T, item.timestamp);
    } else if (item.kind === 'watermark') {
      if (event) this.#advance(this.#watermark, item.timestamp);
      this.#watermark = item.timestamp;
      this.output.push({ kind: 'watermark', timestamp: item.timestamp });
    } else if (item.kind === 'status') {
      this.output.push(item);
    } else if (item.kind === 'processing-time') {
      if (!event) this.#advance(this.#clock, item.time);
      this.#clock = item.time;
    }
  }

  #element(value: T, timestamp: number): void {
    const key = this.#options.key(value);
    const spans = this.#spansOf(this.#options.domain === 'event' ? timestamp : this.#clock, value);
    // Between sliding windows that do not overlap there are times that belong to none; there the watermark decides.
    let taken =
      spans.length === 0 &&
      (this.#options.domain === 'processing' || timestamp + this.#options.allowedLateness > this.#watermark);
    for (const span of spans) {
      const member: Member<T> = { key, value, span, counted: false, purged: false };
      this.#members.push(member);
      const window = this.#windowOf(member);
      if (this.#isOver(window.span, this.#options.domain === 'event' ? this.#watermark : MIN_WATERMARK)) {
        this.#members.pop();
        continue;
      }
      taken = true;
      this.#onElement(window);
    }
    if (!taken) this.output.push({ kind: 'late', value, timestamp });
  }

  /** The spans that an element at `time` opens. */
  #spansOf(time: number, value: T): readonly Span[] {
    const { windows } = this.#options;
    switch (windows.kind) {
      case 'global':
        return [EVERYTHING];
      case 'session':
        return [{ start: time, end: time + windows.gap(value) }];
      case 'tumbling':
        return covering(time, windows.size, windows.size, windows.offset);
      case 'sliding':
        return covering(time, windows.size, windows.slide, windows.offset);
    }
  }

  /** All elements that share a window with this one, and the window's span. */
  #windowOf(member: Member<T>): { readonly span: Span; readonly members: readonly Member<T>[] } {
    const ofKey = this.#members.filter((other) => Object.is(other.key, member.key));
    if (this.#options.windows.kind !== 'session') {
      return {
        span: member.span,
        members: ofKey.filter((other) => other.span.start === member.span.start && other.span.end === member.span.end),
      };
    }
    let span = member.span;
    for (;;) {
      const members = ofKey.filter((other) => other.span.start <= span.end && other.span.end >= span.start);
      const grown = {
        start: Math.min(...members.map((m) => m.span.start)),
        end: Math.max(...members.map((m) => m.span.end)),
      };
      if (grown.start === span.start && grown.end === span.end) return { span, members };
      span = grown;
    }
  }

  #isOver(span: Span, time: number): boolean {
    return span.end - 1 + this.#options.allowedLateness <= time;
  }

  #onElement(window: { readonly span: Span; readonly members: readonly Member<T>[] }): void {
    const { trigger, domain } = this.#options;
    if (trigger === 'time') {
      if (domain === 'event' && window.span.end - 1 <= this.#watermark) this.#fire(window);
    } else if (trigger !== 'never') {
      const uncounted = window.members.filter((member) => !member.counted);
      if (uncounted.length < trigger.count) return;
      for (const member of uncounted) member.counted = true;
      this.#fire(window);
    }
  }

  #fire({ span, members }: { readonly span: Span; readonly members: readonly Member<T>[] }): void {
    const inIt = members.filter((member) => !member.purged);
    const [first] = inIt;
    if (first === undefined) return;
    this.output.push({ kind: 'fired', key: first.key, span, values: inIt.map((member) => member.value) });
    if (this.#options.purging) for (const member of inIt) member.purged = true;
  }

  #advance(from: number, to: number): void {
    const done = new Set<Member<T>>();
    const windows = this.#members.flatMap((member) => {
      if (done.has(member)) return [];
      const window = this.#windowOf(member);
      for (const other of window.members) done.add(other);
      return [window];
    });
    windows.sort((a, b) => a.span.end - b.span.end);
    for (const window of windows) {
      const last = window.span.end - 1;
      if (this.#options.trigger === 'time' && last > from && last <= to) this.#fire(window);
    }
    const lateness = this.#options.domain === 'event' ? this.#options.allowedLateness : 0;
    const over = new Set(
      windows
        .filter(({ span }) => span.end - 1 + lateness <= to && span.end !== MAX_WATERMARK)
        .flatMap(({ members }) => members),
    );
    this.#members = this.#members.filter((member) => !over.has(member));
  }
}

/** The spans of `size`, beginning at multiples of `slide` plus `offset`, that cover `time`. */
function covering(time: number, size: number, slide: number, offset: number): readonly Span[] {
  const spans: Span[] = [];
  const first = Math.floor((time - offset - size) / slide);
  for (let i = first; i * slide + offset <= time; i++) {
    const start = i * slide + offset;
    if (time < start + size) spans.push({ start, end: start + size });
  }
  return spans;
}
