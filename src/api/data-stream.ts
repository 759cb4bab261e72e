/** A stream of records: what a job is described with. */

import { MillstreamError } from '../base/error.ts';
import { printSink } from '../connect/print-sink.ts';
import type { Sink } from '../connect/sink.ts';
import type { Partitioning } from '../graph/stream-graph.ts';
import type { AsyncOptions } from '../operator/async-options.ts';
import { asyncWait } from '../operator/async-wait.ts';
import { filter, type FilterLambda } from '../operator/filter.ts';
import { flatMap, type FlatMapLambda } from '../operator/flat-map.ts';
import type {
  AsyncFunction,
  Collector,
  FilterFunction,
  FlatMapFunction,
  KeyOf,
  MapFunction,
  OrClass,
  ProcessFunction,
  Sync,
} from '../operator/functions.ts';
import { map } from '../operator/map.ts';
import type { OperatorDefinition } from '../operator/operator.ts';
import { process } from '../operator/process.ts';
import { project } from '../operator/project.ts';
import { sinkDefinition } from '../operator/sink-operator.ts';
import { timestampsAndWatermarks } from '../operator/timestamps.ts';
import { checkFunction } from '../operator/user-function.ts';
import type { AnyStateDescriptor } from '../state/descriptor.ts';
import { resolveStrategy, type GivenStrategy } from '../time/watermark-strategy.ts';
import type { WindowAssigner } from '../time/windows/window-assigner.ts';
import type { GlobalWindow, Window } from '../time/windows/window.ts';
import type { AllWindowedStream } from './all-windowed-stream.ts';
import { attachCollectSink } from './collect.ts';
import type { ColumnSchema, ToColumnsSettings } from './column-schema.ts';
import type { OperatorColumnStream } from './column-stream.ts';
import type { BroadcastConnectedStream } from './broadcast-connected-stream.ts';
import type { BroadcastStream } from './broadcast-stream.ts';
import type { CoGroupedStreams, JoinedStreams } from './co-group.ts';
import type { ConnectedStreams } from './connected-streams.ts';
import type { DataStreamSink } from './data-stream-sink.ts';
import type { NodeDefinition } from './graph-builder.ts';
import type { KeyedStream } from './keyed-stream.ts';
import type { PartitionWindowedStream } from './partition-windowed-stream.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import { StreamHandle } from './stream-handle.ts';
import { countWindows, WindowOperation } from './window-operation.ts';

/**
 * A stream of records of type `T`: an immutable handle to a place in the graph of a job. Every method adds an operator to
 * the graph and returns the stream behind it; nothing runs before the environment executes.
 *
 * @example
 * ```ts
 * declare const lines: DataStream<string>;
 * const words = lines.flatMap((line) => line.split(' ')).filter((word) => word !== '');
 * ```
 */
export class DataStream<T> implements AsyncIterable<T> {
  /** The place in the graph that this stream stands for; for those who add operators of their own. */
  readonly handle: StreamHandle;

  constructor(handle: StreamHandle) {
    this.handle = handle;
  }

  /** The keys by which function objects have state here; none on a stream without keys. */
  protected get stateKey(): ((value: never) => unknown) | undefined {
    return undefined;
  }

  // One record at a time.

  /**
   * One record out for each record in.
   *
   * @throws USER_CODE_ASYNC for an async function: use `asyncMap`.
   *
   * @example
   * ```ts
   * declare const words: DataStream<string>;
   * const lengths = words.map((word) => word.length);
   * ```
   */
  map<R>(f: ((value: T) => Sync<R>) | OrClass<MapFunction<T, R>>): SingleOutputStream<R> {
    checkFunction(f, 'Map', ['map'], true);
    return this.#add('Map', map(f as ((value: T) => R) | OrClass<MapFunction<T, R>>, this.stateKey));
  }

  /**
   * Any number of records out for each record in: returned as an iterable (a generator too), or handed to `out`.
   *
   * @example
   * ```ts
   * declare const lines: DataStream<string>;
   * declare const numbers: DataStream<number>;
   * const words = lines.flatMap((line) => line.split(' '));
   * const positive = numbers.flatMap((n, out: Collector<number>) => {
   *   if (n > 0) out.collect(n);
   * });
   * ```
   */
  flatMap<R>(
    f: ((value: T, out: Collector<R>) => void | Iterable<R>) | OrClass<FlatMapFunction<T, R>>,
  ): SingleOutputStream<R> {
    checkFunction(f, 'Flat Map', ['flatMap'], true);
    return this.#add('Flat Map', flatMap(f as FlatMapLambda<T, R> | OrClass<FlatMapFunction<T, R>>, this.stateKey));
  }

  /**
   * Keeps the records for which the function says true. A type guard narrows the stream's type.
   *
   * @example
   * ```ts
   * declare const values: DataStream<string | undefined>;
   * const present = values.filter((value) => value !== undefined);
   * ```
   */
  filter<S extends T>(f: (value: T) => value is S): SingleOutputStream<S>;
  filter(f: FilterLambda<T> | OrClass<FilterFunction<T>>): SingleOutputStream<T>;
  filter(f: FilterLambda<T> | OrClass<FilterFunction<T>>): SingleOutputStream<T> {
    checkFunction(f, 'Filter', ['filter'], true);
    return this.#add('Filter', filter(f, this.stateKey));
  }

  /**
   * Records with the named fields only.
   *
   * @example
   * ```ts
   * declare const bids: DataStream<{ auction: number; price: number; bidder: string }>;
   * const prices = bids.project('auction', 'price');
   * ```
   */
  project<F extends keyof T & string>(...fields: readonly F[]): SingleOutputStream<Pick<T, F>> {
    return this.#add('Projection', project(fields));
  }

  /**
   * The records as columns. A record is an object with a field per column; a missing field is NULL, and a value that is
   * not of its column's type fails the job with VALUE_UNSUPPORTED.
   *
   * @example
   * ```ts
   * import { ColumnSchema, DataTypes } from 'millstream/columns';
   * declare const bids: DataStream<{ auction: number; price: number }>;
   * const schema = ColumnSchema.of({ auction: DataTypes.INT().notNull(), price: DataTypes.DOUBLE().notNull() });
   * const columns = bids.toColumns(schema);
   * ```
   */
  toColumns<Row>(schema: ColumnSchema<Row>, settings: ToColumnsSettings = {}): OperatorColumnStream<Row> {
    return schema.fromRecords(this.handle, settings);
  }

  /**
   * A function over the elements with timestamps and side outputs. State and timers need `keyBy` first.
   *
   * The type of the results follows from what a generator yields, or from the annotation of `out`.
   *
   * @throws GRAPH_INVALID when the function declares keyed state or timers.
   *
   * @example
   * ```ts
   * declare const lines: DataStream<string>;
   * const rejected = new OutputTag<string>('rejected');
   * const numbers = lines.process({
   *   processElement(line, ctx, out: Collector<number>) {
   *     const value = Number(line);
   *     if (Number.isNaN(value)) ctx.output(rejected, line);
   *     else out.collect(value);
   *   },
   * });
   * ```
   */
  process<R>(f: OrClass<ProcessFunction<T, R>>): SingleOutputStream<R> {
    checkFunction(f, 'Process', ['processElement'], false);
    refuseKeyedParts(f, this.handle);
    return this.#add('Process', process(f));
  }

  // Functions that wait for the outside world.

  /**
   * One record out for each record in, from a function that answers later: a look-up in a database, a request. Up to
   * `capacity` calls are under way at once in each subtask, and those under way are part of checkpoints: after a restart
   * they are made again.
   *
   * Results come in the order of the records; with `mode: 'unordered'` each comes when it is there, but never on the other
   * side of a watermark.
   *
   * @throws ASYNC_TIMEOUT, failing the job, when a call and its retries take longer than `timeoutMs` and nothing
   * handles that.
   *
   * @example
   * ```ts
   * declare const orders: DataStream<{ id: number; customer: string; amount: number; region: number }>;
   * declare function lookUp(customer: string): Promise<{ name: string }>;
   * const enriched = orders.asyncMap(async (order) => ({ ...order, customer: await lookUp(order.customer) }), {
   *   timeoutMs: 1_000,
   *   retry: { kind: 'exponential-delay', attempts: 3, initialDelayMs: 10, maxDelayMs: 1_000 },
   * });
   * ```
   */
  asyncMap<R>(
    f: ((value: T, signal: AbortSignal) => PromiseLike<R>) | OrClass<AsyncFunction<T, R>>,
    options: AsyncOptions<T, NoInfer<R>> = {},
  ): SingleOutputStream<R> {
    checkFunction(f, 'Async Map', ['asyncInvoke'], true, true);
    return this.#add(
      'Async Map',
      asyncWait<T, R, R>(f, options, (result) => [result]),
    );
  }

  /**
   * Like `asyncMap`, from a function whose promise gives any number of records.
   *
   * @example
   * ```ts
   * declare const orders: DataStream<{ id: number; customer: string; amount: number; region: number }>;
   * declare function itemsOf(order: number): Promise<string[]>;
   * const items = orders.asyncFlatMap((order) => itemsOf(order.id));
   * ```
   */
  asyncFlatMap<R>(
    f: ((value: T, signal: AbortSignal) => PromiseLike<Iterable<R>>) | OrClass<AsyncFunction<T, Iterable<R>>>,
    options: AsyncOptions<T, Iterable<NoInfer<R>>> = {},
  ): SingleOutputStream<R> {
    checkFunction(f, 'Async Flat Map', ['asyncInvoke'], true, true);
    return this.#add(
      'Async Flat Map',
      asyncWait<T, Iterable<R>, R>(f, options, (results) => results),
    );
  }

  // Several streams.

  /**
   * The records of this stream and of others of the same type, in no particular order.
   *
   * @example
   * ```ts
   * declare const desktop: DataStream<string>;
   * declare const mobile: DataStream<string>;
   * declare const tablet: DataStream<string>;
   * const all = mobile.union(desktop, tablet);
   * ```
   */
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    const origins = [this as DataStream<T>, ...others].flatMap((stream) => stream.handle.origins);
    return this.handle.scope.make.stream(new StreamHandle(this.handle.scope, origins));
  }

  /**
   * Two streams of different types for one operator, which may share state between them. With a broadcast stream, the
   * operator reads what the broadcast side wrote.
   *
   * @example
   * ```ts
   * declare const words: DataStream<string>;
   * declare const numbers: DataStream<number>;
   * const labelled = numbers.connect(words).map((n) => `number ${n}`, (word) => `word ${word}`);
   * ```
   */
  connect<B>(broadcast: BroadcastStream<B>): BroadcastConnectedStream<T, B>;
  connect<B>(other: DataStream<B>): ConnectedStreams<T, B>;
  connect<B>(other: DataStream<B> | BroadcastStream<B>): ConnectedStreams<T, B> | BroadcastConnectedStream<T, B> {
    const { make } = this.handle.scope;
    return 'descriptors' in other
      ? make.broadcastConnected<T, B>(this.handle, other.handle, other.descriptors)
      : make.connected<T, B>(this.handle, other.handle);
  }

  // How records are dealt out.

  /**
   * Deals the records out by key: all records of a key meet in one subtask, which has state and timers for each key.
   *
   * Keys are strings, numbers, bigints, booleans, null, Dates, bytes, and arrays and plain objects of these; two are
   * equal when their canonical encodings are. The selector must be a pure function.
   *
   * @example
   * ```ts
   * declare const clicks: DataStream<{ user: string; page: string }>;
   * const perUser = clicks.keyBy((click) => click.user);
   * ```
   */
  keyBy<K>(selector: (value: T) => KeyOf<K>): KeyedStream<K, T> {
    checkFunction(selector, 'keyBy', [], true);
    const key = selector as unknown as (value: T) => K;
    return this.handle.scope.make.keyed(this.handle.partitioned({ kind: 'hash', key: key }), key);
  }

  /**
   * Deals the records out by a function of a key: `partition` returns the number of the subtask, from 0 to
   * `partitions - 1`.
   *
   * @example
   * ```ts
   * declare const orders: DataStream<{ id: number; customer: string; amount: number; region: number }>;
   * const byRegion = orders.partitionCustom((order) => order.region, (region, partitions) => region % partitions);
   * ```
   */
  partitionCustom<K>(key: (value: T) => Sync<K>, partition: (key: K, partitions: number) => number): DataStream<T> {
    checkFunction(key, 'partitionCustom', [], true);
    checkFunction(partition, 'partitionCustom', [], true);
    return this.repartitioned('partitionCustom', {
      kind: 'custom',
      key: key,
      partition: partition,
    });
  }

  /** Deals the records out in turn, over all subtasks. */
  rebalance(): DataStream<T> {
    return this.repartitioned('rebalance', { kind: 'rebalance' });
  }

  /** Deals the records out in turn, over the receiving subtasks near the sending one. */
  rescale(): DataStream<T> {
    return this.repartitioned('rescale', { kind: 'rescale' });
  }

  /** Deals the records out at random. */
  shuffle(): DataStream<T> {
    return this.repartitioned('shuffle', { kind: 'shuffle' });
  }

  /** Keeps each record in the subtask of the same number; both operators need the same parallelism. */
  forward(): DataStream<T> {
    return this.repartitioned('forward', { kind: 'forward' });
  }

  /** Gives all records to the first subtask. */
  global(): DataStream<T> {
    return this.repartitioned('global', { kind: 'global' });
  }

  /**
   * Gives every record to all subtasks. With state descriptors, the result is the broadcast side of a `connect`.
   *
   * @example
   * ```ts
   * declare const events: DataStream<{ user: string; time: number }>;
   * declare const ruleChanges: DataStream<{ id: string; rule: { limit: number } }>;
   * const rules = mapState<string, { limit: number }>('rules');
   * const alerts = events.connect(ruleChanges.broadcast(rules)).process({
   *   processBroadcastElement: (change, ctx) => ctx.getBroadcastState(rules).put(change.id, change.rule),
   *   processElement: (event, ctx) => (ctx.getBroadcastState(rules).contains(event.user) ? [event] : []),
   * });
   * ```
   */
  broadcast(): DataStream<T>;
  broadcast(...descriptors: readonly (AnyStateDescriptor & { readonly kind: 'map' })[]): BroadcastStream<T>;
  broadcast(
    ...descriptors: readonly (AnyStateDescriptor & { readonly kind: 'map' })[]
  ): DataStream<T> | BroadcastStream<T> {
    if (descriptors.length === 0) return this.repartitioned('broadcast', { kind: 'broadcast' });
    return this.handle.scope.make.broadcast<T>(this.handle.partitioned({ kind: 'broadcast' }), descriptors);
  }

  /** Refused where records must stay together. */
  protected repartitioned(_method: string, partitioning: Partitioning): DataStream<T> {
    return this.handle.scope.make.stream<T>(this.handle.partitioned(partitioning));
  }

  /**
   * Each subtask's share of a bounded stream as a whole, when it has ended: to sort it, or to compute over all of it.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const sorted = env.fromData(3, 1, 2).fullWindowPartition().sortPartition((n) => n, 'ascending');
   * ```
   */
  fullWindowPartition(): PartitionWindowedStream<T> {
    return this.handle.scope.make.partitionWindowed<T>(
      this.handle,
      this.stateKey as ((value: T) => unknown) | undefined,
    );
  }

  // Time.

  /**
   * Gives the records event time: timestamps, and watermarks that say how far time has come.
   *
   * @example
   * ```ts
   * declare const events: DataStream<{ user: string; time: number }>;
   * const timed = events.assignTimestampsAndWatermarks(
   *   WatermarkStrategy.forBoundedOutOfOrderness(5_000, (event) => event.time),
   * );
   * ```
   */
  assignTimestampsAndWatermarks(strategy: GivenStrategy<T>): SingleOutputStream<T> {
    const resolved = resolveStrategy(strategy);
    return this.#add('Timestamps/Watermarks', ({ autoWatermarkIntervalMs }) => ({
      definition: timestampsAndWatermarks(resolved, autoWatermarkIntervalMs),
    }));
  }

  // Windows.

  /**
   * Cuts the whole stream into windows, in one subtask. Where there is a key, `keyBy(…).window(…)` scales.
   *
   * @example
   * ```ts
   * declare const orders: DataStream<{ id: number; customer: string; amount: number; region: number }>;
   * const revenue = orders.windowAll(TumblingEventTimeWindows.of(60_000)).sum((order) => order.amount);
   * ```
   */
  windowAll<W extends Window>(assigner: WindowAssigner<T, W>): AllWindowedStream<T, W> {
    return this.handle.scope.make.allWindowed(WindowOperation.of<T, W>(this.handle, undefined, assigner));
  }

  /**
   * Windows of `size` elements each; with `slide`, of the last `size` elements, after every `slide` elements.
   *
   * @throws WINDOW_INVALID when a number is no whole number above 0.
   */
  countWindowAll(size: number, slide?: number): AllWindowedStream<T, GlobalWindow> {
    return this.handle.scope.make.allWindowed(countWindows<T>(this.handle, undefined, size, slide));
  }

  /**
   * Every pair of records of two streams with equal keys in the same window.
   *
   * @example
   * ```ts
   * declare const clicks: DataStream<{ user: string; page: string }>;
   * declare const buys: DataStream<{ user: string; item: string }>;
   * const after = clicks
   *   .join(buys)
   *   .where((click) => click.user)
   *   .equalTo((buy) => buy.user)
   *   .window(TumblingEventTimeWindows.of(60_000))
   *   .apply((click, buy) => ({ page: click.page, item: buy.item }));
   * ```
   */
  join<B>(other: DataStream<B>): JoinedStreams<T, B> {
    return this.handle.scope.make.joined(this.handle, other.handle);
  }

  /** The records of two streams with equal keys in the same window, side by side; either side may be empty. */
  coGroup<B>(other: DataStream<B>): CoGroupedStreams<T, B> {
    return this.handle.scope.make.coGrouped(this.handle, other.handle);
  }

  // Operators of one's own, and the ends of the stream.

  /**
   * Adds an operator of the user's own, written against the operator contract. `others` are its further inputs, whose
   * records come to `element2`, `element3` and so on; it may have any number of them, keyed or not.
   *
   * @example
   * ```ts
   * declare const stream: DataStream<number>;
   * declare class CountingOperator extends PlainOperator<number> {}
   * const counted = stream.transform<number>('Count', {
   *   kind: 'count',
   *   input: 'records',
   *   output: 'records',
   *   create: () => new CountingOperator(),
   * });
   * ```
   */
  transform<R>(
    name: string,
    definition: OperatorDefinition,
    ...others: readonly { readonly handle: StreamHandle }[]
  ): SingleOutputStream<R> {
    const { scope } = this.handle;
    const more = others.map((other) => other.handle);
    return scope.make.single<R>(scope, this.handle.attach({ name, definition }, ...more));
  }

  /**
   * Ends the stream in a sink.
   *
   * @example
   * ```ts
   * declare const results: DataStream<number>;
   * results.sinkTo(fileSink({ path: 'out', format: json() }));
   * ```
   */
  sinkTo<Committable, State>(sink: Sink<T, Committable, State>): DataStreamSink {
    const { scope } = this.handle;
    const node = this.handle.attach({
      name: `Sink: ${sink.name}`,
      definition: ({ committerRetries }) =>
        sinkDefinition(sink as unknown as Sink<T, never, never>, { committerRetries }),
      sink: true,
      guarantee: sink.guarantee,
      ...(sink.parallelism === undefined ? {} : { fixedParallelism: sink.parallelism }),
    });
    return scope.make.sink(scope, node);
  }

  /**
   * Ends the stream in lines on the standard output: a label, the subtask where there are several, and the record.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * env.fromData(1, 2, 3).print('numbers');
   * ```
   */
  print(label = ''): DataStreamSink {
    return this.sinkTo(printSink<T>({ label })).name('Print to Std. Out');
  }

  /** The same on the standard error output. */
  printToErr(label = ''): DataStreamSink {
    return this.sinkTo(printSink<T>({ label, stream: 'error' })).name('Print to Std. Err');
  }

  /**
   * Ends the stream in the program that executes the job: `client.collected(uid)` gives the records as they come.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * declare const results: DataStream<number>;
   * results.collect('results');
   * const client = await env.executeAsync();
   * for await (const result of client.collected<number>('results')) console.log(result);
   * ```
   */
  collect(uid: string): DataStreamSink {
    const { scope } = this.handle;
    return scope.make.sink(scope, attachCollectSink(this.handle, uid));
  }

  /**
   * Executes the job and resolves with all records of this stream, or with the first `limit`, after which the job is
   * cancelled. The stream's other sinks run along.
   *
   * @throws ENVIRONMENT_CLOSED when the environment has executed before; what fails the job.
   *
   * @example
   * ```ts
   * const env = createEnvironment();
   * const squares = await env.fromSequence(1, 3).map((n) => n * n).executeAndCollect();
   * ```
   */
  async executeAndCollect(options: { readonly jobName?: string; readonly limit?: number } = {}): Promise<T[]> {
    const { limit = Infinity, jobName } = options;
    const records: T[] = [];
    for await (const record of this.handle.scope.results.iterate<T>(this.handle, jobName)) {
      if (records.push(record) >= limit) break;
    }
    return records;
  }

  /**
   * Executes the job and gives the records as they come; leaving the loop early cancels the job.
   *
   * @example
   * ```ts
   * declare const prices: DataStream<number>;
   * for await (const price of prices) if (price > 100) break;
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.handle.scope.results.iterate<T>(this.handle);
  }

  #add<R>(name: string, definition: NodeDefinition): SingleOutputStream<R> {
    return this.handle.scope.make.single<R>(this.handle.scope, this.handle.attach({ name, definition }));
  }
}

/** State and timers belong to keys, and without them a function that declares some would wait for them in vain. */
function refuseKeyedParts(f: object, handle: StreamHandle): void {
  const owner = typeof f === 'function' ? (f.prototype as object) : f;
  const part = 'onTimer' in owner ? 'timers' : 'state' in owner ? 'keyed state' : undefined;
  if (part === undefined) return;
  throw new MillstreamError(
    'GRAPH_INVALID',
    `The function given to process() on the stream behind ${handle.label} has ${part}, and these belong to keys. Put keyBy() before process().`,
    {
      details: { operator: 'Process' },
    },
  );
}
