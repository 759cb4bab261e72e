/**
 * Streams of columns: batches of rows in typed arrays, on which expressions and aggregates run as generated code. For
 * jobs whose rows have a schema, at many times the speed of records.
 */

import { MillstreamError } from '../base/error.ts';
import type { Sink } from '../connect/sink.ts';
import type { ColumnBatch } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import { type LogicalType } from '../data/schema.ts';
import type { Partitioning } from '../graph/stream-graph.ts';
import type { NamedAggregate } from '../kernel/aggregates.ts';
import type { NamedExpression } from '../kernel/calc.ts';
import { type AggregateEmission, columnAggregate } from '../operator/column-aggregate.ts';
import { columnCalc } from '../operator/column-calc.ts';
import { columnSink } from '../operator/column-source.ts';
import { columnTimestamps, columnWatermarks } from '../operator/column-timestamps.ts';
import { columnWindow } from '../operator/column-window.ts';
import { dropTag, type Dropped, type DropReason } from '../operator/dropped.ts';
import type { OperatorDefinition } from '../operator/operator.ts';
import { toRows } from '../operator/to-rows.ts';
import type { SlidingEventTimeWindows } from '../time/windows/sliding-windows.ts';
import type { TumblingEventTimeWindows } from '../time/windows/tumbling-windows.ts';
import { type AggregateExpression, ColumnExpression } from './column-expression.ts';
import type { DataStream } from './data-stream.ts';
import type { DataStreamSink } from './data-stream-sink.ts';
import type { NodeDefinition, NodeDraft } from './graph-builder.ts';
import { OperatorSettings } from './operator-settings.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import { StreamHandle, type StreamScope } from './stream-handle.ts';

/** The columns of a stream, by name. */
export type ColumnsOf<Row> = { readonly [Name in keyof Row]: ColumnExpression<Row[Name]> };

/** The rows that a selection of expressions makes. */
export type SelectedRow<Selected> = {
  readonly [Name in keyof Selected]: Selected[Name] extends ColumnExpression<infer T> ? T : never;
};

/** The columns that aggregates make. */
export type AggregatedRow<Chosen> = {
  readonly [Name in keyof Chosen]: Chosen[Name] extends AggregateExpression<infer T> ? T : never;
};

/** The bounds of a window in the rows that it makes, in milliseconds. */
export interface WindowBounds {
  readonly window_start: number;
  /** The first millisecond behind the window. */
  readonly window_end: number;
}

/** When the results of a rolling aggregate leave. */
export interface AggregateOptions {
  /**
   * `every-update` (the default): a row for each row that came in, with its key's results after it. `per-batch`: for
   * each batch that comes in, a row for each key that it changed, with the last results.
   */
  readonly emit?: AggregateEmission;
}

/**
 * A stream of rows of type `Row` in columns.
 *
 * @example
 * ```ts
 * import { ColumnSchema, DataTypes, count } from 'millstream/columns';
 * const env = createEnvironment();
 * const bids = ColumnSchema.of({ auction: DataTypes.INT().notNull(), price: DataTypes.DOUBLE().notNull() });
 * env
 *   .fromData({ auction: 1, price: 10 }, { auction: 2, price: 3 }, { auction: 1, price: 12 })
 *   .toColumns(bids)
 *   .filter((bid) => bid.price.isGreater(5))
 *   .keyBy('auction')
 *   .aggregate((bid) => ({ bids: count(), highest: bid.price.max() }))
 *   .toRows()
 *   .print();
 * await env.execute();
 * ```
 */
export class ColumnStream<Row> {
  /** The place in the graph that this stream stands for; for those who add operators of their own. */
  readonly handle: StreamHandle;
  readonly schema: Schema;
  /** Carries the type of the rows; never set. */
  declare readonly rowType?: Row;

  constructor(handle: StreamHandle, schema: Schema) {
    this.handle = handle;
    this.schema = schema;
  }

  /**
   * Keeps the rows for which the condition is true; neither those for which it is false nor those for which it is NULL.
   *
   * @example
   * ```ts
   * import type { ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ price: number; channel: string | null }>;
   * const dear = bids.filter((bid) => bid.price.isGreater(100).and(bid.channel.isEqual('web')));
   * ```
   */
  filter(condition: (row: ColumnsOf<Row>) => ColumnExpression<boolean | null>): OperatorColumnStream<Row> {
    return this.#add(
      'Filter',
      columnCalc({ schema: this.schema, condition: condition(this.columns).node }),
      this.schema,
    );
  }

  /**
   * Rows of other columns: named ones of this stream, or what expressions compute.
   *
   * @throws GRAPH_INVALID when there is no column of a name, or an expression has no type.
   *
   * @example
   * ```ts
   * import type { ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ auction: number; price: number; channel: string | null }>;
   * const prices = bids.select('auction', 'price');
   * const euros = bids.select((bid) => ({ auction: bid.auction, euros: bid.price.times(0.92) }));
   * ```
   */
  select<Name extends keyof Row & string>(...names: readonly Name[]): OperatorColumnStream<Pick<Row, Name>>;
  select<Selected extends Readonly<Record<string, ColumnExpression<unknown>>>>(
    selection: (row: ColumnsOf<Row>) => Selected,
  ): OperatorColumnStream<SelectedRow<Selected>>;
  select(...given: readonly unknown[]): unknown {
    const [first] = given;
    const outputs =
      typeof first === 'function'
        ? Object.entries((first as (row: unknown) => Record<string, ColumnExpression<unknown>>)(this.columns))
        : given.map((name) => [name as string, this.#column(name as string)] as const);
    return this.#calc(outputs.map(([name, { node }]) => ({ name, expression: node })));
  }

  #calc(outputs: readonly NamedExpression[]): OperatorColumnStream<unknown> {
    const calc = columnCalc({ schema: this.schema, outputs });
    return this.#add('Select', calc, calc.schema);
  }

  /**
   * Partitions the stream by columns: all rows of a key meet in one subtask. The key of one column is its value, that of
   * several the array of their values; it has the same key group as a record with that key.
   *
   * @throws GRAPH_INVALID when there is no column of a name.
   *
   * @example
   * ```ts
   * import { count, type ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ auction: number; price: number; channel: string | null }>;
   * const perChannel = bids.keyBy('auction', 'channel').aggregate((bid) => ({ bids: count(), turnover: bid.price.sum() }));
   * ```
   */
  keyBy<Name extends keyof Row & string>(...names: readonly [Name, ...Name[]]): KeyedColumnStream<Row, Name> {
    return new KeyedColumnStream(
      this,
      names.map((name) => this.#indexOf(name)),
    );
  }

  /**
   * Takes the rows' event time from a column (BIGINT milliseconds, a TIMESTAMP or a TIMESTAMP_LTZ), and makes watermarks
   * that stay `maxOutOfOrdernessMs` milliseconds behind the latest.
   *
   * @throws GRAPH_INVALID when the column is none of these.
   *
   * @example
   * ```ts
   * import type { ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ at: number | bigint; price: number }>;
   * const timed = bids.assignTimestamps('at', 5_000);
   * ```
   */
  assignTimestamps(column: keyof Row & string, maxOutOfOrdernessMs: number): OperatorColumnStream<Row> {
    const stamped = this.#add<Row>('Timestamps', columnTimestamps(this.schema, this.#indexOf(column)), this.schema);
    return stamped.#add(
      'Watermarks',
      ({ autoWatermarkIntervalMs }) => ({ definition: columnWatermarks(maxOutOfOrdernessMs, autoWatermarkIntervalMs) }),
      this.schema,
    );
  }

  /** This stream and others with the same columns as one. */
  union(...others: readonly ColumnStream<Row>[]): ColumnStream<Row> {
    for (const other of others) {
      if (!this.schema.equals(other.schema))
        throw new MillstreamError(
          'GRAPH_INVALID',
          `Streams of ${this.schema.describe()} and of ${other.schema.describe()} cannot be one. Select the same columns from both.`,
        );
    }
    return new ColumnStream(
      new StreamHandle(
        this.handle.scope,
        [this, ...others].flatMap((stream) => stream.handle.origins),
      ),
      this.schema,
    );
  }

  /** Whole batches in turn, over all receivers. */
  rebalance(): ColumnStream<Row> {
    return this.#partitioned({ kind: 'rebalance' });
  }

  /** Whole batches in turn, over the receivers near the sender. */
  rescale(): ColumnStream<Row> {
    return this.#partitioned({ kind: 'rescale' });
  }

  /** Every batch to all receivers. */
  broadcast(): ColumnStream<Row> {
    return this.#partitioned({ kind: 'broadcast' });
  }

  /** Every batch to the first receiver. */
  global(): ColumnStream<Row> {
    return this.#partitioned({ kind: 'global' });
  }

  /** The rows as records, objects with a field per column. Their timestamps and row kinds go with them. */
  toRows(): SingleOutputStream<Row> {
    const { scope } = this.handle;
    return scope.make.single<Row>(scope, this.handle.attach({ name: 'To Rows', definition: toRows(this.schema) }));
  }

  /**
   * Ends the stream in a sink whose writer takes a whole batch at a time. The batch is the writer's until `write`
   * returns, or until the promise that it returned is fulfilled; then its memory serves other batches, so a writer
   * copies what it keeps.
   */
  sinkTo<Committable, State>(sink: Sink<ColumnBatch, Committable, State>): DataStreamSink {
    const { scope } = this.handle;
    const node = this.handle.attach({
      name: `Sink: ${sink.name}`,
      definition: ({ committerRetries }) => columnSink(sink, { committerRetries }),
      sink: true,
      guarantee: sink.guarantee,
      ...(sink.parallelism === undefined ? {} : { fixedParallelism: sink.parallelism }),
    });
    return scope.make.sink(scope, node);
  }

  /** The columns as expressions, by name. */
  get columns(): ColumnsOf<Row> {
    const entries = this.schema.fields.map(({ name, type }, index) => [name, columnExpression(index, type)] as const);
    return Object.freeze(Object.fromEntries(entries)) as ColumnsOf<Row>;
  }

  #column(name: string): ColumnExpression<unknown> {
    const index = this.#indexOf(name);
    return columnExpression(index, (this.schema.fields[index] as Schema['fields'][number]).type);
  }

  #indexOf(name: string): number {
    const index = this.schema.indexOf(name);
    if (index < 0)
      throw new MillstreamError('GRAPH_INVALID', `There is no column "${name}" in ${this.schema.describe()}.`);
    return index;
  }

  #partitioned(partitioning: Partitioning): ColumnStream<Row> {
    return new ColumnStream(this.handle.partitioned(partitioning), this.schema);
  }

  #add<R>(name: string, definition: NodeDefinition, schema: Schema): OperatorColumnStream<R> {
    return new OperatorColumnStream<R>(this.handle.scope, this.handle.attach({ name, definition }), schema);
  }
}

function columnExpression(index: number, type: LogicalType): ColumnExpression<unknown> {
  return new ColumnExpression({ kind: 'column', index }, type);
}

/**
 * The column stream that one operator makes, with the settings of that operator; each returns the stream itself.
 *
 * @example
 * ```ts
 * import type { ColumnStream } from 'millstream/columns';
 * declare const bids: ColumnStream<{ price: number }>;
 * const dear = bids.filter((bid) => bid.price.isGreater(100)).name('dear').setParallelism(2);
 * ```
 */
export class OperatorColumnStream<Row> extends ColumnStream<Row> {
  readonly #settings: OperatorSettings;
  readonly #node: NodeDraft;

  constructor(scope: StreamScope, node: NodeDraft, schema: Schema) {
    super(StreamHandle.of(scope, node), schema);
    this.#node = node;
    this.#settings = new OperatorSettings(scope.graph, node);
  }

  /**
   * What the operator leaves out for a reason, row by row: rows that are late for their window, with the columns that the
   * window reads. As `getDropped` of a stream of records.
   *
   * @example
   * ```ts
   * import { type ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ auction: number; price: number }>;
   * const sums = bids
   *   .keyBy('auction')
   *   .window(TumblingEventTimeWindows.of(60_000))
   *   .aggregate((bid) => ({ sum: bid.price.sum() }));
   * sums.getDropped<{ auction: number; price: number }>('late').print('late');
   * ```
   */
  getDropped<X>(reason: DropReason): DataStream<Dropped<X>> {
    const { scope } = this.handle;
    return scope.make.stream<Dropped<X>>(StreamHandle.of(scope, this.#node, dropTag(reason)));
  }

  /** The name that plans, metrics and errors show. Default: what the operator is. */
  name(name: string): this {
    this.#settings.name(name);
    return this;
  }

  /** Identifies the operator's state across versions of the job. Unique in the job. */
  uid(uid: string): this {
    this.#settings.uid(uid);
    return this;
  }

  /** A longer text for the plan. */
  setDescription(description: string): this {
    this.#settings.description(description);
    return this;
  }

  /** How many subtasks the operator has. Default: the environment's. */
  setParallelism(parallelism: number): this {
    this.#settings.parallelism(parallelism);
    return this;
  }

  /** The number of key groups, which bounds the parallelism for as long as the state lives. */
  setMaxParallelism(maxParallelism: number): this {
    this.#settings.maxParallelism(maxParallelism);
    return this;
  }

  /** Runs the operator in a task of its own. */
  disableChaining(): this {
    this.#settings.disableChaining();
    return this;
  }

  /** Does not chain the operator to its input. */
  startNewChain(): this {
    this.#settings.startNewChain();
    return this;
  }

  /** Operators of different groups never share a slot. */
  slotSharingGroup(group: string): this {
    this.#settings.slotSharingGroup(group);
    return this;
  }

  /** Milliseconds after which a part-filled batch leaves this operator for another task; -1: only when it is full. */
  setBufferTimeout(milliseconds: number): this {
    this.#settings.bufferTimeout(milliseconds);
    return this;
  }
}

type Aggregates = Readonly<Record<string, AggregateExpression<unknown>>>;

/**
 * A column stream that is partitioned by columns.
 *
 * @example
 * ```ts
 * import type { ColumnStream } from 'millstream/columns';
 * declare const bids: ColumnStream<{ auction: number; price: number }>;
 * const perAuction = bids.keyBy('auction');
 * ```
 */
export class KeyedColumnStream<Row, Key extends keyof Row & string> {
  readonly #stream: ColumnStream<Row>;
  readonly #keys: readonly number[];

  constructor(stream: ColumnStream<Row>, keys: readonly number[]) {
    this.#stream = stream;
    this.#keys = keys;
  }

  /**
   * Rolling aggregates: over all rows of a key so far. Rows have the key's columns, then one per aggregate.
   *
   * @throws GRAPH_INVALID when an aggregate is not defined for its input, or two columns have one name.
   *
   * @example
   * ```ts
   * import { count, type ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ auction: number; price: number }>;
   * const turnover = bids.keyBy('auction').aggregate((bid) => ({ bids: count(), sum: bid.price.sum() }), { emit: 'per-batch' });
   * ```
   */
  aggregate<A extends Aggregates>(
    aggregates: (row: ColumnsOf<Row>) => A,
    options: AggregateOptions = {},
  ): OperatorColumnStream<Pick<Row, Key> & AggregatedRow<A>> {
    const input = new AggregateInput(this.#stream, this.#keys, aggregates(this.#stream.columns));
    const definition = columnAggregate({
      schema: input.schema,
      keys: input.keys,
      aggregates: input.aggregates,
      emission: options.emit ?? 'every-update',
    });
    return input.attach('Aggregate', definition, definition.schema);
  }

  /**
   * Windows in event time, tumbling or sliding. Rows are partitioned by time, too, and need timestamps: see
   * `assignTimestamps`.
   *
   * @example
   * ```ts
   * import { count, type ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ auction: number; price: number }>;
   * const perMinute = bids
   *   .keyBy('auction')
   *   .window(TumblingEventTimeWindows.of(60_000))
   *   .aggregate((bid) => ({ bids: count(), highest: bid.price.max() }));
   * ```
   */
  window(assigner: TumblingEventTimeWindows | SlidingEventTimeWindows): WindowedColumnStream<Row, Key> {
    return new WindowedColumnStream(this.#stream, this.#keys, assigner);
  }
}

/**
 * A keyed column stream in windows.
 *
 * @example
 * ```ts
 * import type { ColumnStream } from 'millstream/columns';
 * declare const bids: ColumnStream<{ auction: number; price: number }>;
 * const minutes = bids.keyBy('auction').window(TumblingEventTimeWindows.of(60_000));
 * ```
 */
export class WindowedColumnStream<Row, Key extends keyof Row & string> {
  readonly #stream: ColumnStream<Row>;
  readonly #keys: readonly number[];
  readonly #assigner: TumblingEventTimeWindows | SlidingEventTimeWindows;

  constructor(
    stream: ColumnStream<Row>,
    keys: readonly number[],
    assigner: TumblingEventTimeWindows | SlidingEventTimeWindows,
  ) {
    if (!assigner.isEventTime)
      throw new MillstreamError(
        'WINDOW_INVALID',
        'Windows over columns are in event time. Use TumblingEventTimeWindows or SlidingEventTimeWindows.',
      );
    if ('stagger' in assigner && assigner.stagger !== 'ALIGNED')
      throw new MillstreamError('WINDOW_INVALID', 'Windows over columns are aligned. Leave the stagger out.');
    this.#stream = stream;
    this.#keys = keys;
    this.#assigner = assigner;
  }

  /**
   * Aggregates over the rows of a key in a window, emitted when the watermark passes its end. Rows have the key's
   * columns, `window_start` and `window_end`, then one per aggregate; rows that come later are dropped, counted and
   * sampled.
   *
   * @throws GRAPH_INVALID when an aggregate is not defined for its input, or two columns have one name.
   *
   * @example
   * ```ts
   * import { type ColumnStream } from 'millstream/columns';
   * declare const bids: ColumnStream<{ auction: number; price: number }>;
   * const means = bids
   *   .keyBy('auction')
   *   .window(SlidingEventTimeWindows.of(60_000, 10_000))
   *   .aggregate((bid) => ({ mean: bid.price.avg() }));
   * ```
   */
  aggregate<A extends Aggregates>(
    aggregates: (row: ColumnsOf<Row>) => A,
  ): OperatorColumnStream<Pick<Row, Key> & WindowBounds & AggregatedRow<A>> {
    const { size, offset } = this.#assigner;
    const input = new AggregateInput(this.#stream, this.#keys, aggregates(this.#stream.columns));
    const definition = columnWindow({
      schema: input.schema,
      keys: input.keys,
      aggregates: input.aggregates,
      sizeMs: size,
      slideMs: 'slide' in this.#assigner ? this.#assigner.slide : size,
      offsetMs: offset,
    });
    return input.attach('Window Aggregate', definition, definition.schema);
  }
}

/** A column stream of any rows. */
type StreamOfColumns = Pick<ColumnStream<unknown>, 'handle' | 'schema'>;

/**
 * What an aggregating operator reads: the key and the aggregated columns alone, so that nothing else crosses the
 * exchange, with expressions computed before it.
 */
class AggregateInput {
  readonly schema: Schema;
  readonly keys: readonly number[];
  readonly aggregates: readonly NamedAggregate[];
  readonly #handle: StreamHandle;

  constructor(stream: StreamOfColumns, keys: readonly number[], aggregates: Aggregates) {
    const outputs: NamedExpression[] = keys.map((index) => ({
      name: (stream.schema.fields[index] as Schema['fields'][number]).name,
      expression: { kind: 'column', index },
    }));
    this.keys = outputs.map((_, place) => place);
    this.aggregates = Object.entries(aggregates).map(([name, { function: wanted, input }]) => ({
      name,
      call: { function: wanted, input: input === undefined ? undefined : placeOf(input, outputs) },
    }));
    const calc = columnCalc({ schema: stream.schema, outputs });
    this.schema = calc.schema;
    this.#handle = projected(stream, outputs, calc);
  }

  attach<R>(name: string, definition: OperatorDefinition, schema: Schema): OperatorColumnStream<R> {
    const { scope } = this.#handle;
    const keyed = this.#handle.partitioned({ kind: 'hash-columns', columns: this.keys });
    return new OperatorColumnStream<R>(scope, keyed.attach({ name, definition }), schema);
  }
}

/** The place of an aggregated column among the outputs, which it joins when it is not there. */
function placeOf({ node }: ColumnExpression<unknown>, outputs: NamedExpression[]): number {
  const known = outputs.findIndex(
    ({ expression }) =>
      expression === node ||
      (expression.kind === 'column' && node.kind === 'column' && expression.index === node.index),
  );
  return known >= 0 ? known : outputs.push({ name: `$${outputs.length}`, expression: node }) - 1;
}

/** The stream with the outputs as its columns; the stream itself where it has them already. */
function projected(
  stream: StreamOfColumns,
  outputs: readonly NamedExpression[],
  calc: OperatorDefinition,
): StreamHandle {
  const same =
    outputs.length === stream.schema.fields.length &&
    outputs.every(({ expression }, place) => expression.kind === 'column' && expression.index === place);
  if (same) return stream.handle;
  const { handle } = stream;
  return StreamHandle.of(handle.scope, handle.attach({ name: 'Select', definition: calc }));
}
