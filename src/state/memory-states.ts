/** The handles of a memory backend for state without TTL. Each works on the cell at the current place of its table. */

import type {
  AggregateFunction,
  AggregatingState,
  ListState,
  MapState,
  ReducingState,
  ValueState,
} from './descriptor.ts';
import type { KeyedMap, MapEntry } from './keyed-map.ts';
import type { MapTable } from './map-table.ts';
import type { StateTable } from './state-table.ts';

/** What a list state returns where nothing was added. */
export const EMPTY_LIST: readonly never[] = Object.freeze([]);

export class MemoryValueState<T> implements ValueState<T> {
  readonly #table: StateTable<T>;
  readonly #initial: (() => T) | undefined;

  constructor(table: StateTable<T>, initial: (() => T) | undefined) {
    this.#table = table;
    this.#initial = initial;
  }

  value(): T | undefined {
    const value = this.#table.load();
    return value === undefined && this.#initial !== undefined ? this.#initial() : value;
  }

  update(value: T): void {
    if (value === undefined) this.#table.drop();
    else this.#table.store(value);
  }

  clear(): void {
    this.#table.drop();
  }
}

export class MemoryListState<T> implements ListState<T> {
  readonly #table: StateTable<T[]>;

  constructor(table: StateTable<T[]>) {
    this.#table = table;
  }

  get(): readonly T[] {
    return this.#table.load() ?? EMPTY_LIST;
  }

  add(value: T): void {
    const items = this.#table.loadTail();
    if (items === undefined) this.#table.store([value]);
    else items.push(value);
  }

  addAll(values: Iterable<T>): void {
    const added = [...values];
    if (added.length === 0) return;
    const items = this.#table.loadTail();
    if (items === undefined) this.#table.store(added);
    else for (const value of added) items.push(value);
  }

  update(values: readonly T[]): void {
    if (values.length === 0) this.#table.drop();
    else this.#table.store([...values]);
  }

  isEmpty(): boolean {
    return this.#table.peek() === undefined;
  }

  clear(): void {
    this.#table.drop();
  }
}

export class MemoryMapState<K, V> implements MapState<K, V> {
  readonly #table: MapTable<K, V>;

  constructor(table: MapTable<K, V>) {
    this.#table = table;
  }

  get(key: K): V | undefined {
    const entry = this.#table.find(key);
    return entry === undefined ? undefined : this.#table.handedOut(entry);
  }

  put(key: K, value: V): void {
    this.#table.set(key, value, 0);
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.#table.set(key, value, 0);
  }

  remove(key: K): void {
    const entry = this.#table.find(key);
    if (entry !== undefined) this.#table.remove(entry);
  }

  contains(key: K): boolean {
    return this.#table.find(key) !== undefined;
  }

  keys(): Iterable<K> {
    return keysOf(this.#table.map());
  }

  values(): Iterable<V> {
    return valuesOf(this.#table, this.#table.map());
  }

  entries(): Iterable<readonly [K, V]> {
    return entriesOf(this.#table, this.#table.map());
  }

  isEmpty(): boolean {
    return this.#table.map() === undefined;
  }

  clear(): void {
    this.#table.drop();
  }
}

function* keysOf<K, V>(map: KeyedMap<K, V> | undefined): IterableIterator<K> {
  for (const entry of entriesIn(map)) yield entry.key;
}

function* valuesOf<K, V>(table: MapTable<K, V>, map: KeyedMap<K, V> | undefined): IterableIterator<V> {
  for (const entry of entriesIn(map)) yield table.handedOut(entry);
}

function* entriesOf<K, V>(table: MapTable<K, V>, map: KeyedMap<K, V> | undefined): IterableIterator<[K, V]> {
  for (const entry of entriesIn(map)) yield [entry.key, table.handedOut(entry)];
}

function entriesIn<K, V>(map: KeyedMap<K, V> | undefined): Iterable<MapEntry<K, V>> {
  return map === undefined ? EMPTY_LIST : map.entries.values();
}

export class MemoryReducingState<T> implements ReducingState<T> {
  readonly #table: StateTable<T>;
  readonly #reduce: (accumulated: T, value: T) => T;

  constructor(table: StateTable<T>, reduce: (accumulated: T, value: T) => T) {
    this.#table = table;
    this.#reduce = reduce;
  }

  get(): T | undefined {
    return this.#table.load();
  }

  add(value: T): void {
    const accumulated = this.#table.load();
    const reduce = this.#reduce;
    this.#table.store(accumulated === undefined ? value : reduce(accumulated, value));
  }

  clear(): void {
    this.#table.drop();
  }
}

export class MemoryAggregatingState<In, Acc, Out> implements AggregatingState<In, Out> {
  readonly #table: StateTable<Acc>;
  readonly #aggregate: AggregateFunction<In, Acc, Out>;

  constructor(table: StateTable<Acc>, aggregate: AggregateFunction<In, Acc, Out>) {
    this.#table = table;
    this.#aggregate = aggregate;
  }

  get(): Out | undefined {
    const accumulator = this.#table.load();
    return accumulator === undefined ? undefined : this.#aggregate.getResult(accumulator);
  }

  add(value: In): void {
    const accumulator = this.#table.load() ?? this.#aggregate.createAccumulator();
    this.#table.store(this.#aggregate.add(value, accumulator));
  }

  clear(): void {
    this.#table.drop();
  }
}
