/** Millstream's column streams: batches of rows in typed arrays. The entry `millstream/columns`; every name in it is listed here. */

export { ColumnSchema } from './api/column-schema.ts';
export type { ColumnSourceSettings, ColumnValues, RowOf, ToColumnsSettings } from './api/column-schema.ts';
export { DataType, DataTypes } from './api/data-types.ts';
export { ColumnStream, KeyedColumnStream, OperatorColumnStream, WindowedColumnStream } from './api/column-stream.ts';
export type { AggregatedRow, AggregateOptions, ColumnsOf, SelectedRow, WindowBounds } from './api/column-stream.ts';
export {
  AggregateExpression,
  coalesce,
  ColumnExpression,
  concat,
  count,
  ifThenElse,
  lit,
  not,
} from './api/column-expression.ts';
export type { Operand } from './api/column-expression.ts';

// What a batch is made of, for sources and sinks.
export { ColumnBatch } from './data/column-batch.ts';
export type {
  BoolColumn,
  BytesColumn,
  Column,
  DictionaryColumn,
  F64Column,
  I32Column,
  I64Column,
  Utf8Column,
  ValuesColumn,
} from './data/column-batch.ts';
export { Schema } from './data/schema.ts';
export { rowsOf } from './data/column-rows.ts';
