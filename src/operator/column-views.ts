/**
 * Views of an aggregate table: which groups have changed is noted group by group, so that a checkpoint writes those
 * alone, between the turns of the task.
 */

import type { AggregateSegment, SegmentWatcher } from '../kernel/aggregate-segment.ts';
import type { AggregateTable, TableWatcher } from '../kernel/aggregate-table.ts';
import { Changes, type ChangeWriter, type Changing } from '../state/changes.ts';
import { joinedView, type KeyedView, type ViewedState, type ViewPlan } from '../state/views.ts';
import { GroupWriter, TABLE_KIND, TABLE_VERSION } from './column-state.ts';

/** A segment, whose groups never go. */
class WatchedSegment implements Changing<never>, SegmentWatcher {
  readonly #name: string;
  readonly #table: AggregateTable;
  readonly #segment: AggregateSegment;
  readonly changes: Changes<never>;

  constructor(name: string, table: AggregateTable, segment: AggregateSegment, generation: number) {
    this.#name = name;
    this.#table = table;
    this.#segment = segment;
    this.changes = new Changes(this, generation);
  }

  touched(groups: Int32Array, from: number, to: number, known: number): void {
    this.changes.touchAll(groups, from, to, known);
  }

  get limit(): number {
    return this.#segment.size;
  }

  exists(group: number): boolean {
    return group < this.#segment.size;
  }

  groupOf(group: number): number {
    return this.#table.keyGroupOf(this.#segment.groups.hashes[group] as number);
  }

  writer({ to }: ViewPlan): ChangeWriter<never> {
    const groups = new GroupWriter(to.state(this.#name, TABLE_KIND, TABLE_VERSION), this.#segment);
    return {
      write: (group) => groups.write(this.groupOf(group), group),
      // Groups never go.
      remove: () => {},
    };
  }
}

/** The state of an operator that keeps one aggregate table. */
export class WatchedTable implements ViewedState, TableWatcher {
  readonly #name: string;
  readonly #table: AggregateTable;
  readonly #segments = new Map<AggregateSegment, WatchedSegment>();
  #generation: number;
  #split = false;

  /** `restored`: whether what the table holds by now is what a checkpoint has. */
  constructor(name: string, table: AggregateTable, restored: boolean) {
    this.#name = name;
    this.#table = table;
    this.#generation = restored ? 1 : 0;
    table.watch(this);
  }

  opened(segment: AggregateSegment): SegmentWatcher {
    const watched = new WatchedSegment(this.#name, this.#table, segment, this.#generation);
    // What comes out of a split is written anew: in a table that has no views yet this costs nothing.
    if (this.#split) for (let group = 0; group < segment.size; group++) watched.changes.created(group);
    this.#segments.set(segment, watched);
    return watched;
  }

  splitting(segment: AggregateSegment): void {
    this.#segments.get(segment)?.changes.writeViews();
    this.#segments.delete(segment);
    this.#split = true;
  }

  standing(name: string, kind: string): 'current' | 'replaced' {
    return name === this.#name && kind === TABLE_KIND ? 'current' : 'replaced';
  }

  beginView(plan: ViewPlan): KeyedView {
    this.#generation = plan.generation + 1;
    return joinedView(Array.from(this.#segments.values(), ({ changes }) => changes.beginView(plan)));
  }

  completed(generation: number): void {
    for (const { changes } of this.#segments.values()) changes.completed(generation);
  }
}
