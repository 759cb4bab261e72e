/** The results of aggregates, from traces of accumulators to columns. Most traces are a result as they stand. */

import { bitmapBytes, type Column, setBit } from '../data/column-batch.ts';
import { type LogicalType, storageOf } from '../data/schema.ts';
import type { AccumulatorTrace } from './accumulator-trace.ts';
import type { AggregateResult } from './aggregates.ts';
import type { BatchMemory } from './batch-memory.ts';
import { longColumn, textColumn } from './column-output.ts';
import { narrowInt } from './numeric-types.ts';

/** A column per result, of the first `count` rows of the traces. */
export function resultColumns(
  results: readonly AggregateResult[],
  traces: readonly AccumulatorTrace[],
  count: number,
  memory: BatchMemory,
): Column[] {
  return results.map((result) => resultColumn(result, traces, count, memory));
}

function resultColumn(
  result: AggregateResult,
  traces: readonly AccumulatorTrace[],
  count: number,
  memory: BatchMemory,
): Column {
  const value = traces[result.value] as AccumulatorTrace;
  const validity =
    result.present === undefined
      ? undefined
      : validityOf((traces[result.present] as AccumulatorTrace).doubles, count, memory);
  if (result.divisor !== undefined)
    return average(result, value, (traces[result.divisor] as AccumulatorTrace).doubles, count, validity, memory);
  switch (value.kind) {
    case 'i32':
      return { kind: 'i32', validity, values: value.ints };
    case 'f64':
      return { kind: 'f64', validity, values: value.doubles };
    case 'wide':
      return longColumn(value.longs, validity, count);
    case 'text':
      return textColumn(count, (row) => value.texts[row] ?? '', validity, memory);
  }
}

/** Set where something was counted; undefined when that is everywhere. */
function validityOf(counts: Float64Array, count: number, memory: BatchMemory): Uint8Array | undefined {
  const bits = memory.uint8(bitmapBytes(count));
  let nulls = false;
  for (let row = 0; row < count; row++) {
    if ((counts[row] as number) > 0) setBit(bits, row);
    else nulls = true;
  }
  return nulls ? bits : undefined;
}

/** A sum divided by a count, cut off where the type is an integer. */
function average(
  { type }: AggregateResult,
  sum: AccumulatorTrace,
  counts: Float64Array,
  count: number,
  validity: Uint8Array | undefined,
  memory: BatchMemory,
): Column {
  switch (storageOf(type)) {
    case 'f64':
      return { kind: 'f64', validity, values: quotients(sum.doubles, counts, count, type.kind === 'float', memory) };
    case 'i32':
      return {
        kind: 'i32',
        validity,
        values: integers(wholeQuotients(sum, counts, count, memory), count, type, memory),
      };
    default: {
      const whole = wholeQuotients(sum, counts, count, memory);
      return whole instanceof BigInt64Array
        ? longColumn(whole, validity, count)
        : { kind: 'f64', validity, values: whole };
    }
  }
}

function quotients(
  sums: Float64Array,
  counts: Float64Array,
  count: number,
  single: boolean,
  memory: BatchMemory,
): Float64Array {
  const values = memory.float64(count);
  for (let row = 0; row < count; row++) {
    const quotient = (sums[row] as number) / (counts[row] as number);
    values[row] = single ? Math.fround(quotient) : quotient;
  }
  return values;
}

/** Of nothing, whose result is NULL, zero. */
function wholeQuotients(
  sum: AccumulatorTrace,
  counts: Float64Array,
  count: number,
  memory: BatchMemory,
): Float64Array | BigInt64Array {
  if (sum.kind !== 'wide') {
    const values = memory.float64(count);
    for (let row = 0; row < count; row++) {
      if ((counts[row] as number) > 0)
        values[row] = Math.trunc((sum.doubles[row] as number) / (counts[row] as number)) + 0;
    }
    return values;
  }
  const values = memory.bigInt64(count);
  for (let row = 0; row < count; row++) {
    if ((counts[row] as number) > 0) values[row] = (sum.longs[row] as bigint) / BigInt(counts[row] as number);
  }
  return values;
}

function integers(
  values: Float64Array | BigInt64Array,
  count: number,
  type: LogicalType,
  memory: BatchMemory,
): Int32Array {
  const result = memory.int32(count);
  for (let row = 0; row < count; row++) result[row] = narrowInt(Number(values[row]), type);
  return result;
}
