/** A window on its way out: its keys in batches of bounded size, with the gate asked behind each. */

import type { Gate } from '../base/gate.ts';
import { type Column, ColumnBatch } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import type { AggregateSegment } from '../kernel/aggregate-segment.ts';
import { BatchMemory } from '../kernel/batch-memory.ts';
import type { KeyedEntryWriter } from '../state/snapshot.ts';
import { writeSegment } from './column-state.ts';
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

  /** Writes the keys that have not left. */
  write(entries: KeyedEntryWriter): void {
    const window = this.#window;
    if (window === undefined) return;
    window.table.segments.forEach((segment, number) => {
      if (number >= this.#segment)
        writeSegment(
          entries,
          window.table,
          segment,
          window.end,
          number === this.#segment ? this.#group : 0,
          window.isDue,
        );
    });
  }

  /** Gives the memory of a window back that was not finished. */
  release(): void {
    if (this.#window?.owned === true) this.#window.table.release();
  }
}
