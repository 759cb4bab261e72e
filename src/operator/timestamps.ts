/**
 * `assignTimestampsAndWatermarks`: stamps the records of a stream and makes its watermarks, ignoring those that
 * come from before it, except the one that ends event time.
 */

import { MAX_WATERMARK } from '../data/element.ts';
import { BoundedOutOfOrderness } from '../time/watermark-generator.ts';
import {
  checkedTimestamp,
  MAIN_SPLIT,
  SplitWatermarks,
  type SplitWatermark,
  type WatermarkChange,
} from '../time/split-watermarks.ts';
import type { WatermarkStrategy } from '../time/watermark-strategy.ts';
import type { Cancellation } from '../base/world.ts';
import type { InlineCode } from './inline-code.ts';
import type { InputOperator, OperatorContext, OperatorDefinition, RowKindCode, Timestamp } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

/** Flink's `pipeline.auto-watermark-interval`. */
const AUTO_WATERMARK_INTERVAL_MS = 200;

/** `intervalMs`: milliseconds between periodic watermarks; 0 turns them off, as in Flink. */
export function timestampsAndWatermarks<T>(
  strategy: WatermarkStrategy<T>,
  intervalMs: number = AUTO_WATERMARK_INTERVAL_MS,
): OperatorDefinition {
  return Object.freeze<OperatorDefinition>({
    kind: 'timestamps',
    input: 'records',
    output: 'records',
    create: () =>
      strategy.punctuated
        ? new PunctuatingTimestamps(strategy, intervalMs)
        : new PeriodicTimestamps(strategy, intervalMs),
    ...(strategy.punctuated ? {} : { inline: (code: InlineCode) => writeElementPath(code, strategy) }),
    describe: strategy.describe(),
  });
}

/** For generators that only emit periodically, a record may be shown to them before it is sent on. */
function writeElementPath<T>(code: InlineCode, strategy: WatermarkStrategy<T>): void {
  const split = code.fresh('split');
  code.line(`const ${split} = ${code.self}.split;`);
  const timestamp = writeTimestamp(code, strategy, split);
  if (strategy.kind === 'monotonous' || strategy.kind === 'bounded-out-of-orderness') {
    code.line(`${split}.events++;`);
    code.line(
      `if (${timestamp} > ${code.self}.bounded.maxTimestamp) ${code.self}.bounded.maxTimestamp = ${timestamp};`,
    );
  } else {
    code.line(`${split}.observe(${code.value}, ${timestamp});`);
  }
  code.emit(code.value, timestamp, code.kind);
}

function writeTimestamp<T>(code: InlineCode, strategy: WatermarkStrategy<T>, split: string): string {
  if (strategy.timestampAssigner === undefined && strategy.kind !== 'ingestion-time') return code.timestamp;
  const assign = strategy.timestampAssigner === undefined ? `${split}.assign` : code.bind(strategy.timestampAssigner);
  const timestamp = code.fresh('timestamp');
  code.line(`const ${timestamp} = ${assign}(${code.value}, ${code.timestamp});`);
  code.line(
    `if (typeof ${timestamp} !== 'number' || ${timestamp} !== ${timestamp}) ${code.bind(checkedTimestamp)}(${timestamp}, ${code.value});`,
  );
  return timestamp;
}

/** What both forms share: the periodic tick, and what is let through from before. */
class PeriodicTimestamps<T> extends PlainOperator<T> {
  readonly #strategy: WatermarkStrategy<T>;
  readonly #intervalMs: number;
  watermarks!: SplitWatermarks<T>;
  split!: SplitWatermark<T>;
  /** The generator where generated code writes into it. */
  bounded: BoundedOutOfOrderness | undefined;
  #tick: Cancellation | undefined;
  #ended = false;

  constructor(strategy: WatermarkStrategy<T>, intervalMs: number) {
    super();
    this.#strategy = strategy;
    this.#intervalMs = intervalMs;
  }

  override open(context: OperatorContext<T>): void {
    super.open(context);
    this.watermarks = new SplitWatermarks(this.#strategy, () => context.now(), this.#intervalMs);
    this.split = this.watermarks.addSplit(MAIN_SPLIT);
    if (this.split.generator instanceof BoundedOutOfOrderness) this.bounded = this.split.generator;
    if (this.#intervalMs > 0 && this.#strategy.kind !== 'none') this.#tickAfter(context.now());
  }

  /** What a gate that is blocked keeps us from reading is no silence of the stream. */
  #tickAfter(now: number): void {
    this.#tick = this.context.at(now + this.#intervalMs, () => {
      const time = this.context.now();
      const { gate } = this.context;
      // While something is paused in the middle of its work, time stands still: the next tick catches up.
      if (!gate.hasPaused) this.apply(this.watermarks.onPeriodic(time, gate.blocked));
      this.#tickAfter(time);
    });
  }

  protected apply(change: WatermarkChange): void {
    if (this.#ended) return;
    if (change.idle === false) this.output.status(false);
    if (change.watermark !== undefined) this.output.watermark(change.watermark);
    if (change.idle === true) this.output.status(true);
  }

  override watermark(timestamp: Timestamp): void {
    if (timestamp !== MAX_WATERMARK || this.#ended) return;
    if (this.watermarks.idle) this.output.status(false);
    this.#ended = true;
    this.output.watermark(timestamp);
  }

  override status(): void {}

  override close(): void {
    this.#tick?.cancel();
  }
}

/** For generators that may emit after any record, and must see it after it was sent on. */
class PunctuatingTimestamps<T> extends PeriodicTimestamps<T> implements InputOperator<T> {
  element(value: T, recordTimestamp: Timestamp, kind: RowKindCode): void {
    const { split } = this;
    const timestamp =
      split.assign === undefined ? recordTimestamp : checkedTimestamp(split.assign(value, recordTimestamp), value);
    this.output.emit(value, timestamp, kind);
    split.observe(value, timestamp);
    if (this.watermarks.due && !this.context.gate.hasPaused) this.apply(this.watermarks.take());
  }
}
