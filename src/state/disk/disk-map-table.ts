/**
 * A map state of a disk backend. A small map is a cell in the row of its key; the entries of a larger one are in pages,
 * each a row of its own, so that an access reads and writes one page however large the map is.
 */

import { MillstreamError } from '../../base/error.ts';
import { mapKey } from '../../data/key.ts';
import type { StateDescriptor } from '../descriptor.ts';
import { Stale } from '../migration.ts';
import type { RestoredKeyedState, RestoredPart } from '../snapshot.ts';
import type { TtlRules } from '../ttl.ts';
import type { PartWriter } from '../views.ts';
import type { DiskSpace } from './disk-space.ts';
import { DiskTable } from './disk-table.ts';
import {
  type AnyMapCell,
  averageBytes,
  hasExpired,
  MapCell,
  MapEntry,
  MapPage,
  MapShape,
  PagedMap,
} from './map-cell.ts';
import { endOfPage, entryHash, pageHash, pageOf, PAGES_MAX } from './map-pages.ts';
import { type Row, RowKind } from './row.ts';
import { tellExpired } from './tell-expired.ts';

const HASHES = 2 ** 32;

/** A map goes into pages when it takes so many times a page. */
const INLINE_PAGES = 2;
/** Pages are merged once they are this much emptier than when they are split. */
const SHRINK = 4;
/** A page is measured again after so many new entries. */
const MEASURE_MASK = 7;

type MapParts = readonly [readonly unknown[], readonly unknown[], (readonly number[])?];

export class DiskMapTable extends DiskTable<AnyMapCell> {
  readonly #shape: MapShape;
  readonly #numbers: { next: number };
  /** Where `find` looked last: the row, and the entries in it. */
  #row: Row | undefined;
  #cell: MapCell | undefined;
  /** The map that these belong to, where it is in pages. */
  #paged: PagedMap | undefined;

  /** `numbers` gives maps their numbers, in all states of a backend. */
  constructor(
    number: number,
    descriptor: StateDescriptor,
    namespaced: boolean,
    space: DiskSpace,
    ttl: TtlRules | undefined,
    numbers: { next: number },
  ) {
    const shape = new MapShape(ttl !== undefined, space.types);
    super(number, descriptor, namespaced, space, shape, ttl);
    this.#shape = shape;
    this.#numbers = numbers;
  }

  // Entries of the current key and namespace.

  find(key: unknown): MapEntry | undefined {
    return this.#find(mapKey(key, this.space.types), key);
  }

  #find(id: unknown, key: unknown): MapEntry | undefined {
    this.#lookUp(key);
    return this.#cell?.entries.get(id);
  }

  /** Finds where an entry is, or would be; leaves the cell undefined where there is nothing. */
  #lookUp(key: unknown): void {
    const cell = this.load();
    if (cell === undefined) {
      this.#at(undefined, undefined, undefined);
    } else if (cell instanceof MapCell) {
      this.#at(this.row(), cell, undefined);
    } else {
      const row = this.#page((this.row() as Row).group, cell, pageOf(entryHash(key, this.space.types), cell.pages));
      this.#at(row, row === undefined ? undefined : (row.cell(0) as MapPage), cell);
    }
  }

  #at(row: Row | undefined, cell: MapCell | undefined, paged: PagedMap | undefined): void {
    this.#row = row;
    this.#cell = cell;
    this.#paged = paged;
  }

  #page(group: number, map: PagedMap, page: number): Row | undefined {
    const { store } = this.space;
    const row = store.find(RowKind.MAP_PAGE, group, pageHash(map.number, page), page, map.number);
    if (row === undefined) return undefined;
    store.pinnedPage = row;
    if (this.stale) this.#migratePage(row, row.cell(0) as MapPage);
    return row;
  }

  #migratePage(row: Row, page: MapPage): void {
    if (page.version === this.version || this.space.restoring) return;
    this.space.change(row);
    for (const entry of page.entries.values()) {
      entry.value = this.migrated(page.version, entry.value);
      entry.generation = this.space.generation;
    }
    page.version = this.version;
  }

  /** Before the entry that was found last is changed. */
  changing(entry: MapEntry): void {
    const { store } = this.space;
    store.touch(this.#row as Row);
    entry.generation = store.generation;
  }

  /** The entry that was found last is handed out, and the user may change its value. */
  handedOut(entry: MapEntry): void {
    const { value } = entry;
    if (typeof value !== 'object' || value === null) return;
    this.changing(entry);
    if (this.#paged !== undefined) this.space.store.hold(this.#row as Row);
  }

  /** `overwritten` is told of the entry that was there. */
  set(key: unknown, value: unknown, stamp: number, overwritten?: (entry: MapEntry) => void): void {
    const id = mapKey(key, this.space.types);
    const entry = this.#find(id, key);
    if (entry === undefined) {
      this.#add(id, key, value, stamp);
      return;
    }
    overwritten?.(entry);
    this.changing(entry);
    entry.value = value;
    entry.stamp = stamp;
  }

  #add(id: unknown, key: unknown, value: unknown, stamp: number): void {
    const { generation } = this.space;
    const entry = new MapEntry(key, value, stamp, generation);
    const map = this.#paged;
    if (map !== undefined) {
      this.#addTo(map, id, entry);
      return;
    }
    if (this.#cell === undefined) {
      const cell = new MapCell(generation);
      cell.set(id, entry);
      this.store(cell);
      return;
    }
    this.#addInline(this.#row as Row, this.#cell, id, entry, this.version);
  }

  #addInline(row: Row, cell: MapCell, id: unknown, entry: MapEntry, version: number): void {
    this.space.change(row);
    cell.set(id, entry);
    const { size } = cell.entries;
    // At powers of two, and at every 16th.
    if ((size & (size - 1)) !== 0 && (size & 15) !== 0) return;
    if (this.#shape.sizeOf(cell) > INLINE_PAGES * this.space.pageBytes) this.#intoPages(row, cell, version);
    else this.space.store.resized(row);
  }

  #addTo(map: PagedMap, id: unknown, entry: MapEntry): void {
    const { space } = this;
    const owner = this.occupy();
    map.count++;
    const number = pageOf(entryHash(entry.key, space.types), map.pages);
    const row =
      this.#page(owner.group, map, number) ??
      this.#createPage(owner, map, number, new MapPage(this.number, this.namespaced, this.version));
    space.change(row);
    const page = row.cell(0) as MapPage;
    page.set(id, entry);
    if ((page.entries.size & MEASURE_MASK) === 0) space.store.resized(row);
    while (map.count * map.entryBytes > map.pages * space.pageBytes && map.pages < PAGES_MAX) this.#split(owner, map);
  }

  #createPage(owner: Row, map: PagedMap, number: number, page: MapPage): Row {
    const { store, generation } = this.space;
    const { group, key, namespace } = owner;
    const hash = pageHash(map.number, number);
    const row = store.create(RowKind.MAP_PAGE, group, hash, number, key, map.number, namespace, generation);
    store.pinnedPage = row;
    row.exchange(0, page);
    store.resized(row);
    return row;
  }

  /** Moves the entries of a cell to pages, and the removals that are remembered with them. */
  #intoPages(row: Row, cell: MapCell, version: number): void {
    const { space } = this;
    const bytes = averageBytes(cell);
    const pages = Math.max(1, Math.ceil((cell.entries.size * bytes) / space.pageBytes));
    const map = new PagedMap(this.#numbers.next++, cell.born, cell.entries.size, pages, bytes);
    row.exchange(this.number, map);
    this.#distribute(row, map, cell, version);
    space.store.resized(row);
  }

  /** Makes pages of entries that belong to pages that are not there. */
  #distribute(owner: Row, map: PagedMap, from: MapCell, version: number): void {
    const { types, store } = this.space;
    from.completed(store.completedGeneration);
    const made = new Map<number, MapPage>();
    const pageFor = (entry: MapEntry): MapPage => {
      const number = pageOf(entryHash(entry.key, types), map.pages);
      let page = made.get(number);
      if (page === undefined) {
        page = new MapPage(this.number, this.namespaced, version);
        made.set(number, page);
      }
      return page;
    };
    for (const [id, entry] of from.entries) pageFor(entry).entries.set(id, entry);
    for (const [id, entry] of from.removed) pageFor(entry).removed.set(id, entry);
    for (const [number, page] of made) this.#createPage(owner, map, number, page);
  }

  #split(owner: Row, map: PagedMap): void {
    const taken = this.#takePage(owner, map, map.pages);
    map.pages++;
    if (taken === undefined) return;
    if (taken.entries.size > 0) map.entryBytes = averageBytes(taken);
    this.#distribute(owner, map, taken, taken.version);
  }

  /** Makes one of the last two pages. */
  #merge(owner: Row, map: PagedMap): void {
    const last = 2 * map.pages - 1;
    const pages = [this.#takePage(owner, map, last - 1), this.#takePage(owner, map, last)];
    map.pages--;
    const [one, other] = pages.filter((page) => page !== undefined);
    if (one === undefined) return;
    const version = other === undefined || other.version === one.version ? one.version : this.version;
    const joined = new MapPage(this.number, this.namespaced, version);
    for (const page of [one, other]) {
      if (page === undefined) continue;
      for (const [id, entry] of page.entries) {
        if (page.version !== version) entry.value = this.migrated(page.version, entry.value);
        joined.entries.set(id, entry);
      }
      for (const [id, entry] of page.removed) joined.removed.set(id, entry);
    }
    this.#createPage(owner, map, map.pages, joined);
  }

  /** Takes what is in a page out of it, and the page away. */
  #takePage(owner: Row, map: PagedMap, number: number): MapPage | undefined {
    const { store } = this.space;
    const row = this.#page(owner.group, map, number);
    if (row === undefined) return undefined;
    const page = row.cell(0) as MapPage;
    this.space.change(row);
    store.purge(row);
    return page;
  }

  remove(key: unknown): void {
    const id = mapKey(key, this.space.types);
    if (this.#find(id, key) !== undefined) this.#remove(id);
  }

  /** Removes the entry that was found last. */
  #remove(id: unknown): void {
    const { space } = this;
    const { store } = space;
    const row = this.#row as Row;
    const cell = this.#cell as MapCell;
    const map = this.#paged;
    space.change(row);
    cell.completed(store.completedGeneration);
    if (space.restoring) cell.entries.delete(id);
    else cell.remove(id, store.generation);
    if (map === undefined) {
      if (cell.entries.size === 0) this.drop();
      return;
    }
    const owner = this.row() as Row;
    space.change(owner);
    map.count--;
    if (map.count === 0) {
      this.drop();
      return;
    }
    if ((cell as MapPage).isEmpty) store.purge(row);
    if (map.pages > 1 && map.count * map.entryBytes * SHRINK < (map.pages - 1) * space.pageBytes)
      this.#merge(owner, map);
  }

  /** How many entries there are, expired ones included. */
  get count(): number {
    const cell = this.load();
    if (cell === undefined) return 0;
    return cell instanceof MapCell ? cell.entries.size : cell.count;
  }

  /**
   * The entries, each found when it comes; those of a large map page by page. What is removed before it has come does
   * not come; what is put into a large map meanwhile may come or not.
   */
  *entries(): Generator<MapEntry> {
    const cell = this.load();
    if (cell instanceof MapCell) yield* this.#inline(cell);
    else if (cell !== undefined) yield* this.#pages(cell);
  }

  *#inline(cell: MapCell): Generator<MapEntry> {
    for (const [id, entry] of cell.entries) {
      if (this.load() === cell) {
        this.#at(this.row(), cell, undefined);
        yield entry;
      } else {
        // It has gone into pages meanwhile, or has been cleared.
        const found = this.#find(id, entry.key);
        if (found !== undefined) yield found;
      }
    }
  }

  *#pages(map: PagedMap): Generator<MapEntry> {
    const { space } = this;
    const { key } = space;
    const namespaceId = this.namespaced ? space.namespaceId : undefined;
    for (let hash = 0; hash < HASHES;) {
      const now = this.load();
      if (!(now instanceof PagedMap) || now.number !== map.number) return;
      const page = pageOf(hash, now.pages);
      hash = endOfPage(page);
      const row = this.#page((this.row() as Row).group, now, page);
      if (row === undefined) continue;
      const cell = row.cell(0) as MapPage;
      for (const [id, known] of Array.from(cell.entries)) {
        const entry = this.#again(row, cell, id, known.key);
        if (entry === undefined) continue;
        yield entry;
        if (!Object.is(space.key, key) || (this.namespaced && !Object.is(space.namespaceId, namespaceId)))
          throw this.#elsewhere();
      }
    }
  }

  /** An entry of a page that may have left memory or been split meanwhile. */
  #again(row: Row, cell: MapPage, id: unknown, key: unknown): MapEntry | undefined {
    if (row.number < 0) return this.#find(id, key);
    this.space.store.pinnedPage = row;
    this.#at(row, cell, this.load() as PagedMap);
    return cell.entries.get(id);
  }

  #elsewhere(): MillstreamError {
    return new MillstreamError(
      'STATE_INVALID',
      `The map "${this.name}" was gone through beyond the record that began it. Go through a map while its key is current.`,
      { details: { state: this.name } },
    );
  }

  // Rows.

  /** The pages of a map go with it. */
  protected override replaced(row: Row, before: unknown): void {
    if (!(before instanceof PagedMap)) return;
    const { store } = this.space;
    for (let page = before.pages; page < 2 * before.pages; page++) {
      store.discard(RowKind.MAP_PAGE, row.group, pageHash(before.number, page), page, before.number);
    }
  }

  override emitPage(row: Row, since: number | undefined, to: PartWriter): void {
    const page = row.cell(0) as MapPage;
    const writer = to.state(this.name, this.storedKind, page.version);
    const deadline = this.ttl?.fullSnapshot === true ? this.ttl.clock() - this.ttl.timeToLive : -Infinity;
    const live = hasExpired(page, deadline) ? this.#shape.live(page, deadline, row.generation) : page;
    if (live instanceof MapCell) this.#shape.emitEntries(live, row, since, writer);
    else if (since !== undefined) {
      const { group, key, namespace } = row;
      for (const entry of [...page.entries.values(), ...page.removed.values()])
        writer.removeEntry(group, key, namespace, entry.key);
    }
  }

  protected override sweeps(row: Row): boolean {
    if (row.kind !== RowKind.MAP_PAGE) return super.sweeps(row);
    const page = row.cell(0) as MapPage;
    return page.state === this.number && page.namespaced === this.namespaced;
  }

  protected override isDue(row: Row, deadline: number): boolean {
    return row.kind === RowKind.MAP_PAGE ? hasExpired(row.cell(0) as MapPage, deadline) : super.isDue(row, deadline);
  }

  override expireRow(row: Row, deadline: number): void {
    if (row.kind !== RowKind.MAP_PAGE) {
      super.expireRow(row, deadline);
      return;
    }
    const page = row.cell(0) as MapPage;
    if (!hasExpired(page, deadline)) return;
    const { expired } = this.ttl as TtlRules;
    if (expired !== undefined) {
      tellExpired(page, deadline, (value, entryKey) => {
        expired(row.key, page.version === this.version ? value : this.migrated(page.version, value), entryKey);
      });
    }
    const gone = [...page.entries].filter(([, entry]) => entry.stamp <= deadline);
    this.space.at(row, () => {
      for (const [id, entry] of gone) if (this.#find(id, entry.key) !== undefined) this.#remove(id);
    });
  }

  // Restoring.

  protected override restoreAll(stored: RestoredKeyedState, stamped: boolean, now: number): void {
    for (const part of stored.parts()) {
      while (part.next()) {
        this.at(part);
        if (part.part.kind === 'removals') this.#removeRestored(part);
        else this.#putRestored(part, stamped, now);
      }
    }
  }

  #removeRestored({ entryKey }: RestoredPart): void {
    if (entryKey === undefined) this.drop();
    else this.remove(entryKey);
  }

  #putRestored(part: RestoredPart, stamped: boolean, now: number): void {
    const { version } = part.part;
    if (part.entryKey !== undefined) {
      const [value, stamp] = stamped ? (part.value as readonly [unknown, number]) : [part.value, now];
      this.#restore(version, part.entryKey, value, stamp);
      return;
    }
    this.drop();
    const [keys, values, stamps] = part.value as MapParts;
    for (let i = 0; i < keys.length; i++) this.#restore(version, keys[i], values[i], stamps?.[i] ?? now);
  }

  /** An entry in whatever version. A cell or a page is in one version: that of its first entry, else the present one. */
  #restore(version: number, key: unknown, value: unknown, stamp: number): void {
    const id = mapKey(key, this.space.types);
    const entry = new MapEntry(key, value, stamp, 0);
    const owner = this.occupy();
    const stored = owner.cell(this.number);
    if (stored === undefined) {
      const cell = new MapCell(0);
      cell.entries.set(id, entry);
      this.put(owner, version === this.version ? cell : new Stale(version, cell));
      return;
    }
    if (stored instanceof PagedMap) {
      this.#restoreTo(owner, stored, version, id, entry);
      return;
    }
    const cell = (stored instanceof Stale ? stored.cell : stored) as MapCell;
    let at = stored instanceof Stale ? stored.version : this.version;
    if (at !== version) {
      this.#bring(entry, version);
      if (stored instanceof Stale) {
        for (const other of cell.entries.values()) this.#bring(other, at);
        this.put(owner, cell);
        at = this.version;
      }
    }
    if (cell.entries.has(id)) {
      this.space.change(owner);
      cell.entries.set(id, entry);
    } else {
      this.#addInline(owner, cell, id, entry, at);
    }
  }

  #restoreTo(owner: Row, map: PagedMap, version: number, id: unknown, entry: MapEntry): void {
    const row = this.#page(owner.group, map, pageOf(entryHash(entry.key, this.space.types), map.pages));
    const page = row?.cell(0) as MapPage | undefined;
    if (row !== undefined && page !== undefined && page.version !== version) {
      this.#bring(entry, version);
      this.space.change(row);
      for (const other of page.entries.values()) this.#bring(other, page.version);
      page.version = this.version;
    }
    if (row === undefined || page === undefined || !page.entries.has(id)) {
      if (row === undefined && version !== this.version) this.#bring(entry, version);
      this.#addTo(map, id, entry);
      return;
    }
    this.space.change(row);
    page.entries.set(id, entry);
  }

  #bring(entry: MapEntry, version: number): void {
    if (version !== this.version) entry.value = this.migrated(version, entry.value);
  }
}
