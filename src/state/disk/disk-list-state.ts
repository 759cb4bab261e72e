/** The handle of a list state on disk, with or without TTL. */

import type { ListState } from '../descriptor.ts';
import { EMPTY_LIST } from '../memory-states.ts';
import type { TtlRules } from '../ttl.ts';
import type { DiskListTable } from './disk-list-table.ts';
import { isObject } from './disk-states.ts';
import type { ListCell } from './list-cell.ts';
import { tellExpired } from './tell-expired.ts';

export class DiskListState<T> implements ListState<T> {
  readonly #table: DiskListTable;
  readonly #ttl: TtlRules | undefined;

  constructor(table: DiskListTable) {
    this.#table = table;
    this.#ttl = table.ttl;
  }

  #now(): number {
    if (this.#ttl === undefined) return 0;
    const now = this.#ttl.clock();
    this.#table.sweep(now);
    return now;
  }

  get(): readonly T[] {
    const now = this.#now();
    const cell = this.#table.load();
    if (cell === undefined) return EMPTY_LIST;
    if (this.#ttl !== undefined) return this.#visible(cell, now, this.#ttl);
    const whole = this.#table.readWhole(cell);
    if (!whole.items.some(isObject)) return whole.items as T[];
    this.#table.changing(cell, 0);
    return this.#table.unfold(cell).items as T[];
  }

  #visible(cell: ListCell, now: number, ttl: TtlRules): readonly T[] {
    const table = this.#table;
    const whole = table.readWhole(cell);
    const before = whole.items as T[];
    const { expired } = ttl;
    const deadline = now - ttl.timeToLive;
    if (expired !== undefined) tellExpired(whole, deadline, (item) => expired(table.space.key, item));
    const live = table.shape.live(whole, deadline, table.space.store.generation);
    if (live === undefined) {
      table.drop();
      return ttl.returnExpired ? [...before] : EMPTY_LIST;
    }
    if (ttl.refreshOnRead || live !== whole || before.some(isObject)) {
      table.changing(cell, 0);
      if (ttl.refreshOnRead) live.stamps?.fill(now);
      table.handOut(live);
    }
    return [...(ttl.returnExpired ? before : (live.items as T[]))];
  }

  add(value: T): void {
    this.addAll([value]);
  }

  addAll(values: Iterable<T>): void {
    const now = this.#now();
    const added = [...values];
    if (added.length === 0) return;
    const cell = this.#table.load();
    if (cell === undefined) this.#table.replace(added, this.#stamps(added, now));
    else this.#table.append(cell, added, now);
  }

  #stamps(items: readonly T[], now: number): number[] | undefined {
    return this.#ttl === undefined ? undefined : items.map(() => now);
  }

  update(values: readonly T[]): void {
    const now = this.#now();
    if (values.length === 0) this.#table.drop();
    else this.#table.replace([...values], this.#stamps(values, now));
  }

  isEmpty(): boolean {
    const cell = this.#table.load();
    if (cell === undefined) return true;
    const ttl = this.#ttl;
    return ttl !== undefined && !ttl.returnExpired && cell.hasExpired(ttl.clock() - ttl.timeToLive);
  }

  clear(): void {
    this.#table.drop();
  }
}
