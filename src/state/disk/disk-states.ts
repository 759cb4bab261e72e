/**
 * The handles of a disk backend for states of one value. With TTL every access first lets the incremental cleanup go on, then looks at its own
 * cell: what has expired counts as absent and is removed when it is met.
 *
 * An object that is handed out is the user's to change until the next key: it counts as changed.
 */

import { Stamped } from '../cell-shape.ts';
import type { AggregateFunction, AggregatingState, ReducingState, ValueState } from '../descriptor.ts';
import type { StampedCell } from '../stamped-states.ts';
import type { TtlRules } from '../ttl.ts';
import type { DiskTable } from './disk-table.ts';

export function isObject(value: unknown): boolean {
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

/** One stamped value per row. */
export class RowStamp<T> implements StampedCell<T> {
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
