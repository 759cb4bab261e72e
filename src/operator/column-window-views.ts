/**
 * Views of windows over columns: of the tables of all slices, of what is left of the window that is firing, and of how
 * far windows have fired.
 */

import type { KeyGroupRange } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { AggregateTable } from '../kernel/aggregate-table.ts';
import { joinedView, type KeyedView, type ViewedState, type ViewPlan } from '../state/views.ts';
import { TABLE_KIND, TABLE_VERSION } from './column-state.ts';
import { WatchedTable } from './column-views.ts';
import type { WindowFiring } from './column-window-firing.ts';
import type { OpenSlices, SliceWatcher } from './column-window-slices.ts';

/** Accumulators by slice; and those of a window that had fired in part at the barrier. */
export const SLICES = 'slices';
export const FIRING = 'firing';
/** The end of the last window that has fired, by key group. */
export const FIRED = 'fired';
const FIRED_KIND = 'column-window';

/** What has no more tables, from a generation on. */
interface Removal {
  readonly generation: number;
  readonly name: string;
  readonly time: number;
  readonly keyGroups: Iterable<number>;
}

export class ColumnWindowViews implements ViewedState, SliceWatcher {
  readonly #slices: OpenSlices;
  readonly #firing: WindowFiring;
  readonly #keyGroups: KeyGroupRange;
  readonly #types: TypeRegistry;
  /** By name and time. */
  readonly #tables = new Map<string, WatchedTable>();
  #removals: Removal[] = [];
  #generation: number;
  #restoring = false;
  /** How far windows had fired at the last view, and the generation in which they came so far. */
  #fired = NaN;
  #firedIn = 0;

  constructor(
    slices: OpenSlices,
    firing: WindowFiring,
    keyGroups: KeyGroupRange,
    types: TypeRegistry,
    restored: boolean,
  ) {
    this.#slices = slices;
    this.#firing = firing;
    this.#keyGroups = keyGroups;
    this.#types = types;
    this.#generation = restored ? 1 : 0;
    this.#fired = slices.firedEnd;
    this.#restoring = restored;
    slices.watch(this);
    this.#restoring = false;
  }

  opened(kind: 'slice' | 'partly', time: number, table: AggregateTable): void {
    const name = nameOf(kind);
    const identity = { name, namespace: time, types: this.#types };
    this.#tables.set(placeOf(name, time), new WatchedTable(identity, table, this.#restoring ? 1 : 0));
  }

  dropped(kind: 'slice' | 'partly', time: number): void {
    const name = nameOf(kind);
    const place = placeOf(name, time);
    const table = this.#tables.get(place);
    this.#tables.delete(place);
    if (table?.held === true)
      this.#removals.push({ generation: this.#generation, name, time, keyGroups: table.keyGroups() });
  }

  standing(name: string, kind: string): 'current' | 'replaced' {
    if (name === FIRED) return kind === FIRED_KIND ? 'current' : 'replaced';
    return (name === SLICES || name === FIRING) && kind === TABLE_KIND ? 'current' : 'replaced';
  }

  beginView(plan: ViewPlan): KeyedView {
    const removals = this.#removalsOf(plan);
    const views = [removals, this.#firedView(plan), ...Array.from(this.#tables.values(), (one) => one.beginView(plan))];
    this.#generation = plan.generation + 1;
    const rest = this.#firing.rest;
    if (rest !== undefined) {
      const { start, end } = this.#keyGroups;
      // What is left now is not what will be left then.
      const keyGroups = Array.from({ length: end - start + 1 }, (_, i) => start + i);
      this.#removals.push({ generation: this.#generation, name: FIRING, time: rest.end, keyGroups });
      views.push(this.#firing.beginView(plan, FIRING, this.#types));
    }
    return joinedView(views);
  }

  #removalsOf({ since, generation, to }: ViewPlan): KeyedView {
    const due =
      since === undefined ? [] : this.#removals.filter((one) => one.generation > since && one.generation <= generation);
    return steps(
      due.map(({ name, time, keyGroups }) => () => {
        const section = to.state(name, TABLE_KIND, TABLE_VERSION);
        for (const keyGroup of keyGroups) section.removeNamespace(keyGroup, time);
      }),
    );
  }

  #firedView({ since, generation, whole, to }: ViewPlan): KeyedView {
    if (this.#slices.firedEnd !== this.#fired) {
      this.#fired = this.#slices.firedEnd;
      this.#firedIn = generation;
    }
    const all = since === undefined || this.#firedIn > since;
    const ends: (readonly [number, number])[] = [];
    this.#slices.fired((keyGroup, end) => {
      if (all || whole.has(keyGroup)) ends.push([keyGroup, end]);
    });
    return steps([
      () => {
        const section = to.state(FIRED, FIRED_KIND, 1);
        for (const [keyGroup, end] of ends) section.put(keyGroup, null, undefined, end);
      },
    ]);
  }

  completed(generation: number): void {
    this.#removals = this.#removals.filter((one) => one.generation > generation);
    for (const table of this.#tables.values()) table.completed(generation);
  }
}

function nameOf(kind: 'slice' | 'partly'): string {
  return kind === 'slice' ? SLICES : FIRING;
}

function placeOf(name: string, time: number): string {
  return `${name} ${time}`;
}

/** A view of a few steps, each of which is short. */
function steps(all: readonly (() => void)[]): KeyedView {
  let at = 0;
  return {
    advance(proceed) {
      while (at < all.length) {
        all[at++]?.();
        if (!proceed()) return false;
      }
      return true;
    },
    release() {
      at = all.length;
    },
  };
}
