/** A keyed stream cut into windows, and the same without keys. */

import type { NoState, OrClass, ReduceFunction, StateDeclarations, Sync } from '../operator/functions.ts';
import type { Figure } from '../operator/rolling-aggregation.ts';
import { windowMax, windowMaxBy, windowMin, windowMinBy, windowSum } from '../operator/window/window-aggregation.ts';
import type {
  ProcessWindowFunction,
  ProcessWindowLambda,
  WindowFunction,
  WindowLambda,
} from '../operator/window/window-functions.ts';
import type { AggregateFunction } from '../state/descriptor.ts';
import type { Evictor } from '../time/evictors/evictor.ts';
import type { Trigger } from '../time/triggers/trigger.ts';
import type { Window } from '../time/windows/window.ts';
import type { NumericField, OrderedField } from './keyed-stream.ts';
import type { OutputTag } from './output-tag.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import { isWindowFunction, type WindowOperation } from './window-operation.ts';

/** What a reducing function of a window promises. */
export interface ReduceOptions {
  /**
   * The function may combine values in any order and groups, and changes neither of its arguments: then sliding
   * windows share their slices, and each element is reduced once instead of once per window. Default false.
   */
  readonly associative?: boolean;
}

/** Combines two values of one type. */
export type WindowReduce<T> = ((accumulated: T, value: T) => Sync<T>) | OrClass<ReduceFunction<T>>;

type Ordered = number | bigint | string | Date;

/**
 * The windows of each key of a stream: `keyBy(…).window(…)`. A windowed stream is a description; each method returns a
 * new one, and `reduce`, `aggregate`, `process`, `apply` or an aggregation ends it with an operator.
 *
 * Results carry the last timestamp of their window, so that windows can be put on windows.
 *
 * @example
 * ```ts
 * declare const clicks: DataStream<{ user: string; page: string }>;
 * const perMinute = clicks
 *   .keyBy((click) => click.user)
 *   .window(TumblingEventTimeWindows.of(60_000))
 *   .allowedLateness(10_000)
 *   .process((user, ctx, elements, out: Collector<{ user: string; from: number; clicks: number }>) => {
 *     out.collect({ user, from: ctx.window().start, clicks: [...elements].length });
 *   });
 * ```
 */
export class WindowedStream<T, K, W extends Window> {
  readonly #operation: WindowOperation<T, W>;

  constructor(operation: WindowOperation<T, W>) {
    this.#operation = operation;
  }

  /** Says when a window fires, in place of the assigner's own trigger. */
  trigger(trigger: Trigger<T, W>): WindowedStream<T, K, W> {
    return new WindowedStream(this.#operation.trigger(trigger));
  }

  /** Leaves elements out of results. All elements of a window are kept then. */
  evictor(evictor: Evictor<T, W>): WindowedStream<T, K, W> {
    return new WindowedStream(this.#operation.evictor(evictor));
  }

  /**
   * Keeps windows that have fired for this many milliseconds of event time; a late element makes them fire again.
   * Default 0.
   *
   * @throws WINDOW_INVALID when it is negative.
   */
  allowedLateness(milliseconds: number): WindowedStream<T, K, W> {
    return new WindowedStream(this.#operation.allowedLateness(milliseconds));
  }

  /**
   * Sends elements that come too late to a side output instead of dropping (and counting) them.
   *
   * @example
   * ```ts
   * declare const readings: DataStream<{ sensor: string; value: number }>;
   * const late = new OutputTag<{ sensor: string; value: number }>('late');
   * const sums = readings
   *   .keyBy((reading) => reading.sensor)
   *   .window(TumblingEventTimeWindows.of(5_000))
   *   .sideOutputLateData(late)
   *   .sum('value');
   * sums.getSideOutput(late).print('late');
   * ```
   */
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<T, K, W> {
    return new WindowedStream(this.#operation.sideOutputLateData(tag.id));
  }

  /**
   * Combines the elements of each window as they come: one value is kept per key and window. A window function after
   * it gets that value as its only element, and knows the window.
   *
   * @example
   * ```ts
   * declare const bids: DataStream<{ item: string; price: number }>;
   * const highest = bids
   *   .keyBy((bid) => bid.item)
   *   .window(SlidingEventTimeWindows.of(600_000, 60_000))
   *   .reduce((a, b) => (b.price > a.price ? b : a), { associative: true });
   * ```
   */
  reduce(f: WindowReduce<T>, options?: ReduceOptions): SingleOutputStream<T>;
  reduce<R>(
    f: WindowReduce<T>,
    process: ProcessWindowLambda<T, R, K, W>,
    options?: ReduceOptions,
  ): SingleOutputStream<R>;
  reduce<R, S extends StateDeclarations = NoState, G extends StateDeclarations = NoState>(
    f: WindowReduce<T>,
    process: OrClass<ProcessWindowFunction<T, R, K, W, S, G>>,
    options?: ReduceOptions,
  ): SingleOutputStream<R>;
  reduce<R>(f: WindowReduce<T>, second?: unknown, third?: ReduceOptions): SingleOutputStream<R> {
    const withFunction = isWindowFunction(second);
    const options = (withFunction ? third : (second as ReduceOptions | undefined)) ?? {};
    const keeping = this.#operation.reducing(f, options.associative ?? false);
    return this.#operation.add(keeping, withFunction ? this.#operation.processing(second, true) : undefined);
  }

  /**
   * Aggregates the elements of each window as they come with Flink's AggregateFunction: one accumulator is kept per
   * key and window. With `merge`, sliding windows share their slices; session windows need it. `merge(a, b)` may change
   * and return `a`, and must leave `b` as it is.
   *
   * @example
   * ```ts
   * declare const readings: DataStream<{ sensor: string; value: number }>;
   * const means = readings
   *   .keyBy((reading) => reading.sensor)
   *   .window(TumblingEventTimeWindows.of(5_000))
   *   .aggregate(
   *     {
   *       createAccumulator: () => ({ sum: 0, count: 0 }),
   *       add: (reading, acc) => ({ sum: acc.sum + reading.value, count: acc.count + 1 }),
   *       getResult: (acc) => acc.sum / acc.count,
   *       merge: (a, b) => ({ sum: a.sum + b.sum, count: a.count + b.count }),
   *     },
   *     function* (sensor, ctx, [mean]) {
   *       yield { sensor, until: ctx.window().end, mean };
   *     },
   *   );
   * ```
   */
  aggregate<Acc, Out>(f: OrClass<AggregateFunction<T, Acc, Out>>): SingleOutputStream<Out>;
  aggregate<Acc, Mid, R>(
    f: OrClass<AggregateFunction<T, Acc, Mid>>,
    process: ProcessWindowLambda<Mid, R, K, W>,
  ): SingleOutputStream<R>;
  aggregate<Acc, Mid, R, S extends StateDeclarations = NoState, G extends StateDeclarations = NoState>(
    f: OrClass<AggregateFunction<T, Acc, Mid>>,
    process: OrClass<ProcessWindowFunction<Mid, R, K, W, S, G>>,
  ): SingleOutputStream<R>;
  aggregate<R>(f: unknown, process?: unknown): SingleOutputStream<R> {
    return this.#operation.add(
      this.#operation.aggregating(f),
      process === undefined ? undefined : this.#operation.processing(process, true),
    );
  }

  /**
   * A function over all elements of each window, which are kept until it fires. See `ProcessWindowFunction`.
   *
   * @example
   * ```ts
   * declare const prices: DataStream<{ item: string; price: number }>;
   * const medians = prices
   *   .keyBy((price) => price.item)
   *   .window(TumblingEventTimeWindows.of(60_000))
   *   .process(function* (item, ctx, elements) {
   *     const sorted = [...elements].map((each) => each.price).toSorted((a, b) => a - b);
   *     yield { item, until: ctx.window().end, median: sorted[sorted.length >> 1] };
   *   });
   * ```
   */
  process<R>(f: ProcessWindowLambda<T, R, K, W>): SingleOutputStream<R>;
  process<R, S extends StateDeclarations = NoState, G extends StateDeclarations = NoState>(
    f: OrClass<ProcessWindowFunction<T, R, K, W, S, G>>,
  ): SingleOutputStream<R>;
  process<R>(f: unknown): SingleOutputStream<R> {
    return this.#operation.add({ kind: 'list' }, this.#operation.processing(f, true));
  }

  /** Like `process`, for a function that needs to know nothing but the window. */
  apply<R>(f: WindowLambda<T, R, K, W> | OrClass<WindowFunction<T, R, K, W>>): SingleOutputStream<R> {
    return this.#operation.add({ kind: 'list' }, this.#operation.applying(f, true));
  }

  /** Adds up a field: the window's first record with the sum in that field. With a function, the sum alone. */
  sum(field: NumericField<T>): SingleOutputStream<T>;
  sum<N extends number | bigint>(figure: (value: T) => N): SingleOutputStream<N extends bigint ? bigint : number>;
  sum<R>(figure: Figure<T>): SingleOutputStream<R> {
    return this.#operation.add(windowSum(figure), undefined);
  }

  /** The window's first record with the least value of the field in it; with a function, the least value alone. */
  min(field: OrderedField<T>): SingleOutputStream<T>;
  min<V extends Ordered>(figure: (value: T) => V): SingleOutputStream<V>;
  min<R>(figure: Figure<T>): SingleOutputStream<R> {
    return this.#operation.add(windowMin(figure), undefined);
  }

  /** The window's first record with the greatest value of the field in it; with a function, the greatest value alone. */
  max(field: OrderedField<T>): SingleOutputStream<T>;
  max<V extends Ordered>(figure: (value: T) => V): SingleOutputStream<V>;
  max<R>(figure: Figure<T>): SingleOutputStream<R> {
    return this.#operation.add(windowMax(figure), undefined);
  }

  /** The window's record with the least value, whole. Of equal ones the first, unless `first` is false. */
  minBy(figure: OrderedField<T> | ((value: T) => Ordered), first = true): SingleOutputStream<T> {
    return this.#operation.add(windowMinBy(figure as Figure<T>, first), undefined);
  }

  /** The window's record with the greatest value, whole. Of equal ones the first, unless `first` is false. */
  maxBy(figure: OrderedField<T> | ((value: T) => Ordered), first = true): SingleOutputStream<T> {
    return this.#operation.add(windowMaxBy(figure as Figure<T>, first), undefined);
  }
}
