/**
 * A view of the rows of one backend: what they were when it was fixed, written while they go on changing.
 *
 * Nothing is written when the view is fixed, and nothing when a row is touched afterwards: the log keeps what rows were.
 * The view walks the index key group by key group, in stretches of hashes, and takes each row where it is: in memory
 * when it has not changed since, else in the log. A row that changes before the view has come to it leaves its address
 * with the view; if it was in memory alone, it is written to the log first.
 */

import type { KeyGroupRange } from '../../data/key.ts';
import type { KeyedView, ViewPlan } from '../views.ts';
import { RowKind, type Row } from './row.ts';
import type { RowKeeper, RowStore } from './row-store.ts';

/** Rows that the index gives at a time. */
const ROWS_PER_STRETCH = 256;
const HASHES = 2 ** 32;
/** Rows between two looks at the clock. */
const ROWS_PER_LOOK = 4;

export interface ViewSource {
  readonly store: RowStore;
  readonly groups: KeyGroupRange;
  /** Writes what the row holds, or what changed of it after `since`. */
  emit(row: Row, since: number | undefined, plan: ViewPlan): void;
}

export class DiskView implements KeyedView, RowKeeper {
  readonly #source: ViewSource;
  readonly #plan: ViewPlan;
  /** The group and the hash that the walk of the index has come to. */
  #group: number;
  #hash = 0;
  /** Addresses of rows of the current stretch that are yet to be written. */
  #pending: number[] = [];
  /** Addresses that rows left here, by key group. */
  readonly #kept = new Map<number, number[]>();
  /** Addresses of chunks that have gone, by their numbers. */
  readonly #keptChunks = new Map<unknown, number>();
  #failure: Error | undefined;
  #open = true;

  constructor(source: ViewSource, plan: ViewPlan) {
    this.#source = source;
    this.#plan = plan;
    this.#group = source.groups.start;
    source.store.addKeeper(this);
  }

  /** What is written of a group: everything, or what changed after a generation. */
  #sinceOf(group: number): number | undefined {
    const { since, whole } = this.#plan;
    return since === undefined || whole.has(group) ? undefined : since;
  }

  keep(row: Row): void {
    if (!this.#open || row.kind === RowKind.PAGE || row.generation > this.#plan.generation) return;
    if (row.kind === RowKind.LIST_CHUNK) {
      this.#keepChunk(row);
      return;
    }
    if (row.group < this.#group || (row.group === this.#group && row.hash >>> 0 < this.#hash)) return;
    const since = this.#sinceOf(row.group);
    if (since === undefined ? row.dead : row.generation <= since) return;
    if (!this.#written(row)) return;
    const kept = this.#kept.get(row.group);
    if (kept === undefined) this.#kept.set(row.group, [row.address]);
    else kept.push(row.address);
  }

  /** Makes sure that the row as it is lies in the log. */
  #written(row: Row): boolean {
    if (!row.dirty) return true;
    try {
      this.#source.store.write(row);
      return true;
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      return false;
    }
  }

  /** A chunk never changes, so it goes: the list that it was of may be yet to be written. */
  #keepChunk(row: Row): void {
    if (row.group >= this.#group && this.#written(row)) this.#keptChunks.set(row.id, row.address);
  }

  advance(proceed: () => boolean): boolean {
    const { groups } = this.#source;
    let rows = 0;
    while (this.#open) {
      if (this.#failure !== undefined) throw this.#failure;
      const address = this.#pending.pop();
      if (address !== undefined) {
        this.#emit(this.#source.store.readAt(address), this.#sinceOf(this.#group));
      } else if (this.#group > groups.end) {
        this.release();
        break;
      } else if (this.#hash < HASHES) {
        rows += this.#stretch();
      } else if (this.#kept.has(this.#group)) {
        this.#pending = (this.#kept.get(this.#group) as number[]).sort(descending);
        this.#kept.delete(this.#group);
      } else {
        this.#group++;
        this.#hash = 0;
        continue;
      }
      if (++rows >= ROWS_PER_LOOK) {
        rows = 0;
        if (!proceed()) return false;
      }
    }
    return true;
  }

  #emit(row: Row, since: number | undefined): void {
    if ((since === undefined && row.dead) || row.kind === RowKind.LIST_CHUNK) return;
    const { store } = this.#source;
    store.viewed = this.#keptChunks;
    try {
      this.#source.emit(row, since, this.#plan);
    } finally {
      store.viewed = undefined;
    }
  }

  /** Takes the next stretch of hashes of the group: writes what is in memory, and notes what is in the log. */
  #stretch(): number {
    const { store } = this.#source;
    const { generation } = this.#plan;
    const group = this.#group;
    const since = this.#sinceOf(group);
    const from = this.#hash;
    const size = store.index.sizeOf(group);
    const to = Math.min(HASHES, from + Math.max(1, Math.floor((HASHES / Math.max(size, 1)) * ROWS_PER_STRETCH)));
    const completed = store.completedGeneration;
    const gone: (readonly [number, number])[] = [];
    const here: Row[] = [];
    if (size > 0) {
      store.index.walk(group, from, to, -1, (hash, reference, dead, changed) => {
        if (changed > generation) return;
        if (dead && changed <= completed) {
          gone.push([hash, reference]);
          return;
        }
        if (since === undefined ? dead : changed <= since) return;
        if (reference < 0) here.push(store.rowAt(reference));
        else this.#pending.push(reference);
      });
    }
    this.#hash = to;
    this.#pending.sort(descending);
    for (const row of here) this.#emit(row, since);
    for (const [hash, reference] of gone) store.purgeReference(group, hash, reference);
    return here.length;
  }

  release(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pending = [];
    this.#kept.clear();
    this.#keptChunks.clear();
    this.#source.store.removeKeeper(this);
  }
}

/** Addresses are taken from the end, the lowest first. */
function descending(a: number, b: number): number {
  return b - a;
}
