/**
 * Windows that an operator with slices has taken over whole: each key has what its window held when it was stored. What
 * has come since is in slices, so that both together are the window; no new window is ever added.
 *
 * In a snapshot they are what they were: contents and timers of the general operator.
 */

import type { ChangeWriter, Changing } from '../../state/change-lists.ts';
import { Changes } from '../../state/changes.ts';
import type { KeyTable } from '../../state/key-table.ts';
import type { RestoredState } from '../../state/snapshot.ts';
import type { ViewPlan } from '../../state/views.ts';
import { TimeWindow } from '../../time/windows/window.ts';
import { restoredEntries, WINDOW_TIMERS } from './restored-windows.ts';
import { CONTENTS } from './window-contents.ts';
import type { WindowViews, WrittenState } from './window-views.ts';

/** What a key has in a window. */
interface Carried {
  readonly row: number;
  readonly windowKey: string;
  readonly accumulator: unknown;
}

export class CarriedWindows implements Changing<never> {
  /** Their places are their numbers here. */
  readonly #all: (Carried | undefined)[] = [];
  /** Places by the window's key and the row. */
  readonly #byWindow = new Map<string, Map<number, number>>();
  readonly changes: Changes<never>;
  readonly states: readonly [WrittenState, WrittenState];
  readonly #keys: KeyTable;
  readonly #groupOf: (key: unknown) => number;

  constructor(
    keys: KeyTable,
    groupOf: (key: unknown) => number,
    timerKind: 'event-timer' | 'processing-timer',
    generation: number,
  ) {
    this.#keys = keys;
    this.#groupOf = groupOf;
    this.changes = new Changes(this, generation);
    this.states = [
      { name: CONTENTS, kind: 'value' },
      { name: WINDOW_TIMERS, kind: timerKind },
    ];
  }

  /**
   * Takes over the windows that have not fired; the others are over, since nothing is late here. `rowOf` makes rows,
   * which are retained. Returns the windows.
   */
  restore(restored: RestoredState, rowOf: (key: unknown) => number, views: WindowViews): readonly TimeWindow[] {
    for (const { key, namespace, value } of restoredEntries(restored, CONTENTS, ['value'])) {
      const windowKey = namespace as string;
      const row = rowOf(key);
      this.#of(windowKey).set(row, this.#all.push({ row, windowKey, accumulator: value }) - 1);
    }
    const open = new Map<string, Set<number>>();
    for (const { key, namespace, value } of restoredEntries(restored, WINDOW_TIMERS, TIMERS)) {
      const window = TimeWindow.fromKey(namespace as string);
      if (value !== window.maxTimestamp()) continue;
      let rows = open.get(window.key);
      if (rows === undefined) open.set(window.key, (rows = new Set()));
      rows.add(this.#keys.find(key));
    }
    for (const byRow of this.#byWindow.values()) for (const row of byRow.keys()) this.#keys.retain(row);
    for (const [windowKey, byRow] of this.#byWindow)
      for (const row of byRow.keys()) if (open.get(windowKey)?.has(row) !== true) this.take(windowKey, row, views);
    return [...this.#byWindow.keys()].map((windowKey) => TimeWindow.fromKey(windowKey));
  }

  #of(windowKey: string): Map<number, number> {
    let byRow = this.#byWindow.get(windowKey);
    if (byRow === undefined) this.#byWindow.set(windowKey, (byRow = new Map()));
    return byRow;
  }

  has(windowKey: string, row: number): boolean {
    return this.#byWindow.get(windowKey)?.has(row) === true;
  }

  /** Takes out what a key has in a window, and lets go of its row. */
  take(windowKey: string, row: number, views: WindowViews): unknown {
    const byRow = this.#byWindow.get(windowKey);
    const place = byRow?.get(row);
    if (place === undefined || byRow === undefined) return undefined;
    const { accumulator } = this.#all[place] as Carried;
    if (this.changes.dropping(place)) this.#gone(row, windowKey, views);
    this.#all[place] = undefined;
    byRow.delete(row);
    if (byRow.size === 0) this.#byWindow.delete(windowKey);
    this.#keys.release(row);
    return accumulator;
  }

  #gone(row: number, windowKey: string, views: WindowViews): void {
    const key = this.#keys.keyOf(row);
    const group = this.#groupOf(key);
    const [contents, timers] = this.states;
    views.gone((to) => {
      to.state(contents.name, contents.kind, 1).remove(group, key, windowKey);
      to.state(timers.name, timers.kind, 1).removeEntry(group, key, windowKey, lastOf(windowKey));
    });
  }

  get limit(): number {
    return this.#all.length;
  }

  exists(place: number): boolean {
    return this.#all[place] !== undefined;
  }

  groupOf(place: number): number {
    return this.#groupOf(this.#keys.keyOf((this.#all[place] as Carried).row));
  }

  writer({ to }: ViewPlan): ChangeWriter<never> {
    const [contents, timers] = this.states;
    return {
      write: (place) => {
        const { row, windowKey, accumulator } = this.#all[place] as Carried;
        const key = this.#keys.keyOf(row);
        const group = this.#groupOf(key);
        to.state(contents.name, contents.kind, 1).put(group, key, windowKey, accumulator);
        to.state(timers.name, timers.kind, 1).putEntry(group, key, windowKey, lastOf(windowKey), undefined);
      },
      remove: () => {},
    };
  }
}

function lastOf(windowKey: string): number {
  return TimeWindow.fromKey(windowKey).maxTimestamp();
}

const TIMERS = ['event-timer', 'processing-timer'];
