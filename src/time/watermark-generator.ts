/**
 * Watermark generators: what looks at the events of one source or split and says how far event time has come.
 *
 * A watermark is a claim, not a guarantee: "no event at or before this time is expected any more". Events that break
 * it are late, and every operator says what it does with those.
 */

import { MIN_WATERMARK } from '../data/element.ts';

/** Where a generator puts what it knows. */
export interface WatermarkOutput {
  /** Claims that event time has reached `timestamp`. Claims at or below an earlier one change nothing. */
  emitWatermark(timestamp: number): void;
  /** Nothing is expected for a while: do not wait for this stream. Ends with the next event or watermark. */
  markIdle(): void;
  markActive(): void;
}

/**
 * One running generator. It belongs to one stream or one split of a source, and is called on its task's thread:
 * `onEvent` for every event, after the event has been sent on, and `onPeriodicEmit` once per automatic watermark
 * interval. Either may emit; a generator that emits only in `onPeriodicEmit` costs less.
 *
 * @example
 * ```ts
 * class HeldBack implements WatermarkGenerator<{ at: number }> {
 *   #highest = -Infinity;
 *   onEvent(_event: { at: number }, timestamp: number): void {
 *     this.#highest = Math.max(this.#highest, timestamp);
 *   }
 *   onPeriodicEmit(output: WatermarkOutput): void {
 *     output.emitWatermark(this.#highest - 3_001);
 *   }
 * }
 * ```
 */
export interface WatermarkGenerator<in T> {
  onEvent(event: T, timestamp: number, output: WatermarkOutput): void;
  onPeriodicEmit(output: WatermarkOutput): void;
}

/** What a generator may use of its surroundings. */
export interface GeneratorContext {
  /** Wall-clock milliseconds. */
  now(): number;
}

/**
 * Follows the highest timestamp at a fixed distance. An event is late when it comes after one that is more than
 * `delayMs` newer.
 */
export class BoundedOutOfOrderness implements WatermarkGenerator<unknown> {
  /** Written straight into by generated chain code. */
  maxTimestamp = MIN_WATERMARK;
  readonly #delayMs: number;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  onEvent(_event: unknown, timestamp: number): void {
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
  }

  onPeriodicEmit(output: WatermarkOutput): void {
    output.emitWatermark(this.maxTimestamp - this.#delayMs - 1);
  }
}

/** For streams on which nothing waits for event time. The end of a bounded stream still ends event time. */
export class NoWatermarks implements WatermarkGenerator<unknown> {
  onEvent(): void {}
  onPeriodicEmit(): void {}
}

/** Events themselves carry the claims: a function says which. */
export class PunctuatedWatermarks<T> implements WatermarkGenerator<T> {
  readonly #watermarkOf: (event: T, timestamp: number) => number | undefined;

  constructor(watermarkOf: (event: T, timestamp: number) => number | undefined) {
    this.#watermarkOf = watermarkOf;
  }

  onEvent(event: T, timestamp: number, output: WatermarkOutput): void {
    const watermark = this.#watermarkOf(event, timestamp);
    if (watermark !== undefined) output.emitWatermark(watermark);
  }

  onPeriodicEmit(): void {}
}

/** Event time is the wall clock: no event is ever late, and time passes without events. */
export class IngestionTime implements WatermarkGenerator<unknown> {
  readonly #context: GeneratorContext;
  #latest = MIN_WATERMARK;

  constructor(context: GeneratorContext) {
    this.#context = context;
  }

  /** The wall clock, kept from running backwards. */
  readonly assign = (): number => {
    this.#latest = Math.max(this.#latest, this.#context.now());
    return this.#latest;
  };

  onEvent(): void {}

  onPeriodicEmit(output: WatermarkOutput): void {
    output.emitWatermark(this.assign() - 1);
  }
}
