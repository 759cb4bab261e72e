/**
 * What has changed in a table, by generation, and views of it (`views.ts`).
 *
 * A table has places, small numbers under which its entries lie. Each place has a stamp: twice the generation in which
 * it changed last, plus one if it was made in it. The first change of a place in a generation notes it in the list of
 * that generation, after the views under way have written what they hold of it; every later one is a comparison. As long
 * as no view has been taken and nothing was restored, the mark is 0 and nothing is noted at all.
 *
 * A view goes through the lists of its generations, and through all places where it writes whole key groups. What has
 * changed since the view carries a newer stamp: it has been written before it changed, or was not there.
 */

import { IntColumn } from './columns.ts';
import { IntList } from './int-list.ts';
import type { KeyedView, ViewPlan } from './views.ts';

/** How many entries are written before `proceed` is asked again. */
const ENTRIES_PER_ASKING = 8;
/** Places looked at for that: most belong to other key groups, or have not changed. */
const PLACES_PER_ASKING = 256;
/** Lists of fewer changes are not worth looking through. */
const COMPACT_LEAST = 1024;

/** Writes the entries of a table into a view. */
export interface ChangeWriter<Removal> {
  /** `tail`: of a list, the index from which on it is new; 0 for the whole of it, and for all that are no lists. */
  write(place: number, tail: number): void;
  remove(removal: Removal): void;
}

/** A table whose changes are noted. */
export interface Changing<Removal> {
  /** All places lie below. */
  readonly limit: number;
  exists(place: number): boolean;
  groupOf(place: number): number;
  writer(plan: ViewPlan): ChangeWriter<Removal>;
}

/** What changed between two views. */
class Generation<Removal> {
  number = 0;
  places = new IntList();
  removals: Removal[] = [];
  /** Of lists: from which index on they changed. */
  readonly tails: Map<number, number> | undefined;

  constructor(tails: boolean) {
    this.tails = tails ? new Map() : undefined;
  }
}

/** `Removal` is what is kept of an entry that is gone, so that it can be named. */
export class Changes<Removal> {
  readonly #table: Changing<Removal>;
  readonly #withTails: boolean;
  /** Twice the present generation; 0 while nothing needs to be noted. */
  #mark: number;
  readonly #stamps = new IntColumn();
  #present: Generation<Removal>;
  /** Generations whose changes are in no complete checkpoint yet, ascending. */
  #past: Generation<Removal>[] = [];
  #views: readonly ChangesView<Removal>[] = [];

  /** `generation`: the present one, 0 while no view has been taken and nothing was restored. */
  constructor(table: Changing<Removal>, generation: number, tails = false) {
    this.#table = table;
    this.#withTails = tails;
    this.#mark = generation * 2;
    this.#present = new Generation(tails);
  }

  /** Whether changes are noted. */
  get noting(): boolean {
    return this.#mark > 0;
  }

  /** Notes nothing while `restore` puts what the snapshot holds: it is what the next view builds upon. */
  restoring(restore: () => void): void {
    const mark = this.#mark;
    this.#mark = 0;
    restore();
    this.#mark = mark;
  }

  /** To be called before an entry changes, or is handed out so that it can. */
  touch(place: number): void {
    if (this.#mark === 0) return;
    if (this.#stamps.get(place) < this.#mark) this.#touch(place, 0);
    else if (this.#withTails) this.#present.tails?.set(place, 0);
  }

  /** {@link touch} and {@link created} for many places: what is not below `known` was made just now. */
  touchAll(places: Int32Array, from: number, to: number, known: number): void {
    const mark = this.#mark;
    if (mark === 0) return;
    for (let at = from; at < to; at++) {
      const place = places[at] as number;
      if (this.#stamps.get(place) >= mark) continue;
      if (place < known) this.#touch(place, 0);
      else this.created(place);
    }
  }

  /** To be called before items are added to a list that has `length`. */
  touchTail(place: number, length: number): void {
    if (this.#mark > 0 && this.#stamps.get(place) < this.#mark) this.#touch(place, length);
  }

  #touch(place: number, tail: number): void {
    if (!this.#table.exists(place)) return;
    this.#protect(place);
    this.#stamps.set(place, this.#mark);
    this.#present.places.push(place);
    this.#present.tails?.set(place, tail);
  }

  #protect(place: number): void {
    for (const view of this.#views) view.protect(place);
  }

  /** An entry was made where there was none. */
  created(place: number): void {
    if (this.#mark === 0) return;
    this.#stamps.set(place, this.#mark + 1);
    this.#present.places.push(place);
    this.#present.tails?.set(place, 0);
  }

  /**
   * To be called before an entry goes.
   *
   * @returns Whether a view has held it, so that its removal must be noted by {@link removed}.
   */
  dropping(place: number): boolean {
    if (this.#mark === 0) return false;
    const stamp = this.#stamps.get(place);
    if (stamp < this.#mark) this.#protect(place);
    return stamp !== this.#mark + 1;
  }

  removed(removal: Removal): void {
    this.#present.removals.push(removal);
  }

  /** The generation in which an entry changed last. */
  generationOf(place: number): number {
    return this.#stamps.get(place) >> 1;
  }

  beginView(plan: ViewPlan): KeyedView {
    const { generation, since } = plan;
    const closed = this.#present;
    closed.number = generation;
    this.#compact();
    this.#past.push(closed);
    this.#present = new Generation(this.#withTails);
    this.#mark = (generation + 1) * 2;
    const held = since === undefined ? [] : this.#past.filter(({ number }) => number > since);
    const view = new ChangesView(this, this.#table, plan, held, (done) => {
      this.#views = this.#views.filter((other) => other !== done);
    });
    this.#views = [...this.#views, view];
    return view;
  }

  /** When many checkpoints have failed, most of what their lists hold has changed again since. */
  #compact(): void {
    const noted = this.#past.reduce((sum, { places }) => sum + places.length, 0);
    if (noted < COMPACT_LEAST || noted < this.#table.limit * 2) return;
    for (const past of this.#past) {
      const before = past.places;
      past.places = new IntList();
      for (let i = 0; i < before.length; i++) {
        const place = before.get(i);
        if (this.generationOf(place) === past.number) past.places.push(place);
      }
    }
  }

  /** Lets the views under way write all that they hold, now: the entries are about to move. */
  writeViews(): void {
    for (const view of this.#views) view.writeAll();
  }

  completed(generation: number): void {
    this.#past = this.#past.filter(({ number }) => number > generation);
  }
}

class ChangesView<Removal> implements KeyedView {
  readonly #changes: Changes<Removal>;
  readonly #table: Changing<Removal>;
  readonly #plan: ViewPlan;
  readonly #done: (view: ChangesView<Removal>) => void;
  readonly #writer: ChangeWriter<Removal>;
  /** Lists as they were: a generation that is compacted gets a new one. */
  readonly #lists: readonly Readonly<Generation<Removal>>[];
  readonly #limit: number;
  /** A bit per place that has been written. */
  readonly #written: Uint8Array;
  #failure: { readonly error: unknown } | undefined;
  #over = false;
  /** Where it stands: in the removals, then in the places that changed, then among all places. */
  #removalList = 0;
  #removal = 0;
  #changeList = 0;
  #change = 0;
  #place = 0;

  constructor(
    changes: Changes<Removal>,
    table: Changing<Removal>,
    plan: ViewPlan,
    lists: readonly Generation<Removal>[],
    done: (view: ChangesView<Removal>) => void,
  ) {
    this.#changes = changes;
    this.#table = table;
    this.#plan = plan;
    this.#done = done;
    this.#lists = lists.map(({ number, places, removals, tails }) => ({ number, places, removals, tails }));
    this.#limit = table.limit;
    this.#written = new Uint8Array((this.#limit >> 3) + 1);
    this.#writer = table.writer(plan);
  }

  /** An entry is about to change or to go. */
  protect(place: number): void {
    if (this.#failure !== undefined || !this.#holds(place)) return;
    try {
      this.#write(place);
    } catch (error) {
      this.#failure = { error };
    }
  }

  /** Whether the view is to write the entry, as it is. */
  #holds(place: number): boolean {
    const { generation, since, whole } = this.#plan;
    const changed = this.#changes.generationOf(place);
    if (place >= this.#limit || changed > generation) return false;
    return since === undefined || changed > since || (whole.size > 0 && whole.has(this.#table.groupOf(place)));
  }

  #write(place: number): void {
    const at = place >> 3;
    const bit = 1 << (place & 7);
    const bits = this.#written[at] as number;
    if ((bits & bit) !== 0) return;
    this.#written[at] = bits | bit;
    this.#writer.write(place, this.#tailOf(place));
  }

  #tailOf(place: number): number {
    let tail = Infinity;
    for (const { tails } of this.#lists) tail = Math.min(tail, tails?.get(place) ?? Infinity);
    return tail === Infinity || this.#plan.whole.has(this.#table.groupOf(place)) ? 0 : tail;
  }

  advance(proceed: () => boolean): boolean {
    if (this.#over) return true;
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#removals(proceed) || !this.#changed(proceed) || !this.#all(proceed)) return false;
    this.release();
    return true;
  }

  #removals(proceed: () => boolean): boolean {
    for (; this.#removalList < this.#lists.length; this.#removalList++) {
      const { removals } = this.#lists[this.#removalList] as Generation<Removal>;
      while (this.#removal < removals.length) {
        this.#writer.remove(removals[this.#removal++] as Removal);
        if (this.#removal % ENTRIES_PER_ASKING === 0 && !proceed()) return false;
      }
      this.#removal = 0;
    }
    return true;
  }

  #changed(proceed: () => boolean): boolean {
    for (; this.#changeList < this.#lists.length; this.#changeList++) {
      const { number, places } = this.#lists[this.#changeList] as Generation<Removal>;
      while (this.#change < places.length) {
        const place = places.get(this.#change++);
        if (this.#changes.generationOf(place) === number && this.#table.exists(place)) this.#write(place);
        if (this.#change % ENTRIES_PER_ASKING === 0 && !proceed()) return false;
      }
      this.#change = 0;
    }
    return true;
  }

  /** Everything, or what belongs to key groups that are written whole. */
  #all(proceed: () => boolean): boolean {
    const { generation, since, whole } = this.#plan;
    if (since !== undefined && whole.size === 0) return true;
    let writes = 0;
    let looks = 0;
    while (this.#place < this.#limit) {
      const place = this.#place++;
      if (
        this.#table.exists(place) &&
        this.#changes.generationOf(place) <= generation &&
        (since === undefined || whole.has(this.#table.groupOf(place)))
      ) {
        this.#write(place);
        writes++;
      }
      if (writes < ENTRIES_PER_ASKING && ++looks < PLACES_PER_ASKING) continue;
      if (!proceed()) return false;
      writes = 0;
      looks = 0;
    }
    return true;
  }

  /** Writes what is left, at once; what goes wrong is thrown by the next `advance`. */
  writeAll(): void {
    if (this.#failure !== undefined) return;
    try {
      this.advance(() => true);
    } catch (error) {
      this.#failure = { error };
    }
  }

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(this);
  }
}
