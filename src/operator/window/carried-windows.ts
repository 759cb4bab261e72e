/**
 * Windows that an operator with slices has taken over whole: each key has what its window held when it was stored. What
 * has come since is in slices, so that both together are the window; no new window is ever added.
 *
 * In a snapshot they are what they were: contents and timers of the general operator.
 */

import type { KeyTable } from '../../state/key-table.ts';
import type { RestoredState, SnapshotWriter } from '../../state/snapshot.ts';
import { TimeWindow } from '../../time/windows/window.ts';
import { restoredEntries, WINDOW_TIMERS } from './restored-windows.ts';
import { CONTENTS } from './window-contents.ts';

export class CarriedWindows {
  /** Accumulators by the window's key and the row. */
  readonly #byWindow = new Map<string, Map<number, unknown>>();

  /**
   * Takes over the windows that have not fired; the others are over, since nothing is late here. `rowOf` makes rows,
   * which are retained. Returns the windows.
   */
  restore(restored: RestoredState, rowOf: (key: unknown) => number, keys: KeyTable): readonly TimeWindow[] {
    for (const { key, namespace, value } of restoredEntries(restored, CONTENTS, ['value']))
      this.#of(namespace as string).set(rowOf(key), value);
    const open = new Map<string, Set<number>>();
    for (const { key, namespace, value } of restoredEntries(restored, WINDOW_TIMERS, TIMERS)) {
      const window = TimeWindow.fromKey(namespace as string);
      if (value !== window.maxTimestamp()) continue;
      let rows = open.get(window.key);
      if (rows === undefined) open.set(window.key, (rows = new Set()));
      rows.add(keys.find(key));
    }
    for (const byRow of this.#byWindow.values()) for (const row of byRow.keys()) keys.retain(row);
    for (const [windowKey, byRow] of this.#byWindow)
      for (const row of byRow.keys()) if (open.get(windowKey)?.has(row) !== true) this.take(windowKey, row, keys);
    return [...this.#byWindow.keys()].map((windowKey) => TimeWindow.fromKey(windowKey));
  }

  #of(windowKey: string): Map<number, unknown> {
    let byRow = this.#byWindow.get(windowKey);
    if (byRow === undefined) this.#byWindow.set(windowKey, (byRow = new Map()));
    return byRow;
  }

  has(windowKey: string, row: number): boolean {
    return this.#byWindow.get(windowKey)?.has(row) === true;
  }

  /** Takes out what a key has in a window, and lets go of its row. */
  take(windowKey: string, row: number, keys: KeyTable): unknown {
    const byRow = this.#byWindow.get(windowKey);
    const accumulator = byRow?.get(row);
    if (accumulator === undefined || byRow === undefined) return undefined;
    byRow.delete(row);
    if (byRow.size === 0) this.#byWindow.delete(windowKey);
    keys.release(row);
    return accumulator;
  }

  snapshot(
    writer: SnapshotWriter,
    timerKind: 'event-timer' | 'processing-timer',
    keys: KeyTable,
    groupOf: (key: unknown) => number,
  ): void {
    if (this.#byWindow.size === 0) return;
    const contents = writer.keyed({ name: CONTENTS, kind: 'value', version: 1 });
    const timers = writer.keyed({ name: WINDOW_TIMERS, kind: timerKind, version: 1 });
    for (const [windowKey, byRow] of this.#byWindow) {
      const last = TimeWindow.fromKey(windowKey).maxTimestamp();
      for (const [row, accumulator] of byRow) {
        const key = keys.keyOf(row);
        const group = groupOf(key);
        contents.entry(group, key, windowKey, accumulator);
        timers.entry(group, key, windowKey, last);
      }
    }
  }
}

const TIMERS = ['event-timer', 'processing-timer'];
