/** What has gone from state that views have held, by generation. */

import type { KeyedView, ViewPlan } from './views.ts';

/** How many removals are written before `proceed` is asked again. */
const REMOVALS_PER_ASKING = 8;
/** Removals that may be noted, beside twice the entries that there are, before it is cheaper to write everything. */
const REMOVALS_LEAST = 1 << 16;

export class RemovalLog<Removal> {
  #present: Removal[] = [];
  #past: { readonly generation: number; readonly removals: readonly Removal[] }[] = [];
  #noting: boolean;

  /** `generation`: the present one; 0 while no view has been taken and nothing was restored. */
  constructor(generation: number) {
    this.#noting = generation > 0;
  }

  add(removal: Removal): void {
    if (this.#noting) this.#present.push(removal);
  }

  beginView({ generation, since, anew }: ViewPlan, write: (removal: Removal) => void): KeyedView {
    this.#noting = true;
    if (anew === true) this.#past = [];
    this.#past.push({ generation, removals: this.#present });
    this.#present = [];
    const held = since === undefined ? [] : this.#past.filter((past) => past.generation > since);
    return new RemovalsView(
      held.map(({ removals }) => removals),
      write,
    );
  }

  completed(generation: number): void {
    this.#past = this.#past.filter((past) => past.generation > generation);
  }

  /** Whether there are so many that writing everything, `entries` about, costs less. */
  isBurden(entries: number): boolean {
    let removals = 0;
    for (const past of this.#past) removals += past.removals.length;
    return removals > REMOVALS_LEAST && removals > 2 * entries;
  }
}

class RemovalsView<Removal> implements KeyedView {
  #lists: readonly (readonly Removal[])[];
  readonly #write: (removal: Removal) => void;
  #list = 0;
  #at = 0;

  constructor(lists: readonly (readonly Removal[])[], write: (removal: Removal) => void) {
    this.#lists = lists;
    this.#write = write;
  }

  advance(proceed: () => boolean): boolean {
    for (let list = this.#lists[this.#list]; list !== undefined; list = this.#lists[++this.#list]) {
      while (this.#at < list.length) {
        this.#write(list[this.#at++] as Removal);
        if (this.#at % REMOVALS_PER_ASKING === 0 && !proceed()) return false;
      }
      this.#at = 0;
    }
    return true;
  }

  release(): void {
    this.#lists = [];
  }
}
