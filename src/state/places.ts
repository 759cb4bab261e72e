/**
 * Places: what a value of keyed state belongs to.
 *
 * State without namespaces lies at a *row*, the small number of its key; namespaced state lies at a *cell*, the number
 * of a key together with a namespace. A place exists while a value or a timer is there and is gone with the last one.
 * The cursor says which key and namespace are current; rows and cells are looked up when first needed.
 */

import { MillstreamError } from '../base/error.ts';
import { type KeyGroupRange, keyGroup } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { CHAIN_END, Chains } from './chains.ts';
import { IntColumn } from './columns.ts';
import { AnnouncedKeys } from './announced-keys.ts';
import { KeyTable } from './key-table.ts';
import { RowNumbers } from './row-numbers.ts';
import { TripleIndex } from './triple-index.ts';

/** There is no such place: nothing is stored. */
export const ABSENT = -1;
/** Not looked up since the key or the namespace changed. */
const UNKNOWN = -2;

/** The namespace of what has none. */
const NO_NAMESPACE = -1;

/** What is current, shared by rows and cells. */
class Cursor {
  key: unknown = undefined;
  namespace: unknown = undefined;
  row: number = UNKNOWN;
  /** Number of the namespace; ABSENT when nothing is stored under it, NO_NAMESPACE (the same) when there is none. */
  namespaceNumber: number = NO_NAMESPACE;
  namespaceKnown = true;
  cell: number = UNKNOWN;
}

export interface Places {
  /** The current place, or {@link ABSENT}. */
  current(): number;
  /** The current place, made if it is missing; the caller retains it at once. */
  occupy(): number;
  retain(place: number): void;
  release(place: number): void;
  rowOf(place: number): number;
  namespaceOf(place: number): unknown;
  /** All places lie below. */
  readonly limit: number;
}

export class Rows implements Places {
  readonly #cursor: Cursor;
  readonly #keys: KeyTable;
  readonly #announced: AnnouncedKeys;
  readonly #groups = new IntColumn();
  readonly #maxParallelism: number;
  readonly #range: KeyGroupRange;
  readonly #types: TypeRegistry;

  constructor(cursor: Cursor, maxParallelism: number, range: KeyGroupRange, types: TypeRegistry) {
    this.#cursor = cursor;
    this.#keys = new KeyTable(types);
    this.#announced = new AnnouncedKeys(this.#keys);
    this.#maxParallelism = maxParallelism;
    this.#range = range;
    this.#types = types;
  }

  get size(): number {
    return this.#keys.size;
  }

  get limit(): number {
    return this.#keys.limit;
  }

  /** The rows of the keys that come next, {@link ABSENT} where there is none or it is not known. */
  announce(keys: readonly unknown[]): Int32Array {
    return this.#announced.announce(keys);
  }

  setKey(key: unknown): void {
    const cursor = this.#cursor;
    const row = this.#announced.take(key);
    // The same object may have other fields by now.
    if (key === cursor.key && typeof key !== 'object') return;
    cursor.key = key;
    cursor.row = row === ABSENT ? UNKNOWN : row;
    cursor.cell = UNKNOWN;
  }

  current(): number {
    const row = this.#cursor.row;
    return row === UNKNOWN ? this.#find() : row;
  }

  #find(): number {
    const row = this.#keys.find(this.#cursor.key);
    this.#cursor.row = row;
    return row;
  }

  occupy(): number {
    const row = this.current();
    return row === ABSENT ? this.#add(this.#cursor.key) : row;
  }

  #add(key: unknown): number {
    const group = keyGroup(key, this.#maxParallelism, this.#types);
    if (group < this.#range.start || group > this.#range.end) throw this.#foreign(group);
    const row = this.#keys.add(key);
    this.#groups.set(row, group);
    this.#cursor.row = row;
    return row;
  }

  #foreign(group: number): MillstreamError {
    const { start, end } = this.#range;
    return new MillstreamError(
      'KEY_INVALID',
      `A key of the key group ${group} reached a subtask that owns the groups ${start} to ${end}. ` +
        'The key selector gave another key than when the record was sent: derive keys from the record alone, and do not change a record that has been emitted.',
    );
  }

  retain(row: number): void {
    this.#keys.retain(row);
  }

  release(row: number): void {
    if (this.#keys.release(row) && this.#cursor.row === row) this.#cursor.row = ABSENT;
  }

  rowOf(row: number): number {
    return row;
  }

  namespaceOf(): undefined {
    return undefined;
  }

  keyOf(row: number): unknown {
    return this.#keys.keyOf(row);
  }

  keyGroupOf(row: number): number {
    return this.#groups.get(row);
  }

  get currentKeyGroup(): number {
    const row = this.current();
    return row === ABSENT ? keyGroup(this.#cursor.key, this.#maxParallelism, this.#types) : this.#groups.get(row);
  }

  clear(): void {
    this.#keys.clear();
    this.#groups.clear();
  }
}

/** The cells, and the namespaces that they and timers are in. */
export class Cells implements Places {
  readonly #cursor: Cursor;
  readonly #rows: Rows;
  readonly #namespaces: KeyTable;
  /** By row and namespace. */
  readonly #index = new TripleIndex();
  readonly #numbers = new RowNumbers();
  readonly #rowOf = new IntColumn();
  readonly #namespaceOf = new IntColumn();
  readonly #references = new IntColumn();
  readonly #ofRow = new Chains();

  constructor(cursor: Cursor, rows: Rows, types: TypeRegistry) {
    this.#cursor = cursor;
    this.#rows = rows;
    this.#namespaces = new KeyTable(types);
  }

  get limit(): number {
    return this.#numbers.limit;
  }

  current(): number {
    const cell = this.#cursor.cell;
    return cell === UNKNOWN ? this.#find() : cell;
  }

  #find(): number {
    const row = this.#rows.current();
    const exists = this.namespaceExists();
    const cell = row === ABSENT || !exists ? ABSENT : this.#index.find(row, this.currentNamespace(), 0);
    this.#cursor.cell = cell;
    return cell;
  }

  /** Number of the current namespace; negative when it has none. */
  currentNamespace(): number {
    const cursor = this.#cursor;
    if (!cursor.namespaceKnown) {
      cursor.namespaceNumber = this.#namespaces.find(cursor.namespace);
      cursor.namespaceKnown = true;
    }
    return cursor.namespaceNumber;
  }

  /** Whether anything is stored under the current namespace; true where there is none. */
  namespaceExists(): boolean {
    return this.#cursor.namespace === undefined || this.currentNamespace() !== ABSENT;
  }

  /** Number of the current namespace, made if it is missing; the caller retains it at once. */
  occupyNamespace(): number {
    const cursor = this.#cursor;
    if (cursor.namespace === undefined) return NO_NAMESPACE;
    if (this.currentNamespace() === ABSENT) cursor.namespaceNumber = this.#namespaces.add(cursor.namespace);
    return cursor.namespaceNumber;
  }

  retainNamespace(namespace: number): void {
    if (namespace !== NO_NAMESPACE) this.#namespaces.retain(namespace);
  }

  releaseNamespace(namespace: number): void {
    if (namespace === NO_NAMESPACE || !this.#namespaces.release(namespace)) return;
    const cursor = this.#cursor;
    if (cursor.namespace !== undefined && cursor.namespaceNumber === namespace) cursor.namespaceNumber = ABSENT;
  }

  namespaceAt(namespace: number): unknown {
    return namespace === NO_NAMESPACE ? undefined : this.#namespaces.keyOf(namespace);
  }

  occupy(): number {
    const cell = this.current();
    if (cell !== ABSENT) return cell;
    const row = this.#rows.occupy();
    this.#rows.retain(row);
    const namespace = this.occupyNamespace();
    this.retainNamespace(namespace);
    return this.#add(row, namespace);
  }

  #add(row: number, namespace: number): number {
    const cell = this.#numbers.take();
    this.#rowOf.set(cell, row);
    this.#namespaceOf.set(cell, namespace);
    this.#index.insert(row, namespace, 0, cell);
    this.#ofRow.append(row, cell);
    this.#cursor.cell = cell;
    return cell;
  }

  retain(cell: number): void {
    this.#references.add(cell, 1);
  }

  release(cell: number): void {
    if (this.#references.add(cell, -1) > 0) return;
    const row = this.#rowOf.get(cell);
    const namespace = this.#namespaceOf.get(cell);
    this.#index.remove(row, namespace, 0);
    this.#ofRow.remove(row, cell);
    this.#numbers.free(cell);
    if (this.#cursor.cell === cell) this.#cursor.cell = ABSENT;
    this.releaseNamespace(namespace);
    this.#rows.release(row);
  }

  /** The cells of a row. */
  of(row: number): number[] {
    const cells: number[] = [];
    for (let cell = this.#ofRow.first(row); cell !== CHAIN_END; cell = this.#ofRow.next(cell)) cells.push(cell);
    return cells;
  }

  rowOf(cell: number): number {
    return this.#rowOf.get(cell);
  }

  namespaceOf(cell: number): unknown {
    return this.namespaceAt(this.#namespaceOf.get(cell));
  }

  clear(): void {
    this.#index.clear();
    this.#numbers.clear();
    this.#namespaces.clear();
    this.#ofRow.clear();
    for (const column of [this.#rowOf, this.#namespaceOf, this.#references]) column.clear();
  }
}

/** The rows and cells of one backend, and what is current among them. */
export class Space {
  readonly #cursor = new Cursor();
  readonly rows: Rows;
  readonly cells: Cells;

  constructor(maxParallelism: number, range: KeyGroupRange, types: TypeRegistry) {
    this.rows = new Rows(this.#cursor, maxParallelism, range, types);
    this.cells = new Cells(this.#cursor, this.rows, types);
  }

  get key(): unknown {
    return this.#cursor.key;
  }

  get namespace(): unknown {
    return this.#cursor.namespace;
  }

  setKey(key: unknown): void {
    this.rows.setKey(key);
  }

  setNamespace(namespace: unknown): void {
    const cursor = this.#cursor;
    if (namespace === cursor.namespace && typeof namespace !== 'object') return;
    cursor.namespace = namespace;
    cursor.namespaceNumber = NO_NAMESPACE;
    cursor.namespaceKnown = namespace === undefined;
    cursor.cell = UNKNOWN;
  }

  /** Makes the key of a row and a namespace current, without a look-up. */
  select(row: number, namespace: number): void {
    const cursor = this.#cursor;
    cursor.key = this.rows.keyOf(row);
    cursor.row = row;
    cursor.namespace = this.cells.namespaceAt(namespace);
    cursor.namespaceNumber = namespace;
    cursor.namespaceKnown = true;
    cursor.cell = UNKNOWN;
  }

  clear(): void {
    this.rows.clear();
    this.cells.clear();
    this.#cursor.row = UNKNOWN;
    this.#cursor.cell = UNKNOWN;
    this.#cursor.namespaceKnown = this.#cursor.namespace === undefined;
  }
}
