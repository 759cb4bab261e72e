/**
 * Cells: what a row holds of one state, and how that becomes bytes of a record, entries of a checkpoint, and comes back.
 *
 * Values are as they are, or stamped where there is TTL. Lists and maps remember what changed in which generation, so
 * that a checkpoint takes the new items of a list and the changed entries of a map alone.
 */

import { mapKey } from '../../data/key.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { Stamped } from '../cell-shape.ts';
import type { StatePartWriter } from '../views.ts';
import type { CellReader, CellWriter } from './cell-io.ts';
import type { Row } from './row.ts';
import { sizeOf } from './size-of.ts';

export interface DiskShape<C> {
  write(cell: C, to: CellWriter): void;
  read(from: CellReader): C;
  /** From a snapshot; `stamped` says whether it holds stamps, and `now` stands in for those that are not there. */
  decode(encoded: unknown, stamped: boolean, now: number): C;
  /** Writes what changed after `since`, or everything when it is undefined. */
  emit(cell: C, row: Row, since: number | undefined, to: StatePartWriter): void;
  /** Everything in it has changed, in that generation. */
  migrate(cell: C, step: (value: unknown) => unknown, generation: number): C;
  /**
   * Without what was stamped at or before `deadline`: the same cell when nothing was, undefined when all was. Another
   * cell has changed in `generation`.
   */
  live(cell: C, deadline: number, generation: number): C | undefined;
  sizeOf(cell: C): number;
}

type StampedOne = readonly [unknown, number];
type StampedItems = readonly [readonly unknown[], readonly number[]];
type MapParts = readonly [readonly unknown[], readonly unknown[], (readonly number[])?];

export const VALUE: DiskShape<unknown> = {
  write: (cell, to) => to.value(cell),
  read: (from) => from.any(),
  decode: (encoded, stamped) => (stamped ? (encoded as StampedOne)[0] : encoded),
  emit: (cell, row, _since, to) => to.put(row.group, row.key, row.namespace, cell),
  migrate: (cell, step) => step(cell),
  live: (cell) => cell,
  sizeOf: (cell) => sizeOf(cell),
};

export const STAMPED_VALUE: DiskShape<Stamped<unknown>> = {
  write(cell, to) {
    to.f64(cell.stamp);
    to.value(cell.value);
  },
  read(from) {
    const stamp = from.f64();
    return new Stamped(from.any(), stamp);
  },
  decode(encoded, stamped, now) {
    if (!stamped) return new Stamped(encoded, now);
    const [value, stamp] = encoded as StampedOne;
    return new Stamped(value, stamp);
  },
  emit: (cell, row, _since, to) => to.put(row.group, row.key, row.namespace, [cell.value, cell.stamp]),
  migrate: (cell, step) => new Stamped(step(cell.value), cell.stamp),
  live: (cell, deadline) => (cell.stamp <= deadline ? undefined : cell),
  sizeOf: (cell) => 32 + sizeOf(cell.value),
};

/** Where a list changed first in a generation. */
interface ListChange {
  generation: number;
  from: number;
}

export class ListCell {
  items: unknown[];
  /** One per item, where there is TTL. */
  stamps: number[] | undefined;
  changes: ListChange[] = [];

  constructor(items: unknown[], stamps: number[] | undefined) {
    this.items = items;
    this.stamps = stamps;
  }

  /** Items from `from` on are about to change, in this generation; what `completed` holds need not be told apart. */
  changing(from: number, generation: number, completed: number): void {
    const { changes } = this;
    const last = changes.at(-1);
    if (last?.generation === generation) {
      if (from < last.from) last.from = from;
      return;
    }
    while (changes.length > 0 && (changes[0] as ListChange).generation <= completed) changes.shift();
    changes.push({ generation, from });
  }

  /** The first item that changed after `since`. */
  changedFrom(since: number): number {
    let from = this.items.length;
    for (const change of this.changes) if (change.generation > since && change.from < from) from = change.from;
    return from;
  }
}

/** Tells of the values of a cell with stamps that have expired by the deadline; of a map, with the keys of its entries. */
export function tellExpired(cell: unknown, deadline: number, tell: (value: unknown, entryKey?: unknown) => void): void {
  if (cell instanceof Stamped) {
    if (cell.stamp <= deadline) tell(cell.value);
  } else if (cell instanceof ListCell) {
    cell.stamps?.forEach((stamp, index) => {
      if (stamp <= deadline) tell(cell.items[index]);
    });
  } else if (cell instanceof MapCell) {
    for (const { key, value, stamp } of cell.entries.values()) if (stamp <= deadline) tell(value, key);
  }
}

/** `stamped` where the state has TTL. */
export function listShape(stamped: boolean): DiskShape<ListCell> {
  const form = ({ items, stamps }: ListCell, from: number): unknown =>
    stamps === undefined ? items.slice(from) : [items.slice(from), stamps.slice(from)];
  return {
    write(cell, to) {
      to.varint(cell.changes.length);
      for (const change of cell.changes) {
        to.varint(change.generation);
        to.varint(change.from);
      }
      to.varint(cell.items.length);
      for (const item of cell.items) to.value(item);
      if (cell.stamps !== undefined) for (const stamp of cell.stamps) to.f64(stamp);
    },
    read(from) {
      const changes: ListChange[] = [];
      for (let left = from.varint(); left > 0; left--) changes.push({ generation: from.varint(), from: from.varint() });
      const items: unknown[] = [];
      for (let left = from.varint(); left > 0; left--) items.push(from.any());
      const cell = new ListCell(items, stamped ? items.map(() => from.f64()) : undefined);
      cell.changes = changes;
      return cell;
    },
    decode(encoded, hasStamps, now) {
      const items = hasStamps ? (encoded as StampedItems)[0] : (encoded as readonly unknown[]);
      if (!stamped) return new ListCell([...items], undefined);
      return new ListCell([...items], hasStamps ? [...(encoded as StampedItems)[1]] : items.map(() => now));
    },
    emit(cell, row, since, to) {
      const from = since === undefined ? 0 : cell.changedFrom(since);
      if (from === 0) to.put(row.group, row.key, row.namespace, form(cell, 0));
      else to.putTail(row.group, row.key, row.namespace, from, form(cell, from));
    },
    migrate(cell, step, generation) {
      const migrated = new ListCell(cell.items.map(step), cell.stamps);
      migrated.changes.push({ generation, from: 0 });
      return migrated;
    },
    live(cell, deadline, generation) {
      const { stamps } = cell;
      if (stamps === undefined || stamps.every((stamp) => stamp > deadline)) return cell;
      const keep = (_: unknown, i: number): boolean => (stamps[i] as number) > deadline;
      const items = cell.items.filter(keep);
      if (items.length === 0) return undefined;
      const live = new ListCell(items, stamps.filter(keep));
      live.changes = [...cell.changes, { generation, from: 0 }];
      return live;
    },
    sizeOf: (cell) => 96 + sizeOf(cell.items) + (cell.stamps === undefined ? 0 : 8 * cell.stamps.length),
  };
}

export class MapEntry {
  readonly key: unknown;
  value: unknown;
  stamp: number;
  /** The generation of the last change. */
  generation: number;

  constructor(key: unknown, value: unknown, stamp: number, generation: number) {
    this.key = key;
    this.value = value;
    this.stamp = stamp;
    this.generation = generation;
  }
}

export class MapCell {
  /** The generation in which the map came into being; what was there before counts as gone. */
  readonly born: number;
  readonly entries = new Map<unknown, MapEntry>();
  /** Entries that are gone, with the generation in which they went, as long as a checkpoint must learn of it. */
  readonly removed = new Map<unknown, MapEntry>();

  constructor(born: number) {
    this.born = born;
  }

  remove(id: unknown, generation: number): boolean {
    const entry = this.entries.get(id);
    if (entry === undefined) return false;
    this.entries.delete(id);
    this.removed.set(id, new MapEntry(entry.key, undefined, 0, generation));
    return true;
  }

  set(id: unknown, entry: MapEntry): void {
    this.entries.set(id, entry);
    if (this.removed.size > 0) this.removed.delete(id);
  }

  /** Forgets removals that the checkpoint of that generation holds. */
  completed(generation: number): void {
    for (const [id, entry] of this.removed) if (entry.generation <= generation) this.removed.delete(id);
  }
}

export function mapShape(stamped: boolean, types: TypeRegistry): DiskShape<MapCell> {
  const writeEntry = (entry: MapEntry, to: CellWriter): void => {
    to.varint(entry.generation);
    to.value(entry.key);
    to.value(entry.value);
    if (stamped) to.f64(entry.stamp);
  };
  const readEntry = (from: CellReader): MapEntry => {
    const generation = from.varint();
    const key = from.any();
    const value = from.any();
    return new MapEntry(key, value, stamped ? from.f64() : 0, generation);
  };
  return {
    write(cell, to) {
      to.varint(cell.born);
      to.varint(cell.entries.size);
      for (const entry of cell.entries.values()) writeEntry(entry, to);
      to.varint(cell.removed.size);
      for (const entry of cell.removed.values()) writeEntry(entry, to);
    },
    read(from) {
      const cell = new MapCell(from.varint());
      for (let left = from.varint(); left > 0; left--) {
        const entry = readEntry(from);
        cell.entries.set(mapKey(entry.key, types), entry);
      }
      for (let left = from.varint(); left > 0; left--) {
        const entry = readEntry(from);
        cell.removed.set(mapKey(entry.key, types), entry);
      }
      return cell;
    },
    decode(encoded, _stamped, now) {
      const [keys, values, stamps] = encoded as MapParts;
      const cell = new MapCell(0);
      for (let i = 0; i < keys.length; i++) {
        cell.entries.set(mapKey(keys[i], types), new MapEntry(keys[i], values[i], stamps?.[i] ?? now, 0));
      }
      return cell;
    },
    emit(cell, row, since, to) {
      const { group, key, namespace } = row;
      if (since === undefined || cell.born > since) {
        const entries = [...cell.entries.values()];
        const parts: unknown[] = [entries.map((entry) => entry.key), entries.map((entry) => entry.value)];
        if (stamped) parts.push(entries.map((entry) => entry.stamp));
        to.put(group, key, namespace, parts);
        return;
      }
      for (const entry of cell.removed.values()) {
        if (entry.generation > since) to.removeEntry(group, key, namespace, entry.key);
      }
      for (const entry of cell.entries.values()) {
        if (entry.generation <= since) continue;
        to.putEntry(group, key, namespace, entry.key, stamped ? [entry.value, entry.stamp] : entry.value);
      }
    },
    migrate(cell, step, generation) {
      const migrated = new MapCell(generation);
      for (const [id, { key, value, stamp }] of cell.entries) {
        migrated.entries.set(id, new MapEntry(key, step(value), stamp, generation));
      }
      return migrated;
    },
    live(cell, deadline, generation) {
      if (!stamped) return cell;
      let all = true;
      for (const entry of cell.entries.values()) if (entry.stamp <= deadline) all = false;
      if (all) return cell;
      const live = new MapCell(cell.born);
      for (const [id, entry] of cell.entries) {
        if (entry.stamp > deadline) live.entries.set(id, entry);
        else live.removed.set(id, new MapEntry(entry.key, undefined, 0, generation));
      }
      for (const [id, entry] of cell.removed) live.removed.set(id, entry);
      return live.entries.size === 0 ? undefined : live;
    },
    sizeOf: (cell) =>
      256 + 128 * (cell.entries.size + cell.removed.size) + sampleOf(cell) * (cell.entries.size + cell.removed.size),
  };
}

/** What an entry of the map needs beside itself, on average. */
function sampleOf(cell: MapCell): number {
  let bytes = 0;
  let looked = 0;
  for (const entry of cell.entries.values()) {
    bytes += sizeOf(entry.key) + sizeOf(entry.value);
    if (++looked === 8) break;
  }
  return looked === 0 ? 0 : bytes / looked;
}
