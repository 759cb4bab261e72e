/**
 * Cells: what a backend in memory holds per place, by kind of state, and how a cell enters a snapshot.
 *
 * Without TTL a cell is the value, the array or the map itself; with TTL every value, item or map entry is stamped
 * with the time of its last write. In a snapshot a cell is one value, which every backend reads:
 *
 * | kind | without TTL | with TTL (kind ends in `+ttl`) |
 * |---|---|---|
 * | value, reducing, aggregating | the value | `[value, stamp]` |
 * | list | the items | `[items, stamps]` |
 * | map | `[keys, values]`, or an entry each | `[keys, values, stamps]`, or `[value, stamp]` for an entry |
 *
 * Switching TTL on stamps what is restored with the time of the restore; switching it off drops the stamps.
 */

/** A value with the time of its last write, or read where reading refreshes it. */
export class Stamped<T> {
  value: T;
  stamp: number;

  constructor(value: T, stamp: number) {
    this.value = value;
    this.stamp = stamp;
  }
}

export interface CellShape<C> {
  encode(cell: C): unknown;
  /** `stamped` says whether the snapshot holds stamps; a shape that needs them and has none takes `now`. */
  decode(encoded: unknown, stamped: boolean, now: number): C;
  migrate(cell: C, step: (value: unknown) => unknown): C;
  /**
   * Without the parts that were stamped at or before `deadline`: the same cell when there are none, undefined when
   * nothing is left. Without TTL always the same cell.
   */
  live(cell: C, deadline: number): C | undefined;
  /** Of lists: the items from an index on, encoded. */
  tail?(cell: C, from: number): unknown;
  /** Of lists: the items before `index`, and behind them those of another. */
  join?(cell: C, index: number, tail: C): C;
}

type StampedOne = readonly [unknown, number];
type StampedList = readonly [readonly unknown[], readonly number[]];

const same = <C>(cell: C): C => cell;

export const ONE: CellShape<unknown> = {
  encode: same,
  decode: (encoded, stamped) => (stamped ? (encoded as StampedOne)[0] : encoded),
  migrate: (cell, step) => step(cell),
  live: same,
};

export const STAMPED_ONE: CellShape<Stamped<unknown>> = {
  encode: (cell) => [cell.value, cell.stamp],
  decode(encoded, stamped, now) {
    if (!stamped) return new Stamped(encoded, now);
    const [value, stamp] = encoded as StampedOne;
    return new Stamped(value, stamp);
  },
  migrate: (cell, step) => new Stamped(step(cell.value), cell.stamp),
  live: (cell, deadline) => (cell.stamp <= deadline ? undefined : cell),
};

export const LIST: CellShape<unknown[]> = {
  encode: same,
  decode: (encoded, stamped) => (stamped ? [...(encoded as StampedList)[0]] : (encoded as unknown[])),
  migrate: (cell, step) => cell.map(step),
  live: same,
  tail: (cell, from) => cell.slice(from),
  join: (cell, index, tail) => [...cell.slice(0, index), ...tail],
};

function stampedItems(items: readonly Stamped<unknown>[]): StampedList {
  return [items.map((item) => item.value), items.map((item) => item.stamp)];
}

export const STAMPED_LIST: CellShape<Stamped<unknown>[]> = {
  encode: stampedItems,
  decode(encoded, stamped, now) {
    if (!stamped) return (encoded as unknown[]).map((item) => new Stamped(item, now));
    const [items, stamps] = encoded as StampedList;
    return items.map((item, i) => new Stamped(item, stamps[i] as number));
  },
  migrate: (cell, step) => cell.map((item) => new Stamped(step(item.value), item.stamp)),
  live(cell, deadline) {
    // Items come in the order of their stamps, unless the clock went back; then the first one decides.
    if ((cell[0] as Stamped<unknown>).stamp > deadline) return cell;
    const live = cell.filter((item) => item.stamp > deadline);
    return live.length === 0 ? undefined : live;
  },
  tail: (cell, from) => stampedItems(cell.slice(from)),
  join: (cell, index, tail) => [...cell.slice(0, index), ...tail],
};
