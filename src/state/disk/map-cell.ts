/**
 * Cells of maps. Entries remember in which generation they changed, and removed ones are remembered as long as a
 * checkpoint must learn of them, so that a checkpoint takes the entries that changed alone.
 *
 * A small map is one cell in the row of its key. The cell of a larger one says only how many pages it has; its entries
 * are in rows of their own (`map-pages.ts`).
 */

import { mapKey } from '../../data/key.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import type { StatePartWriter } from '../views.ts';
import type { CellReader, CellWriter } from './cell-io.ts';
import type { DiskShape } from './disk-cell.ts';
import type { Row } from './row.ts';
import { sizeOf } from './size-of.ts';

type MapParts = readonly [readonly unknown[], readonly unknown[], (readonly number[])?];

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

/** What stands in the place of a map that is in pages. */
export class PagedMap {
  /** Tells its pages from those of other maps. */
  readonly number: number;
  /** As in {@link MapCell}. */
  readonly born: number;
  /** Entries. */
  count: number;
  /** How many pages there are, or would be if none were empty: see `map-pages.ts`. */
  pages: number;
  /** What an entry takes in memory, on average. */
  entryBytes: number;

  constructor(number: number, born: number, count: number, pages: number, entryBytes: number) {
    this.number = number;
    this.born = born;
    this.count = count;
    this.pages = pages;
    this.entryBytes = entryBytes;
  }
}

/** Some of the entries of a map that is in pages. */
export class MapPage extends MapCell {
  /** The state that the map is of. */
  readonly state: number;
  readonly namespaced: boolean;
  /** That of the values in it. */
  version: number;

  constructor(state: number, namespaced: boolean, version: number) {
    super(0);
    this.state = state;
    this.namespaced = namespaced;
    this.version = version;
  }

  /** Whether nothing is lost when it goes. */
  get isEmpty(): boolean {
    return this.entries.size === 0 && this.removed.size === 0;
  }
}

export type AnyMapCell = MapCell | PagedMap;

const CELL_BYTES = 256;
const ENTRY_BYTES = 128;
/** Entries that are looked at for the size of all. */
const SAMPLE = 8;

export class MapShape implements DiskShape<AnyMapCell> {
  readonly #stamped: boolean;
  readonly #types: TypeRegistry;

  constructor(stamped: boolean, types: TypeRegistry) {
    this.#stamped = stamped;
    this.#types = types;
  }

  write(cell: AnyMapCell, to: CellWriter): void {
    if (cell instanceof MapCell) {
      to.varint(0);
      to.varint(cell.born);
      this.writeEntries(cell, to);
      return;
    }
    to.varint(cell.pages);
    to.varint(cell.number);
    to.varint(cell.born);
    to.varint(cell.count);
    to.varint(cell.entryBytes);
  }

  read(from: CellReader): AnyMapCell {
    const pages = from.varint();
    if (pages === 0) {
      const cell = new MapCell(from.varint());
      this.readEntries(cell, from);
      return cell;
    }
    const number = from.varint();
    const born = from.varint();
    const count = from.varint();
    return new PagedMap(number, born, count, pages, from.varint());
  }

  writeEntries(cell: MapCell, to: CellWriter): void {
    to.varint(cell.entries.size);
    for (const entry of cell.entries.values()) {
      to.varint(entry.generation);
      to.value(entry.key);
      to.value(entry.value);
      if (this.#stamped) to.f64(entry.stamp);
    }
    to.varint(cell.removed.size);
    for (const entry of cell.removed.values()) {
      to.varint(entry.generation);
      to.value(entry.key);
    }
  }

  readEntries(cell: MapCell, from: CellReader): void {
    for (let left = from.varint(); left > 0; left--) {
      const generation = from.varint();
      const key = from.any();
      const value = from.any();
      const stamp = this.#stamped ? from.f64() : 0;
      cell.entries.set(mapKey(key, this.#types), new MapEntry(key, value, stamp, generation));
    }
    for (let left = from.varint(); left > 0; left--) {
      const generation = from.varint();
      const key = from.any();
      cell.removed.set(mapKey(key, this.#types), new MapEntry(key, undefined, 0, generation));
    }
  }

  decode(encoded: unknown, _stamped: boolean, now: number): MapCell {
    const [keys, values, stamps] = encoded as MapParts;
    const cell = new MapCell(0);
    for (let i = 0; i < keys.length; i++) {
      cell.entries.set(mapKey(keys[i], this.#types), new MapEntry(keys[i], values[i], stamps?.[i] ?? now, 0));
    }
    return cell;
  }

  /** Of a map in pages only that what was there before it came into being is gone. */
  emit(cell: AnyMapCell, row: Row, since: number | undefined, to: StatePartWriter): void {
    const { group, key, namespace } = row;
    if (!(cell instanceof MapCell)) {
      if (since !== undefined && cell.born > since && row.born <= since) to.remove(group, key, namespace);
    } else if (since === undefined || cell.born > since) {
      const entries = [...cell.entries.values()];
      const parts: unknown[] = [entries.map((entry) => entry.key), entries.map((entry) => entry.value)];
      if (this.#stamped) parts.push(entries.map((entry) => entry.stamp));
      to.put(group, key, namespace, parts);
    } else {
      this.emitEntries(cell, row, since, to);
    }
  }

  /** Writes the entries that changed after `since`, or all, one by one. */
  emitEntries(cell: MapCell, row: Row, since: number | undefined, to: StatePartWriter): void {
    const { group, key, namespace } = row;
    if (since !== undefined) {
      for (const entry of cell.removed.values()) {
        if (entry.generation > since) to.removeEntry(group, key, namespace, entry.key);
      }
    }
    for (const entry of cell.entries.values()) {
      if (since !== undefined && entry.generation <= since) continue;
      to.putEntry(group, key, namespace, entry.key, this.#stamped ? [entry.value, entry.stamp] : entry.value);
    }
  }

  migrate(cell: AnyMapCell, step: (value: unknown) => unknown, generation: number): AnyMapCell {
    if (!(cell instanceof MapCell)) return cell;
    const migrated = new MapCell(generation);
    for (const [id, { key, value, stamp }] of cell.entries) {
      migrated.entries.set(id, new MapEntry(key, step(value), stamp, generation));
    }
    return migrated;
  }

  /** Pages are looked at one by one. */
  live(cell: AnyMapCell, deadline: number, generation: number): AnyMapCell | undefined {
    if (!this.#stamped || !(cell instanceof MapCell) || !hasExpired(cell, deadline)) return cell;
    const live = new MapCell(cell.born);
    for (const [id, entry] of cell.entries) {
      if (entry.stamp > deadline) live.entries.set(id, entry);
      else live.removed.set(id, new MapEntry(entry.key, undefined, 0, generation));
    }
    for (const [id, entry] of cell.removed) live.removed.set(id, entry);
    return live.entries.size === 0 ? undefined : live;
  }

  sizeOf(cell: AnyMapCell): number {
    if (!(cell instanceof MapCell)) return CELL_BYTES;
    return CELL_BYTES + averageBytes(cell) * (cell.entries.size + cell.removed.size);
  }
}

export function hasExpired(cell: MapCell, deadline: number): boolean {
  for (const entry of cell.entries.values()) if (entry.stamp <= deadline) return true;
  return false;
}

/** What an entry needs in memory, on average. */
export function averageBytes(cell: MapCell): number {
  let bytes = 0;
  let looked = 0;
  for (const entry of cell.entries.values()) {
    bytes += sizeOf(entry.key) + sizeOf(entry.value);
    if (++looked === SAMPLE) break;
  }
  return ENTRY_BYTES + (looked === 0 ? 0 : Math.ceil(bytes / looked));
}
