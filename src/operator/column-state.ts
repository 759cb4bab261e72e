/**
 * Aggregate tables out of snapshots: parts of columns, which are copied, or an entry per key whose value is the key's
 * accumulators, as a savepoint has it.
 *
 * Beside them stands what the accumulators are, so that a job with other aggregates does not restore numbers that mean
 * something else.
 */

import { MillstreamError } from '../base/error.ts';
import { ColumnBatch } from '../data/column-batch.ts';
import { columnsFromRows, type Row } from '../data/column-rows.ts';
import type { AccumulatorValue } from '../kernel/accumulator-column.ts';
import type { AggregateKernels } from '../kernel/aggregate-kernels.ts';
import type { AggregateTable } from '../kernel/aggregate-table.ts';
import { keyPartKind } from '../kernel/key-parts.ts';
import { ColumnPartReader, doublesOf, keyColumnsOf } from '../state/column-parts.ts';
import type { KeyGroupPart, PartTaker, RestoredKeyedState, RestoredPart, RestoredState } from '../state/snapshot.ts';
import { storedGroups } from './column-rows.ts';
import type { OperatorContext } from './operator.ts';

export const TABLE_KIND = 'column-aggregates';
export const TABLE_VERSION = 1;

/** Keys that are put together at a time. */
const CHUNK_KEYS = 1024;

/** What the accumulators are, by their number: the same in every subtask. */
const LAYOUT = 'accumulators';

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

/** Takes a state into its only table, which is empty and is made large enough. */
export function tableTaker(state: RestoredKeyedState, kernels: AggregateKernels, table: AggregateTable): PartTaker {
  table.reserve(new Map(state.groups.map(({ group, parts }) => [group, rowsOf(parts)])));
  return new TableTaker(kernels, () => table, NONE);
}

function rowsOf(parts: readonly KeyGroupPart[]): number {
  let rows = 0;
  for (const { kind, encoding, count } of parts) if (kind === 'base' && encoding === 'columns') rows += count;
  return rows;
}

/**
 * Takes restored groups into the table of their namespace.
 *
 * Parts of a key group are taken in in their order. What was under a namespace before it was removed is left out; no
 * table is ever made for what is gone.
 */
export function restoreTables(
  restored: RestoredState,
  name: string,
  kernels: AggregateKernels,
  tableOf: (namespace: unknown) => AggregateTable,
): void {
  const state = restored.keyed.find((one) => one.name === name);
  if (state === undefined) return;
  const removed = removalsOf(state);
  for (const [namespace, counts] of roomFor(state, removed)) tableOf(namespace).reserve(counts);
  const taker = new TableTaker(kernels, tableOf, removed);
  for (const part of state.parts()) taker.take(part);
  taker.end();
}

/** By key group and namespace: the part that removed it last. */
type Removals = ReadonlyMap<string, KeyGroupPart>;

const NONE: Removals = new Map();

function columnParts(state: RestoredKeyedState): readonly ColumnPartReader[] {
  return [...state.parts()].filter((reader) => reader instanceof ColumnPartReader);
}

function removalsOf(state: RestoredKeyedState): Removals {
  const removed = new Map<string, KeyGroupPart>();
  for (const { group, part, namespace } of columnParts(state))
    if (part.kind === 'removals') removed.set(placeOf(group, namespace), part);
  return removed;
}

/** Whether the namespace is removed by a part that has not been passed yet. */
function isGone(removed: Removals, group: number, namespace: unknown, passed: ReadonlySet<KeyGroupPart>): boolean {
  const removal = removed.get(placeOf(group, namespace));
  return removal !== undefined && !passed.has(removal);
}

/** Rows by key group, by namespace. */
function roomFor(state: RestoredKeyedState, removed: Removals): ReadonlyMap<unknown, ReadonlyMap<number, number>> {
  const counts = new Map<unknown, Map<number, number>>();
  const passed = new Set<KeyGroupPart>();
  for (const { group, part, namespace } of columnParts(state)) {
    if (part.kind === 'removals') passed.add(part);
    if (part.kind !== 'base' || isGone(removed, group, namespace, passed)) continue;
    const byGroup = counts.get(namespace) ?? new Map<number, number>();
    counts.set(namespace, byGroup.set(group, (byGroup.get(group) ?? 0) + part.count));
  }
  return counts;
}

interface Chunk {
  readonly keys: unknown[];
  readonly values: (readonly AccumulatorValue[])[];
}

class TableTaker implements PartTaker {
  readonly #kernels: AggregateKernels;
  readonly #tableOf: (namespace: unknown) => AggregateTable;
  readonly #keyKinds: readonly string[];
  readonly #removed: Removals;
  /** Removals that have been taken. */
  readonly #passed = new Set<KeyGroupPart>();
  readonly #tables = new Set<AggregateTable>();

  constructor(kernels: AggregateKernels, tableOf: (namespace: unknown) => AggregateTable, removed: Removals) {
    this.#kernels = kernels;
    this.#tableOf = tableOf;
    this.#keyKinds = kernels.keyTypes.map(keyPartKind);
    this.#removed = removed;
  }

  take(reader: RestoredPart): void {
    if (reader.part.kind === 'removals') this.#passed.add(reader.part);
    else if (!(reader instanceof ColumnPartReader)) this.#entries(reader, this.#removed);
    else if (!isGone(this.#removed, reader.group, reader.namespace, this.#passed)) this.#columns(reader);
  }

  end(): void {
    for (const table of this.#tables) table.settle();
  }

  #table(namespace: unknown): AggregateTable {
    const table = this.#tableOf(namespace);
    this.#tables.add(table);
    return table;
  }

  #columns(reader: ColumnPartReader): void {
    const { group, part } = reader;
    const rows = reader.rows();
    const table = this.#table(rows.namespace);
    const stored = storedGroups(rows, this.#keyKinds);
    if (stored !== undefined && part.kind === 'base' && table.append(group, stored)) return;
    if (stored !== undefined && part.kind === 'delta') {
      const words = doublesOf(rows);
      const { keySchema: schema } = this.#kernels;
      const keys = new ColumnBatch({ schema, count: rows.count, columns: keyColumnsOf(rows, words) });
      if (table.put(group, stored, keys, words)) return;
    }
    this.#entries(reader, NONE);
  }

  /** Leaves out what is among `removed`. */
  #entries(reader: RestoredPart, removed: Removals): void {
    const chunks = new Map<unknown, Chunk>();
    while (reader.next()) {
      const { key, namespace, value } = reader;
      if (removed.size > 0 && isGone(removed, reader.group, namespace, this.#passed)) continue;
      const chunk = chunks.get(namespace) ?? { keys: [], values: [] };
      chunks.set(namespace, chunk);
      chunk.keys.push(key);
      chunk.values.push(value as readonly AccumulatorValue[]);
      if (chunk.keys.length < CHUNK_KEYS) continue;
      this.#chunk(namespace, chunk);
      chunks.delete(namespace);
    }
    for (const [namespace, chunk] of chunks) this.#chunk(namespace, chunk);
  }

  #chunk(namespace: unknown, { keys, values }: Chunk): void {
    this.#table(namespace).restore(keyBatch(keys, this.#kernels), values);
  }
}

/** Namespaces of tables are times, or none. */
function placeOf(group: number, namespace: unknown): string {
  return `${group} ${String(namespace)}`;
}

function keyBatch(keys: readonly unknown[], { keySchema }: AggregateKernels): ColumnBatch {
  const names = keySchema.fields.map((field) => field.name);
  const rows = keys.map((key): Row => {
    const parts = names.length === 1 ? [key] : (key as readonly unknown[]);
    return Object.fromEntries(names.map((name, i) => [name, parts[i]]));
  });
  return columnsFromRows(keySchema, rows);
}
