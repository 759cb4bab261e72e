/** A stream whose records are dealt out by key, and which therefore has keyed state and timers. */

import type { AggregateFunction } from '../state/descriptor.ts';
import { MillstreamError } from '../base/error.ts';
import { aggregate } from '../operator/aggregate.ts';
import type {
  KeyedProcessFunction,
  NoState,
  OrClass,
  ProcessFunction,
  ReduceFunction,
  StateDeclarations,
  Sync,
} from '../operator/functions.ts';
import { keyedProcess } from '../operator/keyed-process.ts';
import type { OperatorDefinition } from '../operator/operator.ts';
import { reduce } from '../operator/reduce.ts';
import { max, maxBy, min, minBy, sum, type Figure } from '../operator/rolling-aggregation.ts';
import { checkFunction } from '../operator/user-function.ts';
import type { WindowAssigner } from '../time/windows/window-assigner.ts';
import type { GlobalWindow, Window } from '../time/windows/window.ts';
import type { KeyedBroadcastConnectedStream } from './broadcast-connected-stream.ts';
import type { BroadcastStream } from './broadcast-stream.ts';
import type { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts';
import { DataStream } from './data-stream.ts';
import type { IntervalJoin } from './interval-join.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle } from './stream-handle.ts';
import { countWindows, WindowOperation } from './window-operation.ts';
import type { WindowedStream } from './windowed-stream.ts';

/** Makes the key of a record. Must be a pure function: it is called more than once per record. */
export type KeySelector<T, K> = (value: T) => K;

/** Fields whose values can be added. */
export type NumericField<T> = { [F in keyof T & string]: T[F] extends number | bigint ? F : never }[keyof T & string];

/** Fields whose values have an order. */
export type OrderedField<T> = {
  [F in keyof T & string]: T[F] extends number | bigint | string | Date ? F : never;
}[keyof T & string];

/**
 * A stream that is partitioned by key: all records of a key meet in one subtask.
 *
 * @example
 * ```ts
 * declare const clicks: DataStream<{ user: string; page: string }>;
 * const perUser = clicks.keyBy((click) => click.user);
 * ```
 */
export class KeyedStream<K, T> extends DataStream<T> {
  readonly keySelector: KeySelector<T, K>;

  constructor(handle: StreamHandle, keySelector: KeySelector<T, K>) {
    super(handle);
    this.keySelector = keySelector;
  }

  protected override get stateKey(): (value: never) => unknown {
    return this.keySelector;
  }

  /** The records of a key must stay together. */
  protected override repartitioned(method: string): never {
    throw new MillstreamError(
      'GRAPH_INVALID',
      `${method}() would tear apart the keys of the stream behind ${this.handle.label}. Call it before keyBy().`,
    );
  }

  /**
   * A function over the elements with state and timers of each key.
   *
   * @example
   * ```ts
   * declare const beats: DataStream<{ device: string; time: number }>;
   * const silent = beats.keyBy((beat) => beat.device).process({
   *   state: { due: valueState<number>('due') },
   *   processElement(beat, ctx) {
   *     const due = beat.time + 60_000;
   *     ctx.state.due.update(due);
   *     ctx.timerService().registerEventTimeTimer(due);
   *   },
   *   *onTimer(time, ctx) {
   *     if (ctx.state.due.value() === time) yield { device: ctx.getCurrentKey(), silentSince: time };
   *   },
   * });
   * ```
   */
  override process<R, S extends StateDeclarations = NoState>(
    f: OrClass<KeyedProcessFunction<K, T, R, S>>,
  ): SingleOutputStream<R>;
  override process<R>(f: OrClass<ProcessFunction<T, R>>): SingleOutputStream<R>;
  override process<R, S extends StateDeclarations>(
    f: OrClass<KeyedProcessFunction<K, T, R, S>>,
  ): SingleOutputStream<R> {
    checkFunction(f, 'KeyedProcess', ['processElement'], false);
    return this.transform<R>('KeyedProcess', keyedProcess(this.keySelector, f));
  }

  /**
   * Combines the records of each key: emits the accumulated value after each record; in BATCH mode once per key, at
   * its end. The first record of a key is its first accumulated value.
   *
   * @example
   * ```ts
   * declare const orders: DataStream<{ id: number; customer: string; amount: number; region: number }>;
   * const totals = orders.keyBy((order) => order.customer).reduce((a, b) => ({ ...a, amount: a.amount + b.amount }));
   * ```
   */
  reduce(f: ((accumulated: T, value: T) => Sync<T>) | OrClass<ReduceFunction<T>>): SingleOutputStream<T> {
    checkFunction(f, 'Keyed Reduce', ['reduce'], true);
    return this.#fold('Keyed Reduce', (batch) =>
      reduce(this.keySelector, f as ((accumulated: T, value: T) => T) | OrClass<ReduceFunction<T>>, batch),
    );
  }

  /**
   * Aggregates the records of each key with Flink's AggregateFunction: emits the result after each record; in BATCH
   * mode once per key, at its end.
   *
   * @example
   * ```ts
   * declare const readings: DataStream<{ sensor: string; value: number }>;
   * const means = readings.keyBy((reading) => reading.sensor).aggregate({
   *   createAccumulator: () => ({ sum: 0, count: 0 }),
   *   add: (reading, acc) => ({ sum: acc.sum + reading.value, count: acc.count + 1 }),
   *   getResult: (acc) => acc.sum / acc.count,
   * });
   * ```
   */
  aggregate<Acc, Out>(f: OrClass<AggregateFunction<T, Acc, Out>>): SingleOutputStream<Out> {
    checkFunction(f, 'Keyed Aggregate', ['createAccumulator', 'add', 'getResult'], false);
    return this.#fold<Out>('Keyed Aggregate', (batch) => aggregate(this.keySelector, f, batch));
  }

  /**
   * Adds up a field of each key's records: the key's first record is emitted with the sum in that field. With a
   * function, the sum alone is emitted.
   *
   * @example
   * ```ts
   * declare const orders: DataStream<{ id: number; customer: string; amount: number; region: number }>;
   * const spent = orders.keyBy((order) => order.customer).sum('amount');
   * ```
   */
  sum(field: NumericField<T>): SingleOutputStream<T>;
  sum<N extends number | bigint>(figure: (value: T) => N): SingleOutputStream<N extends bigint ? bigint : number>;
  sum<R>(figure: Figure<T>): SingleOutputStream<R> {
    return this.#figure('sum', figure, (batch) => sum(this.keySelector, figure, batch));
  }

  /** The key's first record with the least value of the field so far in it; with a function, the least value alone. */
  min(field: OrderedField<T>): SingleOutputStream<T>;
  min<V extends number | bigint | string | Date>(figure: (value: T) => V): SingleOutputStream<V>;
  min<R>(figure: Figure<T>): SingleOutputStream<R> {
    return this.#figure('min', figure, (batch) => min(this.keySelector, figure, batch));
  }

  /** The key's first record with the greatest value of the field so far in it; with a function, the greatest value alone. */
  max(field: OrderedField<T>): SingleOutputStream<T>;
  max<V extends number | bigint | string | Date>(figure: (value: T) => V): SingleOutputStream<V>;
  max<R>(figure: Figure<T>): SingleOutputStream<R> {
    return this.#figure('max', figure, (batch) => max(this.keySelector, figure, batch));
  }

  /**
   * The record with the least value so far, whole. Of records with equal values the first stays, unless `first` is false.
   *
   * @example
   * ```ts
   * declare const offers: DataStream<{ product: string; price: number }>;
   * const cheapest = offers.keyBy((offer) => offer.product).minBy('price');
   * ```
   */
  minBy(
    figure: OrderedField<T> | ((value: T) => number | bigint | string | Date),
    first = true,
  ): SingleOutputStream<T> {
    return this.#figure('minBy', figure, (batch) => minBy(this.keySelector, figure as Figure<T>, first, batch));
  }

  /** The record with the greatest value so far, whole. Of records with equal values the first stays, unless `first` is false. */
  maxBy(
    figure: OrderedField<T> | ((value: T) => number | bigint | string | Date),
    first = true,
  ): SingleOutputStream<T> {
    return this.#figure('maxBy', figure, (batch) => maxBy(this.keySelector, figure as Figure<T>, first, batch));
  }

  /**
   * Two keyed streams for one operator, whose functions share the state of a key; or a broadcast stream whose state the
   * operator reads.
   */
  override connect<B>(broadcast: BroadcastStream<B>): KeyedBroadcastConnectedStream<K, T, B>;
  override connect<B>(other: KeyedStream<K, B>): KeyedConnectedStreams<K, T, B>;
  override connect<B>(other: DataStream<B>): ConnectedStreams<T, B>;
  override connect<B>(
    other: DataStream<B> | BroadcastStream<B>,
  ): KeyedBroadcastConnectedStream<K, T, B> | ConnectedStreams<T, B> {
    const { make } = this.handle.scope;
    if ('descriptors' in other)
      return make.keyedBroadcastConnected<K, T, B>(this.handle, other.handle, other.descriptors, this.keySelector);
    if (!(other instanceof KeyedStream)) return make.connected<T, B>(this.handle, other.handle);
    return make.keyedConnected<K, T, B>(
      this.handle,
      other.handle,
      this.keySelector,
      other.keySelector as KeySelector<B, K>,
    );
  }

  /**
   * Cuts the stream of each key into windows.
   *
   * @example
   * ```ts
   * declare const clicks: DataStream<{ user: string; page: string }>;
   * const perMinute = clicks
   *   .keyBy((click) => click.user)
   *   .window(TumblingEventTimeWindows.of(60_000))
   *   .sum(() => 1);
   * ```
   */
  window<W extends Window>(assigner: WindowAssigner<T, W>): WindowedStream<T, K, W> {
    return this.handle.scope.make.windowed<T, K, W>(WindowOperation.of<T, W>(this.handle, this.keySelector, assigner));
  }

  /**
   * Windows of `size` elements of a key each; with `slide`, of its last `size` elements, after every `slide` elements.
   *
   * @throws WINDOW_INVALID when a number is no whole number above 0.
   *
   * @example
   * ```ts
   * declare const readings: DataStream<{ sensor: string; value: number }>;
   * const lastTen = readings.keyBy((reading) => reading.sensor).countWindow(10, 1).max('value');
   * ```
   */
  countWindow(size: number, slide?: number): WindowedStream<T, K, GlobalWindow> {
    return this.handle.scope.make.windowed<T, K, GlobalWindow>(
      countWindows<T>(this.handle, this.keySelector, size, slide),
    );
  }

  /**
   * Pairs of records of two keyed streams whose keys are equal and whose timestamps lie within bounds of each other.
   *
   * @example
   * ```ts
   * declare const questions: DataStream<{ id: number; text: string }>;
   * declare const answers: DataStream<{ question: number; text: string }>;
   * const answered = questions
   *   .keyBy((question) => question.id)
   *   .intervalJoin(answers.keyBy((answer) => answer.question))
   *   .between(0, 60_000)
   *   .process(function* (question, answer) {
   *     yield { text: question.text, answer: answer.text };
   *   });
   * ```
   */
  intervalJoin<B>(other: KeyedStream<K, B>): IntervalJoin<K, T, B> {
    return this.handle.scope.make.intervalJoined<K, T, B>(
      this.handle,
      other.handle,
      this.keySelector,
      other.keySelector,
    );
  }

  #figure<R>(name: string, figure: unknown, definition: (batch: boolean) => OperatorDefinition): SingleOutputStream<R> {
    if (typeof figure !== 'string') checkFunction(figure, name, [], true);
    return this.#fold<R>('Keyed Aggregation', definition).setDescription(name);
  }

  #fold<R>(name: string, definition: (batch: boolean) => OperatorDefinition): SingleOutputStream<R> {
    const { scope } = this.handle;
    return scope.make.single<R>(
      scope,
      this.handle.attach({
        name,
        definition: ({ runtimeMode }) => ({ definition: definition(runtimeMode === 'batch') }),
      }),
    );
  }
}
