/** A whole stream, without keys, cut into windows in one subtask. */

import type { NoState, OrClass, StateDeclarations } from '../operator/functions.ts';
import type { Figure } from '../operator/rolling-aggregation.ts';
import { windowMax, windowMaxBy, windowMin, windowMinBy, windowSum } from '../operator/window/window-aggregation.ts';
import type {
  AllWindowFunction,
  AllWindowLambda,
  ProcessAllWindowFunction,
  ProcessAllWindowLambda,
} from '../operator/window/window-functions.ts';
import type { AggregateFunction } from '../state/descriptor.ts';
import type { Evictor } from '../time/evictors/evictor.ts';
import type { Trigger } from '../time/triggers/trigger.ts';
import type { Window } from '../time/windows/window.ts';
import type { NumericField, OrderedField } from './keyed-stream.ts';
import type { OutputTag } from './output-tag.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import { isWindowFunction, type WindowOperation } from './window-operation.ts';
import type { ReduceOptions, WindowReduce } from './windowed-stream.ts';

type Ordered = number | bigint | string | Date;
/**
 * The windows of a whole stream: `windowAll(…)`. Everything meets in one subtask, so the operator has parallelism 1;
 * where there is any key, `keyBy(…).window(…)` scales.
 *
 * @example
 * ```ts
 * declare const orders: DataStream<{ amount: number }>;
 * const revenue = orders.windowAll(TumblingEventTimeWindows.of(60_000)).sum((order) => order.amount);
 * ```
 */
export class AllWindowedStream<T, W extends Window> {
  readonly #operation: WindowOperation<T, W>;

  constructor(operation: WindowOperation<T, W>) {
    this.#operation = operation;
  }

  /** Says when a window fires, in place of the assigner's own trigger. */
  trigger(trigger: Trigger<T, W>): AllWindowedStream<T, W> {
    return new AllWindowedStream(this.#operation.trigger(trigger));
  }

  /** Leaves elements out of results. All elements of a window are kept then. */
  evictor(evictor: Evictor<T, W>): AllWindowedStream<T, W> {
    return new AllWindowedStream(this.#operation.evictor(evictor));
  }

  /**
   * Keeps windows that have fired for this many milliseconds of event time; a late element makes them fire again.
   * Default 0.
   *
   * @throws WINDOW_INVALID when it is negative.
   */
  allowedLateness(milliseconds: number): AllWindowedStream<T, W> {
    return new AllWindowedStream(this.#operation.allowedLateness(milliseconds));
  }

  /** Sends elements that come too late to a side output instead of dropping (and counting) them. */
  sideOutputLateData(tag: OutputTag<T>): AllWindowedStream<T, W> {
    return new AllWindowedStream(this.#operation.sideOutputLateData(tag.id));
  }

  /** Combines the elements of each window as they come. */
  reduce(f: WindowReduce<T>, options?: ReduceOptions): SingleOutputStream<T>;
  reduce<R>(
    f: WindowReduce<T>,
    process: ProcessAllWindowLambda<T, R, W>,
    options?: ReduceOptions,
  ): SingleOutputStream<R>;
  reduce<R, S extends StateDeclarations = NoState, G extends StateDeclarations = NoState>(
    f: WindowReduce<T>,
    process: OrClass<ProcessAllWindowFunction<T, R, W, S, G>>,
    options?: ReduceOptions,
  ): SingleOutputStream<R>;
  reduce<R>(f: WindowReduce<T>, second?: unknown, third?: ReduceOptions): SingleOutputStream<R> {
    const withFunction = isWindowFunction(second);
    const options = (withFunction ? third : (second as ReduceOptions | undefined)) ?? {};
    const keeping = this.#operation.reducing(f, options.associative ?? false);
    return this.#operation.add(keeping, withFunction ? this.#operation.processing(second, false) : undefined);
  }

  /** Aggregates the elements of each window as they come with Flink's AggregateFunction. */
  aggregate<Acc, Out>(f: OrClass<AggregateFunction<T, Acc, Out>>): SingleOutputStream<Out>;
  aggregate<Acc, Mid, R>(
    f: OrClass<AggregateFunction<T, Acc, Mid>>,
    process: ProcessAllWindowLambda<Mid, R, W>,
  ): SingleOutputStream<R>;
  aggregate<Acc, Mid, R, S extends StateDeclarations = NoState, G extends StateDeclarations = NoState>(
    f: OrClass<AggregateFunction<T, Acc, Mid>>,
    process: OrClass<ProcessAllWindowFunction<Mid, R, W, S, G>>,
  ): SingleOutputStream<R>;
  aggregate<R>(f: unknown, process?: unknown): SingleOutputStream<R> {
    return this.#operation.add(
      this.#operation.aggregating(f),
      process === undefined ? undefined : this.#operation.processing(process, false),
    );
  }

  /**
   * A function over all elements of each window, which are kept until it fires.
   *
   * @example
   * ```ts
   * declare const orders: DataStream<{ amount: number }>;
   * const counts = orders.windowAll(TumblingEventTimeWindows.of(60_000)).process(function* (ctx, elements) {
   *   yield { until: ctx.window().end, orders: [...elements].length };
   * });
   * ```
   */
  process<R>(f: ProcessAllWindowLambda<T, R, W>): SingleOutputStream<R>;
  process<R, S extends StateDeclarations = NoState, G extends StateDeclarations = NoState>(
    f: OrClass<ProcessAllWindowFunction<T, R, W, S, G>>,
  ): SingleOutputStream<R>;
  process<R>(f: unknown): SingleOutputStream<R> {
    return this.#operation.add({ kind: 'list' }, this.#operation.processing(f, false));
  }

  /** Like `process`, for a function that needs to know nothing but the window. */
  apply<R>(f: AllWindowLambda<T, R, W> | OrClass<AllWindowFunction<T, R, W>>): SingleOutputStream<R> {
    return this.#operation.add({ kind: 'list' }, this.#operation.applying(f, false));
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
