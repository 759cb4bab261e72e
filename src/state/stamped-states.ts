/**
 * The handles of states of one value with TTL, over whatever keeps the value and its stamp: value, reducing and
 * aggregating state.
 */

import type { AggregateFunction, AggregatingState, ReducingState, ValueState } from './descriptor.ts';

/** The value of the current key with the time of its last use. */
export interface StampedCell<T> {
  /** Undefined when there is none, or it has expired. */
  read(): T | undefined;
  /** Replaces the value by what `next` makes of it; an expired one is not there. */
  change<In>(next: (before: T | undefined, input: In) => T, input: In): void;
  clear(): void;
}

export class TtlValueState<T> implements ValueState<T> {
  readonly #cell: StampedCell<T>;
  readonly #initial: (() => T) | undefined;

  constructor(cell: StampedCell<T>, initial: (() => T) | undefined) {
    this.#cell = cell;
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

export class TtlReducingState<T> implements ReducingState<T> {
  readonly #cell: StampedCell<T>;
  readonly #next: (before: T | undefined, value: T) => T;

  constructor(cell: StampedCell<T>, reduce: (accumulated: T, value: T) => T) {
    this.#cell = cell;
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

export class TtlAggregatingState<In, Acc, Out> implements AggregatingState<In, Out> {
  readonly #cell: StampedCell<Acc>;
  readonly #aggregate: AggregateFunction<In, Acc, Out>;
  readonly #next: (before: Acc | undefined, value: In) => Acc;

  constructor(cell: StampedCell<Acc>, aggregate: AggregateFunction<In, Acc, Out>) {
    this.#cell = cell;
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
