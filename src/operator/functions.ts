/**
 * The functions that users write, by Flink's names: lambdas where a lambda is enough, objects or classes where a
 * function has a lifecycle, state or timers.
 *
 * An object is never called itself: every subtask, and every new attempt of it, works with a fresh copy (see
 * `user-function.ts`), so that what a function keeps in its fields belongs to one subtask. A class may be given in place
 * of an object; every subtask then makes its own instance.
 */

import type { AnyStateDescriptor, MapStateDescriptor, StateHandle } from '../state/descriptor.ts';
import type { BroadcastState, OperatorStateStore } from '../state/operator-state.ts';
import type { TimeDomain, TimerService } from '../state/timers.ts';
import type { DropReason } from './dropped.ts';
import type { RuntimeContext } from './runtime-context.ts';

/** What the compiler shows where a function returns a promise: records would be promises from there on. */
export type UseAsyncMap = 'A function given to this operator must not return a promise: use asyncMap()';

/** `R`, unless it is a promise. */
export type Sync<R> = [R] extends [never] ? R : R extends PromiseLike<unknown> ? UseAsyncMap : R;

/** Keys need a canonical encoding, which functions, symbols and promises do not have. */
export type KeyOf<K> =
  K extends PromiseLike<unknown>
    ? UseAsyncMap
    : K extends ((...args: never[]) => unknown) | symbol
      ? 'A key must not be a function or a symbol'
      : K;

/** An object, or the class of it. */
export type OrClass<F> = F | (new () => F);

/** Where a function puts its results. `collect` runs the rest of the chain before it returns. */
export interface Collector<in R> {
  collect(value: R): void;
}

/** Names a side output and its type; see `OutputTag`. */
export interface SideOutputTag<T> {
  readonly id: string;
  readonly elementType?: (value: T) => T;
}

/** State descriptors by the name under which the function's context offers their handles. */
export type StateDeclarations = Readonly<Record<string, AnyStateDescriptor>>;

/** The declarations of a function that keeps no state. */
export type NoState = Readonly<Record<string, never>>;

/** The handles of declared state, typed by the descriptors. */
export type StateHandles<S> = { readonly [Name in keyof S]: StateHandle<S[Name]> };

/** What a {@link CheckpointedFunction} gets when its subtask starts. */
export interface FunctionInitializationContext {
  /** Whether a checkpoint or savepoint is being restored. */
  readonly isRestored: boolean;
  /** State that belongs to the subtask and not to a key. */
  readonly operatorState: OperatorStateStore;
}

/** What a {@link CheckpointedFunction} gets at a checkpoint. */
export interface FunctionSnapshotContext {
  readonly checkpointId: number;
}

/**
 * State that belongs to a subtask: `initializeState` takes its lists from the store, before `open`; `snapshotState`
 * brings them up to date at each checkpoint.
 */
export interface CheckpointedFunction {
  initializeState(context: FunctionInitializationContext): void;
  snapshotState(context: FunctionSnapshotContext): void;
}

/** Told when a checkpoint of the whole job has become durable, or was given up. May come late or not at all. */
export interface CheckpointListener {
  notifyCheckpointComplete(checkpointId: number): void;
  notifyCheckpointAborted?(checkpointId: number): void;
}

/** What every function object may have: a lifecycle, and the hooks of checkpoints. */
export interface RichFunction extends Partial<CheckpointedFunction>, Partial<CheckpointListener> {
  /** Before the first element. */
  open?(context: RuntimeContext): void;
  /** Last, also after a failure. */
  close?(): void | Promise<void>;
}

/** One record out for each record in. */
export interface MapFunction<T, R> extends RichFunction {
  map(value: T): Sync<R>;
}

/** Any number of records out for each record in, returned as an iterable or handed to `out`. */
export interface FlatMapFunction<T, R> extends RichFunction {
  flatMap(value: T, out: Collector<R>): void | Iterable<R>;
}

/** Says which records stay. */
export interface FilterFunction<T> extends RichFunction {
  filter(value: T): boolean;
}

/** Combines the accumulated value of a key with its next record. */
export interface ReduceFunction<T> extends RichFunction {
  reduce(accumulated: T, value: T): T;
}

/** One record out for each record of two connected streams. */
export interface CoMapFunction<A, B, R> extends RichFunction {
  map1(value: A): Sync<R>;
  map2(value: B): Sync<R>;
}

/** Any number of records out for each record of two connected streams. */
export interface CoFlatMapFunction<A, B, R> extends RichFunction {
  flatMap1(value: A, out: Collector<R>): void | Iterable<R>;
  flatMap2(value: B, out: Collector<R>): void | Iterable<R>;
}

/** What every process function can ask and do while it handles an element or a timer. */
export interface ProcessContextBase {
  /** Event time of the element in milliseconds (of the timer, in `onTimer`); undefined when it has none. */
  timestamp(): number | undefined;
  currentWatermark(): number;
  currentProcessingTime(): number;
  /** Emits to a side output. */
  output<X>(tag: SideOutputTag<X>, value: X): void;
  /**
   * Leaves a record out: it is counted in the metric `dropped.…`, a sample of it is kept, and it is sent to
   * `getDropped(reason)` of the stream. `error` says why, as a clause.
   */
  drop(reason: DropReason, value: unknown, error?: string): void;
  readonly runtime: RuntimeContext;
}

/** What a {@link ProcessFunction} gets with each element. */
export interface ProcessContext extends ProcessContextBase {}

/** What a {@link KeyedProcessFunction} gets with each element. */
export interface KeyedProcessContext<K, S> extends ProcessContextBase {
  readonly state: StateHandles<S>;
  timerService(): TimerService;
  getCurrentKey(): K;
}

/** What `onTimer` gets: the timer's key is current. */
export interface OnTimerContext<K, S> extends KeyedProcessContext<K, S> {
  timeDomain(): TimeDomain;
}

/** A function over the elements of a stream, with side outputs but without keyed state and timers. */
export interface ProcessFunction<T, R> extends RichFunction {
  processElement(value: T, ctx: ProcessContext, out: Collector<R>): void | Iterable<R>;
}

/**
 * A function over the elements of a keyed stream, with state and timers.
 *
 * `state` declares what the function keeps per key; `ctx.state` offers it. Results go to `out.collect`, or are
 * returned as an iterable, which the runtime drains as fast as there is room behind the operator.
 *
 * @example
 * ```ts
 * declare const events: DataStream<{ user: string }>;
 * const counts = events.keyBy((event) => event.user).process({
 *   state: { count: valueState<number>('count') },
 *   *processElement(event, ctx) {
 *     const count = (ctx.state.count.value() ?? 0) + 1;
 *     ctx.state.count.update(count);
 *     yield { user: ctx.getCurrentKey(), count };
 *   },
 * });
 * ```
 */
export interface KeyedProcessFunction<K, T, R, S extends StateDeclarations = StateDeclarations> extends RichFunction {
  readonly state?: S;
  processElement(value: T, ctx: KeyedProcessContext<K, S>, out: Collector<R>): void | Iterable<R>;
  onTimer?(timestamp: number, ctx: OnTimerContext<K, S>, out: Collector<R>): void | Iterable<R>;
}

/** A function over two connected streams. */
export interface CoProcessFunction<A, B, R> extends RichFunction {
  processElement1(value: A, ctx: ProcessContext, out: Collector<R>): void | Iterable<R>;
  processElement2(value: B, ctx: ProcessContext, out: Collector<R>): void | Iterable<R>;
}

/** A function over two connected keyed streams, which share its state and timers. */
export interface KeyedCoProcessFunction<
  K,
  A,
  B,
  R,
  S extends StateDeclarations = StateDeclarations,
> extends RichFunction {
  readonly state?: S;
  processElement1(value: A, ctx: KeyedProcessContext<K, S>, out: Collector<R>): void | Iterable<R>;
  processElement2(value: B, ctx: KeyedProcessContext<K, S>, out: Collector<R>): void | Iterable<R>;
  onTimer?(timestamp: number, ctx: OnTimerContext<K, S>, out: Collector<R>): void | Iterable<R>;
}

/** Broadcast state as the side that must not change it sees it. */
export type ReadOnlyBroadcastState<K, V> = Pick<BroadcastState<K, V>, 'get' | 'contains' | 'entries'>;

/** What both sides of a broadcast process function share. */
interface BroadcastContextBase extends ProcessContextBase {}

/** What the broadcast side gets: it may write. Every subtask must write the same. */
export interface BroadcastContext extends BroadcastContextBase {
  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): BroadcastState<K, V>;
}

/** What the other side gets: it may only read. */
export interface ReadOnlyBroadcastContext extends BroadcastContextBase {
  getBroadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): ReadOnlyBroadcastState<K, V>;
}

/** A function over a stream and a broadcast stream: one side reads the broadcast state, the other writes it. */
export interface BroadcastProcessFunction<T, B, R> extends RichFunction {
  processElement(value: T, ctx: ReadOnlyBroadcastContext, out: Collector<R>): void | Iterable<R>;
  processBroadcastElement(value: B, ctx: BroadcastContext, out: Collector<R>): void | Iterable<R>;
}

/** The non-broadcast side of a keyed broadcast process function. */
export interface KeyedReadOnlyBroadcastContext<K, S> extends KeyedProcessContext<K, S> {
  getBroadcastState<BK, BV>(descriptor: MapStateDescriptor<BK, BV>): ReadOnlyBroadcastState<BK, BV>;
}

/** The broadcast side of a keyed broadcast process function. */
export interface KeyedBroadcastContext<K> extends BroadcastContext {
  /** Calls `visit` for every key of this subtask that has the state; the key is current meanwhile. */
  applyToKeyedState<D extends AnyStateDescriptor>(descriptor: D, visit: (key: K, state: StateHandle<D>) => void): void;
}

/** `onTimer` of a keyed broadcast process function. */
export interface KeyedBroadcastOnTimerContext<K, S> extends OnTimerContext<K, S> {
  getBroadcastState<BK, BV>(descriptor: MapStateDescriptor<BK, BV>): ReadOnlyBroadcastState<BK, BV>;
}

/** A function over a keyed stream and a broadcast stream, with the state and timers of each key. */
export interface KeyedBroadcastProcessFunction<
  K,
  T,
  B,
  R,
  S extends StateDeclarations = StateDeclarations,
> extends RichFunction {
  readonly state?: S;
  processElement(value: T, ctx: KeyedReadOnlyBroadcastContext<K, S>, out: Collector<R>): void | Iterable<R>;
  processBroadcastElement(value: B, ctx: KeyedBroadcastContext<K>, out: Collector<R>): void | Iterable<R>;
  onTimer?(timestamp: number, ctx: KeyedBroadcastOnTimerContext<K, S>, out: Collector<R>): void | Iterable<R>;
}

/** A function over all elements of a partition, when its bounded input has ended. */
export interface MapPartitionFunction<T, R> extends RichFunction {
  mapPartition(values: Iterable<T>, out: Collector<R>): void | Iterable<R>;
}

/** A function that answers later; see `asyncMap`. */
export interface AsyncFunction<T, R> extends RichFunction {
  /** `signal` is aborted when the call has timed out or the task ends. */
  asyncInvoke(value: T, signal: AbortSignal): PromiseLike<R>;
  /** Called in place of failing the job when a call has timed out. */
  timeout?(value: T): R | PromiseLike<R>;
}
