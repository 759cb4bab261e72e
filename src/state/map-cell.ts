/** A map whose keys are compared by their canonical encoding: what a map state or a broadcast state holds. */

import { mapKey } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';

export class MapCell<K, V> {
  readonly #types: TypeRegistry;
  readonly #values = new Map<unknown, V>();
  /** The keys as they were given, where a JavaScript Map must compare something else. */
  #keys: Map<unknown, K> | undefined;

  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: K): V | undefined {
    return this.#values.get(mapKey(key, this.#types));
  }

  has(key: K): boolean {
    return this.#values.has(mapKey(key, this.#types));
  }

  set(key: K, value: V): void {
    const id = mapKey(key, this.#types);
    this.#values.set(id, value);
    if (id === key || this.#keys?.has(id) === true) return;
    this.#keys ??= new Map();
    this.#keys.set(id, key);
  }

  delete(key: K): boolean {
    const id = mapKey(key, this.#types);
    this.#keys?.delete(id);
    return this.#values.delete(id);
  }

  clear(): void {
    this.#values.clear();
    this.#keys = undefined;
  }

  values(): IterableIterator<V> {
    return this.#values.values();
  }

  *keys(): IterableIterator<K> {
    for (const id of this.#values.keys()) yield this.#keyOf(id);
  }

  *entries(): IterableIterator<[K, V]> {
    for (const [id, value] of this.#values) yield [this.#keyOf(id), value];
  }

  #keyOf(id: unknown): K {
    const given = this.#keys?.get(id);
    return given === undefined ? (id as K) : given;
  }
}
