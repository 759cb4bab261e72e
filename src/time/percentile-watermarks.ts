/**
 * Watermarks that keep the distance which the stream itself has shown to need.
 *
 * The lateness of an event is how far it lies behind the newest one seen before it. The generator remembers the
 * lateness of recent events in a histogram and keeps the watermark behind the newest event by the quantile that was
 * asked for: with `cover: 0.99`, about one event in a hundred comes late, whatever the stream's disorder is and
 * however it changes.
 */

import { MIN_WATERMARK } from '../data/element.ts';
import { LatenessHistogram } from './lateness-histogram.ts';
import type { WatermarkGenerator, WatermarkOutput } from './watermark-generator.ts';

/** What {@link PercentileWatermarks} can be told. */
export interface PercentileOptions {
  /** Share of events, between 0 and 1 exclusive, that must not be late. */
  readonly cover: number;
  /** The distance never falls below this. Default 0 ms. */
  readonly minDelayMs?: number;
  /** The distance never exceeds this, also when that makes more events late. Default: no limit. */
  readonly maxDelayMs?: number;
  /** The distance while fewer than `minEvents` events have been seen. Default: the largest lateness so far. */
  readonly initialDelayMs?: number;
  /** Events before the histogram is believed. Default: 100, or as many as `cover` needs to mean something. */
  readonly minEvents?: number;
  /** Events after which an observation counts half. Default 10,000, or more where `cover` needs it. */
  readonly halfLifeEvents?: number;
}

export type PercentileSettings = Required<Omit<PercentileOptions, 'initialDelayMs'>> &
  Pick<PercentileOptions, 'initialDelayMs'>;

/** A quantile of 1 − 1/n says something only when some n events have been seen. */
export function percentileSettings(options: PercentileOptions): PercentileSettings {
  const needed = Math.ceil(1 / (1 - options.cover));
  return {
    minDelayMs: 0,
    maxDelayMs: Infinity,
    minEvents: Math.max(100, needed),
    halfLifeEvents: Math.max(10_000, needed * 100),
    ...options,
  };
}

export class PercentileWatermarks implements WatermarkGenerator<unknown> {
  readonly #settings: PercentileSettings;
  readonly #histogram: LatenessHistogram;
  #maxTimestamp = MIN_WATERMARK;
  #maxLateness = 0;
  #events = 0;

  constructor(settings: PercentileSettings) {
    this.#settings = settings;
    this.#histogram = new LatenessHistogram(settings.halfLifeEvents);
  }

  onEvent(_event: unknown, timestamp: number): void {
    if (timestamp === MIN_WATERMARK) return;
    this.#events++;
    if (timestamp >= this.#maxTimestamp) {
      this.#maxTimestamp = timestamp;
      this.#histogram.record(0);
      return;
    }
    const lateness = this.#maxTimestamp - timestamp;
    this.#histogram.record(lateness);
    if (lateness > this.#maxLateness) this.#maxLateness = lateness;
  }

  onPeriodicEmit(output: WatermarkOutput): void {
    output.emitWatermark(this.#maxTimestamp - this.delayMs - 1);
  }

  /** The distance that is kept now. */
  get delayMs(): number {
    const { minDelayMs, maxDelayMs, minEvents, initialDelayMs, cover } = this.#settings;
    const wanted = this.#events < minEvents ? (initialDelayMs ?? this.#maxLateness) : this.#histogram.quantile(cover);
    return Math.min(maxDelayMs, Math.max(minDelayMs, wanted));
  }
}
