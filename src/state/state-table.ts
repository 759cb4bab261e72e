/** One keyed state of a memory backend: a cell per place, with what happens to all of them: snapshot, restore, expiry. */

import { MillstreamError } from '../base/error.ts';
import type { CellShape } from './cell-shape.ts';
import { Column } from './columns.ts';
import type { StateDescriptor } from './descriptor.ts';
import { checkMigrations, migrated, Stale, type VersionedState } from './migration.ts';
import { ABSENT, type Places, type Space } from './places.ts';
import type { KeyedEntryWriter, RestoredKeyedState, SnapshotWriter } from './snapshot.ts';
import type { TtlRules } from './ttl.ts';

/** What the kind of a state in a snapshot ends in when its values carry stamps. */
const STAMPED_SUFFIX = '+ttl';

/** Places looked at per entry that incremental cleanup is to look at: where a state is sparse, most are empty. */
const SWEEP_PLACES_PER_ENTRY = 8;

export class StateTable<C> {
  readonly name: string;
  readonly kind: StateDescriptor['kind'];
  readonly namespaced: boolean;
  readonly ttl: TtlRules | undefined;
  readonly #state: VersionedState;
  readonly #space: Space;
  readonly #places: Places;
  readonly #shape: CellShape<C>;
  readonly #cells = new Column<C | Stale<C>>();
  /** Cells that have not been migrated yet. */
  #stale = 0;
  #sweepAt = 0;

  constructor(
    descriptor: StateDescriptor,
    namespaced: boolean,
    space: Space,
    shape: CellShape<C>,
    ttl: TtlRules | undefined,
  ) {
    this.name = descriptor.name;
    this.kind = descriptor.kind;
    this.namespaced = namespaced;
    this.ttl = ttl;
    this.#state = descriptor;
    this.#space = space;
    this.#places = namespaced ? space.cells : space.rows;
    this.#shape = shape;
  }

  /** The cell of the current place. */
  load(): C | undefined {
    const place = this.#places.current();
    if (place === ABSENT) return undefined;
    const cell = this.#cells.get(place);
    return this.#stale > 0 && cell instanceof Stale ? this.#migrate(place, cell) : (cell as C | undefined);
  }

  /** Puts a cell at the current place. */
  store(cell: C): void {
    let place = this.#places.current();
    if (place === ABSENT) place = this.#places.occupy();
    this.#put(place, cell);
  }

  #put(place: number, cell: C | Stale<C>): void {
    const before = this.#cells.exchange(place, cell);
    if (before === undefined) this.#places.retain(place);
    if (this.#stale > 0 && before instanceof Stale) this.#stale--;
  }

  /** Empties the current place. */
  drop(): void {
    const place = this.#places.current();
    if (place !== ABSENT) this.dropAt(place);
  }

  dropAt(place: number): void {
    const before = this.#cells.exchange(place, undefined);
    if (before === undefined) return;
    if (this.#stale > 0 && before instanceof Stale) this.#stale--;
    this.#places.release(place);
  }

  #migrate(place: number, stale: Stale<C>): C | undefined {
    const cell = this.#shape.migrate(stale.cell, (value) => migrated(this.#state, stale.version, value));
    // A migration that returns undefined gives the value up.
    if (cell === undefined) this.dropAt(place);
    else this.#put(place, cell);
    return cell;
  }

  /** Looks at a few entries and removes what has expired; goes round through all of them. Only with TTL. */
  sweep(now: number): void {
    const ttl = this.ttl as TtlRules;
    let entries = ttl.sweepEntries;
    const limit = this.#places.limit;
    const deadline = now - ttl.timeToLive;
    for (let places = Math.min(entries * SWEEP_PLACES_PER_ENTRY, limit); entries > 0 && places > 0; places--) {
      if (this.#sweepAt >= limit) this.#sweepAt = 0;
      const place = this.#sweepAt++;
      const cell = this.#cells.get(place);
      if (cell === undefined) continue;
      entries--;
      this.#expire(place, cell, deadline);
    }
  }

  #expire(place: number, cell: C | Stale<C>, deadline: number): void {
    const content = cell instanceof Stale ? cell.cell : cell;
    const live = this.#shape.live(content, deadline);
    if (live === content) return;
    if (live === undefined) this.dropAt(place);
    else this.#put(place, cell instanceof Stale ? new Stale(cell.version, live) : live);
  }

  /** The keys that have a cell, each once. */
  *keys(): Iterable<unknown> {
    const seen = new Set<number>();
    for (let place = 0; place < this.#places.limit; place++) {
      if (this.#cells.get(place) === undefined) continue;
      const row = this.#places.rowOf(place);
      if (this.namespaced) {
        if (seen.has(row)) continue;
        seen.add(row);
      }
      yield this.#space.rows.keyOf(row);
    }
  }

  /** Cells that wait for their migration are written as they are, under the version that they have. */
  snapshot(writer: SnapshotWriter): void {
    const kind = this.ttl === undefined ? this.kind : this.kind + STAMPED_SUFFIX;
    const { version } = this.#state;
    const deadline = this.ttl?.fullSnapshot === true ? this.ttl.clock() - this.ttl.timeToLive : -Infinity;
    const current = writer.keyed({ name: this.name, kind, version });
    const older = new Map<number, KeyedEntryWriter>();
    const { rows } = this.#space;
    for (let place = 0; place < this.#places.limit; place++) {
      const stored = this.#cells.get(place);
      if (stored === undefined) continue;
      let section = current;
      let cell = stored as C;
      if (stored instanceof Stale) {
        cell = stored.cell;
        section = older.get(stored.version) ?? writer.keyed({ name: this.name, kind, version: stored.version });
        older.set(stored.version, section);
      }
      const live = this.#shape.live(cell, deadline);
      if (live === undefined) continue;
      const row = this.#places.rowOf(place);
      section.entry(rows.keyGroupOf(row), rows.keyOf(row), this.#places.namespaceOf(place), this.#shape.encode(live));
    }
  }

  /** Takes in what was stored under the state's name. Leaves another key and namespace current. */
  restore(stored: RestoredKeyedState, now: number): void {
    const stamped = stored.kind.endsWith(STAMPED_SUFFIX);
    const kind = stamped ? stored.kind.slice(0, -STAMPED_SUFFIX.length) : stored.kind;
    if (kind !== this.kind) throw this.#otherwise(`is stored as ${kind} state and declared as ${this.kind} state`);
    const { version } = this.#state;
    for (const older of stored.versions) if (older !== version) checkMigrations(this.#state, older);
    for (const entry of stored.entries()) {
      if (!this.namespaced && entry.namespace !== undefined) {
        throw this.#otherwise('is stored by window (in namespaces) and declared for the whole key');
      }
      this.#space.setKey(entry.key);
      this.#space.setNamespace(entry.namespace);
      const cell = this.#shape.decode(entry.value, stamped, now);
      const place = this.#places.occupy();
      if (entry.version === version) {
        this.#put(place, cell);
      } else {
        this.#put(place, new Stale(entry.version, cell));
        this.#stale++;
      }
    }
  }

  #otherwise(how: string): MillstreamError {
    return new MillstreamError(
      'STATE_INCOMPATIBLE',
      `The state "${this.name}" ${how}. Declare it as it was, or give the new state another name.`,
      { details: { state: this.name } },
    );
  }

  clear(): void {
    this.#cells.clear();
    this.#stale = 0;
  }
}
