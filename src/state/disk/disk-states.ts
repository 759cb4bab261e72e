/**
 * The handles of a disk backend. With TTL every access first lets the incremental cleanup go on, then looks at its own
 * cell: what has expired counts as absent and is removed when it is met.
 *
 * An object that is handed out is the user's to change until the next key: it counts as changed.
 */

import { mapKey } from '../../data/key.ts';
import { Stamped } from '../cell-shape.ts';
import type {
  AggregateFunction,
  AggregatingState,
  ListState,
  MapState,
  ReducingState,
  ValueState,
} from '../descriptor.ts';
import { EMPTY_LIST } from '../memory-states.ts';
import type { TtlRules } from '../ttl.ts';
import { ListCell, MapCell, MapEntry, tellExpired } from './disk-cell.ts';
import type { DiskTable } from './disk-table.ts';

/** Lists and maps are measured again whenever they have grown by so much. */
const MEASURE_MASK = 15;

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

export class DiskValueState<T> implements ValueState<T> {
  readonly #table: DiskTable<T>;
  readonly #initial: (() => T) | undefined;

  constructor(table: DiskTable<T>, initial: (() => T) | undefined) {
    this.#table = table;
    this.#initial = initial;
  }

  value(): T | undefined {
    const value = this.#table.load();
    if (value === undefined) return this.#initial === undefined ? undefined : this.#initial();
    if (isObject(value)) this.#table.change();
    return value;
  }

  update(value: T): void {
    if (value === undefined) this.#table.drop();
    else this.#table.store(value);
  }

  clear(): void {
    this.#table.drop();
  }
}

export class DiskReducingState<T> implements ReducingState<T> {
  readonly #table: DiskTable<T>;
  readonly #reduce: (accumulated: T, value: T) => T;

  constructor(table: DiskTable<T>, reduce: (accumulated: T, value: T) => T) {
    this.#table = table;
    this.#reduce = reduce;
  }

  get(): T | undefined {
    const value = this.#table.load();
    if (isObject(value)) this.#table.change();
    return value;
  }

  add(value: T): void {
    const accumulated = this.#table.load();
    if (accumulated === undefined) {
      this.#table.store(value);
      return;
    }
    if (isObject(accumulated)) this.#table.change();
    const reduce = this.#reduce;
    this.#table.store(reduce(accumulated, value));
  }

  clear(): void {
    this.#table.drop();
  }
}

export class DiskAggregatingState<In, Acc, Out> implements AggregatingState<In, Out> {
  readonly #table: DiskTable<Acc>;
  readonly #aggregate: AggregateFunction<In, Acc, Out>;

  constructor(table: DiskTable<Acc>, aggregate: AggregateFunction<In, Acc, Out>) {
    this.#table = table;
    this.#aggregate = aggregate;
  }

  get(): Out | undefined {
    const accumulator = this.#table.load();
    if (accumulator === undefined) return undefined;
    if (isObject(accumulator)) this.#table.change();
    return this.#aggregate.getResult(accumulator);
  }

  add(value: In): void {
    const known = this.#table.load();
    if (isObject(known)) this.#table.change();
    this.#table.store(this.#aggregate.add(value, known ?? this.#aggregate.createAccumulator()));
  }

  clear(): void {
    this.#table.drop();
  }
}

/** One stamped value per row: what value, reducing and aggregating state with TTL have in common. */
class StampedCell<T> {
  readonly #table: DiskTable<Stamped<T>>;
  readonly #ttl: TtlRules;

  constructor(table: DiskTable<Stamped<T>>) {
    this.#table = table;
    this.#ttl = table.ttl as TtlRules;
  }

  read(): T | undefined {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const cell = this.#table.load();
    if (cell === undefined) return undefined;
    if (cell.stamp + this.#ttl.timeToLive <= now) {
      this.#ttl.expired?.(this.#table.space.key, cell.value);
      this.#table.drop();
      return this.#ttl.returnExpired ? cell.value : undefined;
    }
    if (this.#ttl.refreshOnRead || isObject(cell.value)) this.#table.change();
    if (this.#ttl.refreshOnRead) cell.stamp = now;
    return cell.value;
  }

  /** Replaces the value by what `next` makes of it; an expired one is not there. */
  change<In>(next: (before: T | undefined, input: In) => T, input: In): void {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const cell = this.#table.load();
    if (cell === undefined) {
      this.#table.store(new Stamped(next(undefined, input), now));
      return;
    }
    this.#table.change();
    const expired = cell.stamp + this.#ttl.timeToLive <= now;
    if (expired) this.#ttl.expired?.(this.#table.space.key, cell.value);
    cell.value = next(expired ? undefined : cell.value, input);
    cell.stamp = now;
  }

  clear(): void {
    this.#table.drop();
  }
}

export class DiskTtlValueState<T> implements ValueState<T> {
  readonly #cell: StampedCell<T>;
  readonly #initial: (() => T) | undefined;

  constructor(table: DiskTable<Stamped<T>>, initial: (() => T) | undefined) {
    this.#cell = new StampedCell(table);
    this.#initial = initial;
  }

  value(): T | undefined {
    const value = this.#cell.read();
    return value === undefined && this.#initial !== undefined ? this.#initial() : value;
  }

  update(value: T): void {
    if (value === undefined) this.#cell.clear();
    else this.#cell.change(replace<T>, value);
  }

  clear(): void {
    this.#cell.clear();
  }
}

function replace<T>(_before: T | undefined, value: T): T {
  return value;
}

export class DiskTtlReducingState<T> implements ReducingState<T> {
  readonly #cell: StampedCell<T>;
  readonly #next: (before: T | undefined, value: T) => T;

  constructor(table: DiskTable<Stamped<T>>, reduce: (accumulated: T, value: T) => T) {
    this.#cell = new StampedCell(table);
    this.#next = (before, value) => (before === undefined ? value : reduce(before, value));
  }

  get(): T | undefined {
    return this.#cell.read();
  }

  add(value: T): void {
    this.#cell.change(this.#next, value);
  }

  clear(): void {
    this.#cell.clear();
  }
}

export class DiskTtlAggregatingState<In, Acc, Out> implements AggregatingState<In, Out> {
  readonly #cell: StampedCell<Acc>;
  readonly #aggregate: AggregateFunction<In, Acc, Out>;
  readonly #next: (before: Acc | undefined, value: In) => Acc;

  constructor(table: DiskTable<Stamped<Acc>>, aggregate: AggregateFunction<In, Acc, Out>) {
    this.#cell = new StampedCell(table);
    this.#aggregate = aggregate;
    this.#next = (before, value) => aggregate.add(value, before ?? aggregate.createAccumulator());
  }

  get(): Out | undefined {
    const accumulator = this.#cell.read();
    return accumulator === undefined ? undefined : this.#aggregate.getResult(accumulator);
  }

  add(value: In): void {
    this.#cell.change(this.#next, value);
  }

  clear(): void {
    this.#cell.clear();
  }
}

/** A list, with or without TTL. */
export class DiskListState<T> implements ListState<T> {
  readonly #table: DiskTable<ListCell>;
  readonly #ttl: TtlRules | undefined;

  constructor(table: DiskTable<ListCell>) {
    this.#table = table;
    this.#ttl = table.ttl;
  }

  #now(): number {
    if (this.#ttl === undefined) return 0;
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    return now;
  }

  /** Before items of the cell from `from` on change. */
  #changing(cell: ListCell, from: number): void {
    this.#table.change();
    const { store } = this.#table.space;
    cell.changing(from, store.generation, store.completedGeneration);
  }

  get(): readonly T[] {
    const now = this.#now();
    const cell = this.#table.load();
    if (cell === undefined) return EMPTY_LIST;
    const items = cell.items as T[];
    if (this.#ttl !== undefined) return this.#visible(cell, now, this.#ttl);
    if (isObject(items[0])) this.#changing(cell, 0);
    return items;
  }

  #visible(cell: ListCell, now: number, ttl: TtlRules): readonly T[] {
    const before = cell.items as T[];
    const { expired } = ttl;
    if (expired !== undefined) tellExpired(cell, now - ttl.timeToLive, (item) => expired(this.#table.space.key, item));
    const live = this.#table.shape.live(cell, now - ttl.timeToLive, this.#table.space.store.generation);
    if (live === undefined) this.#table.drop();
    else if (live !== cell) this.#table.store(live);
    else if (ttl.refreshOnRead || isObject(before[0])) this.#changing(cell, 0);
    if (ttl.refreshOnRead) live?.stamps?.fill(now);
    return ttl.returnExpired ? [...before] : [...((live?.items ?? EMPTY_LIST) as T[])];
  }

  add(value: T): void {
    this.addAll([value]);
  }

  addAll(values: Iterable<T>): void {
    const now = this.#now();
    const added = [...values];
    if (added.length === 0) return;
    const known = this.#table.load();
    if (known === undefined) {
      this.#table.store(this.#fresh(added, now));
      return;
    }
    const { length } = known.items;
    this.#changing(known, length);
    for (const value of added) {
      known.items.push(value);
      known.stamps?.push(now);
    }
    if ((length & ~MEASURE_MASK) !== (known.items.length & ~MEASURE_MASK)) this.#table.grown();
  }

  #fresh(items: T[], now: number): ListCell {
    const { store } = this.#table.space;
    const cell = new ListCell(items, this.#ttl === undefined ? undefined : items.map(() => now));
    cell.changing(0, store.generation, store.completedGeneration);
    return cell;
  }

  update(values: readonly T[]): void {
    const now = this.#now();
    if (values.length === 0) this.#table.drop();
    else this.#table.store(this.#fresh([...values], now));
  }

  clear(): void {
    this.#table.drop();
  }
}

/** A map, with or without TTL. */
export class DiskMapState<K, V> implements MapState<K, V> {
  readonly #table: DiskTable<MapCell>;
  readonly #ttl: TtlRules | undefined;

  constructor(table: DiskTable<MapCell>) {
    this.#table = table;
    this.#ttl = table.ttl;
  }

  #now(): number {
    if (this.#ttl === undefined) return 0;
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    return now;
  }

  #id(key: unknown): unknown {
    return mapKey(key, this.#table.space.types);
  }

  #entry(key: K): MapEntry | undefined {
    const now = this.#now();
    const cell = this.#table.load();
    const id = this.#id(key);
    const entry = cell?.entries.get(id);
    if (cell === undefined || entry === undefined) return undefined;
    const ttl = this.#ttl;
    if (ttl !== undefined) {
      if (entry.stamp + ttl.timeToLive <= now) {
        ttl.expired?.(this.#table.space.key, entry.value, entry.key);
        this.#remove(cell, id);
        return ttl.returnExpired ? entry : undefined;
      }
      if (ttl.refreshOnRead) {
        this.#changing(entry);
        entry.stamp = now;
      }
    }
    if (isObject(entry.value)) this.#changing(entry);
    return entry;
  }

  #changing(entry: MapEntry): void {
    this.#table.change();
    entry.generation = this.#table.space.store.generation;
  }

  get(key: K): V | undefined {
    return this.#entry(key)?.value as V | undefined;
  }

  contains(key: K): boolean {
    return this.#entry(key) !== undefined;
  }

  put(key: K, value: V): void {
    const now = this.#now();
    const { generation } = this.#table.space.store;
    const id = this.#id(key);
    const cell = this.#table.load();
    if (cell === undefined) {
      const made = new MapCell(generation);
      made.set(id, new MapEntry(key, value, now, generation));
      this.#table.store(made);
      return;
    }
    this.#table.change();
    const entry = cell.entries.get(id);
    if (entry === undefined) {
      cell.set(id, new MapEntry(key, value, now, generation));
      if ((cell.entries.size & MEASURE_MASK) === 0) this.#table.grown();
      return;
    }
    if (this.#ttl?.expired !== undefined && entry.stamp + this.#ttl.timeToLive <= now)
      this.#ttl.expired(this.#table.space.key, entry.value, entry.key);
    entry.value = value;
    entry.stamp = now;
    entry.generation = generation;
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  remove(key: K): void {
    const cell = this.#table.load();
    if (cell !== undefined) this.#remove(cell, this.#id(key));
  }

  #remove(cell: MapCell, id: unknown): void {
    if (!cell.entries.has(id)) return;
    this.#table.change();
    const { store } = this.#table.space;
    cell.completed(store.completedGeneration);
    cell.remove(id, store.generation);
    if (cell.entries.size === 0) this.#table.drop();
  }

  keys(): Iterable<K> {
    return this.#visible().map((entry) => entry.key as K);
  }

  values(): Iterable<V> {
    return this.#visible().map((entry) => entry.value as V);
  }

  entries(): Iterable<readonly [K, V]> {
    return this.#visible().map((entry) => [entry.key, entry.value] as [K, V]);
  }

  /** All entries that may be seen; removes those that have expired, and refreshes the others where reading does. */
  #visible(): MapEntry[] {
    const now = this.#now();
    const cell = this.#table.load();
    if (cell === undefined) return [];
    const ttl = this.#ttl;
    const visible: MapEntry[] = [];
    for (const [id, entry] of cell.entries) {
      const expired = ttl !== undefined && entry.stamp + ttl.timeToLive <= now;
      if (!expired || ttl.returnExpired) visible.push(entry);
      if (expired) {
        ttl?.expired?.(this.#table.space.key, entry.value, entry.key);
        this.#remove(cell, id);
        continue;
      }
      if (ttl?.refreshOnRead === true) {
        this.#changing(entry);
        entry.stamp = now;
      } else if (isObject(entry.value)) {
        this.#changing(entry);
      }
    }
    return visible;
  }

  isEmpty(): boolean {
    const now = this.#now();
    const cell = this.#table.load();
    if (cell === undefined) return true;
    const ttl = this.#ttl;
    if (ttl === undefined || ttl.returnExpired) return false;
    for (const entry of cell.entries.values()) if (entry.stamp + ttl.timeToLive > now) return false;
    return true;
  }

  clear(): void {
    this.#table.drop();
  }
}
