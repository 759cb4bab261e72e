/**
 * A list state of a disk backend. The last items of a list are a cell in the row of its key; those of a long list before
 * them are in chunks, rows that never change, so that adding an item costs the same however long the list is.
 */

import type { StateDescriptor } from '../descriptor.ts';
import { mix32 } from '../hash-index.ts';
import { Stale } from '../migration.ts';
import type { RestoredKeyedState, RestoredPart } from '../snapshot.ts';
import type { TtlRules } from '../ttl.ts';
import type { DiskSpace } from './disk-space.ts';
import { DiskTable } from './disk-table.ts';
import { type ChunkPlace, ListCell, ListChunk, ListShape } from './list-cell.ts';
import { type Row, RowKind } from './row.ts';

/** A chunk takes so many times what a page takes. */
const CHUNK_PAGES = 4;
/** A cell is measured again whenever it has grown by so many items. */
const MEASURE_MASK = 15;

export class DiskListTable extends DiskTable<ListCell> {
  readonly #shape: ListShape;
  readonly #numbers: { next: number };

  /** `numbers` gives chunks their numbers, in all states of a backend. */
  constructor(
    number: number,
    descriptor: StateDescriptor,
    namespaced: boolean,
    space: DiskSpace,
    ttl: TtlRules | undefined,
    numbers: { next: number },
  ) {
    const shape = new ListShape(
      ttl !== undefined,
      (group, { number: chunk }) =>
        space.store.peek(RowKind.LIST_CHUNK, group, mix32(chunk), chunk).cell(0) as ListChunk,
    );
    super(number, descriptor, namespaced, space, shape, ttl);
    this.#shape = shape;
    this.#numbers = numbers;
  }

  get #chunkBytes(): number {
    return CHUNK_PAGES * this.space.pageBytes;
  }

  /** Before items of the current cell from `from` on change. */
  changing(cell: ListCell, from: number): void {
    this.change();
    const { store } = this.space;
    cell.changing(from, store.generation, store.completedGeneration);
  }

  fresh(items: unknown[], stamps: number[] | undefined): ListCell {
    const { generation, store } = this.space;
    const cell = new ListCell(items, stamps);
    if (generation > 0) cell.changing(0, generation, store.completedGeneration);
    return cell;
  }

  /** Makes items the whole of the current list. */
  replace(items: unknown[], stamps: number[] | undefined): void {
    const cell = this.fresh(items, stamps);
    this.store(cell);
    this.#fold(this.row() as Row, cell);
  }

  /** Adds items to the end of the current list, which has some. */
  append(cell: ListCell, items: readonly unknown[], stamp: number): void {
    this.changing(cell, cell.length);
    this.#push(this.row() as Row, cell, items, () => stamp);
  }

  #push(row: Row, cell: ListCell, items: readonly unknown[], stampOf: (index: number) => number): void {
    const { length } = cell.items;
    for (const item of items) cell.items.push(item);
    if (cell.stamps !== undefined) for (let i = 0; i < items.length; i++) cell.stamps.push(stampOf(i));
    if ((length & ~MEASURE_MASK) !== (cell.items.length & ~MEASURE_MASK)) this.#fold(row, cell);
  }

  /** Moves items into chunks when there are many. */
  #fold(row: Row, cell: ListCell): void {
    const { store } = this.space;
    const bytes = this.#shape.sizeOf({ items: cell.items, stamps: cell.stamps });
    if (bytes > this.#chunkBytes && cell.items.length > 1) {
      const { items, stamps } = cell;
      const perChunk = Math.max(1, Math.floor((items.length * this.#chunkBytes) / bytes));
      let from = 0;
      for (; from + perChunk <= items.length; from += perChunk) {
        const stretch = stamps?.slice(from, from + perChunk);
        const place = this.#create(
          row,
          new ListChunk(items.slice(from, from + perChunk), stretch, this.number, this.namespaced),
        );
        cell.chunks.push(place);
        cell.before += place.count;
      }
      cell.items = items.slice(from);
      cell.stamps = stamps?.slice(from);
    }
    store.resized(row);
  }

  #create({ group, key, namespace }: Row, chunk: ListChunk): ChunkPlace {
    const { store, generation } = this.space;
    const number = this.#numbers.next++;
    const row = store.create(RowKind.LIST_CHUNK, group, mix32(number), number, key, undefined, namespace, generation);
    store.pinnedPage = row;
    row.exchange(0, chunk);
    store.resized(row);
    const newest = chunk.stamps?.reduce((a, b) => Math.max(a, b), -Infinity) ?? 0;
    return { number, count: chunk.items.length, newest };
  }

  /** A list with all its items in the cell; the chunks stay as they are. */
  protected override whole(row: Row, cell: ListCell): ListCell {
    if (cell.chunks.length === 0) return cell;
    const items: unknown[] = [];
    const stamps: number[] | undefined = cell.stamps === undefined ? undefined : [];
    const take = (from: ListChunk | ListCell): void => {
      for (const item of from.items) items.push(item);
      if (stamps !== undefined) for (const stamp of from.stamps as number[]) stamps.push(stamp);
    };
    for (const place of cell.chunks) take(this.#chunkOf(row.group, place));
    take(cell);
    const whole = new ListCell(items, stamps);
    whole.changes = cell.changes;
    return whole;
  }

  #chunkOf(group: number, { number }: ChunkPlace): ListChunk {
    return this.space.store.peek(RowKind.LIST_CHUNK, group, mix32(number), number).cell(0) as ListChunk;
  }

  /** The current list as one array, which is not kept. */
  readWhole(cell: ListCell): ListCell {
    return this.whole(this.row() as Row, cell);
  }

  /** The current list as one array, which the user may change until the next record. */
  unfold(cell: ListCell): ListCell {
    const row = this.row() as Row;
    const whole = this.whole(row, cell);
    if (whole === cell) return cell;
    this.#keep(row, whole);
    return whole;
  }

  /** Makes a list the current one, whose items the user may change until the next record. */
  handOut(cell: ListCell): void {
    this.store(cell);
    this.#keep(this.row() as Row, cell);
  }

  #keep(row: Row, whole: ListCell): void {
    const { store } = this.space;
    this.put(row, whole);
    store.resized(row);
    store.hold(row, () => {
      if (row.number >= 0 && row.cell(this.number) === whole) this.#fold(row, whole);
    });
  }

  /** The chunks of a list go with it. */
  protected override replaced(row: Row, before: unknown): void {
    const cell = (before instanceof Stale ? before.cell : before) as ListCell;
    const { store } = this.space;
    for (const { number } of cell.chunks) {
      store.discard(RowKind.LIST_CHUNK, row.group, mix32(number), number, undefined);
    }
  }

  /** A list is in the order of its stamps, or has been refreshed whole: the first chunk expires first. */
  protected override mayExpire({ chunks }: ListCell, deadline: number): boolean {
    const [first] = chunks;
    return first === undefined || first.newest <= deadline;
  }

  /** Of a list with chunks the first chunk decides, else its items. */
  protected override isDue(row: Row, deadline: number): boolean {
    const stored = row.cell(this.number) as ListCell | Stale<ListCell>;
    const cell = stored instanceof Stale ? stored.cell : stored;
    const [first] = cell.chunks;
    return first === undefined ? super.isDue(row, deadline) : first.newest <= deadline;
  }

  override expireRow(row: Row, deadline: number): void {
    super.expireRow(row, deadline);
    const cell = row.number < 0 ? undefined : row.cell(this.number);
    if (cell instanceof ListCell) this.#fold(row, cell);
  }

  // Restoring.

  protected override restoreAll(stored: RestoredKeyedState, stamped: boolean, now: number): void {
    for (const part of stored.parts()) {
      while (part.next()) {
        this.at(part);
        if (part.part.kind === 'removals') this.drop();
        else this.#restore(part, stamped, now);
      }
    }
  }

  #restore(part: RestoredPart, stamped: boolean, now: number): void {
    const { version } = part.part;
    const { items, stamps } = this.#shape.decode(part.value, stamped, now);
    const row = this.occupy();
    const stored = row.cell(this.number) as ListCell | Stale<ListCell> | undefined;
    if (stored === undefined || part.index <= 0) {
      if (items.length === 0) {
        this.drop();
        return;
      }
      const cell = this.fresh(items, stamps);
      this.put(row, version === this.version ? cell : new Stale(version, cell));
      this.#fold(row, cell);
      return;
    }
    let cell = stored instanceof Stale ? stored.cell : stored;
    let added: readonly unknown[] = items;
    const at = stored instanceof Stale ? stored.version : this.version;
    if (at !== version || part.index < cell.length) {
      // A list is in one version. One that was cut is put together anew.
      const whole = this.whole(row, cell);
      const kept = whole.items.slice(0, part.index);
      cell = new ListCell(
        at === version ? kept : kept.map((item) => this.migrated(at, item)),
        whole.stamps?.slice(0, part.index),
      );
      if (at !== version) added = items.map((item) => this.migrated(version, item));
      this.put(row, at === version && stored instanceof Stale ? new Stale(at, cell) : cell);
    }
    this.space.change(row);
    this.#push(row, cell, added, (i) => stamps?.[i] ?? now);
  }
}
