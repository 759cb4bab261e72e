/**
 * Aggregate tables in snapshots: an entry per key, whose value is the key's accumulators.
 *
 * The entries are what every backend writes: key group, key, namespace, value. Beside them stands what the accumulators
 * are, so that a job with other aggregates does not restore numbers that mean something else.
 */

import { MillstreamError } from '../base/error.ts';
import type { Column, ColumnBatch } from '../data/column-batch.ts';
import { columnsFromRows, type Row, valueAt } from '../data/column-rows.ts';
import type { AccumulatorValue } from '../kernel/accumulator-column.ts';
import type { AggregateKernels } from '../kernel/aggregate-kernels.ts';
import type { AggregateSegment } from '../kernel/aggregate-segment.ts';
import type { AggregateTable } from '../kernel/aggregate-table.ts';
import type { KeyedEntryWriter, RestoredState, SnapshotWriter } from '../state/snapshot.ts';
import type { StatePartWriter } from '../state/views.ts';
import type { OperatorContext } from './operator.ts';

export const TABLE_KIND = 'column-aggregates';
export const TABLE_VERSION = 1;

/** Keys that are taken apart, or put together, at a time. */
const CHUNK_KEYS = 1024;
/** Keys that are taken apart where groups are written one by one, and seem to follow each other. */
const KEYS_AHEAD = 64;

/** Begins the keyed state of a table, or of one per namespace, under a name. */
export function tableEntries(writer: SnapshotWriter, name: string): KeyedEntryWriter {
  return writer.keyed({ name, kind: TABLE_KIND, version: TABLE_VERSION });
}

/** What the accumulators are, by their number: the same in every subtask. */
const LAYOUT = 'accumulators';

/** Writes the groups of a segment from number `from` on; with `wanted`, only those whose key group it wants. */
export function writeSegment(
  entries: KeyedEntryWriter,
  table: AggregateTable,
  segment: AggregateSegment,
  namespace: unknown,
  from = 0,
  wanted?: (keyGroup: number) => boolean,
): void {
  const { hashes } = segment.groups;
  for (let start = from; start < segment.size; start += CHUNK_KEYS) {
    const count = Math.min(CHUNK_KEYS, segment.size - start);
    const groups = Int32Array.from({ length: count }, (_, i) => start + i);
    const columns = segment.groups.keyColumns(groups, count);
    for (let i = 0; i < count; i++) {
      const keyGroup = table.keyGroupOf(hashes[start + i] as number);
      if (wanted !== undefined && !wanted(keyGroup)) continue;
      const values = segment.accumulators.map((accumulator) => accumulator.get(segment, start + i));
      entries.entry(keyGroup, keyOf(columns, i), namespace, values);
    }
  }
}

export function writeTable(entries: KeyedEntryWriter, table: AggregateTable, namespace: unknown): void {
  for (const segment of table.segments) writeSegment(entries, table, segment, namespace);
}

/** Writes groups of a segment one by one; those that follow each other cost less. */
export class GroupWriter {
  readonly #section: StatePartWriter;
  readonly #segment: AggregateSegment;
  /** The keys of some groups from `#start` on. */
  #keys: readonly Column[] = [];
  #start = 0;
  #end = 0;
  #last = -1;

  constructor(section: StatePartWriter, segment: AggregateSegment) {
    this.#section = section;
    this.#segment = segment;
  }

  write(keyGroup: number, group: number): void {
    const segment = this.#segment;
    if (group < this.#start || group >= this.#end) this.#load(group);
    this.#last = group;
    const values = segment.accumulators.map((accumulator) => accumulator.get(segment, group));
    this.#section.put(keyGroup, keyOf(this.#keys, group - this.#start), undefined, values);
  }

  /** The key of a group never changes. */
  #load(group: number): void {
    const count = group === this.#last + 1 ? Math.min(KEYS_AHEAD, this.#segment.size - group) : 1;
    const groups = Int32Array.from({ length: count }, (_, i) => group + i);
    this.#keys = this.#segment.groups.keyColumns(groups, count);
    this.#start = group;
    this.#end = group + count;
  }
}

/** The key as a record's key selector would give it: a value, or an array of values. */
function keyOf(columns: readonly Column[], row: number): unknown {
  if (columns.length === 1) return valueAt(columns[0] as Column, row);
  return columns.map((column) => valueAt(column, row));
}

/**
 * Notes in the operator's state what its accumulators are.
 *
 * @throws STATE_INCOMPATIBLE when the state that is restored holds other accumulators.
 */
export function checkAccumulators(context: OperatorContext, kernels: AggregateKernels): void {
  const layout = context.operatorState.broadcast<number, string>(LAYOUT);
  const stored = [...layout.entries()].sort(([a], [b]) => a - b).map(([, item]) => item);
  const wanted = kernels.plan.description;
  if (stored.length > 0 && (stored.length !== wanted.length || stored.some((item, i) => item !== wanted[i]))) {
    const { operatorName } = context.task;
    throw new MillstreamError(
      'STATE_INCOMPATIBLE',
      `The state of "${operatorName}" holds ${stored.join(', ')}, and the job aggregates ${wanted.join(', ')}. Restore with the aggregates that wrote the state, or give the operator another uid.`,
      { details: { operator: operatorName } },
    );
  }
  layout.putAll(wanted.map((item, number) => [number, item]));
}

/** Hands restored keys and accumulators to the table of their namespace. */
export function restoreTables(
  restored: RestoredState,
  name: string,
  kernels: AggregateKernels,
  tableOf: (namespace: unknown) => AggregateTable,
): void {
  const state = restored.keyed.find((one) => one.name === name);
  if (state === undefined) return;
  const pending = new Map<unknown, Chunk>();
  for (const { key, namespace, value } of state.entries()) {
    const chunk = pending.get(namespace) ?? { keys: [], values: [] };
    pending.set(namespace, chunk);
    chunk.keys.push(key);
    chunk.values.push(value as readonly AccumulatorValue[]);
    if (chunk.keys.length === CHUNK_KEYS) {
      restoreChunk(chunk, kernels, tableOf(namespace));
      pending.delete(namespace);
    }
  }
  for (const [namespace, chunk] of pending) restoreChunk(chunk, kernels, tableOf(namespace));
}

interface Chunk {
  readonly keys: unknown[];
  readonly values: (readonly AccumulatorValue[])[];
}

function restoreChunk({ keys, values }: Chunk, kernels: AggregateKernels, table: AggregateTable): void {
  table.restore(keyBatch(keys, kernels), values);
}

function keyBatch(keys: readonly unknown[], { keySchema }: AggregateKernels): ColumnBatch {
  const names = keySchema.fields.map((field) => field.name);
  const rows = keys.map((key): Row => {
    const parts = names.length === 1 ? [key] : (key as readonly unknown[]);
    return Object.fromEntries(names.map((name, i) => [name, parts[i]]));
  });
  return columnsFromRows(keySchema, rows);
}
