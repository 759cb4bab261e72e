/**
 * Watermark strategies: where the timestamps of a stream come from and how its event time advances.
 *
 * A strategy is frozen data with Flink's names. Sources and `assignTimestampsAndWatermarks` run it, one generator per
 * split where a source has splits, so that a slow split holds back its own time and not the others' events.
 */

import { MillstreamError } from '../base/error.ts';
import {
  BoundedOutOfOrderness,
  IngestionTime,
  NoWatermarks,
  PunctuatedWatermarks,
  type GeneratorContext,
  type WatermarkGenerator,
} from './watermark-generator.ts';
import { percentileSettings, PercentileWatermarks, type PercentileOptions } from './percentile-watermarks.ts';

/**
 * The event time of a record, in milliseconds since the epoch. `recordTimestamp` is the one it came with (a
 * broker's), or `-Infinity`.
 */
export type TimestampAssigner<T> = (value: T, recordTimestamp: number) => number;

/** Sources of one group wait for each other, so that none runs ahead of the slowest by more than the drift. */
export interface WatermarkAlignment {
  readonly group: string;
  readonly maxDriftMs: number;
  readonly updateIntervalMs: number;
}

/** A generator with the assigner that goes with it. */
export interface TimestampedGenerator<T> {
  readonly generator: WatermarkGenerator<T>;
  /** Undefined: records keep the timestamp that they came with. */
  readonly assign: TimestampAssigner<T> | undefined;
}

type StrategyKind =
  | 'monotonous'
  | 'bounded-out-of-orderness'
  | 'percentile'
  | 'punctuated'
  | 'ingestion-time'
  | 'custom'
  | 'none';

interface StrategySettings<T> {
  readonly kind: StrategyKind;
  readonly create: (context: GeneratorContext) => TimestampedGenerator<T>;
  readonly assigner: TimestampAssigner<T> | undefined;
  readonly idlenessMs: number | undefined;
  readonly alignment: WatermarkAlignment | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

/**
 * How a stream gets its timestamps and watermarks. Made by the `for…` functions and refined by the `with…` methods,
 * each of which returns a new strategy.
 *
 * The factories take the timestamp assigner as their last argument too; written there, its parameter has the
 * stream's element type without an annotation.
 *
 * @example
 * ```ts
 * declare const stream: DataStream<{ time: number }>;
 * const timed = stream.assignTimestampsAndWatermarks(
 *   WatermarkStrategy.forBoundedOutOfOrderness(5_000, (event) => event.time),
 * );
 * ```
 */
export class WatermarkStrategy<in T> {
  readonly #settings: StrategySettings<T>;

  private constructor(settings: StrategySettings<T>) {
    this.#settings = Object.freeze(settings);
  }

  /** Timestamps never decrease (within a split): the watermark is the last timestamp, less one millisecond. */
  static forMonotonousTimestamps<T>(assigner?: TimestampAssigner<T>): WatermarkStrategy<T> {
    return WatermarkStrategy.#of('monotonous', () => new BoundedOutOfOrderness(0), assigner);
  }

  /**
   * Events come at most `maxOutOfOrdernessMs` milliseconds after a newer one; what comes later is late.
   *
   * @throws OPTION_INVALID when the bound is negative or not finite.
   */
  static forBoundedOutOfOrderness<T>(
    maxOutOfOrdernessMs: number,
    assigner?: TimestampAssigner<T>,
  ): WatermarkStrategy<T> {
    duration('maxOutOfOrdernessMs', maxOutOfOrdernessMs, 0);
    return WatermarkStrategy.#of(
      'bounded-out-of-orderness',
      () => new BoundedOutOfOrderness(maxOutOfOrdernessMs),
      assigner,
      {
        maxOutOfOrdernessMs,
      },
    );
  }

  /**
   * Covers a share of events instead of a fixed bound: the watermark keeps the distance that the given share of
   * recent events has needed. See {@link PercentileOptions}.
   *
   * @throws OPTION_INVALID when `cover` does not lie between 0 and 1, or a limit is negative.
   *
   * @example
   * ```ts
   * const strategy = WatermarkStrategy.forPercentile(
   *   { cover: 0.99, maxDelayMs: 60_000 },
   *   (event: { time: number }) => event.time,
   * );
   * ```
   */
  static forPercentile<T>(options: PercentileOptions, assigner?: TimestampAssigner<T>): WatermarkStrategy<T> {
    const settings = percentileSettings(options);
    if (!(settings.cover > 0 && settings.cover < 1)) {
      throw invalid('cover', settings.cover, 'a share between 0 and 1, such as 0.99');
    }
    duration('minDelayMs', settings.minDelayMs, 0);
    if (!(settings.maxDelayMs >= settings.minDelayMs)) {
      throw invalid('maxDelayMs', settings.maxDelayMs, 'at least minDelayMs');
    }
    if (settings.initialDelayMs !== undefined) duration('initialDelayMs', settings.initialDelayMs, 0);
    duration('minEvents', settings.minEvents, 0);
    duration('halfLifeEvents', settings.halfLifeEvents, 1);
    return WatermarkStrategy.#of('percentile', () => new PercentileWatermarks(settings), assigner, {
      cover: settings.cover,
    });
  }

  /**
   * Events that carry watermarks: `watermarkOf` returns the time that an event proves to be reached, or undefined.
   * The watermark follows the event at once.
   *
   * @example
   * ```ts
   * const strategy = WatermarkStrategy.forPunctuated((event: { last: boolean }, timestamp) =>
   *   event.last ? timestamp : undefined,
   * );
   * ```
   */
  static forPunctuated<T>(
    watermarkOf: (event: T, timestamp: number) => number | undefined,
    assigner?: TimestampAssigner<T>,
  ): WatermarkStrategy<T> {
    return WatermarkStrategy.#of('punctuated', () => new PunctuatedWatermarks(watermarkOf), assigner);
  }

  /** Event time is the time at which a record enters here. Never late; the same input gives other windows when run again. */
  static forIngestionTime<T>(): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({
      kind: 'ingestion-time',
      create: (context) => {
        const generator = new IngestionTime(context);
        return { generator, assign: generator.assign };
      },
      assigner: undefined,
      idlenessMs: undefined,
      alignment: undefined,
      facts: {},
    });
  }

  /** The user's own generator; `factory` is called once per split and subtask. */
  static forGenerator<T>(
    factory: (context: GeneratorContext) => WatermarkGenerator<T>,
    assigner?: TimestampAssigner<T>,
  ): WatermarkStrategy<T> {
    return WatermarkStrategy.#of('custom', factory, assigner);
  }

  /** No watermarks: for streams that nothing windows by event time. */
  static noWatermarks<T>(assigner?: TimestampAssigner<T>): WatermarkStrategy<T> {
    return WatermarkStrategy.#of('none', () => new NoWatermarks(), assigner);
  }

  static #of<T>(
    kind: StrategyKind,
    create: (context: GeneratorContext) => WatermarkGenerator<T>,
    assigner: TimestampAssigner<T> | undefined,
    facts: Readonly<Record<string, string | number | boolean>> = {},
  ): WatermarkStrategy<T> {
    return new WatermarkStrategy<T>({
      kind,
      create: (context) => ({ generator: create(context), assign: undefined }),
      assigner,
      idlenessMs: undefined,
      alignment: undefined,
      facts,
    });
  }

  /** Takes event time from the record. Without an assigner records keep the timestamp that their source gave them. */
  withTimestampAssigner<U extends T>(assigner: TimestampAssigner<U>): WatermarkStrategy<U> {
    return new WatermarkStrategy<U>({ ...this.#settings, assigner });
  }

  /**
   * A stream or split without events for `idleMs` milliseconds is idle: nobody waits for its watermark until its
   * next event. Time in which it could not read (back pressure, alignment) does not count.
   *
   * @throws OPTION_INVALID unless `idleMs` is above 0.
   */
  withIdleness(idleMs: number): WatermarkStrategy<T> {
    duration('idleMs', idleMs, 1);
    return new WatermarkStrategy<T>({ ...this.#settings, idlenessMs: idleMs });
  }

  /**
   * Sources (and splits) of one `group` stop reading while they are more than `maxDriftMs` ahead of the slowest of
   * the group; the group's watermark is announced every `updateIntervalMs` (default 1,000).
   *
   * @throws OPTION_INVALID when a number is negative, or the group's name empty.
   */
  withWatermarkAlignment(group: string, maxDriftMs: number, updateIntervalMs = 1_000): WatermarkStrategy<T> {
    if (group === '') throw invalid('group', group, 'a name');
    duration('maxDriftMs', maxDriftMs, 0);
    duration('updateIntervalMs', updateIntervalMs, 1);
    const alignment = Object.freeze({ group, maxDriftMs, updateIntervalMs });
    return new WatermarkStrategy<T>({ ...this.#settings, alignment });
  }

  get kind(): StrategyKind {
    return this.#settings.kind;
  }

  get idlenessMs(): number | undefined {
    return this.#settings.idlenessMs;
  }

  get alignment(): WatermarkAlignment | undefined {
    return this.#settings.alignment;
  }

  /** The user's timestamp assigner, for generated code; undefined where there is none or it has a state. */
  get timestampAssigner(): TimestampAssigner<T> | undefined {
    return this.#settings.assigner;
  }

  /** Whether the generator may emit from `onEvent`, so that somebody has to look after every record. */
  get punctuated(): boolean {
    return this.kind === 'punctuated' || this.kind === 'custom';
  }

  /** A generator for one split, with its assigner. */
  create(context: GeneratorContext): TimestampedGenerator<T> {
    const made = this.#settings.create(context);
    return this.#settings.assigner === undefined
      ? made
      : { generator: made.generator, assign: this.#settings.assigner };
  }

  /** Facts for the plan. */
  describe(): Readonly<Record<string, string | number | boolean>> {
    return {
      watermarks: this.kind,
      ...this.#settings.facts,
      ...(this.idlenessMs === undefined ? {} : { idlenessMs: this.idlenessMs }),
      ...(this.alignment === undefined
        ? {}
        : { alignmentGroup: this.alignment.group, maxDriftMs: this.alignment.maxDriftMs }),
    };
  }
}

/** The factories of {@link WatermarkStrategy} for a stream whose element type is known. */
export interface WatermarkStrategies<T> {
  readonly forMonotonousTimestamps: typeof WatermarkStrategy.forMonotonousTimestamps<T>;
  readonly forBoundedOutOfOrderness: typeof WatermarkStrategy.forBoundedOutOfOrderness<T>;
  readonly forPercentile: typeof WatermarkStrategy.forPercentile<T>;
  readonly forPunctuated: typeof WatermarkStrategy.forPunctuated<T>;
  readonly forIngestionTime: typeof WatermarkStrategy.forIngestionTime<T>;
  readonly forGenerator: typeof WatermarkStrategy.forGenerator<T>;
  readonly noWatermarks: typeof WatermarkStrategy.noWatermarks<T>;
}

/**
 * A strategy, or a function that makes one: within it every step of a chain of calls knows the element type.
 *
 * @example
 * ```ts
 * declare const stream: DataStream<{ time: number }>;
 * const timed = stream.assignTimestampsAndWatermarks((strategy) =>
 *   strategy.forMonotonousTimestamps().withTimestampAssigner((event) => event.time),
 * );
 * ```
 */
export type GivenStrategy<T> = WatermarkStrategy<T> | ((strategies: WatermarkStrategies<T>) => WatermarkStrategy<T>);

export function resolveStrategy<T>(given: GivenStrategy<T>): WatermarkStrategy<T> {
  return typeof given === 'function' ? given(WatermarkStrategy) : given;
}

function duration(name: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) throw invalid(name, value, `a finite number from ${least} on`);
}

function invalid(name: string, value: unknown, wanted: string): MillstreamError {
  return new MillstreamError(
    'OPTION_INVALID',
    `The option ${name} of a watermark strategy must be ${wanted}, but is ${String(value)}.`,
    {
      details: { option: name },
    },
  );
}
