/** The handle of a map state on disk, with or without TTL. */

import type { MapState } from '../descriptor.ts';
import type { TtlRules } from '../ttl.ts';
import type { DiskMapTable } from './disk-map-table.ts';
import type { MapEntry } from './map-cell.ts';

export class DiskMapState<K, V> implements MapState<K, V> {
  readonly #table: DiskMapTable;
  readonly #ttl: TtlRules | undefined;

  constructor(table: DiskMapTable) {
    this.#table = table;
    this.#ttl = table.ttl;
  }

  #now(): number {
    if (this.#ttl === undefined) return 0;
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    return now;
  }

  /** An entry that may be seen; one that has expired is removed. */
  #entry(key: K): MapEntry | undefined {
    const now = this.#now();
    const entry = this.#table.find(key);
    return entry === undefined || this.#seen(entry, now) ? entry : undefined;
  }

  /** Whether the entry that was found last may be seen; removes it when it has expired, refreshes it where reading does. */
  #seen(entry: MapEntry, now: number): boolean {
    const ttl = this.#ttl;
    if (ttl === undefined) return true;
    if (entry.stamp + ttl.timeToLive <= now) {
      ttl.expired?.(this.#table.space.key, entry.value, entry.key);
      this.#table.remove(entry.key);
      return ttl.returnExpired;
    }
    if (ttl.refreshOnRead) {
      this.#table.changing(entry);
      entry.stamp = now;
    }
    return true;
  }

  get(key: K): V | undefined {
    const now = this.#now();
    const entry = this.#table.find(key);
    if (entry === undefined) return undefined;
    if (!this.#expired(entry, now)) this.#table.handedOut(entry);
    return this.#seen(entry, now) ? (entry.value as V) : undefined;
  }

  #expired(entry: MapEntry, now: number): boolean {
    return this.#ttl !== undefined && entry.stamp + this.#ttl.timeToLive <= now;
  }

  contains(key: K): boolean {
    return this.#entry(key) !== undefined;
  }

  put(key: K, value: V): void {
    const now = this.#now();
    this.#put(key, value, now);
  }

  #put(key: K, value: V, now: number): void {
    const expired = this.#ttl?.expired;
    if (expired === undefined) {
      this.#table.set(key, value, now);
      return;
    }
    this.#table.set(key, value, now, (entry) => {
      if (this.#expired(entry, now)) expired(this.#table.space.key, entry.value, entry.key);
    });
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.put(key, value);
  }

  remove(key: K): void {
    this.#table.remove(key);
  }

  *keys(): Generator<K> {
    for (const entry of this.#visible(false)) yield entry.key as K;
  }

  *values(): Generator<V> {
    for (const entry of this.#visible(true)) yield entry.value as V;
  }

  *entries(): Generator<readonly [K, V]> {
    for (const entry of this.#visible(true)) yield [entry.key as K, entry.value as V];
  }

  *#visible(handOut: boolean): Generator<MapEntry> {
    const now = this.#now();
    for (const entry of this.#table.entries()) {
      if (handOut && !this.#expired(entry, now)) this.#table.handedOut(entry);
      if (this.#seen(entry, now)) yield entry;
    }
  }

  isEmpty(): boolean {
    const now = this.#now();
    const ttl = this.#ttl;
    if (ttl === undefined || ttl.returnExpired) return this.#table.count === 0;
    for (const entry of this.#table.entries()) if (!this.#expired(entry, now)) return false;
    return true;
  }

  clear(): void {
    this.#table.drop();
  }
}
