/**
 * Cells: what a row holds of one state, and how that becomes bytes of a record, entries of a checkpoint, and comes back.
 *
 * Values are as they are, or stamped where there is TTL. Cells of lists are in `list-cell.ts`, those of maps in
 * `map-cell.ts`.
 */

import { Stamped } from '../cell-shape.ts';
import type { StatePartWriter } from '../views.ts';
import type { CellReader, CellWriter } from './cell-io.ts';
import type { Row } from './row.ts';
import { sizeOf } from './size-of.ts';

export interface DiskShape<C> {
  write(cell: C, to: CellWriter): void;
  read(from: CellReader): C;
  /** From a snapshot; `stamped` says whether it holds stamps, and `now` stands in for those that are not there. */
  decode(encoded: unknown, stamped: boolean, now: number): C;
  /** Writes what changed after `since`, or everything when it is undefined. */
  emit(cell: C, row: Row, since: number | undefined, to: StatePartWriter): void;
  /** Everything in it has changed, in that generation. */
  migrate(cell: C, step: (value: unknown) => unknown, generation: number): C;
  /**
   * Without what was stamped at or before `deadline`: the same cell when nothing was, undefined when all was. Another
   * cell has changed in `generation`.
   */
  live(cell: C, deadline: number, generation: number): C | undefined;
  sizeOf(cell: C): number;
}

type StampedOne = readonly [unknown, number];

export const VALUE: DiskShape<unknown> = {
  write: (cell, to) => to.value(cell),
  read: (from) => from.any(),
  decode: (encoded, stamped) => (stamped ? (encoded as StampedOne)[0] : encoded),
  emit: (cell, row, _since, to) => to.put(row.group, row.key, row.namespace, cell),
  migrate: (cell, step) => step(cell),
  live: (cell) => cell,
  sizeOf: (cell) => sizeOf(cell),
};

export const STAMPED_VALUE: DiskShape<Stamped<unknown>> = {
  write(cell, to) {
    to.f64(cell.stamp);
    to.value(cell.value);
  },
  read(from) {
    const stamp = from.f64();
    return new Stamped(from.any(), stamp);
  },
  decode(encoded, stamped, now) {
    if (!stamped) return new Stamped(encoded, now);
    const [value, stamp] = encoded as StampedOne;
    return new Stamped(value, stamp);
  },
  emit: (cell, row, _since, to) => to.put(row.group, row.key, row.namespace, [cell.value, cell.stamp]),
  migrate: (cell, step) => new Stamped(step(cell.value), cell.stamp),
  live: (cell, deadline) => (cell.stamp <= deadline ? undefined : cell),
  sizeOf: (cell) => 32 + sizeOf(cell.value),
};
