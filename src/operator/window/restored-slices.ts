/**
 * Slices that were stored, as the windows that they make: for an operator that keeps each window by itself.
 *
 * Every window of a key that has a slice and has not fired is put together from its slices. Windows that have fired are
 * over: where slices are shared, nothing is late.
 */

import { Column } from '../../state/columns.ts';
import { KeyTable } from '../../state/key-table.ts';
import type { RestoredState } from '../../state/snapshot.ts';
import { TimeWindow } from '../../time/windows/window.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { KeySlices, SliceMerger } from './key-slices.ts';
import { otherForm, OTHER_SLICES, restoredEntries, SLICES, SLICES_FIRED } from './restored-windows.ts';
import type { SliceGeometry } from './slice-geometry.ts';
import type { Fold } from './window-fold.ts';

/** What windows are put together with. */
export interface SliceJoining {
  readonly geometry: SliceGeometry;
  readonly fold: Fold;
  readonly types: TypeRegistry;
  readonly operator: string;
}

/**
 * Shows every window with its accumulator, which is the visitor's.
 *
 * @throws STATE_INCOMPATIBLE when the slices are those of windows that slide otherwise.
 */
export function forEachSlicedWindow(
  restored: RestoredState,
  { geometry, fold, types, operator }: SliceJoining,
  visit: (key: unknown, window: TimeWindow, accumulator: unknown) => void,
): void {
  const merger = new SliceMerger(fold, types);
  const keys = new KeyTable(types);
  const byRow = new Column<KeySlices>();
  const slicesOf = (key: unknown): KeySlices => {
    const found = keys.find(key);
    const known = found < 0 ? undefined : byRow.get(found);
    if (known !== undefined) return known;
    const row = keys.add(key);
    const slices = new KeySlices();
    keys.retain(row);
    byRow.exchange(row, slices);
    return slices;
  };
  for (const { key, value } of restoredEntries(restored, SLICES_FIRED, ['value']))
    slicesOf(key).firedEnd = value as number;
  for (const { key, namespace, value } of restoredEntries(restored, SLICES, ['value'])) {
    const { start, end } = TimeWindow.fromKey(namespace as string);
    if (!geometry.hasSlice(start, end)) throw otherForm(SLICES, operator, OTHER_SLICES);
    slicesOf(key).put(start, value);
  }
  for (let row = 0; row < keys.limit; row++) {
    const slices = byRow.get(row) as KeySlices;
    const key = keys.keyOf(row);
    for (const end of openEnds(slices, geometry)) {
      slices.dropBefore(end - geometry.size);
      visit(key, new TimeWindow(end - geometry.size, end), slices.combined(end, merger));
    }
  }
}

/** The ends of the windows that have a slice of the key and have not fired, in order. */
function openEnds(slices: KeySlices, geometry: SliceGeometry): readonly number[] {
  const ends = new Set<number>();
  slices.forEach((start) => {
    const last = geometry.lastWindowEnd(start);
    for (let end = geometry.firstWindowEnd(start); end <= last; end += geometry.slide)
      if (end > slices.firedEnd) ends.add(end);
  });
  return [...ends].sort((a, b) => a - b);
}
