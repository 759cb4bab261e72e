/** What is current in a backend on disk: a key and a namespace, and the rows that they have. */

import { MillstreamError } from '../../base/error.ts';
import { keyHash, mapKey, type KeyGroupRange } from '../../data/key.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { mix32 } from '../hash-index.ts';
import { KeyLinks, namespaceIdentity } from './key-links.ts';
import { RowKind, type Row } from './row.ts';
import type { RowStore } from './row-store.ts';

/** While all are in memory, fewer keys are in the processor's caches anyway. */
const PREFETCH_KEYS_LEAST = 1 << 15;

const NAMESPACE_MULTIPLIER = 0x9e37_79b1;

export class DiskSpace {
  readonly store: RowStore;
  readonly types: TypeRegistry;
  /** What a page of a large map or list takes in memory, about. */
  readonly pageBytes: number;
  readonly #maxParallelism: number;
  readonly #range: KeyGroupRange;
  key: unknown = undefined;
  #id: unknown = undefined;
  #hash = 0;
  #group = 0;
  #hashed = false;
  /** Whether the pinned row of the store is that of the key. */
  #rowKnown = false;
  namespace: unknown = undefined;
  #namespaceId: unknown = undefined;
  #namespaceHash = 0;
  #namespaceKnown = true;
  #namespaceRowKnown = false;
  /** Rows are made as if by a checkpoint: generation 0. */
  restoring = false;
  /** Keys that have anything. */
  keys = 0;

  constructor(store: RowStore, maxParallelism: number, range: KeyGroupRange, types: TypeRegistry, pageBytes: number) {
    this.pageBytes = pageBytes;
    this.store = store;
    this.types = types;
    this.#maxParallelism = maxParallelism;
    this.#range = range;
  }

  setKey(key: unknown): void {
    // The same object may have other fields by now.
    if (key === this.key && typeof key !== 'object') return;
    this.key = key;
    this.#hashed = false;
    this.#rowKnown = false;
    this.#namespaceRowKnown = false;
  }

  setNamespace(namespace: unknown): void {
    if (namespace === this.namespace && typeof namespace !== 'object') return;
    this.namespace = namespace;
    this.#namespaceKnown = false;
    this.#namespaceRowKnown = false;
  }

  #hashKey(): void {
    const { key, types } = this;
    this.#id = mapKey(key, types);
    const hash = keyHash(key, types);
    this.#group = hash % this.#maxParallelism;
    this.#hash = mix32(hash);
    this.#hashed = true;
  }

  get keyGroup(): number {
    if (!this.#hashed) this.#hashKey();
    return this.#group;
  }

  /** The row of the current key, or undefined. */
  keyRow(): Row | undefined {
    if (!this.#rowKnown) this.#findKeyRow();
    return this.store.pinnedKey;
  }

  #findKeyRow(): void {
    if (!this.#hashed) this.#hashKey();
    const group = this.#group;
    // A key that is not this subtask's has nothing here.
    const row = this.#owns(group) ? this.store.find(RowKind.KEY, group, this.#hash, this.#id, undefined) : undefined;
    this.store.pinnedKey = row;
    this.#rowKnown = true;
  }

  #owns(group: number): boolean {
    return group >= this.#range.start && group <= this.#range.end;
  }

  /** The row of the current key, made if it is missing, ready to be changed. */
  occupyKeyRow(): Row {
    const row = this.keyRow();
    if (row === undefined) return this.#makeKeyRow();
    this.change(row);
    if (row.dead) {
      this.store.revive(row);
      this.keys++;
    }
    return row;
  }

  #makeKeyRow(): Row {
    const { store, key } = this;
    const group = this.#group;
    if (!this.#owns(group)) throw this.#foreign(group);
    const row = store.create(RowKind.KEY, group, this.#hash, this.#id, key, undefined, undefined, this.generation);
    store.pinnedKey = row;
    this.keys++;
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

  /** To which changes belong now. */
  get generation(): number {
    return this.restoring ? 0 : this.store.generation;
  }

  /** Before a row changes. */
  change(row: Row): void {
    if (this.restoring) this.store.rewrite(row);
    else this.store.touch(row);
  }

  get namespaceId(): unknown {
    if (!this.#namespaceKnown) this.#hashNamespace();
    return this.#namespaceId;
  }

  #hashNamespace(): void {
    const { namespace, types } = this;
    this.#namespaceId = namespaceIdentity(namespace, types);
    this.#namespaceHash = namespace === undefined ? 0 : keyHash(namespace, types);
    this.#namespaceKnown = true;
  }

  #hashBoth(): number {
    return mix32(this.#hash ^ Math.imul(this.#namespaceHash + 1, NAMESPACE_MULTIPLIER));
  }

  /** The row of the current key and namespace, or undefined. */
  namespaceRow(): Row | undefined {
    if (!this.#namespaceRowKnown) this.#findNamespaceRow();
    return this.store.pinnedNamespace;
  }

  #findNamespaceRow(): void {
    if (!this.#hashed) this.#hashKey();
    const id = this.namespaceId;
    const group = this.#group;
    this.store.pinnedNamespace = this.#owns(group)
      ? this.store.find(RowKind.NAMESPACE, group, this.#hashBoth(), this.#id, id)
      : undefined;
    this.#namespaceRowKnown = true;
  }

  occupyNamespaceRow(): Row {
    const row = this.namespaceRow();
    if (row === undefined) return this.#makeNamespaceRow();
    this.change(row);
    if (row.dead) {
      this.store.revive(row);
      this.#link(row);
    }
    return row;
  }

  #makeNamespaceRow(): Row {
    const { store, key, namespace } = this;
    const id = this.namespaceId;
    // The row of the key first: it is what refuses keys of others.
    const keyRow = this.occupyKeyRow();
    const row = store.create(
      RowKind.NAMESPACE,
      this.#group,
      this.#hashBoth(),
      keyRow.id,
      key,
      id,
      namespace,
      this.generation,
    );
    store.pinnedNamespace = row;
    this.#link(row);
    return row;
  }

  #link(row: Row): void {
    const keyRow = this.occupyKeyRow();
    linksOf(keyRow).namespaces.set(row.namespaceId, row.namespace);
    this.store.resized(keyRow);
  }

  /** Gets the rows of keys that come soon, at most so many from the log. */
  prefetch(keys: () => readonly unknown[], most: number): void {
    if (this.store.allInMemory ? this.keys < PREFETCH_KEYS_LEAST : most < 1) return;
    const groups: number[] = [];
    const hashes: number[] = [];
    for (const key of keys()) {
      const hash = keyHash(key, this.types);
      const group = hash % this.#maxParallelism;
      if (!this.#owns(group)) continue;
      groups.push(group);
      hashes.push(mix32(hash));
    }
    this.store.prefetch(RowKind.KEY, groups, hashes, most);
  }

  /** Does something with another row as the current one. */
  at(row: Row, action: () => void): void {
    const { key, namespace } = this;
    this.setKey(row.key);
    this.setNamespace(row.namespace);
    if (row.kind === RowKind.KEY) this.keyRow();
    else if (row.kind === RowKind.NAMESPACE) this.namespaceRow();
    action();
    this.setKey(key);
    this.setNamespace(namespace);
  }

  /** The row of the current key or namespace holds nothing any more. */
  emptied(row: Row): void {
    if (row.kind === RowKind.KEY) {
      if (!row.isEmpty) return;
      this.#bury(row);
      this.keys--;
      return;
    }
    this.#bury(row);
    const keyRow = this.occupyKeyRow();
    linksOf(keyRow).namespaces.delete(row.namespaceId);
    this.unlinked(keyRow);
  }

  #bury(row: Row): void {
    if (this.restoring) this.store.purge(row);
    else this.store.bury(row);
  }

  /** A link of the current key's row has gone: perhaps that was all that there was. */
  unlinked(keyRow: Row): void {
    const { links } = keyRow;
    if (links?.isEmpty === true && links.removed.length === 0) keyRow.links = undefined;
    this.emptied(keyRow);
  }
}

/** The links of a key's row, made if they are missing. */
export function linksOf(row: Row): KeyLinks {
  return (row.links ??= new KeyLinks());
}
