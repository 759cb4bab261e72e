/** Rows as records of the log: identity, cells by state, and what else a key has. docs/internals/disk-state.md. */

import type { TypeRegistry } from '../../data/type-registry.ts';
import { mapKey } from '../../data/key.ts';
import type { CellReader, CellWriter } from './cell-io.ts';
import type { DiskTable } from './disk-table.ts';
import { ListChunk, type ListShape } from './list-cell.ts';
import { KeyLinks, namespaceIdentity } from './key-links.ts';
import { MapPage, type MapShape } from './map-cell.ts';
import { ROW_BYTES, Row, RowKind } from './row.ts';
import type { RowCodec } from './row-store.ts';
import type { SegmentLog } from './segment-log.ts';
import { sizeOf } from './size-of.ts';
import { TimerPage } from './timer-pages.ts';
import { type ShapeHint, type Shapes, StateValueReader, StateValueWriter } from './value-codec.ts';

/** The states of an operator by number: those of keys, and those of keys and namespaces. They become more. */
export interface StateTables {
  readonly ofKeys: readonly DiskTable<unknown>[];
  readonly ofNamespaces: readonly DiskTable<unknown>[];
}

interface PartShape {
  sizeOf(part: MapPage | ListChunk): number;
}

export class StateRowCodec implements RowCodec, CellWriter {
  readonly #log: SegmentLog;
  readonly #types: TypeRegistry;
  readonly #tables: StateTables;
  readonly #writer: StateValueWriter;
  readonly #reader: StateValueReader;
  readonly #keyHint: ShapeHint = { shape: undefined };
  readonly #namespaceHint: ShapeHint = { shape: undefined };
  /** What values that are written now belong to. */
  #hint: ShapeHint = this.#keyHint;
  #place = '';

  constructor(log: SegmentLog, shapes: Shapes, types: TypeRegistry, tables: StateTables) {
    this.#log = log;
    this.#types = types;
    this.#tables = tables;
    this.#writer = new StateValueWriter(shapes, log.tail, types);
    this.#reader = new StateValueReader(shapes, types);
  }

  // CellWriter: to the tail of the log.

  value(value: unknown): void {
    this.#writer.write(value, this.#hint, this.#place);
  }

  varint(value: number): void {
    this.#log.tail.varint(value);
  }

  f64(value: number): void {
    this.#log.tail.f64(value);
  }

  write(row: Row): void {
    if (row.kind === RowKind.PAGE) {
      this.varint(row.id as number);
      this.#belonging(this.#keyHint, 'key');
      (row.cell(0) as TimerPage).write(this);
      return;
    }
    const isPart = row.kind === RowKind.MAP_PAGE || row.kind === RowKind.LIST_CHUNK;
    if (isPart) this.varint(row.id as number);
    if (row.kind === RowKind.MAP_PAGE) this.varint(row.namespaceId as number);
    this.#belonging(this.#keyHint, 'key');
    this.value(row.key);
    if (isPart || row.kind === RowKind.NAMESPACE) {
      this.#belonging(this.#namespaceHint, 'namespace');
      this.value(row.namespace);
    }
    if (isPart) {
      this.#writePart(row.cell(0) as MapPage | ListChunk);
      return;
    }
    this.varint(row.born);
    this.varint(row.emptied);
    this.varint(row.count);
    const tables = this.#tablesOf(row);
    for (let number = 0; number < row.states; number++) {
      const cell = row.cell(number);
      if (cell === undefined) continue;
      const table = tables[number] as DiskTable<unknown>;
      this.varint(number);
      this.#belonging(table.hint, table.name);
      table.write(cell, this);
    }
    if (row.kind !== RowKind.KEY) return;
    this.varint(row.links === undefined ? 0 : 1);
    this.#belonging(this.#namespaceHint, 'namespace');
    row.links?.write(this);
  }

  #writePart(part: MapPage | ListChunk): void {
    this.varint(part.namespaced ? 1 : 0);
    this.varint(part.state);
    const table = this.#tableOf(part);
    this.#belonging(table.hint, table.name);
    if (part instanceof ListChunk) {
      (table.shape as unknown as ListShape).writeItems(part, this);
      return;
    }
    this.varint(part.version);
    (table.shape as unknown as MapShape).writeEntries(part, this);
  }

  #readPart(row: Row): void {
    const from: CellReader = this.#reader;
    const namespaced = from.varint() === 1;
    const state = from.varint();
    const table = this.#tableOf({ state, namespaced });
    if (row.kind === RowKind.LIST_CHUNK) {
      const { items, stamps } = (table.shape as unknown as ListShape).readItems(from);
      row.exchange(0, new ListChunk(items, stamps, state, namespaced));
      return;
    }
    const page = new MapPage(state, namespaced, from.varint());
    (table.shape as unknown as MapShape).readEntries(page, from);
    row.exchange(0, page);
  }

  #tableOf({ state, namespaced }: { readonly state: number; readonly namespaced: boolean }): DiskTable<unknown> {
    return (namespaced ? this.#tables.ofNamespaces : this.#tables.ofKeys)[state] as DiskTable<unknown>;
  }

  #belonging(hint: ShapeHint, place: string): void {
    this.#hint = hint;
    this.#place = place;
  }

  #tablesOf(row: Row): readonly DiskTable<unknown>[] {
    return row.kind === RowKind.NAMESPACE ? this.#tables.ofNamespaces : this.#tables.ofKeys;
  }

  readIdentity(): Row {
    const log = this.#log;
    const reader = this.#reader;
    reader.begin(log.bytes, log.view, log.start);
    const { kind, group, hash } = log;
    if (kind === RowKind.PAGE) return new Row(kind, group, hash, reader.varint(), undefined, undefined, undefined);
    const isPart = kind === RowKind.MAP_PAGE || kind === RowKind.LIST_CHUNK;
    if (isPart) {
      const number = reader.varint();
      const map = kind === RowKind.MAP_PAGE ? reader.varint() : undefined;
      const key = reader.any();
      return new Row(kind, group, hash, number, key, map, reader.any());
    }
    const key = reader.any();
    const namespace = kind === RowKind.NAMESPACE ? reader.any() : undefined;
    const types = this.#types;
    return new Row(kind, group, hash, mapKey(key, types), key, namespaceIdentity(namespace, types), namespace);
  }

  readContent(row: Row): void {
    const from: CellReader = this.#reader;
    if (row.kind === RowKind.PAGE) {
      row.exchange(0, TimerPage.read(from));
      return;
    }
    if (row.kind === RowKind.MAP_PAGE || row.kind === RowKind.LIST_CHUNK) {
      this.#readPart(row);
      return;
    }
    row.born = from.varint();
    row.emptied = from.varint();
    const tables = this.#tablesOf(row);
    for (let left = from.varint(); left > 0; left--) {
      const number = from.varint();
      row.exchange(number, (tables[number] as DiskTable<unknown>).read(from));
    }
    if (row.kind === RowKind.KEY && from.varint() === 1) row.links = KeyLinks.read(from, this.#types);
  }

  sizeOf(row: Row): number {
    if (row.kind === RowKind.PAGE) {
      const page = row.cell(0) as TimerPage | undefined;
      return ROW_BYTES + (page === undefined ? 0 : page.bytes);
    }
    if (row.kind === RowKind.MAP_PAGE || row.kind === RowKind.LIST_CHUNK) {
      const part = row.cell(0) as MapPage | ListChunk | undefined;
      if (part === undefined) return ROW_BYTES;
      return ROW_BYTES + (this.#tableOf(part).shape as unknown as PartShape).sizeOf(part);
    }
    let bytes = ROW_BYTES + sizeOf(row.key) + (row.namespace === undefined ? 0 : sizeOf(row.namespace));
    const tables = this.#tablesOf(row);
    for (let number = 0; number < row.states; number++) {
      const cell = row.cell(number);
      if (cell !== undefined) bytes += (tables[number] as DiskTable<unknown>).sizeOf(cell);
    }
    return row.links === undefined ? bytes : bytes + row.links.bytes;
  }
}
