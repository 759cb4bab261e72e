/** Tells of values that TTL is about to remove. */

import { Stamped } from '../cell-shape.ts';
import { ListCell } from './list-cell.ts';
import { MapCell } from './map-cell.ts';

/** Tells of the values of a cell with stamps that have expired by the deadline; of a map, with the keys of its entries. */
export function tellExpired(cell: unknown, deadline: number, tell: (value: unknown, entryKey?: unknown) => void): void {
  if (cell instanceof Stamped) {
    if (cell.stamp <= deadline) tell(cell.value);
  } else if (cell instanceof ListCell) {
    cell.stamps?.forEach((stamp, index) => {
      if (stamp <= deadline) tell(cell.items[index]);
    });
  } else if (cell instanceof MapCell) {
    for (const { key, value, stamp } of cell.entries.values()) if (stamp <= deadline) tell(value, key);
  }
}
