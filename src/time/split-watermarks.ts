/**
 * The watermarks of one source reader: one generator per split, and what follows from all of them.
 *
 * Each split has a {@link SplitWatermark}, which stamps records and feeds the split's generator; the reader's own
 * watermark is the lowest of its active splits, or the highest of all once every split is idle. The watermark never
 * goes back when a split joins that is behind.
 *
 * The driver calls `observe` on the split for each record, looks at {@link SplitWatermarks.due} after having sent the
 * record on, and calls `onPeriodic` once per automatic watermark interval.
 */

import { MillstreamError } from '../base/error.ts';
import { MAX_WATERMARK, MIN_WATERMARK } from '../data/element.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { WatermarkSamples } from './watermark-alignment.ts';
import type { GeneratorContext, WatermarkGenerator, WatermarkOutput } from './watermark-generator.ts';
import type { TimestampAssigner, WatermarkStrategy } from './watermark-strategy.ts';

/** What changed. A watermark comes before the status when the stream falls idle, and after it when it wakes. */
export interface WatermarkChange {
  readonly watermark?: number;
  readonly idle?: boolean;
}

const NOTHING_CHANGED: WatermarkChange = Object.freeze({});

/** A tick that comes later than this many intervals says that the thread was busy, not that the split was silent. */
const COUNTED_TICKS_MAX = 2;

/** The records without a split, of sources that have none. */
export const MAIN_SPLIT = '';

/** The watermark of one split. The per-record path: monomorphic, no allocation. */
export class SplitWatermark<T> implements WatermarkOutput {
  readonly splitId: string;
  readonly generator: WatermarkGenerator<T>;
  /** Undefined where records keep the timestamp they came with. */
  readonly assign: TimestampAssigner<T> | undefined;
  /** Records since the last tick. Counted here or by generated chain code. */
  events = 0;
  watermark = MIN_WATERMARK;
  idle = false;
  /** What alignment goes by. */
  readonly samples: WatermarkSamples;
  /** While the split is paused by alignment its silence does not count. */
  paused = false;
  silentMs = 0;
  /** Idle because it was silent too long, and not because its generator said so: the next event ends it. */
  timedOut = false;
  readonly #owner: SplitWatermarks<T>;

  constructor(
    splitId: string,
    strategy: WatermarkStrategy<T>,
    owner: SplitWatermarks<T>,
    context: GeneratorContext,
    samples: WatermarkSamples,
  ) {
    const { generator, assign } = strategy.create(context);
    this.splitId = splitId;
    this.samples = samples;
    this.generator = generator;
    this.assign = assign;
    this.#owner = owner;
  }

  /** The timestamp of a record, which the generator has then seen. */
  onEvent(value: T, recordTimestamp: number): number {
    const timestamp =
      this.assign === undefined ? recordTimestamp : checkedTimestamp(this.assign(value, recordTimestamp), value);
    this.observe(value, timestamp);
    return timestamp;
  }

  /** Shows the generator a record that has its timestamp already. */
  observe(value: T, timestamp: number): void {
    this.events++;
    this.generator.onEvent(value, timestamp, this);
  }

  emitWatermark(timestamp: number): void {
    this.markActive();
    if (timestamp <= this.watermark) return;
    this.watermark = timestamp;
    this.#owner.due = true;
  }

  markIdle(): void {
    if (this.idle) return;
    this.idle = true;
    this.#owner.due = true;
  }

  markActive(): void {
    if (!this.idle) return;
    this.idle = false;
    this.#owner.due = true;
  }
}

export class SplitWatermarks<T> {
  /** Something has changed since the last `take`: look after the record has been sent on. */
  due = false;
  readonly #strategy: WatermarkStrategy<T>;
  readonly #context: GeneratorContext;
  readonly #intervalMs: number;
  readonly #alignmentSamples: number;
  readonly #splits = new Map<string, SplitWatermark<T>>();
  #watermark = MIN_WATERMARK;
  #idle = false;
  #silentMs = 0;
  #lastTick: number | undefined;
  #blockedAtLastTick = false;

  /**
   * `now` is the wall clock, which ingestion time reads; `intervalMs` the time between two calls of `onPeriodic`;
   * `alignmentSamples` the samples of its watermark that each split keeps for alignment.
   */
  constructor(strategy: WatermarkStrategy<T>, now: () => number, intervalMs = Infinity, alignmentSamples = 0) {
    this.#strategy = strategy;
    this.#context = { now };
    this.#intervalMs = intervalMs;
    this.#alignmentSamples = alignmentSamples;
  }

  addSplit(splitId: string): SplitWatermark<T> {
    const known = this.#splits.get(splitId);
    if (known !== undefined) return known;
    const samples = new WatermarkSamples(this.#alignmentSamples);
    const split = new SplitWatermark(splitId, this.#strategy, this, this.#context, samples);
    this.#splits.set(splitId, split);
    return split;
  }

  /** The split has been read to its end: it holds nothing back any more, and claims nothing more either. */
  releaseSplit(splitId: string): void {
    if (this.#splits.delete(splitId)) this.due = true;
  }

  /** The timestamp of a record of the split. For drivers without an object per split. */
  onEvent(splitId: string, value: T, recordTimestamp: number): number {
    return (this.#splits.get(splitId) ?? this.addSplit(splitId)).onEvent(value, recordTimestamp);
  }

  /** The splits, for alignment. */
  get splits(): Iterable<{
    readonly splitId: string;
    readonly watermark: number;
    readonly idle: boolean;
    readonly samples: WatermarkSamples;
    paused: boolean;
  }> {
    return this.#splits.values();
  }

  /** An update interval of the alignment is over. */
  sample(): void {
    for (const split of this.#splits.values()) split.samples.add(split.watermark);
  }

  get watermark(): number {
    return this.#watermark;
  }

  get idle(): boolean {
    return this.#idle;
  }

  /**
   * One automatic watermark interval is over. `now` is any clock in milliseconds; `blocked` says that the reader
   * cannot read at this moment (back pressure), so that its silence says nothing.
   */
  onPeriodic(now: number, blocked = false): WatermarkChange {
    const silence = this.#silenceSince(now, blocked);
    for (const split of this.#splits.values()) this.#tick(split, silence);
    // A reader without any split is silent too.
    this.#silentMs = this.#splits.size === 0 ? this.#silentMs + silence : 0;
    this.due = true;
    return this.take();
  }

  #silenceSince(now: number, blocked: boolean): number {
    const elapsed = this.#lastTick === undefined ? 0 : Math.max(0, now - this.#lastTick);
    const counted = blocked || this.#blockedAtLastTick ? 0 : Math.min(elapsed, this.#intervalMs * COUNTED_TICKS_MAX);
    this.#lastTick = now;
    this.#blockedAtLastTick = blocked;
    return counted;
  }

  #tick(split: SplitWatermark<T>, silence: number): void {
    if (split.events > 0) {
      split.events = 0;
      split.silentMs = 0;
      if (split.timedOut) split.markActive();
      split.timedOut = false;
    } else if (!split.paused) {
      split.silentMs += silence;
    }
    const { idlenessMs } = this.#strategy;
    if (idlenessMs === undefined || split.silentMs < idlenessMs) {
      split.generator.onPeriodicEmit(split);
    } else {
      split.timedOut = true;
      split.markIdle();
    }
  }

  /** What has changed since the last call, now that all splits are looked at together. */
  take(): WatermarkChange {
    if (!this.due) return NOTHING_CHANGED;
    const { watermark, idle } = this.#combined();
    const raised = this.#raise(watermark);
    const turned = idle !== this.#idle;
    this.#idle = idle;
    if (!raised && !turned) return NOTHING_CHANGED;
    return { ...(raised ? { watermark: this.#watermark } : {}), ...(turned ? { idle } : {}) };
  }

  /** The new watermark, if an event has raised it: for drivers that leave the status to the next tick. */
  takePunctuated(): number | undefined {
    return this.due && this.#raise(this.#combined().watermark) ? this.#watermark : undefined;
  }

  #combined(): { readonly watermark: number; readonly idle: boolean } {
    this.due = false;
    let lowest = MAX_WATERMARK;
    let highest = MIN_WATERMARK;
    let active = 0;
    for (const split of this.#splits.values()) {
      highest = Math.max(highest, split.watermark);
      if (split.idle) continue;
      active++;
      lowest = Math.min(lowest, split.watermark);
    }
    if (active > 0) return { watermark: lowest, idle: false };
    const { idlenessMs } = this.#strategy;
    const idle = this.#splits.size > 0 || (idlenessMs !== undefined && this.#silentMs >= idlenessMs);
    return { watermark: highest, idle };
  }

  #raise(candidate: number): boolean {
    if (candidate <= this.#watermark) return false;
    this.#watermark = candidate;
    return true;
  }
}

/**
 * What an assigner returned, if it is a time.
 *
 * @throws TIMESTAMP_INVALID for anything but a number, and for NaN.
 */
export function checkedTimestamp(timestamp: number, value: unknown): number {
  if (typeof timestamp === 'number' && timestamp === timestamp) return timestamp;
  throw invalidTimestamp(timestamp, value);
}

function invalidTimestamp(timestamp: unknown, value: unknown): MillstreamError {
  const got = Object.prototype.toString.call(timestamp) === '[object Date]' ? 'a Date' : String(timestamp);
  const keys =
    typeof value === 'object' && value !== null ? ` for a record with the fields ${Object.keys(value).join(', ')}` : '';
  return new MillstreamError(
    'TIMESTAMP_INVALID',
    `The timestamp assigner returned ${got}${keys}, but an event time is a number of milliseconds since the epoch (${NO_TIMESTAMP} for none). Convert dates with getTime(), and seconds by multiplying with 1000.`,
  );
}
