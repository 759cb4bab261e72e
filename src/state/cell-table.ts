/** Cells by place: what the tables of a memory backend have in common, whatever kind of state they hold. */

import { MillstreamError } from '../base/error.ts';
import { Column } from './columns.ts';
import type { StateDescriptor } from './descriptor.ts';
import { checkMigrations, migrated, Stale, type VersionedState } from './migration.ts';
import { ABSENT, type Places, type Space } from './places.ts';
import type { RestoredKeyedState, RestoredPart } from './snapshot.ts';
import type { TtlRules } from './ttl.ts';
import type { KeyedView, ViewPlan } from './views.ts';

/** What the kind of a state in a snapshot ends in when its values carry stamps. */
const STAMPED_SUFFIX = '+ttl';

/** Places looked at per entry that incremental cleanup is to look at: where a state is sparse, most are empty. */
const SWEEP_PLACES_PER_ENTRY = 8;

/** A key, and a namespace where there is one, of which nothing is left. */
export interface RemovedCell {
  readonly group: number;
  readonly key: unknown;
  readonly namespace: unknown;
}

export abstract class CellTable<C> {
  readonly name: string;
  readonly kind: StateDescriptor['kind'];
  readonly namespaced: boolean;
  readonly ttl: TtlRules | undefined;
  protected readonly state: VersionedState;
  protected readonly space: Space;
  protected readonly places: Places;
  protected readonly cells = new Column<C | Stale<C>>();
  /** Cells that have not been migrated yet. */
  protected stale = 0;
  #sweepAt = 0;
  /** Kept only so that looking is no work that the compiler can leave out. */
  protected warmed = 0;

  constructor(descriptor: StateDescriptor, namespaced: boolean, space: Space, ttl: TtlRules | undefined) {
    this.name = descriptor.name;
    this.kind = descriptor.kind;
    this.namespaced = namespaced;
    this.ttl = ttl;
    this.state = descriptor;
    this.space = space;
    this.places = namespaced ? space.cells : space.rows;
  }

  /** The kind that the state has in snapshots. */
  get snapshotKind(): string {
    return this.ttl === undefined ? this.kind : this.kind + STAMPED_SUFFIX;
  }

  /** Empties the current place. */
  drop(): void {
    const place = this.places.current();
    if (place !== ABSENT) this.dropAt(place);
  }

  /** Looks at what lies at places, so that it is in the processor's caches when they become current. */
  warm(places: Int32Array): void {
    const { cells } = this;
    let held = 0;
    // The type of an object stands in the object.
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as number;
      if (place !== ABSENT && typeof cells.get(place) === 'object') held++;
    }
    this.warmed = held;
  }

  abstract dropAt(place: number): void;

  protected migratedValue(version: number, value: unknown): unknown {
    return migrated(this.state, version, value);
  }

  /** Looks at a few entries and removes what has expired; goes round through all of them. Only with TTL. */
  sweep(now: number): void {
    const ttl = this.ttl as TtlRules;
    let entries = ttl.sweepEntries;
    const limit = this.places.limit;
    const deadline = now - ttl.timeToLive;
    for (let places = Math.min(entries * SWEEP_PLACES_PER_ENTRY, limit); entries > 0 && places > 0; places--) {
      if (this.#sweepAt >= limit) this.#sweepAt = 0;
      const place = this.#sweepAt++;
      const cell = this.cells.get(place);
      if (cell === undefined) continue;
      entries--;
      this.expire(place, cell, deadline);
    }
  }

  /** Removes what was stamped at or before the deadline. */
  protected abstract expire(place: number, cell: C | Stale<C>, deadline: number): void;

  /** The keys that have a cell, each once. */
  *keys(): Iterable<unknown> {
    const seen = new Set<number>();
    for (let place = 0; place < this.places.limit; place++) {
      if (this.cells.get(place) === undefined) continue;
      const row = this.places.rowOf(place);
      if (this.namespaced) {
        if (seen.has(row)) continue;
        seen.add(row);
      }
      yield this.space.rows.keyOf(row);
    }
  }

  /** The key whose turn it is. */
  get currentKey(): unknown {
    return this.space.key;
  }

  protected groupAt(place: number): number {
    return this.space.rows.keyGroupOf(this.places.rowOf(place));
  }

  protected keyAt(place: number): unknown {
    return this.space.rows.keyOf(this.places.rowOf(place));
  }

  protected namespaceAt(place: number): unknown {
    return this.places.namespaceOf(place);
  }

  protected removalAt(place: number): RemovedCell {
    return { group: this.groupAt(place), key: this.keyAt(place), namespace: this.namespaceAt(place) };
  }

  /** What expired by then is left out of views. */
  protected get viewDeadline(): number {
    return this.ttl?.fullSnapshot === true ? this.ttl.clock() - this.ttl.timeToLive : -Infinity;
  }

  abstract beginView(plan: ViewPlan): KeyedView;
  abstract completed(generation: number): void;
  abstract readonly burdened: boolean;

  /** Takes in what was stored under the state's name. Leaves another key and namespace current. */
  restore(stored: RestoredKeyedState, now: number): void {
    const stamped = stored.kind.endsWith(STAMPED_SUFFIX);
    const kind = stamped ? stored.kind.slice(0, -STAMPED_SUFFIX.length) : stored.kind;
    if (kind !== this.kind) throw this.#otherwise(`is stored as ${kind} state and declared as ${this.kind} state`);
    const { version } = this.state;
    for (const older of stored.versions) if (older !== version) checkMigrations(this.state, older);
    const restore = (): void => this.#restoreParts(stored, stamped, now);
    // What was stored in another form is written anew.
    if (stored.kind === this.snapshotKind) this.restoring(restore);
    else restore();
  }

  /** Runs `restore` without noting changes. */
  protected abstract restoring(restore: () => void): void;

  #restoreParts(stored: RestoredKeyedState, stamped: boolean, now: number): void {
    for (const part of stored.parts()) {
      const removals = part.part.kind === 'removals';
      while (part.next()) {
        if (!this.namespaced && part.namespace !== undefined) {
          throw this.#otherwise('is stored by window (in namespaces) and declared for the whole key');
        }
        this.space.setKey(part.key);
        this.space.setNamespace(part.namespace);
        if (removals) this.removeRestored(part);
        else this.putRestored(part, stamped, now);
      }
    }
  }

  /** Carries out a removal for the current place. */
  protected abstract removeRestored(part: RestoredPart): void;
  /** Puts a restored entry at the current place. */
  protected abstract putRestored(part: RestoredPart, stamped: boolean, now: number): void;

  protected stored(version: number, cell: C): C | Stale<C> {
    return version === this.state.version ? cell : new Stale(version, cell);
  }

  #otherwise(how: string): MillstreamError {
    return new MillstreamError(
      'STATE_INCOMPATIBLE',
      `The state "${this.name}" ${how}. Declare it as it was, or give the new state another name.`,
      { details: { state: this.name } },
    );
  }

  clear(): void {
    this.cells.clear();
    this.stale = 0;
  }
}
