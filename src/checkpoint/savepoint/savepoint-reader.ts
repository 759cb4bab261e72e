/** Savepoints as data: what a state processor reads of them. */

import { MillstreamError } from '../../base/error.ts';
import { mapKey } from '../../data/key.ts';
import type {
  AggregatingStateDescriptor,
  AnyStateDescriptor,
  ListStateDescriptor,
  MapStateDescriptor,
  ReducingStateDescriptor,
  ValueStateDescriptor,
} from '../../state/descriptor.ts';
import { checkMigrations, migrated, type VersionedState } from '../../state/migration.ts';
import { holdsTimers, TIMER_KINDS, type TimeDomain } from '../../state/timers.ts';
import { GlobalWindow, TimeWindow, type Window } from '../../time/windows/window.ts';
import type { FoundSnapshot } from '../storage/snapshot-location.ts';
import { keyedSources, type KeyedSource } from './canonical-state.ts';
import { bareKind, logicalValue } from './keyed-columns.ts';
import { storedStates } from './mapping-report.ts';
import type { Offline } from './offline.ts';
import { StoredRows, type StoredList } from './stored-rows.ts';

/** What a descriptor keeps per key, as a savepoint gives it: maps as a Map, lists as an array. */
export type StoredValueOf<D> =
  D extends ValueStateDescriptor<infer T>
    ? T
    : D extends ReducingStateDescriptor<infer T>
      ? T
      : D extends ListStateDescriptor<infer T>
        ? readonly T[]
        : D extends MapStateDescriptor<infer K, infer V>
          ? ReadonlyMap<K, V>
          : D extends AggregatingStateDescriptor<infer _In, infer Acc, infer _Out>
            ? Acc
            : unknown;

/** A timer of a key. */
export interface StoredTimer {
  readonly domain: TimeDomain;
  readonly timestamp: number;
}

/** What a state holds for one key, and window where there is one. */
export interface KeyedStateEntry<K, V> {
  readonly key: K;
  /** As the operator names it; undefined where state is by key alone. */
  readonly namespace: unknown;
  /** The namespace as a window, where it is one. */
  readonly window: Window | undefined;
  readonly value: V;
  /** Those of this key and namespace. */
  readonly timers: readonly StoredTimer[];
  /** With TTL, when the value was last written: of a list, each item; of a map, each entry. In milliseconds. */
  readonly lastWrite: number | readonly number[] | undefined;
}

/** A timer with its key. */
export interface KeyedTimer<K> extends StoredTimer {
  readonly key: K;
  readonly namespace: unknown;
  readonly window: Window | undefined;
}

/** A state of an operator, as a savepoint lists it. */
export interface StateSummary {
  readonly name: string;
  /** `value`, `map+ttl`, `event-timer`, `operator-list`, … */
  readonly kind: string;
  readonly versions: readonly number[];
  readonly entries: number;
  readonly bytes: number;
  /** Keys and values as TypeScript would write them; undefined where the format is native. */
  readonly shape: string | undefined;
  /** Entries of which a part is opaque bytes; undefined where the format is native. */
  readonly opaque: number | undefined;
}

const WINDOW_CONTENTS: readonly string[] = ['window-contents', 'window-elements', 'window-slices'];
const MERGING_WINDOWS = 'merging-windows';

/**
 * A savepoint, or a retained checkpoint, that is read. Made by `readSavepoint`; to be closed in the end.
 *
 * @example
 * ```ts no-run
 * await using savepoint = await readSavepoint('/savepoints/savepoint-3f2a');
 * for (const { uid, states } of savepoint.operators) console.log(uid, states.map((state) => state.name));
 * ```
 */
export class SavepointReader implements AsyncDisposable {
  readonly path: string;
  readonly checkpoint: number;
  readonly jobName: string;
  /** Milliseconds since the epoch. */
  readonly completedAt: number;
  readonly operators: readonly SavepointOperator[];
  readonly #offline: Offline;

  /** @internal */
  constructor(found: FoundSnapshot, offline: Offline) {
    const { content, directory } = found;
    this.path = directory;
    this.checkpoint = content.checkpoint;
    this.jobName = content.jobName;
    this.completedAt = content.completedAt;
    this.operators = Array.from(content.operators.keys(), (uid) => new SavepointOperator(uid, found, offline));
    this.#offline = offline;
  }

  /** @throws STATE_INVALID when there is none, with those that there are. */
  operator(uid: string): SavepointOperator {
    const found = this.operators.find((operator) => operator.uid === uid);
    if (found !== undefined) return found;
    throw new MillstreamError(
      'STATE_INVALID',
      `The savepoint ${this.path} has no operator "${uid}". It has: ${this.operators.map((operator) => operator.uid).join(', ')}.`,
    );
  }

  async close(): Promise<void> {
    await this.#offline.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * The state of one operator, of all its subtasks. Found by `operator(uid)` of a {@link SavepointReader}.
 *
 * @example
 * ```ts no-run
 * await using savepoint = await readSavepoint('/savepoints/savepoint-3f2a');
 * for await (const { key, timestamp } of savepoint.operator('reminders').timers()) console.log(key, timestamp);
 * ```
 */
export class SavepointOperator {
  readonly uid: string;
  readonly name: string | undefined;
  readonly parallelism: number | undefined;
  readonly maxParallelism: number | undefined;
  readonly states: readonly StateSummary[];
  readonly #offline: Offline;
  readonly #keyed: readonly KeyedSource[];
  readonly #lists: readonly StoredList[];
  readonly #rows: StoredRows;

  /** @internal */
  constructor(uid: string, { content }: FoundSnapshot, offline: Offline) {
    const snapshots = content.operators.get(uid) ?? [];
    const facts = content.facts?.get(uid);
    this.uid = uid;
    this.name = facts?.name;
    this.parallelism = facts?.parallelism;
    this.maxParallelism = facts?.maxParallelism;
    this.states = storedStates(snapshots);
    this.#offline = offline;
    this.#rows = new StoredRows(offline.reads, offline.types);
    this.#keyed = keyedSources(this.#rows, snapshots);
    this.#lists = snapshots.flatMap((snapshot) => snapshot.lists);
  }

  /**
   * The entries of a keyed state, one key group in memory at a time.
   *
   * @param state The descriptor that the function declares, whose migrations are applied; or the name alone.
   * @throws STATE_INVALID when the operator has no such state; STATE_INCOMPATIBLE when it is of another kind or version.
   */
  keyed<K, D extends AnyStateDescriptor>(state: D): AsyncIterableIterator<KeyedStateEntry<K, StoredValueOf<D>>>;
  keyed<K = unknown, V = unknown>(state: string): AsyncIterableIterator<KeyedStateEntry<K, V>>;
  async *keyed(state: AnyStateDescriptor | string): AsyncIterableIterator<KeyedStateEntry<never, never>> {
    const name = typeof state === 'string' ? state : state.name;
    const source = this.#source(name);
    const descriptor = typeof state === 'string' ? undefined : state;
    if (descriptor !== undefined && descriptor.kind !== bareKind(source.kind))
      throw new MillstreamError(
        'STATE_INCOMPATIBLE',
        `The state "${name}" of the operator "${this.uid}" is stored as ${source.kind} state, and was asked for as ${descriptor.kind} state.`,
        { details: { operator: this.uid, state: name } },
      );
    for (const group of source.groups) {
      const timers = await this.#timersOf(group);
      const windows = await this.#mergedWindows(group);
      for (const row of await source.rows(group)) {
        const { key, namespace } = row;
        const { value, stamps } = logicalValue(source.kind, row.value);
        const id = this.#identity(key, namespace);
        yield {
          key: key as never,
          namespace,
          window: windows.get(id) ?? windowOf(namespace),
          value: current(descriptor, source.kind, row.version, value) as never,
          timers: timers.get(id) ?? [],
          lastWrite: stamps,
        };
      }
    }
  }

  /** What the windows of a window operator hold: their accumulators, or their elements. */
  async *windows<K, V>(): AsyncIterableIterator<KeyedStateEntry<K, V>> {
    for (const { name } of this.#keyed.filter((source) => WINDOW_CONTENTS.includes(source.name)))
      yield* this.keyed<K, V>(name);
  }

  /** All timers, key group by key group. */
  async *timers<K = unknown>(): AsyncIterableIterator<KeyedTimer<K>> {
    for (const source of this.#keyed.filter(({ kind }) => holdsTimers(kind))) {
      for (const group of source.groups) {
        for (const { key, namespace, value } of await source.rows(group))
          yield {
            key: key as K,
            namespace,
            window: windowOf(namespace),
            domain: domainOf(source.kind),
            timestamp: value as number,
          };
      }
    }
  }

  /** The items of an operator list of all subtasks; of a broadcast list those of one. */
  async *list<T>(name: string): AsyncIterableIterator<T> {
    const lists = this.#lists.filter((list) => list.name === name);
    const [first] = lists;
    if (first === undefined) throw this.#missing(name);
    for (const list of first.redistribution === 'broadcast' ? [first] : lists)
      yield* (await this.#rows.items(list)) as readonly T[];
  }

  /** The entries of a broadcast state. */
  broadcast<K, V>(name: string): AsyncIterableIterator<readonly [K, V]> {
    return this.list<readonly [K, V]>(name);
  }

  #source(name: string): KeyedSource {
    const source = this.#keyed.find((one) => one.name === name && !holdsTimers(one.kind));
    if (source === undefined) throw this.#missing(name);
    return source;
  }

  #missing(name: string): MillstreamError {
    return new MillstreamError(
      'STATE_INVALID',
      `The operator "${this.uid}" has no state "${name}". It has: ${this.states.map((state) => state.name).join(', ')}.`,
      { details: { operator: this.uid, state: name } },
    );
  }

  #identity(key: unknown, namespace: unknown): unknown {
    return mapKey([key, namespace], this.#offline.types);
  }

  async #timersOf(group: number): Promise<ReadonlyMap<unknown, readonly StoredTimer[]>> {
    const timers = new Map<unknown, StoredTimer[]>();
    for (const source of this.#keyed) {
      if (!holdsTimers(source.kind) || !source.groups.includes(group)) continue;
      for (const { key, namespace, value } of await source.rows(group)) {
        const id = this.#identity(key, namespace);
        const own = timers.get(id) ?? [];
        timers.set(id, own);
        own.push({ domain: domainOf(source.kind), timestamp: value as number });
      }
    }
    return timers;
  }

  /** Where windows merge, the window of what is stored under the name of one of those that it was made of. */
  async #mergedWindows(group: number): Promise<ReadonlyMap<unknown, Window>> {
    const windows = new Map<unknown, Window>();
    const source = this.#keyed.find(({ name }) => name === MERGING_WINDOWS);
    if (source === undefined || !source.groups.includes(group)) return windows;
    for (const { key, value } of await source.rows(group)) {
      for (const [window, home] of value as readonly (readonly [string, string])[]) {
        const of = windowOf(window);
        if (of !== undefined) windows.set(this.#identity(key, home), of);
      }
    }
    return windows;
  }
}

function domainOf(kind: string): TimeDomain {
  return kind === TIMER_KINDS.event ? 'event' : 'processing';
}

/** The window that a namespace names. */
function windowOf(namespace: unknown): Window | undefined {
  if (typeof namespace !== 'string') return undefined;
  if (/^-?\d+\/-?\d+$/.test(namespace)) return TimeWindow.fromKey(namespace);
  return namespace === GlobalWindow.get().key ? GlobalWindow.get() : undefined;
}

/** A value in the version of the descriptor. */
function current(descriptor: AnyStateDescriptor | undefined, kind: string, version: number, value: unknown): unknown {
  if (descriptor === undefined || descriptor.version === version) return value;
  const state = descriptor as unknown as VersionedState;
  checkMigrations(state, version);
  const step = (one: unknown): unknown => migrated(state, version, one);
  if (bareKind(kind) === 'list') return (value as readonly unknown[]).map(step);
  if (bareKind(kind) === 'map')
    return new Map(Array.from(value as ReadonlyMap<unknown, unknown>, ([key, one]) => [key, step(one)]));
  return step(value);
}
