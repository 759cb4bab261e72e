/**
 * Keyed state in memory. Keys, and keys with namespaces, have numbers (`places.ts`); every state has a column of cells
 * by these numbers (`state-table.ts`), and handles read and write the cell of the current one. How it all fits
 * together: docs/internals/state.md.
 */

import { MillstreamError } from '../base/error.ts';
import type { KeyGroupRange } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { LIST, ONE, STAMPED_LIST, STAMPED_ONE, type CellShape, type Stamped } from './cell-shape.ts';
import type { CellTable } from './cell-table.ts';
import type {
  AggregatingState,
  AggregatingStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReducingState,
  ReducingStateDescriptor,
  StateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from './descriptor.ts';
import type { KeyedBackend } from './keyed-backend.ts';
import { MapTable } from './map-table.ts';
import {
  MemoryAggregatingState,
  MemoryListState,
  MemoryMapState,
  MemoryReducingState,
  MemoryValueState,
} from './memory-states.ts';
import { Space } from './places.ts';
import type { RestoredKeyedState, RestoredState } from './snapshot.ts';
import { StateTable } from './state-table.ts';
import type { Schedule } from './timer-bursts.ts';
import { MemoryTimers } from './timer-service.ts';
import { holdsTimers, type TimerDriver, type TimerGate, type TimerHandler } from './timers.ts';
import { TtlAggregatingState, TtlReducingState, TtlValueState } from './stamped-states.ts';
import { PlacedStamp, TtlListState, TtlMapState } from './ttl-states.ts';
import { ttlRules, type ExpiredListener } from './ttl.ts';
import { joinedView, type KeyedView, type ViewPlan } from './views.ts';

export interface MemoryBackendSettings {
  readonly maxParallelism: number;
  /** The key groups of this subtask. */
  readonly keyGroups: KeyGroupRange;
  readonly types: TypeRegistry;
  /** Wall-clock time in milliseconds, for TTL and processing-time timers. */
  readonly clock: () => number;
  readonly gate: TimerGate;
  /** Calls back on the task's thread between two records, not before the time. */
  readonly schedule: Schedule;
  readonly restored: RestoredState | undefined;
  /** Told of what expires, where its state asks for that; in the middle of an access to it. */
  readonly expired?: ExpiredListener;
}

export function createMemoryBackend(settings: MemoryBackendSettings): KeyedBackend {
  return new MemoryBackend(settings);
}

/** Fewer keys are in the processor's caches anyway. */
const PREFETCH_KEYS_LEAST = 1 << 15;

/** A state that has been asked for: one handle, however often. */
interface Registered {
  readonly table: CellTable<unknown>;
  readonly handle: unknown;
}

class MemoryBackend implements KeyedBackend {
  readonly #settings: MemoryBackendSettings;
  readonly #space: Space;
  readonly #states = new Map<string, Registered>();
  readonly #timers = new Map<string, MemoryTimers>();
  /** Tables whose TTL is swept once per record. */
  readonly #sweptEachRecord: CellTable<unknown>[] = [];
  /** What was restored and nobody has asked for yet. It stays part of every snapshot. */
  #unclaimed: readonly RestoredKeyedState[];
  /** The present generation of changes; 0 while there is nothing that they could be told from. */
  #generation: number;

  constructor(settings: MemoryBackendSettings) {
    this.#settings = settings;
    this.#space = new Space(settings.maxParallelism, settings.keyGroups, settings.types);
    this.#unclaimed = settings.restored?.keyed ?? [];
    this.#generation = this.#unclaimed.length > 0 ? 1 : 0;
  }

  setCurrentKey(key: unknown): void {
    this.#space.setKey(key);
    if (this.#sweptEachRecord.length > 0) this.#sweep();
  }

  #sweep(): void {
    const now = this.#settings.clock();
    for (const table of this.#sweptEachRecord) table.sweep(now);
  }

  get currentKey(): unknown {
    return this.#space.key;
  }

  get currentKeyGroup(): number {
    return this.#space.rows.currentKeyGroup;
  }

  prefetch(keys: () => readonly unknown[]): void {
    if (this.#space.rows.size < PREFETCH_KEYS_LEAST) return;
    const rows = this.#space.rows.announce(keys());
    for (const { table } of this.#states.values()) if (!table.namespaced) table.warm(rows);
  }

  setCurrentNamespace(namespace: unknown): void {
    this.#space.setNamespace(namespace);
  }

  get size(): number {
    return this.#space.rows.size;
  }

  value<T>(descriptor: ValueStateDescriptor<T>, namespaced = false): ValueState<T> {
    return this.#one(
      descriptor as ValueStateDescriptor<never>,
      namespaced,
      (table: StateTable<T>): ValueState<T> => new MemoryValueState(table, descriptor.initial),
      (table: StateTable<Stamped<T>>): ValueState<T> => new TtlValueState(new PlacedStamp(table), descriptor.initial),
    );
  }

  reducing<T>(descriptor: ReducingStateDescriptor<T>, namespaced = false): ReducingState<T> {
    return this.#one(
      descriptor as unknown as ReducingStateDescriptor<never>,
      namespaced,
      (table: StateTable<T>): ReducingState<T> => new MemoryReducingState(table, descriptor.reduce),
      (table: StateTable<Stamped<T>>): ReducingState<T> =>
        new TtlReducingState(new PlacedStamp(table), descriptor.reduce),
    );
  }

  aggregating<In, Acc, Out>(
    descriptor: AggregatingStateDescriptor<In, Acc, Out>,
    namespaced = false,
  ): AggregatingState<In, Out> {
    return this.#one(
      descriptor as unknown as AggregatingStateDescriptor<never, never, never>,
      namespaced,
      (table: StateTable<Acc>): AggregatingState<In, Out> => new MemoryAggregatingState(table, descriptor.aggregate),
      (table: StateTable<Stamped<Acc>>): AggregatingState<In, Out> =>
        new TtlAggregatingState(new PlacedStamp(table), descriptor.aggregate),
    );
  }

  /** A state whose cell is one value. */
  #one<T, Handle>(
    descriptor: StateDescriptor,
    namespaced: boolean,
    plain: (table: StateTable<T>) => Handle,
    expiring: (table: StateTable<Stamped<T>>) => Handle,
  ): Handle {
    const plainShape = ONE as CellShape<T>;
    return this.#cells(descriptor, namespaced, plainShape, plain, STAMPED_ONE as CellShape<Stamped<T>>, expiring);
  }

  list<T>(descriptor: ListStateDescriptor<T>, namespaced = false): ListState<T> {
    return this.#cells(
      descriptor,
      namespaced,
      LIST as CellShape<T[]>,
      (table: StateTable<T[]>): ListState<T> => new MemoryListState(table),
      STAMPED_LIST as CellShape<Stamped<T>[]>,
      (table: StateTable<Stamped<T>[]>): ListState<T> => new TtlListState(table),
    );
  }

  #cells<Plain, Expiring, Handle>(
    descriptor: StateDescriptor,
    namespaced: boolean,
    plainShape: CellShape<Plain>,
    plain: (table: StateTable<Plain>) => Handle,
    expiringShape: CellShape<Expiring>,
    expiring: (table: StateTable<Expiring>) => Handle,
  ): Handle {
    return this.#state(descriptor, namespaced, (): readonly [CellTable<unknown>, Handle] => {
      const ttl = ttlRules(descriptor, this.#settings.clock, this.#settings.expired);
      if (ttl === undefined) {
        const table = new StateTable(descriptor, namespaced, this.#space, plainShape, ttl, this.#generation);
        return [table, plain(table)];
      }
      const table = new StateTable(descriptor, namespaced, this.#space, expiringShape, ttl, this.#generation);
      return [table, expiring(table)];
    });
  }

  map<K, V>(descriptor: MapStateDescriptor<K, V>, namespaced = false): MapState<K, V> {
    const erased = descriptor as MapStateDescriptor<never, never>;
    return this.#state(erased, namespaced, (): readonly [CellTable<unknown>, MapState<K, V>] => {
      const ttl = ttlRules(descriptor, this.#settings.clock, this.#settings.expired);
      const { types } = this.#settings;
      const table = new MapTable<K, V>(erased, namespaced, this.#space, types, ttl, this.#generation);
      return [table, ttl === undefined ? new MemoryMapState(table) : new TtlMapState(table)];
    });
  }

  /** The handle of a state, made when it is asked for first; then what was restored goes into its table. */
  #state<Handle>(
    descriptor: StateDescriptor,
    namespaced: boolean,
    make: () => readonly [CellTable<unknown>, Handle],
  ): Handle {
    const known = this.#states.get(descriptor.name);
    if (known !== undefined) return knownHandle(known, descriptor, namespaced) as Handle;
    const [table, handle] = make();
    this.#states.set(table.name, { table, handle });
    if (table.ttl?.sweepEveryRecord === true) this.#sweptEachRecord.push(table);
    const now = this.#settings.clock();
    this.#claim(
      (stored) => stored.name === table.name && !holdsTimers(stored.kind),
      (stored) => table.restore(stored, now),
    );
    return handle;
  }

  timers(name: string, handler: TimerHandler): TimerDriver {
    if (this.#timers.has(name)) {
      throw new MillstreamError('STATE_INVALID', `The timers "${name}" were asked for twice. Give each its own name.`);
    }
    const { clock, gate, schedule } = this.#settings;
    const generation = this.#generation;
    const timers = new MemoryTimers({ name, handler, space: this.#space, gate, clock, schedule, generation });
    this.#timers.set(name, timers);
    this.#claim(
      (stored) => stored.name === name && holdsTimers(stored.kind),
      (stored) => timers.restore(stored),
    );
    return timers;
  }

  /** Hands out what was restored for a state, and leaves key and namespace as they were. */
  #claim(isMine: (stored: RestoredKeyedState) => boolean, take: (stored: RestoredKeyedState) => void): void {
    const mine = this.#unclaimed.filter(isMine);
    if (mine.length === 0) return;
    this.#unclaimed = this.#unclaimed.filter((stored) => !isMine(stored));
    const { key, namespace } = this.#space;
    for (const stored of mine) take(stored);
    this.#space.setKey(key);
    this.#space.setNamespace(namespace);
  }

  keys(stateName: string): Iterable<unknown> {
    return this.#states.get(stateName)?.table.keys() ?? [];
  }

  clearCurrentKey(): void {
    const { rows, cells } = this.#space;
    const row = rows.current();
    if (row < 0) return;
    // Held while its parts go one by one, so that its number stays its own.
    rows.retain(row);
    const cellsOfRow = cells.of(row);
    for (const { table } of this.#states.values()) {
      if (!table.namespaced) table.dropAt(row);
      else for (const cell of cellsOfRow) table.dropAt(cell);
    }
    for (const timers of this.#timers.values()) timers.removeRow(row);
    rows.release(row);
  }

  standing(name: string, kind: string): 'current' | 'replaced' | 'unclaimed' {
    if (holdsTimers(kind)) return this.#timers.has(name) ? 'current' : 'unclaimed';
    const table = this.#states.get(name)?.table;
    if (table === undefined) return 'unclaimed';
    return table.snapshotKind === kind ? 'current' : 'replaced';
  }

  beginView(plan: ViewPlan): KeyedView {
    this.#generation = plan.generation + 1;
    return joinedView([
      ...Array.from(this.#states.values(), ({ table }) => table.beginView(plan)),
      ...Array.from(this.#timers.values(), (timers) => timers.beginView(plan)),
    ]);
  }

  completed(generation: number): void {
    for (const { table } of this.#states.values()) table.completed(generation);
    for (const timers of this.#timers.values()) timers.completed(generation);
  }

  get burdened(): boolean {
    for (const { table } of this.#states.values()) if (table.burdened) return true;
    for (const timers of this.#timers.values()) if (timers.burdened) return true;
    return false;
  }

  close(): void {
    for (const timers of this.#timers.values()) timers.close();
    for (const { table } of this.#states.values()) table.clear();
    this.#space.clear();
  }
}

function knownHandle({ table, handle }: Registered, descriptor: StateDescriptor, namespaced: boolean): unknown {
  if (table.kind === descriptor.kind && table.namespaced === namespaced) return handle;
  throw new MillstreamError(
    'STATE_INVALID',
    `Two states of one operator are named "${table.name}", and they differ: ${describe(table.kind, table.namespaced)} and ${describe(descriptor.kind, namespaced)}. Give each its own name.`,
    { details: { state: table.name } },
  );
}

function describe(kind: string, namespaced: boolean): string {
  return `a ${kind} state${namespaced ? ' per window' : ''}`;
}
