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
 * | map | `[keys, values]` | `[keys, values, stamps]` |
 *
 * Switching TTL on stamps what is restored with the time of the restore; switching it off drops the stamps.
 */

import type { TypeRegistry } from '../data/type-registry.ts';
import { MapCell } from './map-cell.ts';

/** A value with the time of its last write, or read where reading refreshes it. */
export class Stamped<T> {
  value: T;
  stamp: number;

  constructor(value: T, stamp: number) {
    this.value = value;
    this.stamp = stamp;
  }
}

/** A map whose values are stamped. */
export class StampedMapCell<K, V> extends MapCell<K, Stamped<V>> {
  /** No entry is older than this: the cleanup need not look at each. */
  oldest = Infinity;

  stamp(key: K, value: V, stamp: number): void {
    this.set(key, new Stamped(value, stamp));
    if (stamp < this.oldest) this.oldest = stamp;
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
}

type StampedOne = readonly [unknown, number];
type StampedList = readonly [readonly unknown[], readonly number[]];
type MapParts = readonly [readonly unknown[], readonly unknown[], (readonly number[])?];

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
};

export const STAMPED_LIST: CellShape<Stamped<unknown>[]> = {
  encode: (cell) => [cell.map((item) => item.value), cell.map((item) => item.stamp)],
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
};

export function mapShape(types: TypeRegistry): CellShape<MapCell<unknown, unknown>> {
  return {
    encode: (cell) => [[...cell.keys()], [...cell.values()]],
    decode(encoded) {
      const [keys, values] = encoded as MapParts;
      const cell = new MapCell<unknown, unknown>(types);
      for (let i = 0; i < keys.length; i++) cell.set(keys[i], values[i]);
      return cell;
    },
    migrate(cell, step) {
      const upgraded = new MapCell<unknown, unknown>(types);
      for (const [key, value] of cell.entries()) upgraded.set(key, step(value));
      return upgraded;
    },
    live: same,
  };
}

export function stampedMapShape(types: TypeRegistry): CellShape<StampedMapCell<unknown, unknown>> {
  return {
    encode(cell) {
      const entries = [...cell.values()];
      return [[...cell.keys()], entries.map((entry) => entry.value), entries.map((entry) => entry.stamp)];
    },
    decode(encoded, _stamped, now) {
      const [keys, values, stamps] = encoded as MapParts;
      const cell = new StampedMapCell<unknown, unknown>(types);
      for (let i = 0; i < keys.length; i++) cell.stamp(keys[i], values[i], stamps?.[i] ?? now);
      return cell;
    },
    migrate(cell, step) {
      const upgraded = new StampedMapCell<unknown, unknown>(types);
      for (const [key, entry] of cell.entries()) upgraded.stamp(key, step(entry.value), entry.stamp);
      return upgraded;
    },
    live(cell, deadline) {
      if (cell.oldest > deadline) return cell;
      const live = new StampedMapCell<unknown, unknown>(types);
      for (const [key, { value, stamp }] of cell.entries()) if (stamp > deadline) live.stamp(key, value, stamp);
      if (live.size === 0) return undefined;
      if (live.size < cell.size) return live;
      cell.oldest = live.oldest;
      return cell;
    },
  };
}
