/** Adding the accumulators of one table to those of another: slices of time that become a window. */

import type { LogicalType } from '../data/schema.ts';
import type { AccumulatorColumn } from './accumulator-column.ts';
import type { AccumulatorKind } from './aggregates.ts';
import type { Records } from './key-parts.ts';
import { narrowInt } from './numeric-types.ts';
import { compareText } from './text-values.ts';

/** An accumulator with the records that it lies in. */
export interface Merged extends Records {
  readonly column: AccumulatorColumn;
}

/**
 * Adds an accumulator of `groups` to that of the groups `to` of another table, from place `start` on. Returns the first
 * place that cannot be added because the other table must be widened first, or the number of groups.
 */
export function mergeAccumulators(
  from: Merged,
  into: Merged,
  groups: Int32Array,
  to: Int32Array,
  start: number,
): number {
  const { kind, storage, type } = into.column.accumulator;
  switch (into.column.kind) {
    case 'word':
      if (from.column.kind === 'wide') return start;
      return mergeWords(
        from,
        into,
        groups,
        to,
        start,
        mergeOf(kind, storage === 'f64', type),
        kind === 'sum' && storage === 'long',
      );
    case 'wide':
      mergeWide((group) => from.column.get(from, group) as number | bigint, into.column.longs, groups, to, start, kind);
      return groups.length;
    case 'text':
      mergeTexts(from.column.texts, into.column.texts, groups, to, start, kind);
      return groups.length;
  }
}

/** How two values become one. NaN is the greatest double. */
function mergeOf(kind: AccumulatorKind, doubles: boolean, type: LogicalType): (a: number, b: number) => number {
  if (kind === 'min') return doubles ? (a, b) => (b < a || a !== a ? b : a) : Math.min;
  if (kind === 'max') return doubles ? (a, b) => (b > a || b !== b ? b : a) : Math.max;
  if (kind === 'count' || type.kind === 'double' || type.kind === 'bigint') return (a, b) => a + b;
  return type.kind === 'float' ? (a, b) => Math.fround(a + b) : (a, b) => narrowInt(a + b, type);
}

function mergeWords(
  from: Merged,
  into: Merged,
  groups: Int32Array,
  to: Int32Array,
  start: number,
  merge: (a: number, b: number) => number,
  checked: boolean,
): number {
  const { records: source, stride: sourceStride } = from;
  const { records, stride } = into;
  const sourceOffset = from.column.offset;
  const { offset } = into.column;
  for (let i = start; i < groups.length; i++) {
    const at = (to[i] as number) * stride + offset;
    const merged = merge(records[at] as number, source[(groups[i] as number) * sourceStride + sourceOffset] as number);
    if (checked && !Number.isSafeInteger(merged)) return i;
    records[at] = merged;
  }
  return groups.length;
}

function mergeWide(
  from: (group: number) => number | bigint,
  into: BigInt64Array,
  groups: Int32Array,
  to: Int32Array,
  start: number,
  kind: AccumulatorKind,
): void {
  for (let i = start; i < groups.length; i++) {
    const group = to[i] as number;
    const b = from(groups[i] as number);
    // What MIN and MAX start with takes no part.
    if (b === Infinity || b === -Infinity) continue;
    const a = into[group] as bigint;
    if (kind === 'sum') into[group] = a + BigInt(b);
    else if (kind === 'min' ? b < a : b > a) into[group] = BigInt(b);
  }
}

function mergeTexts(
  from: (string | undefined)[],
  into: (string | undefined)[],
  groups: Int32Array,
  to: Int32Array,
  start: number,
  kind: AccumulatorKind,
): void {
  for (let i = start; i < groups.length; i++) {
    const group = to[i] as number;
    const a = into[group];
    const b = from[groups[i] as number];
    if (b === undefined) continue;
    if (a === undefined || (kind === 'min' ? compareText(b, a) < 0 : compareText(b, a) > 0)) into[group] = b;
  }
}
