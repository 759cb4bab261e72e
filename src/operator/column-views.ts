/**
 * Views of aggregate tables: which groups have changed is noted group by group, so that a checkpoint writes those
 * alone, between the turns of the task, as parts of columns.
 *
 * A table stands under a namespace, or is the only one of its state. What was made and dropped between two views costs
 * nothing; the removal of a whole namespace is one small part for each key group that it had keys of.
 */

import type { TypeRegistry } from '../data/type-registry.ts';
import type { AggregateSegment, SegmentWatcher } from '../kernel/aggregate-segment.ts';
import type { AggregateTable, TableWatcher } from '../kernel/aggregate-table.ts';
import type { ChangeWriter, Changing } from '../state/change-lists.ts';
import { Changes } from '../state/changes.ts';
import { joinedView, type KeyedView, type ViewedState, type ViewPlan } from '../state/views.ts';
import { RowsWriter } from './column-rows.ts';
import { TABLE_KIND, TABLE_VERSION } from './column-state.ts';

/** What a table is to the snapshots. */
export interface TableIdentity {
  /** The name of the state. */
  readonly name: string;
  /** Undefined where the state has one table. */
  readonly namespace: unknown;
  readonly types: TypeRegistry;
}

/** A segment, whose groups never go. */
class WatchedSegment implements Changing<never>, SegmentWatcher {
  readonly #identity: TableIdentity;
  readonly #table: AggregateTable;
  readonly #segment: AggregateSegment;
  readonly changes: Changes<never>;

  constructor(identity: TableIdentity, table: AggregateTable, segment: AggregateSegment, generation: number) {
    this.#identity = identity;
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
    const { name, namespace, types } = this.#identity;
    const rows = new RowsWriter(to.state(name, TABLE_KIND, TABLE_VERSION), this.#segment, namespace, types);
    return {
      write: (group) => rows.write(this.groupOf(group), group),
      // Groups never go.
      remove: () => {},
      end: () => rows.end(),
    };
  }

  /** The segment stays in memory until the view has let go of it. */
  beginView(plan: ViewPlan): KeyedView {
    const segment = this.#segment;
    segment.retain();
    let held = true;
    const view = this.changes.beginView(plan);
    const release = (): void => {
      if (held) segment.release();
      held = false;
    };
    return {
      advance(proceed) {
        const done = view.advance(proceed);
        if (done) release();
        return done;
      },
      release() {
        view.release();
        release();
      },
    };
  }
}

/** One aggregate table. */
export class WatchedTable implements TableWatcher {
  readonly #identity: TableIdentity;
  readonly #table: AggregateTable;
  readonly #segments = new Map<AggregateSegment, WatchedSegment>();
  #generation: number;

  /** `generation`: the present one, or 0 where nothing of the table is in a snapshot, nor was any taken of it. */
  constructor(identity: TableIdentity, table: AggregateTable, generation: number) {
    this.#identity = identity;
    this.#table = table;
    this.#generation = generation;
    table.watch(this);
  }

  opened(segment: AggregateSegment): SegmentWatcher {
    const watched = new WatchedSegment(this.#identity, this.#table, segment, this.#generation);
    this.#segments.set(segment, watched);
    return watched;
  }

  /** Views that are under way go on with the segment as it was; what is known of its groups goes with them. */
  split(segment: AggregateSegment, members: readonly Int32Array[], into: readonly AggregateSegment[]): void {
    const before = this.#segments.get(segment) as WatchedSegment;
    this.#segments.delete(segment);
    for (const [number, part] of into.entries()) {
      const watched = new WatchedSegment(this.#identity, this.#table, part, this.#generation);
      watched.changes.inherit(before.changes, members[number] as Int32Array);
      part.watcher = watched;
      this.#segments.set(part, watched);
    }
  }

  /** Whether a view, or the snapshot that was restored, may have held some of it. */
  get held(): boolean {
    return this.#generation > 0;
  }

  /** The key groups of which there are keys. */
  keyGroups(): Set<number> {
    const keyGroups = new Set<number>();
    for (const { groups, size } of this.#segments.keys())
      for (let group = 0; group < size; group++) keyGroups.add(this.#table.keyGroupOf(groups.hashes[group] as number));
    return keyGroups;
  }

  beginView(plan: ViewPlan): KeyedView {
    this.#generation = plan.generation + 1;
    return joinedView(Array.from(this.#segments.values(), (segment) => segment.beginView(plan)));
  }

  completed(generation: number): void {
    for (const { changes } of this.#segments.values()) changes.completed(generation);
  }
}

/** The state of an operator that keeps one aggregate table. */
export class ViewedTable implements ViewedState {
  readonly #name: string;
  readonly #watched: WatchedTable;

  /** `restored`: whether what the table holds by now is what a checkpoint has. */
  constructor(name: string, table: AggregateTable, types: TypeRegistry, restored: boolean) {
    this.#name = name;
    this.#watched = new WatchedTable({ name, namespace: undefined, types }, table, restored ? 1 : 0);
  }

  standing(name: string, kind: string): 'current' | 'replaced' {
    return name === this.#name && kind === TABLE_KIND ? 'current' : 'replaced';
  }

  beginView(plan: ViewPlan): KeyedView {
    return this.#watched.beginView(plan);
  }

  completed(generation: number): void {
    this.#watched.completed(generation);
  }
}
