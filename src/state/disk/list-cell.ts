/**
 * Cells of lists. They remember where the list changed in which generation, so that a checkpoint takes the new items
 * alone.
 *
 * The cell of a long list holds its last items; those before are in chunks, each a row of its own that never changes,
 * so that adding an item reads and writes none of them.
 */

import type { StatePartWriter } from '../views.ts';
import type { CellReader, CellWriter } from './cell-io.ts';
import type { DiskShape } from './disk-cell.ts';
import type { Row } from './row.ts';
import { sizeOf } from './size-of.ts';

type StampedItems = readonly [readonly unknown[], readonly number[]];

/** Items that a view writes at a time. */
const ITEMS_PER_TAIL = 4096;

const CELL_BYTES = 96;
const CHUNK_BYTES = 64;
const STAMP_BYTES = 8;

/** Where a list changed first in a generation. */
interface ListChange {
  generation: number;
  from: number;
}

/** Where items of a list are that are not in its cell. */
export interface ChunkPlace {
  readonly number: number;
  readonly count: number;
  /** The newest stamp in it, where there is TTL. */
  readonly newest: number;
}

/** Items, and one stamp per item where there is TTL. */
export interface ListItems {
  readonly items: unknown[];
  readonly stamps: number[] | undefined;
}

/** Items of a list, as they lie in a row of their own. */
export class ListChunk {
  readonly items: unknown[];
  readonly stamps: number[] | undefined;
  /** The state that the list is of. */
  readonly state: number;
  readonly namespaced: boolean;

  constructor(items: unknown[], stamps: number[] | undefined, state: number, namespaced: boolean) {
    this.items = items;
    this.stamps = stamps;
    this.state = state;
    this.namespaced = namespaced;
  }
}

export class ListCell {
  /** Those behind the chunks. */
  items: unknown[];
  /** One per item, where there is TTL. */
  stamps: number[] | undefined;
  /** Indices count from the beginning of the list. */
  changes: ListChange[] = [];
  chunks: ChunkPlace[] = [];
  /** Items in chunks. */
  before = 0;

  constructor(items: unknown[], stamps: number[] | undefined) {
    this.items = items;
    this.stamps = stamps;
  }

  get length(): number {
    return this.before + this.items.length;
  }

  /** Whether every item has expired. Where there is TTL. */
  hasExpired(deadline: number): boolean {
    return (
      this.chunks.every(({ newest }) => newest <= deadline) &&
      (this.stamps as number[]).every((stamp) => stamp <= deadline)
    );
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
    let from = this.length;
    for (const change of this.changes) if (change.generation > since && change.from < from) from = change.from;
    return from;
  }
}

export class ListShape implements DiskShape<ListCell> {
  readonly #stamped: boolean;
  /** Reads a chunk, for a view as it was then. */
  readonly #chunk: (group: number, place: ChunkPlace) => ListChunk;

  /** `stamped` where the state has TTL. */
  constructor(stamped: boolean, chunk: (group: number, place: ChunkPlace) => ListChunk) {
    this.#stamped = stamped;
    this.#chunk = chunk;
  }

  write(cell: ListCell, to: CellWriter): void {
    to.varint(cell.chunks.length);
    for (const { number, count, newest } of cell.chunks) {
      to.varint(number);
      to.varint(count);
      if (this.#stamped) to.f64(newest);
    }
    to.varint(cell.changes.length);
    for (const change of cell.changes) {
      to.varint(change.generation);
      to.varint(change.from);
    }
    this.writeItems(cell, to);
  }

  writeItems({ items, stamps }: ListItems, to: CellWriter): void {
    to.varint(items.length);
    for (const item of items) to.value(item);
    if (stamps !== undefined) for (const stamp of stamps) to.f64(stamp);
  }

  read(from: CellReader): ListCell {
    const chunks: ChunkPlace[] = [];
    let before = 0;
    for (let left = from.varint(); left > 0; left--) {
      const number = from.varint();
      const count = from.varint();
      chunks.push({ number, count, newest: this.#stamped ? from.f64() : 0 });
      before += count;
    }
    const changes: ListChange[] = [];
    for (let left = from.varint(); left > 0; left--) changes.push({ generation: from.varint(), from: from.varint() });
    const { items, stamps } = this.readItems(from);
    const cell = new ListCell(items, stamps);
    cell.chunks = chunks;
    cell.before = before;
    cell.changes = changes;
    return cell;
  }

  readItems(from: CellReader): ListItems {
    const items: unknown[] = [];
    for (let left = from.varint(); left > 0; left--) items.push(from.any());
    return { items, stamps: this.#stamped ? items.map(() => from.f64()) : undefined };
  }

  decode(encoded: unknown, hasStamps: boolean, now: number): ListCell {
    const items = hasStamps ? (encoded as StampedItems)[0] : (encoded as readonly unknown[]);
    if (!this.#stamped) return new ListCell([...items], undefined);
    return new ListCell([...items], hasStamps ? [...(encoded as StampedItems)[1]] : items.map(() => now));
  }

  emit(cell: ListCell, row: Row, since: number | undefined, to: StatePartWriter): void {
    const { group, key, namespace } = row;
    let from = since === undefined ? 0 : cell.changedFrom(since);
    const put = (items: readonly unknown[], stamps: readonly number[] | undefined): void => {
      const form = stamps === undefined ? items : [items, stamps];
      if (from === 0) to.put(group, key, namespace, form);
      else to.putTail(group, key, namespace, from, form);
      from += items.length;
    };
    let items: unknown[] = [];
    let stamps: number[] = [];
    let at = 0;
    for (const place of cell.chunks) {
      at += place.count;
      if (at <= from) continue;
      const chunk = this.#chunk(group, place);
      // Of the first chunk that has changed a part may be as it was.
      const skip = items.length > 0 ? 0 : Math.max(0, from - (at - place.count));
      items = items.concat(skip === 0 ? chunk.items : chunk.items.slice(skip));
      if (chunk.stamps !== undefined) stamps = stamps.concat(chunk.stamps.slice(skip));
      if (items.length < ITEMS_PER_TAIL) continue;
      put(items, this.#stamped ? stamps : undefined);
      items = [];
      stamps = [];
    }
    const skip = items.length > 0 ? 0 : Math.max(0, from - cell.before);
    items = items.concat(cell.items.slice(skip));
    if (cell.stamps !== undefined) stamps = stamps.concat(cell.stamps.slice(skip));
    if (items.length > 0) put(items, this.#stamped ? stamps : undefined);
  }

  /** Of a list without chunks. */
  migrate(cell: ListCell, step: (value: unknown) => unknown, generation: number): ListCell {
    const migrated = new ListCell(cell.items.map(step), cell.stamps);
    migrated.changes.push({ generation, from: 0 });
    return migrated;
  }

  /** Of a list without chunks. */
  live(cell: ListCell, deadline: number, generation: number): ListCell | undefined {
    const { stamps } = cell;
    if (stamps === undefined || stamps.every((stamp) => stamp > deadline)) return cell;
    const keep = (_: unknown, i: number): boolean => (stamps[i] as number) > deadline;
    const items = cell.items.filter(keep);
    if (items.length === 0) return undefined;
    const live = new ListCell(items, stamps.filter(keep));
    live.changes = [...cell.changes, { generation, from: 0 }];
    return live;
  }

  sizeOf(cell: ListItems): number {
    const chunks = cell instanceof ListCell ? CHUNK_BYTES * cell.chunks.length : 0;
    return (
      CELL_BYTES + chunks + sizeOf(cell.items) + (cell.stamps === undefined ? 0 : STAMP_BYTES * cell.stamps.length)
    );
  }
}
