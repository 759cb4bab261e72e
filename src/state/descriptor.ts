/**
 * State descriptors: what a function declares about its state before it runs.
 *
 * A descriptor is frozen data. Its name identifies the state inside its operator, its version says which shape the
 * stored values have, and `migrate` turns a stored value of an older version into the next one, step by step and
 * lazily, when a value is first read after a restore.
 */

import { MillstreamError } from '../base/error.ts';
import type { StateTtl } from './ttl.ts';

/** `migrate[n]` takes a value of version `n` and returns one of version `n + 1`. */
export type Migrations<T> = Readonly<Record<number, (stored: never) => T | unknown>>;

/** What every kind of state can be given: a version with its migrations, and a time to live. */
export interface StateOptions<T> {
  /** Version of the stored shape; 1 unless it has ever changed. */
  readonly version?: number;
  readonly migrate?: Migrations<T>;
  readonly ttl?: StateTtl;
}

interface Descriptor<Kind extends string, T> {
  readonly kind: Kind;
  readonly name: string;
  readonly version: number;
  readonly migrate: Migrations<T>;
  readonly ttl: StateTtl | undefined;
}

/** Made by `valueState`. */
export interface ValueStateDescriptor<T> extends Descriptor<'value', T> {
  readonly initial: (() => T) | undefined;
}
/** Made by `listState`. */
export interface ListStateDescriptor<T> extends Descriptor<'list', T> {}
/** Made by `mapState`. */
export interface MapStateDescriptor<K, V> extends Descriptor<'map', V> {
  /** Carries the key's type; never set. */
  readonly keyType?: K;
}
/** Made by `reducingState`. */
export interface ReducingStateDescriptor<T> extends Descriptor<'reducing', T> {
  readonly reduce: (accumulated: T, value: T) => T;
}
/** Made by `aggregatingState`. */
export interface AggregatingStateDescriptor<In, Acc, Out> extends Descriptor<'aggregating', Acc> {
  readonly aggregate: AggregateFunction<In, Acc, Out>;
}

/** Any state that a function can declare. */
export type StateDescriptor =
  | ValueStateDescriptor<never>
  | ListStateDescriptor<never>
  | MapStateDescriptor<never, never>
  | ReducingStateDescriptor<never>
  | AggregatingStateDescriptor<never, never, never>;

/** What is known of a descriptor of whatever kind and type; `StateHandle` finds its handle. */
export interface AnyStateDescriptor {
  readonly kind: StateDescriptor['kind'];
  readonly name: string;
  readonly version: number;
  readonly ttl: StateTtl | undefined;
}

/** Flink's AggregateFunction. `merge` is needed for session windows, and lets sliding windows share their slices. */
export interface AggregateFunction<In, Acc, Out> {
  createAccumulator(): Acc;
  /** Returns the accumulator with `value` in it: the same object, changed, or a new one. */
  add(value: In, accumulator: Acc): Acc;
  getResult(accumulator: Acc): Out;
  merge?(a: Acc, b: Acc): Acc;
}

function common<Kind extends string, T>(kind: Kind, name: string, options: StateOptions<T>): Descriptor<Kind, T> {
  const version = options.version ?? 1;
  if (typeof name !== 'string' || name === '') throw invalid('A state has no name. Give it one that will stay.');
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalid(`The state "${name}" has the version ${version}. Versions are the integers from 1 on.`);
  }
  if (options.ttl !== undefined) checkTtl(name, options.ttl);
  return { kind, name, version, migrate: options.migrate ?? {}, ttl: options.ttl };
}

function checkTtl(name: string, ttl: StateTtl): void {
  if (!(ttl.timeToLive > 0)) {
    throw invalid(`The state "${name}" has a time to live of ${ttl.timeToLive} ms. Give it a number above 0.`);
  }
  const incremental = ttl.cleanup?.incremental;
  if (incremental === undefined || incremental === false) return;
  if (!Number.isSafeInteger(incremental.entries) || incremental.entries < 1) {
    throw invalid(
      `The incremental cleanup of the state "${name}" looks at ${incremental.entries} entries. Give it an integer above 0, or \`incremental: false\`.`,
    );
  }
}

function invalid(message: string): MillstreamError {
  return new MillstreamError('STATE_INVALID', message);
}

/**
 * One value per key. `initial` makes the value that a key has before its first update.
 *
 * @example
 * ```ts
 * const count = valueState<number>('count', { initial: () => 0 });
 * ```
 */
export function valueState<T>(
  name: string,
  options: StateOptions<T> & { readonly initial?: () => T } = {},
): ValueStateDescriptor<T> {
  return Object.freeze({ ...common('value', name, options), initial: options.initial });
}

/**
 * A list per key.
 *
 * @example
 * ```ts
 * const recent = listState<string>('recent');
 * ```
 */
export function listState<T>(name: string, options: StateOptions<T> = {}): ListStateDescriptor<T> {
  return Object.freeze(common('list', name, options));
}

/**
 * A map per key; map keys follow the rules of stream keys.
 *
 * @example
 * ```ts
 * const seen = mapState<string, number>('seen');
 * ```
 */
export function mapState<K, V>(name: string, options: StateOptions<V> = {}): MapStateDescriptor<K, V> {
  return Object.freeze(common('map', name, options));
}

/**
 * One value per key, folded by `reduce` with every value that is added.
 *
 * @example
 * ```ts
 * const highest = reducingState<number>('highest', (a, b) => Math.max(a, b));
 * ```
 */
export function reducingState<T>(
  name: string,
  reduce: (accumulated: T, value: T) => T,
  options: StateOptions<T> = {},
): ReducingStateDescriptor<T> {
  return Object.freeze({ ...common('reducing', name, options), reduce });
}

/**
 * One accumulator per key.
 *
 * @example
 * ```ts
 * const mean = aggregatingState('mean', {
 *   createAccumulator: () => ({ sum: 0, count: 0 }),
 *   add: (value: number, acc) => ({ sum: acc.sum + value, count: acc.count + 1 }),
 *   getResult: (acc) => acc.sum / acc.count,
 * });
 * ```
 */
export function aggregatingState<In, Acc, Out>(
  name: string,
  aggregate: AggregateFunction<In, Acc, Out>,
  options: StateOptions<Acc> = {},
): AggregatingStateDescriptor<In, Acc, Out> {
  return Object.freeze({ ...common('aggregating', name, options), aggregate });
}

/** What a function reads and writes. All access is synchronous and concerns the current key. */
export interface ValueState<T> {
  value(): T | undefined;
  update(value: T): void;
  clear(): void;
}

/** The handle of a list state. */
export interface ListState<T> {
  get(): readonly T[];
  add(value: T): void;
  addAll(values: Iterable<T>): void;
  update(values: readonly T[]): void;
  /** Whether there are no items. Reads none, so it costs the same however many there are. */
  isEmpty(): boolean;
  clear(): void;
}

/** The handle of a map state. */
export interface MapState<K, V> {
  get(key: K): V | undefined;
  put(key: K, value: V): void;
  putAll(entries: Iterable<readonly [K, V]>): void;
  remove(key: K): void;
  contains(key: K): boolean;
  keys(): Iterable<K>;
  values(): Iterable<V>;
  entries(): Iterable<readonly [K, V]>;
  isEmpty(): boolean;
  clear(): void;
}

/** The handle of a reducing state: `add` values, `get` what they were folded to. */
export interface ReducingState<T> {
  get(): T | undefined;
  add(value: T): void;
  clear(): void;
}

/** The handle of an aggregating state: `add` values, `get` the result. */
export interface AggregatingState<In, Out> {
  get(): Out | undefined;
  add(value: In): void;
  clear(): void;
}

/** The handle that belongs to a descriptor. */
export type StateHandle<D> =
  D extends ValueStateDescriptor<infer T>
    ? ValueState<T>
    : D extends ListStateDescriptor<infer T>
      ? ListState<T>
      : D extends MapStateDescriptor<infer K, infer V>
        ? MapState<K, V>
        : D extends ReducingStateDescriptor<infer T>
          ? ReducingState<T>
          : D extends AggregatingStateDescriptor<infer In, infer _Acc, infer Out>
            ? AggregatingState<In, Out>
            : never;
