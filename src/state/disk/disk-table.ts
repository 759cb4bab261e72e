/** One keyed state of a disk backend: its cells in the rows of keys, or of keys and namespaces. */

import { MillstreamError } from '../../base/error.ts';
import type { StateDescriptor } from '../descriptor.ts';
import { checkMigrations, migrated, Stale, type VersionedState } from '../migration.ts';
import type { RestoredEntry, RestoredKeyedState } from '../snapshot.ts';
import type { TtlRules } from '../ttl.ts';
import type { PartWriter } from '../views.ts';
import type { CellReader, CellWriter } from './cell-io.ts';
import type { DiskShape } from './disk-cell.ts';
import { tellExpired } from './tell-expired.ts';
import type { DiskSpace } from './disk-space.ts';
import type { Row } from './row.ts';
import type { ShapeHint } from './value-codec.ts';

/** What the kind of a state in a snapshot ends in when its values carry stamps. */
const STAMPED_SUFFIX = '+ttl';

/** States with a number from here on have no bit in `Row.emptied`. */
const EMPTIED_BITS = 30;

/** A row is measured again after so many writes of its state. */
const MEASURE_EVERY = 16;

/** Rows found by compaction that wait for the cleanup, at most. */
const DUE_MAX = 256;

/** Rows in memory that are looked at per entry that incremental cleanup is to look at. */
const SWEEP_ROWS_PER_ENTRY = 8;

export class DiskTable<C> {
  /** Among the states of keys, or among those of keys and namespaces. */
  readonly number: number;
  readonly name: string;
  readonly kind: StateDescriptor['kind'];
  readonly namespaced: boolean;
  readonly ttl: TtlRules | undefined;
  readonly space: DiskSpace;
  readonly shape: DiskShape<C>;
  /** For the values of this state. */
  readonly hint: ShapeHint = { shape: undefined };
  readonly #state: VersionedState;
  /** Some cells may have been stored in an older version. */
  protected stale = false;
  #writes = 0;
  #sweepAt = 0;
  /** Rows that compaction has found something expired in. */
  #due: Row[] = [];

  constructor(
    number: number,
    descriptor: StateDescriptor,
    namespaced: boolean,
    space: DiskSpace,
    shape: DiskShape<C>,
    ttl: TtlRules | undefined,
  ) {
    this.number = number;
    this.name = descriptor.name;
    this.kind = descriptor.kind;
    this.namespaced = namespaced;
    this.space = space;
    this.shape = shape;
    this.ttl = ttl;
    this.#state = descriptor;
  }

  /** The kind under which the state is stored. */
  get storedKind(): string {
    return this.ttl === undefined ? this.kind : this.kind + STAMPED_SUFFIX;
  }

  get version(): number {
    return this.#state.version;
  }

  row(): Row | undefined {
    return this.namespaced ? this.space.namespaceRow() : this.space.keyRow();
  }

  /** The current cell, to be read; what can be changed in it is changed after `change` alone. */
  load(): C | undefined {
    const row = this.row();
    if (row === undefined) return undefined;
    const cell = row.cell(this.number);
    return this.stale && cell instanceof Stale ? this.#migrate(row, cell) : (cell as C | undefined);
  }

  /** Before the current cell, which is there, is changed in place or handed out to be changed. */
  change(): void {
    const { store } = this.space;
    const row = this.row() as Row;
    store.touch(row);
    if (++this.#writes % MEASURE_EVERY === 0) store.resized(row);
  }

  /** The current cell, which is there, has grown. */
  grown(): void {
    this.space.store.resized(this.row() as Row);
  }

  /** Makes `cell` the current one. */
  store(cell: C | Stale<C>): void {
    this.put(this.occupy(), cell);
  }

  /** The current row, made if it is missing, ready to be changed. */
  protected occupy(): Row {
    return this.namespaced ? this.space.occupyNamespaceRow() : this.space.occupyKeyRow();
  }

  /** What stood in the cell of a row is not there any more. */
  protected replaced(_row: Row, _before: unknown): void {}

  protected put(row: Row, cell: C | Stale<C>): void {
    const before = row.exchange(this.number, cell);
    if (before !== undefined && before !== cell) this.replaced(row, before);
    if (before === undefined || ++this.#writes % MEASURE_EVERY === 0) this.space.store.resized(row);
  }

  /** Empties the current cell. */
  drop(): void {
    const row = this.row();
    if (row !== undefined) this.dropAt(row);
  }

  /** Empties the cell of a row, which is the current one. */
  dropAt(row: Row): void {
    if (!this.#empty(row)) return;
    if (row.isEmpty) this.space.emptied(row);
  }

  /** Returns whether there was something. */
  #empty(row: Row): boolean {
    const before = row.cell(this.number);
    if (before === undefined) return false;
    this.space.change(row);
    row.exchange(this.number, undefined);
    this.replaced(row, before);
    // What is restored and then replaced has never been in a checkpoint of this backend.
    if (this.number < EMPTIED_BITS && !this.space.restoring) row.emptied |= 1 << this.number;
    return true;
  }

  /** A value of another version in the present one. */
  protected migrated(version: number, value: unknown): unknown {
    return migrated(this.#state, version, value);
  }

  #migrate(row: Row, stale: Stale<C>): C | undefined {
    const { store } = this.space;
    const cell = this.shape.migrate(
      this.whole(row, stale.cell),
      (value) => this.migrated(stale.version, value),
      store.generation,
    );
    if (cell === undefined) {
      // A migration that returns undefined gives the value up.
      this.dropAt(row);
    } else {
      store.touch(row);
      this.put(row, cell);
    }
    return cell;
  }

  /** The cell of a row with all that belongs to it in it. */
  protected whole(_row: Row, cell: C): C {
    return cell;
  }

  // Records.

  write(cell: unknown, to: CellWriter): void {
    if (cell instanceof Stale) {
      to.varint(cell.version);
      this.shape.write(cell.cell as C, to);
    } else {
      to.varint(0);
      this.shape.write(cell as C, to);
    }
  }

  read(from: CellReader): unknown {
    const version = from.varint();
    const cell = this.shape.read(from);
    return version === 0 ? cell : new Stale(version, cell);
  }

  sizeOf(cell: unknown): number {
    return this.shape.sizeOf(cell instanceof Stale ? (cell.cell as C) : (cell as C));
  }

  // Views.

  /** Writes what the row holds of this state, or what changed of it after `since`. */
  emit(row: Row, since: number | undefined, to: PartWriter): void {
    const stored = row.cell(this.number);
    if (stored === undefined) {
      if (since === undefined || row.born > since) return;
      if (this.number < EMPTIED_BITS && (row.emptied & (1 << this.number)) === 0) return;
      to.state(this.name, this.storedKind, this.version).remove(row.group, row.key, row.namespace);
      return;
    }
    const stale = stored instanceof Stale;
    const cell = stale ? (stored.cell as C) : (stored as C);
    const version = stale ? stored.version : this.version;
    const live =
      this.ttl?.fullSnapshot === true
        ? this.shape.live(this.whole(row, cell), this.ttl.clock() - this.ttl.timeToLive, row.generation)
        : cell;
    const writer = to.state(this.name, this.storedKind, version);
    if (live !== undefined) this.shape.emit(live, row, since, writer);
    else if (since !== undefined && row.born <= since) writer.remove(row.group, row.key, row.namespace);
  }

  /** Writes a page of the state that is a row of its own, or what changed of it. */
  emitPage(_row: Row, _since: number | undefined, _to: PartWriter): void {}

  // Restoring.

  /** Takes in what was stored under the state's name. Leaves another key and namespace current. */
  restore(stored: RestoredKeyedState, now: number): void {
    const stamped = stored.kind.endsWith(STAMPED_SUFFIX);
    const kind = stamped ? stored.kind.slice(0, -STAMPED_SUFFIX.length) : stored.kind;
    if (kind !== this.kind) throw this.#otherwise(`is stored as ${kind} state and declared as ${this.kind} state`);
    const { version } = this.#state;
    for (const other of stored.versions) if (other !== version) checkMigrations(this.#state, other);
    this.stale ||= stored.versions.some((other) => other !== version);
    this.restoreAll(stored, stamped, now);
  }

  protected restoreAll(stored: RestoredKeyedState, stamped: boolean, now: number): void {
    // A key, or a key and a namespace, has one entry in the first part of its group. Growing is a third of a restore.
    for (const { group, parts } of stored.groups) {
      let entries = 0;
      for (const part of parts) if (part.kind === 'base') entries += part.count;
      this.space.store.reserve(group, entries);
    }
    for (const entry of stored.entries()) {
      this.at(entry);
      const cell = this.shape.decode(entry.value, stamped, now);
      this.store(entry.version === this.version ? cell : new Stale(entry.version, cell));
    }
  }

  /** Makes the key and the namespace of what is restored current. */
  protected at({ key, namespace }: Pick<RestoredEntry, 'key' | 'namespace'>): void {
    if (!this.namespaced && namespace !== undefined) {
      throw this.#otherwise('is stored by window (in namespaces) and declared for the whole key');
    }
    this.space.setKey(key);
    this.space.setNamespace(namespace);
  }

  #otherwise(how: string): MillstreamError {
    return new MillstreamError(
      'STATE_INCOMPATIBLE',
      `The state "${this.name}" ${how}. Declare it as it was, or give the new state another name.`,
      { details: { state: this.name } },
    );
  }

  // Time to live.

  /** Looks at a few rows in memory and removes what has expired; goes round through all of them. Only with TTL. */
  sweep(now: number): void {
    const ttl = this.ttl as TtlRules;
    const { inMemory } = this.space.store;
    const { length } = inMemory;
    const deadline = now - ttl.timeToLive;
    let entries = ttl.sweepEntries;
    for (; entries > 0 && this.#due.length > 0; entries--) this.#expireFound(this.#due.pop() as Row, deadline);
    for (let left = Math.min(entries * SWEEP_ROWS_PER_ENTRY, length); entries > 0 && left > 0; left--) {
      if (this.#sweepAt >= length) this.#sweepAt = 0;
      const row = inMemory[this.#sweepAt++];
      if (row === undefined || !this.sweeps(row)) continue;
      entries--;
      this.expireRow(row, deadline);
    }
  }

  /** Compaction has come by a row, which is a copy: notes it for the cleanup if something in it has expired. */
  examine(row: Row, now: number): void {
    const ttl = this.ttl as TtlRules;
    if (this.#due.length < DUE_MAX && this.sweeps(row) && this.isDue(row, now - ttl.timeToLive)) this.#due.push(row);
  }

  /** Whether something in a row has expired. */
  protected isDue(row: Row, deadline: number): boolean {
    const stored = row.cell(this.number);
    const cell = stored instanceof Stale ? (stored.cell as C) : (stored as C);
    return this.mayExpire(cell, deadline) && this.shape.live(cell, deadline, row.generation) !== cell;
  }

  #expireFound({ kind, group, hash, id, namespaceId }: Row, deadline: number): void {
    const row = this.space.store.find(kind, group, hash, id, namespaceId);
    if (row !== undefined && !row.dead && this.sweeps(row)) this.expireRow(row, deadline);
  }

  /** Whether the row may hold something of this state that expires. */
  protected sweeps(row: Row): boolean {
    return row.kind === this.rowKind && row.cell(this.number) !== undefined;
  }

  /** Removes what has expired of a row that need not be the current one. */
  expireRow(row: Row, deadline: number): void {
    const stored = row.cell(this.number);
    if (stored !== undefined) this.#expire(row, stored, deadline);
  }

  /** Removes what has expired of a row that need not be the current one. */
  #expire(row: Row, stored: unknown, deadline: number): void {
    const stale = stored instanceof Stale;
    const short = stale ? (stored.cell as C) : (stored as C);
    if (!this.mayExpire(short, deadline)) return;
    const cell = this.whole(row, short);
    const live = this.shape.live(cell, deadline, this.space.store.generation);
    if (live === cell) return;
    const { expired } = this.ttl as TtlRules;
    if (expired !== undefined) {
      const now = (value: unknown): unknown => (stale ? migrated(this.#state, stored.version, value) : value);
      tellExpired(cell, deadline, (value, entryKey) => expired(row.key, now(value), entryKey));
    }
    if (live !== undefined) {
      this.space.store.touch(row);
      this.put(row, stale ? new Stale(stored.version, live) : live);
      return;
    }
    this.space.at(row, () => this.dropAt(row));
  }

  /** Whether it is worth while to look for what has expired of a cell. */
  protected mayExpire(_cell: C, _deadline: number): boolean {
    return true;
  }

  get rowKind(): number {
    return this.namespaced ? 1 : 0;
  }
}
