/**
 * Rolling aggregates by key over column batches.
 *
 * What comes out is a row per row that came in, with the key's results after it, in the order of the input; or, once
 * per batch, a row for each key that the batch changed. Both are what `reduce` over records gives, the second with the
 * steps in between left out.
 */

import { MillstreamError } from '../base/error.ts';
import { type Column, ColumnBatch } from '../data/column-batch.ts';
import { keyGroupRange } from '../data/key.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { Schema } from '../data/schema.ts';
import { AggregateKernels } from '../kernel/aggregate-kernels.ts';
import type { AggregateSegment } from '../kernel/aggregate-segment.ts';
import { AggregateTable } from '../kernel/aggregate-table.ts';
import { resultColumns } from '../kernel/aggregate-results.ts';
import { type NamedAggregate, AggregatePlan } from '../kernel/aggregates.ts';
import { BatchMemory } from '../kernel/batch-memory.ts';
import { ColumnCollector } from '../kernel/column-collector.ts';
import type { PartTaker, RestoredKeyedState } from '../state/snapshot.ts';
import type { ViewedState } from '../state/views.ts';
import { checkAccumulators, tableTaker } from './column-state.ts';
import { ViewedTable } from './column-views.ts';
import type { InputOperator, OperatorContext, OperatorDefinition } from './operator.ts';
import { PlainOperator } from './plain-operator.ts';

/** When results leave. */
export type AggregateEmission = 'every-update' | 'per-batch';

export interface ColumnAggregateOptions {
  readonly schema: Schema;
  /** The key columns, which are the first columns of the output. */
  readonly keys: readonly number[];
  readonly aggregates: readonly NamedAggregate[];
  readonly emission: AggregateEmission;
}

/** The columns of a keyed aggregate: the key, then the results. */
function aggregateSchema(schema: Schema, keys: readonly number[], aggregates: readonly NamedAggregate[]): Schema {
  const { results } = new AggregatePlan(schema, aggregates);
  return new Schema([
    ...keys.map((index) => schema.fields[index] as Schema['fields'][number]),
    ...results.map(({ name, type }) => ({ name, type })),
  ]);
}

/** @throws GRAPH_INVALID when an aggregate is not defined for its input. */
export function columnAggregate(options: ColumnAggregateOptions): OperatorDefinition & { readonly schema: Schema } {
  const schema = aggregateSchema(options.schema, options.keys, options.aggregates);
  return {
    kind: 'column-aggregate',
    input: 'columns',
    output: 'columns',
    schema,
    changelog: false,
    takes: [STATE],
    create: () => new ColumnAggregate(options, schema),
    describe: {
      keys: namesOf(options.schema, options.keys),
      aggregates: describeAggregates(options.schema, options.aggregates),
      emission: options.emission,
    },
  };
}

export function namesOf(schema: Schema, columns: readonly number[]): string {
  return columns.map((index) => schema.fields[index]?.name ?? '').join(', ');
}

export function describeAggregates(schema: Schema, aggregates: readonly NamedAggregate[]): string {
  return aggregates
    .map(
      ({ name, call }) =>
        `${call.function.toUpperCase()}(${call.input === undefined ? '*' : namesOf(schema, [call.input])}) AS ${name}`,
    )
    .join(', ');
}

/** Aggregates add; they cannot take back what a changelog takes back. */
export function refuseRetractions(batch: ColumnBatch, operator: string): void {
  const { kinds, selection, selected } = batch;
  if (kinds === undefined) return;
  for (let at = 0; at < selected; at++) {
    if (kinds[selection === undefined ? at : (selection[at] as number)] !== 0) {
      throw new MillstreamError(
        'GRAPH_INVALID',
        `"${operator}" aggregates inserted rows only, and its input has a row that updates or deletes. Aggregate before the operator that makes updates.`,
        { details: { operator } },
      );
    }
  }
}

const STATE = 'aggregates';

class ColumnAggregate extends PlainOperator<ColumnBatch> implements InputOperator<ColumnBatch> {
  readonly #options: ColumnAggregateOptions;
  readonly #schema: Schema;
  readonly #kernels: AggregateKernels;
  readonly #memory = new BatchMemory();
  #table!: AggregateTable;
  #viewed!: ViewedTable;

  constructor(options: ColumnAggregateOptions, schema: Schema) {
    super();
    this.#options = options;
    this.#schema = schema;
    this.#kernels = new AggregateKernels({ ...options, tag: 'aggregate' });
  }

  taker(state: RestoredKeyedState, context: OperatorContext<never>): PartTaker {
    checkAccumulators(context, this.#kernels);
    this.#table = this.#emptyTable(context);
    return tableTaker(state, this.#kernels, this.#table);
  }

  #emptyTable({ task: { maxParallelism, parallelism, subtask } }: OperatorContext<never>): AggregateTable {
    const keyGroups = keyGroupRange(maxParallelism, parallelism, subtask);
    return new AggregateTable(this.#kernels, { keyGroups, maxParallelism });
  }

  override open(context: OperatorContext<never>): void {
    super.open(context);
    checkAccumulators(context, this.#kernels);
    this.#table ??= this.#emptyTable(context);
    this.#viewed = new ViewedTable(STATE, this.#table, context.types, context.restoredState.keyed.length > 0);
  }

  element(batch: ColumnBatch): void {
    if (batch.selected === 0) return;
    refuseRetractions(batch, this.context.task.operatorName);
    if (this.#options.emission === 'every-update') this.#emitUpdates(batch);
    else this.#emitChanges(batch);
  }

  #emitUpdates(batch: ColumnBatch): void {
    this.#memory.begin(this.context.gate.settled);
    const traces = this.#kernels.traces(batch.count, this.#table.wide, this.#memory);
    this.#table.add(batch, { order: undefined, from: 0, to: batch.selected }, this.#kernels.hash(batch), traces);
    const keys = this.#options.keys.map((index) => batch.columns[index] as Column);
    const results = resultColumns(this.#kernels.plan.results, traces, batch.count, this.#memory);
    this.output.emit(batch.withColumns(this.#schema, [...keys, ...results]), NO_TIMESTAMP, 0);
  }

  #emitChanges(batch: ColumnBatch): void {
    this.#memory.begin(this.context.gate.settled);
    const table = this.#table;
    table.beginChanges();
    table.add(batch, { order: undefined, from: 0, to: batch.selected }, this.#kernels.hash(batch));
    const [first, ...others] = table.segments as [AggregateSegment, ...AggregateSegment[]];
    this.output.emit(others.length === 0 ? this.#changes(first) : this.#collected(batch.selected), NO_TIMESTAMP, 0);
  }

  #changes(segment: AggregateSegment): ColumnBatch {
    const groups = segment.takeChanged();
    return new ColumnBatch({
      schema: this.#schema,
      count: groups.length,
      columns: segment.columns(groups, this.#memory),
    });
  }

  /** One batch of what changed in all segments. */
  #collected(rows: number): ColumnBatch {
    const collector = new ColumnCollector(this.#schema, rows);
    for (const segment of this.#table.segments) if (segment.changedCount > 0) collector.append(this.#changes(segment));
    return collector.take();
  }

  viewed(): ViewedState {
    return this.#viewed;
  }

  override close(): void {
    this.#table?.release();
  }
}
