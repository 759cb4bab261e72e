/** The results of aggregates, from accumulators to columns. */

import { bitmapBytes, type Column, setBit } from '../data/column-batch.ts';
import { type LogicalType, storageOf } from '../data/schema.ts';
import type { AccumulatorColumn } from './accumulator-column.ts';
import type { AggregateResult } from './aggregates.ts';
import { longColumn, textColumn } from './column-output.ts';
import { narrowInt } from './numeric-types.ts';
import { gatherF64, gatherI32, gatherI64 } from './key-parts.ts';

/** A column per result: of the given groups, or, without, of the first `count`. */
export function resultColumns(
  results: readonly AggregateResult[],
  accumulators: readonly AccumulatorColumn[],
  groups: Int32Array | undefined,
  count: number,
): Column[] {
  return results.map((result) => resultColumn(result, accumulators, groups, count));
}

function resultColumn(
  result: AggregateResult,
  accumulators: readonly AccumulatorColumn[],
  groups: Int32Array | undefined,
  count: number,
): Column {
  const value = accumulators[result.value] as AccumulatorColumn;
  const present =
    result.present === undefined
      ? undefined
      : doublesOf(accumulators[result.present] as AccumulatorColumn, groups, count);
  const validity = present === undefined ? undefined : validityOf(present, count);
  if (result.divisor !== undefined)
    return average(
      result,
      value,
      doublesOf(accumulators[result.divisor] as AccumulatorColumn, groups, count),
      groups,
      count,
      validity,
    );
  switch (value.kind) {
    case 'i32':
      return {
        kind: 'i32',
        validity,
        values: groups === undefined ? value.ints : gatherI32(value.ints, groups, count),
      };
    case 'f64':
    case 'long':
      return { kind: 'f64', validity, values: doublesOf(value, groups, count) };
    case 'wide':
      return longColumn(longsOf(value, groups, count), validity, count);
    case 'text':
      return textColumn(count, (i) => value.texts[groups === undefined ? i : (groups[i] as number)] ?? '', validity);
  }
}

function doublesOf(column: AccumulatorColumn, groups: Int32Array | undefined, count: number): Float64Array {
  return groups === undefined ? column.doubles : gatherF64(column.doubles, groups, count);
}

function longsOf(column: AccumulatorColumn, groups: Int32Array | undefined, count: number): BigInt64Array {
  return groups === undefined ? column.longs : gatherI64(column.longs, groups, count);
}

/** Set where something was counted; undefined when that is everywhere. */
function validityOf(counts: Float64Array, count: number): Uint8Array | undefined {
  const bits = new Uint8Array(bitmapBytes(count));
  let nulls = false;
  for (let i = 0; i < count; i++) {
    if ((counts[i] as number) > 0) setBit(bits, i);
    else nulls = true;
  }
  return nulls ? bits : undefined;
}

/** A sum divided by a count, cut off where the type is an integer. */
function average(
  result: AggregateResult,
  sum: AccumulatorColumn,
  counts: Float64Array,
  groups: Int32Array | undefined,
  count: number,
  validity: Uint8Array | undefined,
): Column {
  switch (storageOf(result.type)) {
    case 'f64':
      return {
        kind: 'f64',
        validity,
        values: quotients(doublesOf(sum, groups, count), counts, count, result.type.kind === 'float'),
      };
    case 'i32':
      return { kind: 'i32', validity, values: integersOf(wholeQuotients(sum, counts, groups, count), result.type) };
    default: {
      const whole = wholeQuotients(sum, counts, groups, count);
      return whole instanceof BigInt64Array
        ? longColumn(whole, validity, count)
        : { kind: 'f64', validity, values: whole };
    }
  }
}

function quotients(sums: Float64Array, counts: Float64Array, count: number, single: boolean): Float64Array {
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const quotient = (sums[i] as number) / (counts[i] as number);
    values[i] = single ? Math.fround(quotient) : quotient;
  }
  return values;
}

/** Of nothing, whose result is NULL, zero. */
function wholeQuotients(
  sum: AccumulatorColumn,
  counts: Float64Array,
  groups: Int32Array | undefined,
  count: number,
): Float64Array | BigInt64Array {
  if (sum.kind !== 'wide') {
    const sums = doublesOf(sum, groups, count);
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++)
      if ((counts[i] as number) > 0) values[i] = Math.trunc((sums[i] as number) / (counts[i] as number)) + 0;
    return values;
  }
  const sums = longsOf(sum, groups, count);
  const values = new BigInt64Array(count);
  for (let i = 0; i < count; i++)
    if ((counts[i] as number) > 0) values[i] = (sums[i] as bigint) / BigInt(counts[i] as number);
  return values;
}

function integersOf(values: Float64Array | BigInt64Array, type: LogicalType): Int32Array {
  const integers = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) integers[i] = narrowInt(Number(values[i]), type);
  return integers;
}
