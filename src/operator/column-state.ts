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
import type { KeyGroupPart, RestoredKeyedState, RestoredPart, RestoredState } from '../state/snapshot.ts';
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
  if (state !== undefined) new TableRestore(state, kernels, tableOf).run();
}

interface Chunk {
  readonly keys: unknown[];
  readonly values: (readonly AccumulatorValue[])[];
}

class TableRestore {
  readonly #state: RestoredKeyedState;
  readonly #kernels: AggregateKernels;
  readonly #tableOf: (namespace: unknown) => AggregateTable;
  readonly #keyKinds: readonly string[];
  /** By key group and namespace: the part that removed it last. */
  readonly #removed = new Map<string, KeyGroupPart>();
  readonly #tables = new Set<AggregateTable>();

  constructor(state: RestoredKeyedState, kernels: AggregateKernels, tableOf: (namespace: unknown) => AggregateTable) {
    this.#state = state;
    this.#kernels = kernels;
    this.#tableOf = tableOf;
    this.#keyKinds = kernels.keyTypes.map(keyPartKind);
  }

  run(): void {
    this.#look();
    const passed = new Set<KeyGroupPart>();
    for (const reader of this.#state.parts()) {
      if (reader.part.kind === 'removals') passed.add(reader.part);
      else if (!(reader instanceof ColumnPartReader)) this.#entries(reader, passed);
      else if (!this.#isGone(reader.group, reader.namespace, passed)) this.#columns(reader);
    }
    for (const table of this.#tables) table.settle();
  }

  /** Sees what is removed and how much room is needed, before anything is taken in. */
  #look(): void {
    for (const { group, part, namespace } of this.#columnParts())
      if (part.kind === 'removals') this.#removed.set(placeOf(group, namespace), part);
    const counts = new Map<unknown, Map<number, number>>();
    const passed = new Set<KeyGroupPart>();
    for (const { group, part, namespace } of this.#columnParts()) {
      if (part.kind === 'removals') passed.add(part);
      if (part.kind !== 'base' || this.#isGone(group, namespace, passed)) continue;
      const byGroup = counts.get(namespace) ?? new Map<number, number>();
      counts.set(namespace, byGroup.set(group, (byGroup.get(group) ?? 0) + part.count));
    }
    for (const [namespace, byGroup] of counts) this.#table(namespace).reserve(byGroup);
  }

  #columnParts(): readonly ColumnPartReader[] {
    return [...this.#state.parts()].filter((reader) => reader instanceof ColumnPartReader);
  }

  #table(namespace: unknown): AggregateTable {
    const table = this.#tableOf(namespace);
    this.#tables.add(table);
    return table;
  }

  /** Whether the namespace is removed by a part that has not been passed yet. */
  #isGone(group: number, namespace: unknown, passed: ReadonlySet<KeyGroupPart>): boolean {
    const removal = this.#removed.get(placeOf(group, namespace));
    return removal !== undefined && !passed.has(removal);
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
    this.#entries(reader, NOTHING);
  }

  #entries(reader: RestoredPart, passed: ReadonlySet<KeyGroupPart>): void {
    const chunks = new Map<unknown, Chunk>();
    while (reader.next()) {
      const { key, namespace, value } = reader;
      if (this.#removed.size > 0 && passed !== NOTHING && this.#isGone(reader.group, namespace, passed)) continue;
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

const NOTHING: ReadonlySet<KeyGroupPart> = new Set();

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
