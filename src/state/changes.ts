/**
 * What has changed in a table, by generation, and views of it (`views.ts`).
 *
 * A table has places, small numbers under which its entries lie. Each place has a stamp: twice the generation in which
 * it changed last, plus one if it was made in it. The first change of a place in a generation notes it in the list of
 * that generation, after the views under way have written what they hold of it; every later one is a comparison with a
 * byte. As long as no view has been taken and nothing was restored nothing is noted at all: all of it belongs to the
 * generation that the first view closes.
 *
 * A view (`changes-view.ts`) goes through the lists of its generations, and through all places where it writes whole key
 * groups. What has changed since the view carries a newer stamp: it has been written before it changed, or was not there.
 */

import { Generation, type Changing } from './change-lists.ts';
import { ChangesView } from './changes-view.ts';
import { IntColumn } from './columns.ts';
import { IntList } from './int-list.ts';
import type { KeyedView, ViewPlan } from './views.ts';

/** Lists of fewer changes are not worth looking through. */
const COMPACT_LEAST = 1024;
/** Removals that may be noted, beside twice the entries that there are, before it is cheaper to write everything. */
const REMOVALS_LEAST = 1 << 16;
/** Bytes that stand for generations: 0 is none. */
const BYTE_MARKS = 255;
const BYTES_LEAST = 64;

/** Stamps by place. */
interface Stamps {
  get(place: number): number;
  set(place: number, stamp: number): void;
}

/** Stamps of a table of which few places are taken. */
class SparseStamps implements Stamps {
  readonly #stamps = new Map<number, number>();

  get(place: number): number {
    return this.#stamps.get(place) ?? 0;
  }

  set(place: number, stamp: number): void {
    this.#stamps.set(place, stamp);
  }

  entries(): Iterable<readonly [number, number]> {
    return this.#stamps;
  }
}

/** `Removal` is what is kept of an entry that is gone, so that it can be named. */
export class Changes<Removal> {
  readonly #table: Changing<Removal>;
  readonly #withTails: boolean;
  /** Twice the present generation; 0 while nothing needs to be noted. */
  #mark: number;
  /** The present generation as a byte. */
  #byte = 0;
  /** By place: the byte of the generation in which it changed last, so that most changes cost one comparison. */
  #bytes = new Uint8Array(0);
  /** Whether places are few and far between: then there are no bytes. */
  #sparse: boolean;
  #stamps: Stamps;
  /** The generation of what carries no stamp. */
  #born = 0;
  #present: Generation<Removal>;
  /** Generations whose changes are in no complete checkpoint yet, ascending. */
  #past: Generation<Removal>[] = [];
  #views: readonly ChangesView<Removal>[] = [];

  /** `generation`: the present one, 0 while no view has been taken and nothing was restored. */
  constructor(table: Changing<Removal>, generation: number, tails = false, sparse = false) {
    this.#table = table;
    this.#withTails = tails;
    this.#sparse = sparse;
    this.#stamps = sparse ? new SparseStamps() : new IntColumn();
    this.#present = new Generation(tails);
    this.#mark = 0;
    this.#enter(generation);
  }

  #enter(generation: number): void {
    this.#mark = generation * 2;
    if (generation === 0) return;
    this.#byte = 1 + (generation % BYTE_MARKS);
    if (this.#byte === 1) this.#bytes.fill(0);
  }

  /** The places are not few any more. */
  fill(): void {
    if (!(this.#stamps instanceof SparseStamps)) return;
    const stamps = new IntColumn();
    for (const [place, stamp] of this.#stamps.entries()) stamps.set(place, stamp);
    this.#stamps = stamps;
    this.#sparse = false;
  }

  /** Whether changes are noted. */
  get noting(): boolean {
    return this.#mark > 0;
  }

  /** Whether views are under way. */
  get viewed(): boolean {
    return this.#views.length > 0;
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
    if (this.#mark === 0 || (this.#bytes[place] === this.#byte && !this.#withTails)) return;
    this.#touchSlowly(place);
  }

  /** Whether a change of the place would be its first in this generation, and a view has held the entry. */
  isFirst(place: number): boolean {
    return this.#mark > 0 && this.#bytes[place] !== this.#byte && this.#stamps.get(place) < this.#mark;
  }

  #touchSlowly(place: number): void {
    if (this.#stamps.get(place) < this.#mark) this.#touch(place, 0);
    else {
      this.#setByte(place);
      if (this.#withTails) this.#present.tails?.set(place, 0);
    }
  }

  /** {@link touch} and {@link created} for many places: what is not below `known` was made just now. */
  touchAll(places: Int32Array, from: number, to: number, known: number): void {
    if (this.#mark === 0) return;
    const byte = this.#byte;
    let bytes = this.#bytes;
    for (let at = from; at < to; at++) {
      const place = places[at] as number;
      if (place < bytes.length && bytes[place] === byte) continue;
      if (place < known) this.#touchSlowly(place);
      else if (this.#stamps.get(place) < this.#mark) this.created(place);
      else this.#setByte(place);
      bytes = this.#bytes;
    }
  }

  /** To be called before items are added to a list that has `length`. */
  touchTail(place: number, length: number): void {
    if (this.#mark > 0 && this.#stamps.get(place) < this.#mark) this.#touch(place, length);
  }

  #touch(place: number, tail: number): void {
    if (!this.#table.exists(place)) return;
    if (this.#views.length > 0) this.#protect(place);
    this.#setByte(place);
    this.#stamps.set(place, this.#mark);
    this.#present.places.push(place);
    if (this.#withTails) this.#present.tails?.set(place, tail);
  }

  #setByte(place: number): void {
    if (place < this.#bytes.length) this.#bytes[place] = this.#byte;
    else if (!this.#sparse) {
      const grown = new Uint8Array(Math.max(BYTES_LEAST, this.#bytes.length * 2, place + 1));
      grown.set(this.#bytes);
      grown[place] = this.#byte;
      this.#bytes = grown;
    }
  }

  #protect(place: number): void {
    for (const view of this.#views) view.protect(place);
  }

  /** An entry was made where there was none. */
  created(place: number): void {
    if (this.#mark === 0) return;
    this.#setByte(place);
    this.#stamps.set(place, this.#mark + 1);
    this.#present.places.push(place);
    if (this.#withTails) this.#present.tails?.set(place, 0);
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
    return this.#stamps.get(place) >> 1 || this.#born;
  }

  beginView(plan: ViewPlan): KeyedView {
    const { generation, since } = plan;
    const closed = this.#present;
    closed.number = generation;
    if (this.#mark === 0) {
      this.#born = generation;
      closed.first = this.#table.limit;
    }
    if (plan.anew === true) this.#past = [];
    this.#compact();
    this.#past.push(closed);
    this.#present = new Generation(this.#withTails);
    this.#enter(generation + 1);
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

  /** Whether so many removals wait for a checkpoint to complete that writing everything is better. */
  get burdened(): boolean {
    let removals = 0;
    for (const past of this.#past) removals += past.removals.length;
    return removals > REMOVALS_LEAST && removals > 2 * this.#table.limit;
  }

  completed(generation: number): void {
    this.#past = this.#past.filter(({ number }) => number > generation);
  }

  /**
   * Takes over what is known of some places of another table, which goes on here under the numbers of their order in
   * `places`. Views that are under way stay with that table, which must not change any more.
   */
  inherit(from: Changes<Removal>, places: Int32Array): void {
    this.#born = from.#born;
    this.#mark = from.#mark;
    this.#byte = from.#byte;
    this.#past = from.#past.map((past) => this.#emptyLike(past));
    this.#present = this.#emptyLike(from.#present);
    if (from.#mark === 0) return;
    const lists = new Map(this.#past.map((one) => [one.number, one]));
    for (let place = 0; place < places.length; place++) {
      const stamp = from.#stamps.get(places[place] as number);
      this.#stamps.set(place, stamp);
      const generation = stamp >> 1 || this.#born;
      const list = stamp >= from.#mark ? this.#present : lists.get(generation);
      list?.places.push(place);
    }
  }

  #emptyLike({ number }: Generation<Removal>): Generation<Removal> {
    const generation = new Generation<Removal>(this.#withTails);
    generation.number = number;
    return generation;
  }
}
