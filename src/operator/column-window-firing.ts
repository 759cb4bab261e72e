/** A window on its way out: its keys in batches of bounded size, with the gate asked behind each. */

import type { Gate } from '../base/gate.ts';
import { type Column, ColumnBatch } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import type { AggregateSegment } from '../kernel/aggregate-segment.ts';
import { BatchMemory } from '../kernel/batch-memory.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { AggregateTable } from '../kernel/aggregate-table.ts';
import type { KeyedView, ViewPlan } from '../state/views.ts';
import { RowsWriter } from './column-rows.ts';
import { TABLE_KIND, TABLE_VERSION } from './column-state.ts';
import type { DueWindow } from './column-window-slices.ts';

/** Rows of a batch of results. */
const FIRED_ROWS = 2048;

export class WindowFiring {
  readonly #schema: Schema;
  /** Columns in front of the window's bounds. */
  readonly #keys: number;
  readonly #sizeMs: number;
  readonly #emit: (batch: ColumnBatch) => void;
  readonly #gate: Gate;
  readonly #memory = new BatchMemory();
  #window: DueWindow | undefined;
  #segment = 0;
  #group = 0;

  constructor(schema: Schema, keys: number, sizeMs: number, emit: (batch: ColumnBatch) => void, gate: Gate) {
    this.#schema = schema;
    this.#keys = keys;
    this.#sizeMs = sizeMs;
    this.#emit = emit;
    this.#gate = gate;
  }

  begin(window: DueWindow): void {
    this.#window = window;
    this.#segment = 0;
    this.#group = 0;
  }

  /** Emits what is left of the window. Returns false when the gate said stop; it then goes on in the next call. */
  goOn(): boolean {
    const window = this.#window;
    if (window === undefined) return true;
    const { segments } = window.table;
    for (let segment = segments[this.#segment]; segment !== undefined; segment = segments[this.#segment]) {
      const groups = this.#take(window, segment);
      if (groups.length === 0) {
        this.#segment++;
        this.#group = 0;
        continue;
      }
      this.#emit(this.#batch(window, segment, groups));
      if (!this.#gate.proceed()) return false;
    }
    if (window.owned) window.table.release();
    this.#window = undefined;
    return true;
  }

  /** The next groups of the segment that are due. */
  #take({ table, isDue }: DueWindow, segment: AggregateSegment): Int32Array {
    const groups = new Int32Array(Math.min(FIRED_ROWS, segment.size - this.#group));
    const { hashes } = segment.groups;
    let count = 0;
    while (this.#group < segment.size && count < FIRED_ROWS) {
      const group = this.#group++;
      if (isDue === undefined || isDue(table.keyGroupOf(hashes[group] as number))) groups[count++] = group;
    }
    return groups.subarray(0, count);
  }

  #batch({ end }: DueWindow, segment: AggregateSegment, groups: Int32Array): ColumnBatch {
    this.#memory.begin(this.#gate.settled);
    const columns = segment.columns(groups, this.#memory);
    const count = groups.length;
    const bounds = [end - this.#sizeMs, end].map((time): Column => ({
      kind: 'f64',
      validity: undefined,
      values: this.#memory.float64(count).fill(time),
    }));
    return new ColumnBatch({
      schema: this.#schema,
      count,
      columns: [...columns.slice(0, this.#keys), ...bounds, ...columns.slice(this.#keys)],
      timestamps: this.#memory.float64(count).fill(end - 1),
    });
  }

  /** The window of which something is left. */
  get rest(): DueWindow | undefined {
    return this.#window;
  }

  /** A view of the keys that have not left. */
  beginView({ to }: ViewPlan, name: string, types: TypeRegistry): KeyedView {
    const { table, end, isDue, owned } = this.#window as DueWindow;
    const section = to.state(name, TABLE_KIND, TABLE_VERSION);
    const first = this.#group;
    const segments = table.segments.slice(this.#segment).map((segment, i) => {
      segment.retain();
      return {
        segment,
        from: i === 0 ? first : 0,
        to: segment.size,
        rows: new RowsWriter(section, segment, end, types),
      };
    });
    const view = new FiringView(table, segments, isDue);
    // In a table that later windows need too, rows go on to come in.
    if (!owned) table.beforeNextRow(() => view.advance(() => true));
    return view;
  }

  /** Gives the memory of a window back that was not finished. */
  release(): void {
    if (this.#window?.owned === true) this.#window.table.release();
  }
}

/** How many groups are written, or passed over, before `proceed` is asked again. */
const GROUPS_PER_ASKING = 16;

interface LeftOfSegment {
  readonly segment: AggregateSegment;
  readonly from: number;
  readonly to: number;
  readonly rows: RowsWriter;
}

/** What is left of a window, segment by segment. */
class FiringView implements KeyedView {
  readonly #table: AggregateTable;
  readonly #segments: readonly LeftOfSegment[];
  readonly #isDue: DueWindow['isDue'];
  #at = 0;
  #group = -1;

  constructor(table: AggregateTable, segments: readonly LeftOfSegment[], isDue: DueWindow['isDue']) {
    this.#table = table;
    this.#segments = segments;
    this.#isDue = isDue;
  }

  advance(proceed: () => boolean): boolean {
    for (let left = this.#segments[this.#at]; left !== undefined; left = this.#segments[this.#at]) {
      if (!this.#write(left, proceed)) return false;
      left.rows.end();
      left.segment.release();
      this.#at++;
      this.#group = -1;
    }
    return true;
  }

  #write({ segment, from, to, rows }: LeftOfSegment, proceed: () => boolean): boolean {
    const { hashes } = segment.groups;
    if (this.#group < 0) this.#group = from;
    while (this.#group < to) {
      const group = this.#group++;
      const keyGroup = this.#table.keyGroupOf(hashes[group] as number);
      if (this.#isDue === undefined || this.#isDue(keyGroup)) rows.write(keyGroup, group);
      if (this.#group % GROUPS_PER_ASKING === 0 && !proceed()) return false;
    }
    return true;
  }

  release(): void {
    for (; this.#at < this.#segments.length; this.#at++) this.#segments[this.#at]?.segment.release();
  }
}
