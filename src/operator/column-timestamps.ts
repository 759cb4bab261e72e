/** Event time from a column: each row's timestamp is the column's value, in milliseconds since the epoch. */

import { MillstreamError } from '../base/error.ts';
import { type Column, ColumnBatch, isSet } from '../data/column-batch.ts';
import { describeType, type LogicalType, type Schema } from '../data/schema.ts';
import { WatermarkStrategy } from '../time/watermark-strategy.ts';
import type { OperatorDefinition } from './operator.ts';
import { timestampsAndWatermarks } from './timestamps.ts';

/**
 * Batches with the timestamps of a column.
 *
 * @throws GRAPH_INVALID when the column is none of a BIGINT (milliseconds), a TIMESTAMP or a TIMESTAMP_LTZ.
 */
export function columnTimestamps(schema: Schema, column: number): OperatorDefinition {
  const stamp = timestampOf(schema, column);
  return {
    kind: 'column-timestamps',
    input: 'columns',
    output: 'columns',
    inline: (code) => {
      const stamped = code.fresh('stamped');
      code.line(`const ${stamped} = ${code.bind(stamp)}(${code.value});`);
      code.emit(stamped);
    },
    describe: { column: schema.fields[column]?.name ?? '' },
  };
}

/** Watermarks behind the greatest timestamp of a stream of batches, `boundMs` milliseconds back. */
export function columnWatermarks(boundMs: number, intervalMs: number): OperatorDefinition {
  return {
    ...timestampsAndWatermarks(columnWatermarkStrategy(boundMs), intervalMs),
    kind: 'column-watermarks',
    input: 'columns',
    output: 'columns',
  };
}

/** To a strategy a batch is one event, at its greatest timestamp. */
export function columnWatermarkStrategy(boundMs: number): WatermarkStrategy<ColumnBatch> {
  return WatermarkStrategy.forBoundedOutOfOrderness(boundMs, greatestTimestamp);
}

function greatestTimestamp({ timestamps, selection, selected }: ColumnBatch): number {
  let greatest = -Infinity;
  if (timestamps === undefined) return greatest;
  for (let at = 0; at < selected; at++) {
    const timestamp = timestamps[selection === undefined ? at : (selection[at] as number)] as number;
    if (timestamp > greatest) greatest = timestamp;
  }
  return greatest;
}

/** Sets the timestamps of a batch from a column; see {@link columnTimestamps}. */
export function timestampOf(schema: Schema, column: number): (batch: ColumnBatch) => ColumnBatch {
  const field = schema.fields[column];
  const perMillisecond = field === undefined ? undefined : unitsPerMillisecond(field.type);
  if (field === undefined || perMillisecond === undefined) {
    throw new MillstreamError(
      'GRAPH_INVALID',
      `Event time cannot come from "${field?.name ?? column}", ${field === undefined ? 'which is no column' : `whose type is ${describeType(field.type)}`}. Name a column with BIGINT milliseconds, a TIMESTAMP or a TIMESTAMP_LTZ.`,
    );
  }
  return (batch) => {
    const { schema: own, count, columns, selection, selected, kinds } = batch;
    const timestamps = timestampsOf(columns[column] as Column, batch, field.name, perMillisecond);
    return new ColumnBatch({ schema: own, count, columns, selection, selected, kinds, timestamps });
  };
}

function unitsPerMillisecond(type: LogicalType): number | undefined {
  if (type.kind === 'bigint') return 1;
  if (type.kind !== 'timestamp' && type.kind !== 'timestamp_ltz') return undefined;
  return type.precision <= 3 ? 1 : type.precision <= 6 ? 1_000 : 1_000_000;
}

function timestampsOf(
  column: Column,
  { count, selection, selected }: ColumnBatch,
  name: string,
  perMillisecond: number,
): Float64Array {
  if (column.validity !== undefined) {
    for (let at = 0; at < selected; at++) {
      if (!isSet(column.validity, selection === undefined ? at : (selection[at] as number))) {
        throw new MillstreamError(
          'TIMESTAMP_MISSING',
          `A row has NULL in "${name}", the column that event time comes from. Filter such rows out first.`,
        );
      }
    }
  }
  if (column.kind === 'f64' && perMillisecond === 1) return column.values;
  const timestamps = new Float64Array(count);
  const { values } = column as { readonly values: ArrayLike<number | bigint> };
  for (let row = 0; row < count; row++) timestamps[row] = Math.floor(Number(values[row]) / perMillisecond);
  return timestamps;
}
