/** What a table tells of its entries, so that its changes can be noted (`changes.ts`), and the lists of them. */

import { IntList } from './int-list.ts';
import type { ViewPlan } from './views.ts';

/** Writes the entries of a table into a view. */
export interface ChangeWriter<Removal> {
  /** `tail`: of a list, the index from which on it is new; 0 for the whole of it, and for all that are no lists. */
  write(place: number, tail: number): void;
  remove(removal: Removal): void;
  /** Everything has been written. */
  end?(): void;
}

/** A table whose changes are noted. */
export interface Changing<Removal> {
  /** All places lie below; or, with `placeAt`, are those of the numbers below. */
  readonly limit: number;
  /** Where the places have holes: the place by a number below `limit`. Numbers are only ever added behind others. */
  placeAt?(number: number): number;
  exists(place: number): boolean;
  groupOf(place: number): number;
  writer(plan: ViewPlan): ChangeWriter<Removal>;
}

/** Numbers in a row, or those that were listed. */
interface Places {
  readonly length: number;
  get(index: number): number;
}

/** What changed between two views. */
export class Generation<Removal> {
  number = 0;
  places: Places & { push(place: number): void } = new IntList();
  /** What was there when the table was not noted yet, and belongs to this generation as a whole. */
  first = 0;
  removals: Removal[] = [];
  /** Of lists: from which index on they changed. */
  readonly tails: Map<number, number> | undefined;

  constructor(tails: boolean) {
    this.tails = tails ? new Map() : undefined;
  }
}
