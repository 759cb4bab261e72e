/** A view of a table whose changes are noted: see `changes.ts`. */

import type { ChangeWriter, Changing, Generation } from './change-lists.ts';
import { BitPages } from './bit-pages.ts';
import type { KeyedView, ViewPlan } from './views.ts';

/** How many entries are written before `proceed` is asked again. */
const ENTRIES_PER_ASKING = 8;
/** Places looked at for that: most belong to other key groups, or have not changed. */
const PLACES_PER_ASKING = 256;

/** Says in which generation an entry changed last. */
interface Stamped {
  generationOf(place: number): number;
}

export class ChangesView<Removal> implements KeyedView {
  readonly #changes: Stamped;
  readonly #table: Changing<Removal>;
  readonly #plan: ViewPlan;
  readonly #done: (view: ChangesView<Removal>) => void;
  readonly #writer: ChangeWriter<Removal>;
  /** Lists as they were: a generation that is compacted gets a new one. */
  readonly #lists: readonly Readonly<Generation<Removal>>[];
  readonly #limit: number;
  readonly #written = new BitPages();
  #failure: { readonly error: unknown } | undefined;
  #over = false;
  /** Where it stands: in the removals, then in the places that changed, then among all places. */
  #removalList = 0;
  #removal = 0;
  #changeList = 0;
  #change = 0;
  #place = 0;

  constructor(
    changes: Stamped,
    table: Changing<Removal>,
    plan: ViewPlan,
    lists: readonly Generation<Removal>[],
    done: (view: ChangesView<Removal>) => void,
  ) {
    this.#changes = changes;
    this.#table = table;
    this.#plan = plan;
    this.#done = done;
    this.#lists = lists.map(({ number, places, first, removals, tails }) => ({
      number,
      places,
      first,
      removals,
      tails,
    }));
    this.#limit = table.limit;
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
    if (changed > generation) return false;
    return since === undefined || changed > since || (whole.size > 0 && whole.has(this.#table.groupOf(place)));
  }

  #write(place: number): void {
    if (this.#written.add(place)) this.#writer.write(place, this.#tailOf(place));
  }

  #tailOf(place: number): number {
    if (this.#lists.length === 0 || this.#lists[0]?.tails === undefined) return 0;
    let tail = Infinity;
    for (const { tails } of this.#lists) tail = Math.min(tail, tails?.get(place) ?? Infinity);
    return tail === Infinity || this.#plan.whole.has(this.#table.groupOf(place)) ? 0 : tail;
  }

  advance(proceed: () => boolean): boolean {
    if (this.#over) return true;
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#removals(proceed) || !this.#changed(proceed) || !this.#all(proceed)) return false;
    this.#writer.end?.();
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
      const { number, places, first } = this.#lists[this.#changeList] as Generation<Removal>;
      const count = first + places.length;
      while (this.#change < count) {
        const at = this.#change++;
        const place = at < first ? this.#placeAt(at) : places.get(at - first);
        if (this.#changes.generationOf(place) === number && this.#table.exists(place)) this.#write(place);
        if (this.#change % ENTRIES_PER_ASKING === 0 && !proceed()) return false;
      }
      this.#change = 0;
    }
    return true;
  }

  #placeAt(number: number): number {
    return this.#table.placeAt === undefined ? number : this.#table.placeAt(number);
  }

  /** Everything, or what belongs to key groups that are written whole. */
  #all(proceed: () => boolean): boolean {
    const { generation, since, whole } = this.#plan;
    if (since !== undefined && whole.size === 0) return true;
    let writes = 0;
    let looks = 0;
    while (this.#place < this.#limit) {
      const place = this.#placeAt(this.#place++);
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

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(this);
  }
}
