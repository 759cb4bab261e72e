/**
 * The handles of a memory backend for state with TTL.
 *
 * Every access first lets the incremental cleanup go on, then looks at its own cell. An expired value counts as
 * absent and is removed when it is met; with `return-expired-if-not-cleaned-up` it is returned that one time. List
 * items and map entries expire one by one.
 */

import { Stamped } from './cell-shape.ts';
import type { ListState, MapState } from './descriptor.ts';
import type { MapEntry } from './keyed-map.ts';
import type { MapTable } from './map-table.ts';
import { EMPTY_LIST } from './memory-states.ts';
import type { StampedCell } from './stamped-states.ts';
import type { StateTable } from './state-table.ts';
import type { TtlRules } from './ttl.ts';

/** One stamped value per place. */
export class PlacedStamp<T> implements StampedCell<T> {
  readonly #table: StateTable<Stamped<T>>;
  readonly #ttl: TtlRules;

  constructor(table: StateTable<Stamped<T>>) {
    this.#table = table;
    this.#ttl = table.ttl as TtlRules;
  }

  read(): T | undefined {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const cell = this.#table.peek();
    if (cell === undefined) return undefined;
    const { value } = cell;
    if (cell.stamp + this.#ttl.timeToLive <= now) {
      this.#ttl.expired?.(this.#table.currentKey, value);
      this.#table.drop();
      return this.#ttl.returnExpired ? value : undefined;
    }
    if (this.#ttl.refreshOnRead || typeof value === 'object') this.#table.load();
    if (this.#ttl.refreshOnRead) cell.stamp = now;
    return value;
  }

  change<In>(next: (before: T | undefined, input: In) => T, input: In): void {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const cell = this.#table.load();
    if (cell === undefined) {
      this.#table.store(new Stamped(next(undefined, input), now));
    } else {
      const expired = cell.stamp + this.#ttl.timeToLive <= now;
      if (expired) this.#ttl.expired?.(this.#table.currentKey, cell.value);
      cell.value = next(expired ? undefined : cell.value, input);
      cell.stamp = now;
    }
  }

  clear(): void {
    this.#table.drop();
  }
}

export class TtlListState<T> implements ListState<T> {
  readonly #table: StateTable<Stamped<T>[]>;
  readonly #ttl: TtlRules;

  constructor(table: StateTable<Stamped<T>[]>) {
    this.#table = table;
    this.#ttl = table.ttl as TtlRules;
  }

  get(): readonly T[] {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const cell = this.#table.load();
    if (cell === undefined) return EMPTY_LIST;
    const live = cell.filter((item) => item.stamp + this.#ttl.timeToLive > now);
    const { expired } = this.#ttl;
    if (expired !== undefined && live.length < cell.length) {
      for (const item of cell)
        if (item.stamp + this.#ttl.timeToLive <= now) expired(this.#table.currentKey, item.value);
    }
    if (live.length === 0) this.#table.drop();
    else if (live.length < cell.length) this.#table.store(live);
    if (this.#ttl.refreshOnRead) for (const item of live) item.stamp = now;
    return (this.#ttl.returnExpired ? cell : live).map((item) => item.value);
  }

  add(value: T): void {
    this.addAll([value]);
  }

  addAll(values: Iterable<T>): void {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const added = Array.from(values, (value) => new Stamped(value, now));
    if (added.length === 0) return;
    const cell = this.#table.loadTail();
    if (cell === undefined) this.#table.store(added);
    else for (const item of added) cell.push(item);
  }

  update(values: readonly T[]): void {
    this.#table.drop();
    this.addAll(values);
  }

  isEmpty(): boolean {
    const cell = this.#table.peek();
    if (cell === undefined) return true;
    const deadline = this.#ttl.clock() - this.#ttl.timeToLive;
    return !this.#ttl.returnExpired && cell.every((item) => item.stamp <= deadline);
  }

  clear(): void {
    this.#table.drop();
  }
}

export class TtlMapState<K, V> implements MapState<K, V> {
  readonly #table: MapTable<K, V>;
  readonly #ttl: TtlRules;

  constructor(table: MapTable<K, V>) {
    this.#table = table;
    this.#ttl = table.ttl as TtlRules;
  }

  get(key: K): V | undefined {
    return this.#read(key)?.value;
  }

  contains(key: K): boolean {
    return this.#read(key) !== undefined;
  }

  #read(key: K): MapEntry<K, V> | undefined {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const entry = this.#table.find(key);
    if (entry === undefined) return undefined;
    if (entry.stamp + this.#ttl.timeToLive <= now) {
      this.#ttl.expired?.(this.#table.currentKey, entry.value, entry.key);
      this.#table.remove(entry);
      return this.#ttl.returnExpired ? entry : undefined;
    }
    this.#handOut(entry, now);
    return entry;
  }

  #handOut(entry: MapEntry<K, V>, now: number): void {
    if (this.#ttl.refreshOnRead || typeof entry.value === 'object') this.#table.touch(entry);
    if (this.#ttl.refreshOnRead) entry.stamp = now;
  }

  put(key: K, value: V): void {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    if (this.#ttl.expired !== undefined) this.#overwritten(key, now);
    this.#table.set(key, value, now);
  }

  #overwritten(key: K, now: number): void {
    const entry = this.#table.find(key);
    if (entry !== undefined && entry.stamp + this.#ttl.timeToLive <= now)
      this.#ttl.expired?.(this.#table.currentKey, entry.value, entry.key);
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  remove(key: K): void {
    const entry = this.#table.find(key);
    if (entry !== undefined) this.#table.remove(entry);
  }

  keys(): Iterable<K> {
    return this.#visible().map((entry) => entry.key);
  }

  values(): Iterable<V> {
    return this.#visible().map((entry) => entry.value);
  }

  entries(): Iterable<readonly [K, V]> {
    return this.#visible().map((entry) => [entry.key, entry.value] as const);
  }

  /** All entries that may be seen; removes those that have expired, and refreshes the others where reading does. */
  #visible(): MapEntry<K, V>[] {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const map = this.#table.map();
    if (map === undefined) return [];
    const visible: MapEntry<K, V>[] = [];
    for (const entry of map.entries.values()) {
      const expired = entry.stamp + this.#ttl.timeToLive <= now;
      if (!expired || this.#ttl.returnExpired) visible.push(entry);
      if (expired) {
        this.#ttl.expired?.(this.#table.currentKey, entry.value, entry.key);
        this.#table.remove(entry);
      } else this.#handOut(entry, now);
    }
    return visible;
  }

  isEmpty(): boolean {
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    const map = this.#table.map();
    if (map === undefined) return true;
    if (this.#ttl.returnExpired) return false;
    for (const entry of map.entries.values()) if (entry.stamp + this.#ttl.timeToLive > now) return false;
    return true;
  }

  clear(): void {
    this.#table.drop();
  }
}
