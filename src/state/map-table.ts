/**
 * A map state of a memory backend. Its entries have numbers of their own, so that a map with a million entries is
 * written entry by entry, as they change, and not whole.
 */

import { mapKey } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { CellTable, type RemovedCell } from './cell-table.ts';
import type { ChangeWriter, Changing } from './change-lists.ts';
import { Changes } from './changes.ts';
import { Column } from './columns.ts';
import type { StateDescriptor } from './descriptor.ts';
import { KeyedMap, MapEntry } from './keyed-map.ts';
import { Stale } from './migration.ts';
import { ABSENT, type Space } from './places.ts';
import { RowNumbers } from './row-numbers.ts';
import type { RestoredPart } from './snapshot.ts';
import type { TtlRules } from './ttl.ts';
import type { KeyedView, ViewPlan } from './views.ts';

/** Of a map, or of one entry. */
interface RemovedEntry extends RemovedCell {
  /** Undefined for the whole map. */
  readonly entryKey: unknown;
}

/** A map in a snapshot. */
type MapParts = readonly [readonly unknown[], readonly unknown[], (readonly number[])?];

export class MapTable<K, V> extends CellTable<KeyedMap<K, V>> implements Changing<RemovedEntry> {
  readonly #types: TypeRegistry;
  readonly #numbers = new RowNumbers();
  readonly #entries = new Column<MapEntry<K, V>>();
  readonly #changes: Changes<RemovedEntry>;

  /** `generation` as in {@link Changes}. */
  constructor(
    descriptor: StateDescriptor,
    namespaced: boolean,
    space: Space,
    types: TypeRegistry,
    ttl: TtlRules | undefined,
    generation: number,
  ) {
    super(descriptor, namespaced, space, ttl);
    this.#types = types;
    this.#changes = new Changes(this, generation);
  }

  /** The map at the current place; undefined where there is none. */
  map(): KeyedMap<K, V> | undefined {
    const place = this.places.current();
    if (place === ABSENT) return undefined;
    const cell = this.cells.get(place);
    return this.stale > 0 && cell instanceof Stale ? this.#migrate(place, cell) : (cell as KeyedMap<K, V> | undefined);
  }

  find(key: K): MapEntry<K, V> | undefined {
    return this.map()?.entries.get(mapKey(key, this.#types));
  }

  /** To be called before the entry is changed. */
  touch(entry: MapEntry<K, V>): void {
    this.#changes.touch(entry.number);
  }

  /** The value of an entry, to be handed out: an object may be changed then. */
  handedOut(entry: MapEntry<K, V>): V {
    const { value } = entry;
    if (typeof value === 'object') this.#changes.touch(entry.number);
    return value;
  }

  set(key: K, value: V, stamp: number): void {
    const map = this.map();
    const place = map === undefined ? this.places.occupy() : this.places.current();
    this.#set(place, map ?? this.#addMap(place), key, value, stamp);
  }

  #addMap(place: number): KeyedMap<K, V> {
    const map = new KeyedMap<K, V>();
    this.cells.exchange(place, map);
    this.places.retain(place);
    return map;
  }

  #set(place: number, map: KeyedMap<K, V>, key: K, value: V, stamp: number): void {
    const id = mapKey(key, this.#types);
    const known = map.entries.get(id);
    if (known !== undefined) {
      this.#changes.touch(known.number);
      known.value = value;
      known.stamp = stamp;
    } else {
      const entry = new MapEntry(key, value, stamp, this.#numbers.take(), place);
      map.entries.set(id, entry);
      this.#entries.exchange(entry.number, entry);
      this.#changes.created(entry.number);
    }
    if (stamp < map.oldest) map.oldest = stamp;
  }

  /** Removes an entry; the map goes with its last one. */
  remove(entry: MapEntry<K, V>): void {
    const { place } = entry;
    const cell = this.cells.get(place);
    const map = cell instanceof Stale ? cell.cell : (cell as KeyedMap<K, V>);
    if (this.#changes.dropping(entry.number)) this.#changes.removed({ ...this.removalAt(place), entryKey: entry.key });
    map.entries.delete(mapKey(entry.key, this.#types));
    this.#free(entry);
    if (map.entries.size === 0) this.dropAt(place);
  }

  #free({ number }: MapEntry<K, V>): void {
    this.#entries.exchange(number, undefined);
    this.#numbers.free(number);
  }

  override dropAt(place: number): void {
    const cell = this.cells.get(place);
    if (cell === undefined) return;
    const map = cell instanceof Stale ? cell.cell : cell;
    let held = false;
    for (const entry of map.entries.values()) {
      if (this.#changes.dropping(entry.number)) held = true;
      this.#free(entry);
    }
    if (held) this.#changes.removed({ ...this.removalAt(place), entryKey: undefined });
    this.cells.exchange(place, undefined);
    if (cell instanceof Stale) this.stale--;
    this.places.release(place);
  }

  #migrate(place: number, stale: Stale<KeyedMap<K, V>>): KeyedMap<K, V> {
    const map = stale.cell;
    this.stale--;
    this.cells.exchange(place, map);
    for (const entry of map.entries.values()) {
      this.#changes.touch(entry.number);
      entry.value = this.migratedValue(stale.version, entry.value) as V;
    }
    return map;
  }

  protected override expire(place: number, cell: KeyedMap<K, V> | Stale<KeyedMap<K, V>>, deadline: number): void {
    const map = cell instanceof Stale ? cell.cell : cell;
    if (map.oldest > deadline) return;
    let oldest = Infinity;
    for (const entry of map.entries.values()) {
      if (entry.stamp <= deadline) {
        this.#tell(place, cell instanceof Stale ? cell : undefined, entry);
        this.remove(entry);
      } else if (entry.stamp < oldest) oldest = entry.stamp;
    }
    map.oldest = oldest;
  }

  #tell(place: number, stale: Stale<KeyedMap<K, V>> | undefined, { key, value }: MapEntry<K, V>): void {
    if (this.ttl?.expired === undefined) return;
    const told = stale === undefined ? value : this.migratedValue(stale.version, value);
    this.ttl.expired(this.keyAt(place), told, key);
  }

  // Views.

  get limit(): number {
    return this.#numbers.limit;
  }

  exists(number: number): boolean {
    return this.#entries.get(number) !== undefined;
  }

  groupOf(number: number): number {
    return this.groupAt((this.#entries.get(number) as MapEntry<K, V>).place);
  }

  writer({ to }: ViewPlan): ChangeWriter<RemovedEntry> {
    const { version } = this.state;
    const kind = this.snapshotKind;
    const stamped = this.ttl !== undefined;
    const current = to.state(this.name, kind, version);
    const deadline = this.viewDeadline;
    return {
      write: (number) => {
        const { key: entryKey, value, stamp, place } = this.#entries.get(number) as MapEntry<K, V>;
        const cell = this.cells.get(place);
        const section = cell instanceof Stale ? to.state(this.name, kind, cell.version) : current;
        const group = this.groupAt(place);
        const key = this.keyAt(place);
        const namespace = this.namespaceAt(place);
        if (stamped && stamp <= deadline) section.removeEntry(group, key, namespace, entryKey);
        else section.putEntry(group, key, namespace, entryKey, stamped ? [value, stamp] : value);
      },
      remove: ({ group, key, namespace, entryKey }) => {
        if (entryKey === undefined) current.remove(group, key, namespace);
        else current.removeEntry(group, key, namespace, entryKey);
      },
    };
  }

  override beginView(plan: ViewPlan): KeyedView {
    return this.#changes.beginView(plan);
  }

  override completed(generation: number): void {
    this.#changes.completed(generation);
  }

  override get burdened(): boolean {
    return this.#changes.burdened;
  }

  // Restoring.

  protected override restoring(restore: () => void): void {
    this.#changes.restoring(restore);
  }

  protected override removeRestored({ entryKey }: RestoredPart): void {
    const entry = entryKey === undefined ? undefined : this.find(entryKey as K);
    if (entryKey === undefined) this.drop();
    else if (entry !== undefined) this.remove(entry);
  }

  protected override putRestored(part: RestoredPart, stamped: boolean, now: number): void {
    const { version } = part.part;
    if (part.entryKey !== undefined) {
      const [value, stamp] = stamped ? (part.value as readonly [unknown, number]) : [part.value, now];
      this.#restore(version, part.entryKey as K, value, stamp);
      return;
    }
    this.drop();
    const [keys, values, stamps] = part.value as MapParts;
    for (let i = 0; i < keys.length; i++) this.#restore(version, keys[i] as K, values[i], stamps?.[i] ?? now);
  }

  /** An entry in whatever version. A map is in one version: in the oldest that came first, else in the present one. */
  #restore(version: number, key: K, value: unknown, stamp: number): void {
    const place = this.places.occupy();
    const known = this.cells.get(place);
    if (known === undefined && version !== this.state.version) {
      const map = this.#addMap(place);
      this.cells.exchange(place, new Stale(version, map));
      this.stale++;
      this.#set(place, map, key, value as V, stamp);
    } else if (known instanceof Stale && known.version === version) {
      this.#set(place, known.cell, key, value as V, stamp);
    } else {
      const present = version === this.state.version ? value : this.migratedValue(version, value);
      this.set(key, present as V, stamp);
    }
  }
}
