/**
 * Keyed state on disk: what is used is in memory, within a budget that all operators of a slot share, the rest in a log
 * of segment files. How it fits together, byte by byte: docs/internals/disk-state.md.
 */

import { MillstreamError } from '../../base/error.ts';
import type { WorkingFiles } from '../../base/world.ts';
import type { Stamped } from '../cell-shape.ts';
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
} from '../descriptor.ts';
import type { KeyedBackend } from '../keyed-backend.ts';
import type { MemoryBackendSettings } from '../memory-backend.ts';
import type { RestoredKeyedState } from '../snapshot.ts';
import { holdsTimers, type TimerDriver, type TimerHandler } from '../timers.ts';
import { TtlAggregatingState, TtlReducingState, TtlValueState } from '../stamped-states.ts';
import { ttlRules, type TtlRules } from '../ttl.ts';
import type { KeyedView, ViewPlan } from '../views.ts';
import { Catalog } from './catalog.ts';
import { type DiskShape, STAMPED_VALUE, VALUE } from './disk-cell.ts';
import { attempt } from './disk-failure.ts';
import { DiskListState } from './disk-list-state.ts';
import { DiskListTable } from './disk-list-table.ts';
import { DiskMapState } from './disk-map-state.ts';
import { DiskMapTable } from './disk-map-table.ts';
import { DiskSpace } from './disk-space.ts';
import { DiskAggregatingState, DiskReducingState, DiskValueState, RowStamp } from './disk-states.ts';
import { DiskTable } from './disk-table.ts';
import { DiskTimers } from './disk-timers.ts';
import { DiskView } from './disk-view.ts';
import type { MapPage } from './map-cell.ts';
import { type Row, RowKind } from './row.ts';
import { StateRowCodec } from './row-codec.ts';
import { RowStore } from './row-store.ts';
import type { SlotMemory } from './slot-memory.ts';
import { PageNumbers } from './timer-pages.ts';
import { Shapes } from './value-codec.ts';

const KILOBYTE = 1024;
/** Bytes in memory of a page of a large map, unless set. */
const PAGE_BYTES = 4 * KILOBYTE;
/** Bytes of a segment file, unless set. */
const SEGMENT_BYTES = 16 * KILOBYTE * KILOBYTE;
/** The tail of the log takes this share of the budget, within bounds. */
const TAIL_SHARE = 1 / 64;
const TAIL_BYTES_MIN = 8 * KILOBYTE;
const TAIL_BYTES_MAX = 256 * KILOBYTE;

/** Of the rows that fit in memory, so many are read ahead at most. */
const PREFETCH_SHARE = 1 / 4;

export interface DiskBackendSettings extends MemoryBackendSettings {
  readonly files: WorkingFiles;
  /** Where the working directory is made; where the system keeps temporary files when undefined. */
  readonly directory: string | undefined;
  readonly memory: SlotMemory;
  /** For tests: 16 MB unless set. */
  readonly segmentBytes?: number;
  /** For tests: what a page of a large map takes in memory, 4 KB unless set. */
  readonly pageBytes?: number;
}

/** Figures of a backend on disk, for metrics. */
export interface DiskFigures {
  /** Bytes in use of the slot's budget, by all its operators, the most there ever was, and the budget. */
  readonly memoryUsed: number;
  readonly memoryMost: number;
  readonly memoryLimit: number;
  /** Bytes of that which are this operator's. */
  readonly operatorMemory: number;
  readonly indexBytes: number;
  readonly rowsInMemory: number;
  readonly hits: number;
  readonly misses: number;
  /** Bytes in segment files, and how many of them are in use. */
  readonly fileBytes: number;
  readonly liveBytes: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly compactedBytes: number;
}

export function createDiskBackend(settings: DiskBackendSettings): DiskBackend {
  return new DiskBackend(settings);
}

/** A state that has been asked for: one handle, however often. */
interface Registered {
  readonly table: DiskTable<unknown>;
  readonly handle: unknown;
}

export class DiskBackend implements KeyedBackend {
  readonly #settings: DiskBackendSettings;
  readonly #directory: string;
  readonly #catalog: Catalog;
  readonly #store: RowStore;
  readonly #space: DiskSpace;
  readonly #states = new Map<string, Registered>();
  readonly #tables = { ofKeys: [] as DiskTable<unknown>[], ofNamespaces: [] as DiskTable<unknown>[] };
  readonly #timers = new Map<string, DiskTimers>();
  readonly #pageNumbers = new PageNumbers();
  /** The next number of a map that goes into pages, or of a chunk of a list. */
  readonly #partNumbers = { next: 1 };
  /** Bytes of directories of timers. */
  #directoryBytes = 0;
  /** Tables whose TTL is swept once per record. */
  readonly #sweptEachRecord: DiskTable<unknown>[] = [];
  /** What was restored and nobody has asked for yet. It stays part of every snapshot. */
  #unclaimed: readonly RestoredKeyedState[];
  #closed = false;

  constructor(settings: DiskBackendSettings) {
    const {
      files,
      memory,
      keyGroups,
      maxParallelism,
      types,
      segmentBytes = SEGMENT_BYTES,
      pageBytes = PAGE_BYTES,
    } = settings;
    this.#settings = settings;
    this.#directory = attempt(() => files.directory(settings.directory));
    const catalog = new Catalog(files, this.#directory);
    this.#catalog = catalog;
    this.#store = new RowStore({
      memory,
      files,
      directory: this.#directory,
      firstGroup: keyGroups.start,
      // One more, for pages.
      groups: keyGroups.end - keyGroups.start + 2,
      segmentBytes,
      tailBytes: tailBytes(memory.limit),
    });
    const shapes = new Shapes((number, names) => catalog.add({ shape: number, fields: names }));
    this.#store.useCodec(new StateRowCodec(this.#store.log, shapes, types, this.#tables));
    this.#space = new DiskSpace(this.#store, maxParallelism, keyGroups, types, pageBytes);
    this.#unclaimed = settings.restored?.keyed ?? [];
  }

  setCurrentKey(key: unknown): void {
    if (this.#store.holds) this.#store.letGo();
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
    return this.#space.keyGroup;
  }

  setCurrentNamespace(namespace: unknown): void {
    this.#space.setNamespace(namespace);
  }

  get size(): number {
    return this.#space.keys;
  }

  get figures(): DiskFigures {
    const { memory } = this.#settings;
    const store = this.#store;
    const { log } = store;
    return {
      memoryUsed: memory.used,
      memoryMost: memory.most,
      memoryLimit: memory.limit,
      operatorMemory: store.memoryBytes + this.#directoryBytes,
      indexBytes: store.index.bytes,
      rowsInMemory: store.rowsInMemory,
      hits: store.hits,
      misses: store.misses,
      fileBytes: log.fileBytes,
      liveBytes: log.liveBytes,
      bytesRead: log.bytesRead,
      bytesWritten: log.bytesWritten,
      compactedBytes: store.compactedBytes,
    };
  }

  value<T>(descriptor: ValueStateDescriptor<T>, namespaced = false): ValueState<T> {
    return this.#one(
      descriptor as ValueStateDescriptor<never>,
      namespaced,
      (table: DiskTable<T>): ValueState<T> => new DiskValueState(table, descriptor.initial),
      (table: DiskTable<Stamped<T>>): ValueState<T> => new TtlValueState(new RowStamp(table), descriptor.initial),
    );
  }

  reducing<T>(descriptor: ReducingStateDescriptor<T>, namespaced = false): ReducingState<T> {
    return this.#one(
      descriptor as unknown as ReducingStateDescriptor<never>,
      namespaced,
      (table: DiskTable<T>): ReducingState<T> => new DiskReducingState(table, descriptor.reduce),
      (table: DiskTable<Stamped<T>>): ReducingState<T> => new TtlReducingState(new RowStamp(table), descriptor.reduce),
    );
  }

  aggregating<In, Acc, Out>(
    descriptor: AggregatingStateDescriptor<In, Acc, Out>,
    namespaced = false,
  ): AggregatingState<In, Out> {
    return this.#one(
      descriptor as unknown as AggregatingStateDescriptor<never, never, never>,
      namespaced,
      (table: DiskTable<Acc>): AggregatingState<In, Out> => new DiskAggregatingState(table, descriptor.aggregate),
      (table: DiskTable<Stamped<Acc>>): AggregatingState<In, Out> =>
        new TtlAggregatingState(new RowStamp(table), descriptor.aggregate),
    );
  }

  /** A state whose cell is one value. */
  #one<T, Handle>(
    descriptor: StateDescriptor,
    namespaced: boolean,
    plain: (table: DiskTable<T>) => Handle,
    expiring: (table: DiskTable<Stamped<T>>) => Handle,
  ): Handle {
    return this.#state(descriptor, namespaced, (number, ttl) => {
      const shape: DiskShape<unknown> = ttl === undefined ? VALUE : STAMPED_VALUE;
      const table = new DiskTable(number, descriptor, namespaced, this.#space, shape, ttl);
      return {
        table,
        handle: ttl === undefined ? plain(table as DiskTable<T>) : expiring(table as DiskTable<Stamped<T>>),
      };
    });
  }

  list<T>(descriptor: ListStateDescriptor<T>, namespaced = false): ListState<T> {
    return this.#state(descriptor, namespaced, (number, ttl) => {
      const table = new DiskListTable(number, descriptor, namespaced, this.#space, ttl, this.#partNumbers);
      return { table, handle: new DiskListState<T>(table) };
    });
  }

  map<K, V>(descriptor: MapStateDescriptor<K, V>, namespaced = false): MapState<K, V> {
    const erased = descriptor as MapStateDescriptor<never, never>;
    return this.#state(erased, namespaced, (number, ttl) => {
      const table = new DiskMapTable(number, erased, namespaced, this.#space, ttl, this.#partNumbers);
      return { table, handle: new DiskMapState<K, V>(table) };
    });
  }

  #state<Handle>(
    descriptor: StateDescriptor,
    namespaced: boolean,
    make: (number: number, ttl: TtlRules | undefined) => { readonly table: unknown; readonly handle: Handle },
  ): Handle {
    const known = this.#states.get(descriptor.name);
    if (known !== undefined) return knownHandle(known, descriptor, namespaced) as Handle;
    const ttl = ttlRules(descriptor, this.#settings.clock, this.#settings.expired);
    const tables = namespaced ? this.#tables.ofNamespaces : this.#tables.ofKeys;
    const number = tables.length;
    const made = make(number, ttl);
    const table = made.table as DiskTable<unknown>;
    const { handle } = made;
    tables.push(table);
    this.#states.set(table.name, { table, handle });
    this.#catalog.add({ state: number, name: table.name, kind: table.storedKind, version: table.version, namespaced });
    if (ttl !== undefined && ttl.sweepEntries > 0) this.#cleanUpByCompaction(table);
    if (ttl?.sweepEveryRecord === true) this.#sweptEachRecord.push(table);
    const now = this.#settings.clock();
    this.#claim(
      (stored) => stored.name === table.name && !holdsTimers(stored.kind),
      (stored) => table.restore(stored, now),
    );
    return handle;
  }

  /** Lets compaction tell the state of rows on disk in which something has expired. */
  #cleanUpByCompaction(table: DiskTable<unknown>): void {
    const others = this.#store.examine;
    this.#store.examine = (row) => {
      others?.(row);
      table.examine(row, this.#settings.clock());
    };
  }

  timers(name: string, handler: TimerHandler): TimerDriver {
    if (this.#timers.has(name)) {
      throw new MillstreamError('STATE_INVALID', `The timers "${name}" were asked for twice. Give each its own name.`);
    }
    const { clock, gate, schedule, keyGroups, memory } = this.#settings;
    const lane = this.#timers.size * 2;
    const timers = new DiskTimers({
      name,
      handler,
      space: this.#space,
      gate,
      clock,
      schedule,
      lane,
      pageGroup: keyGroups.end + 1,
      pageNumbers: this.#pageNumbers,
      reserve: (bytes) => {
        this.#directoryBytes += bytes;
        memory.add(bytes);
      },
    });
    this.#timers.set(name, timers);
    this.#catalog.add({ timers: name, lane });
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
    const space = this.#space;
    const { key, namespace } = space;
    space.restoring = true;
    for (const stored of mine) take(stored);
    space.restoring = false;
    space.setKey(key);
    space.setNamespace(namespace);
  }

  /** Reads the rows of keys that are not in memory, in the order in which they lie in the log. */
  prefetch(keys: () => readonly unknown[]): void {
    this.#space.prefetch(keys, this.#store.rowsInMemory * PREFETCH_SHARE);
  }

  *keys(stateName: string): Iterable<unknown> {
    const table = this.#states.get(stateName)?.table;
    if (table === undefined) return;
    const kind = table.namespaced ? RowKind.NAMESPACE : RowKind.KEY;
    const { start, end } = this.#settings.keyGroups;
    for (let group = start; group <= end; group++) {
      const found = new Map<unknown, unknown>();
      this.#store.forEachOf(group, (row) => {
        if (row.kind === kind && row.cell(table.number) !== undefined) found.set(row.id, row.key);
      });
      yield* found.values();
    }
  }

  clearCurrentKey(): void {
    const space = this.#space;
    const row = space.keyRow();
    if (row === undefined || row.dead) return;
    const { namespace } = space;
    for (const other of Array.from(row.links?.namespaces.values() ?? [])) {
      space.setNamespace(other);
      for (const table of this.#tables.ofNamespaces) table.drop();
    }
    space.setNamespace(namespace);
    for (const timers of this.#timers.values()) timers.removeAll(row);
    for (const table of this.#tables.ofKeys) table.drop();
  }

  // Views.

  standing(name: string, kind: string): 'current' | 'replaced' | 'unclaimed' {
    if (this.#unclaimed.some((stored) => stored.name === name && stored.kind === kind)) return 'unclaimed';
    if (holdsTimers(kind)) return 'current';
    return this.#states.get(name)?.table.storedKind === kind ? 'current' : 'replaced';
  }

  beginView(plan: ViewPlan): KeyedView {
    this.#store.letGo();
    const view = new DiskView(
      { store: this.#store, groups: this.#settings.keyGroups, emit: (row, since, to) => this.#emit(row, since, to) },
      plan,
    );
    this.#store.generation = plan.generation + 1;
    return view;
  }

  completed(generation: number): void {
    this.#store.complete(generation);
  }

  #emit(row: Row, since: number | undefined, { to }: ViewPlan): void {
    if (row.kind === RowKind.MAP_PAGE) {
      const { state, namespaced } = row.cell(0) as MapPage;
      (namespaced ? this.#tables.ofNamespaces : this.#tables.ofKeys)[state]?.emitPage(row, since, to);
      return;
    }
    const namespaced = row.kind === RowKind.NAMESPACE;
    const tables = namespaced ? this.#tables.ofNamespaces : this.#tables.ofKeys;
    for (const table of tables) table.emit(row, since, to);
    if (!namespaced) for (const timers of this.#timers.values()) timers.emit(row, since, to);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timers of this.#timers.values()) timers.close();
    this.#store.close();
    this.#settings.memory.add(-this.#directoryBytes);
    this.#catalog.close();
    this.#settings.files.remove(this.#directory);
  }
}

/** A part of the budget, so that small budgets are not all buffer. */
function tailBytes(limit: number): number {
  return Math.min(TAIL_BYTES_MAX, Math.max(TAIL_BYTES_MIN, Math.floor((limit * TAIL_SHARE) / KILOBYTE) * KILOBYTE));
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
