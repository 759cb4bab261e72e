/** The schema of a column stream: names and types, from which TypeScript infers the type of its rows. */

import { MillstreamError } from '../base/error.ts';
import type { Source } from '../connect/source.ts';
import { type Column, ColumnBatch } from '../data/column-batch.ts';
import { columnsFromRows, type Row as RowObject } from '../data/column-rows.ts';
import { type RowTypeField, Schema, storageOf } from '../data/schema.ts';
import { columnSource } from '../operator/column-source.ts';
import { timestampOf } from '../operator/column-timestamps.ts';
import { COLUMN_BATCH_ROWS, toColumns } from '../operator/to-columns.ts';
import { OperatorColumnStream } from './column-stream.ts';
import type { DataType } from './data-types.ts';
import type { StreamHandle, StreamScope } from './stream-handle.ts';

/** The type of the rows of a schema. */
export type RowOf<Types extends Readonly<Record<string, DataType<unknown>>>> = {
  readonly [Name in keyof Types]: Types[Name] extends DataType<infer T> ? T : never;
};

/** How records become columns. */
export interface ToColumnsSettings {
  /** Rows of a full batch. Default 1,024. */
  readonly batchRows?: number;
  /** Milliseconds that a row may wait for others; 0: none, -1: until the batch is full. Default: the job's buffer timeout. */
  readonly latencyMs?: number;
}

/** Where the event time of a source of columns comes from. */
export interface ColumnSourceSettings<Row> {
  /** The column with the rows' timestamps. Default: those that the batches bring. */
  readonly timestamp?: keyof Row & string;
  /** Milliseconds that a row may be older than one before it; the watermark stays so far back. Default: no watermarks. */
  readonly maxOutOfOrdernessMs?: number;
}

/** What a column may be given as: an array of values, or the array of its storage. */
export type ColumnValues<T> =
  | readonly T[]
  | (NonNullable<T> extends number | bigint ? Int32Array | Float64Array | BigInt64Array : never);

/**
 * The names and types of columns.
 *
 * @example
 * ```ts
 * import { ColumnSchema, DataTypes } from 'millstream/columns';
 * const bids = ColumnSchema.of({
 *   auction: DataTypes.BIGINT().notNull(),
 *   price: DataTypes.DOUBLE().notNull(),
 *   channel: DataTypes.STRING(),
 * });
 * ```
 */
export class ColumnSchema<Row> {
  readonly schema: Schema;
  /** Carries the type of the rows; never set. */
  declare readonly rowType?: Row;

  private constructor(schema: Schema) {
    this.schema = schema;
    Object.freeze(this);
  }

  /** @throws OPTION_INVALID when there is no column. */
  static of<Types extends Readonly<Record<string, DataType<unknown>>>>(types: Types): ColumnSchema<RowOf<Types>> {
    const fields = Object.entries(types).map(([name, type]): RowTypeField => ({ name, type: type.logicalType }));
    if (fields.length === 0) throw new MillstreamError('OPTION_INVALID', 'A schema needs at least one column.');
    return new ColumnSchema(new Schema(fields));
  }

  /**
   * A batch of columns, for sources. Typed arrays of the column's storage (`Int32Array` up to INT, `Float64Array` for
   * DOUBLE and for BIGINT below 2^53, `BigInt64Array` beyond) are used as they are. They are the source's again when it
   * is asked for its next batch, and may then be filled anew.
   *
   * @throws VALUE_UNSUPPORTED when a column is missing, of another length than the first, or not of its type.
   *
   * @example
   * ```ts
   * import { ColumnSchema, DataTypes } from 'millstream/columns';
   * const schema = ColumnSchema.of({ id: DataTypes.INT().notNull(), name: DataTypes.STRING() });
   * const batch = schema.batch({ id: Int32Array.of(1, 2), name: ['ann', null] });
   * ```
   */
  batch(columns: { readonly [Name in keyof Row]: ColumnValues<Row[Name]> }, timestamps?: Float64Array): ColumnBatch {
    const given = columns as Readonly<Record<string, ColumnValues<unknown> | undefined>>;
    const count = Object.values(given)[0]?.length ?? 0;
    const made = this.schema.fields.map((field) => columnOf(field, given[field.name], count));
    return new ColumnBatch({ schema: this.schema, count, columns: made, timestamps });
  }

  /** What `DataStream.toColumns` does. */
  fromRecords(records: StreamHandle, settings: ToColumnsSettings): OperatorColumnStream<Row> {
    const { batchRows = COLUMN_BATCH_ROWS, latencyMs } = settings;
    if (!Number.isInteger(batchRows) || batchRows < 1)
      throw new MillstreamError('OPTION_INVALID', `batchRows must be a whole number from 1, but is ${batchRows}.`);
    const node = records.attach({
      name: 'To Columns',
      definition: ({ bufferTimeoutMs }) => ({
        definition: toColumns({ schema: this.schema, batchRows, latencyMs: latencyMs ?? bufferTimeoutMs }),
      }),
    });
    return new OperatorColumnStream(records.scope, node, this.schema);
  }

  /** What `StreamEnvironment.fromColumnSource` does. */
  fromSource<Split, State>(
    scope: StreamScope,
    source: Source<ColumnBatch, Split, State>,
    settings: ColumnSourceSettings<Row>,
    name: string,
  ): OperatorColumnStream<Row> {
    const { timestamp, maxOutOfOrdernessMs: boundMs } = settings;
    const stamp = timestamp === undefined ? undefined : timestampOf(this.schema, this.schema.indexOf(timestamp));
    const node = scope.graph.add({
      name: `Source: ${name}`,
      definition: (operator) => columnSource(source, { stamp, boundMs, operator }),
      inputs: [],
      source: source as unknown as Source<unknown, never, never>,
      ...(source.parallelism === undefined ? {} : { fixedParallelism: source.parallelism }),
    });
    return new OperatorColumnStream(scope, node, this.schema);
  }
}

function columnOf(field: RowTypeField, values: ColumnValues<unknown> | undefined, count: number): Column {
  if (values === undefined || values.length !== count) {
    throw new MillstreamError(
      'VALUE_UNSUPPORTED',
      `The column "${field.name}" has ${values === undefined ? 'no values' : `${values.length} values`} where the first column has ${count}. Give every column as many.`,
      { details: { column: field.name } },
    );
  }
  const storage = storageOf(field.type);
  if (values instanceof Int32Array && storage === 'i32') return { kind: 'i32', validity: undefined, values };
  if (values instanceof Float64Array && (storage === 'f64' || storage === 'long'))
    return { kind: 'f64', validity: undefined, values };
  if (values instanceof BigInt64Array && storage === 'long') return { kind: 'i64', validity: undefined, values };
  const rows = Array.from(values as ArrayLike<unknown>, (value): RowObject => ({ [field.name]: value }));
  return columnsFromRows(new Schema([field]), rows).columns[0] as Column;
}
