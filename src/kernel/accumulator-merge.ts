/** Adding the accumulators of one table to those of another: slices of time that become a window. */

import type { AccumulatorColumn } from './accumulator-column.ts';
import type { LogicalType } from '../data/schema.ts';
import { narrowInt } from './numeric-types.ts';
import { compareText } from './text-values.ts';

/**
 * Adds the accumulators of `groups` of `from` to those of the groups `to` of `into`, from place `start` on. Returns
 * the first place that cannot be added because `into` must be widened first, or the number of groups.
 */
export function mergeAccumulators(
  from: AccumulatorColumn,
  into: AccumulatorColumn,
  groups: Int32Array,
  to: Int32Array,
  start: number,
): number {
  const { kind, type } = into.accumulator;
  const count = groups.length;
  switch (into.kind) {
    case 'i32':
      mergeInts(from.ints, into.ints, groups, to, start, kind, type);
      return count;
    case 'f64':
      mergeDoubles(from.doubles, into.doubles, groups, to, start, kind, type);
      return count;
    case 'long':
      if (from.kind === 'wide') return start;
      return mergeLongs(from.doubles, into.doubles, groups, to, start, kind);
    case 'wide':
      mergeWide((group) => from.get(group) as number | bigint, into.longs, groups, to, start, kind);
      return count;
    case 'text':
      mergeTexts(from.texts, into.texts, groups, to, start, kind);
      return count;
  }
}

type Kind = AccumulatorColumn['accumulator']['kind'];

function mergeInts(
  from: Int32Array,
  into: Int32Array,
  groups: Int32Array,
  to: Int32Array,
  start: number,
  kind: Kind,
  type: LogicalType,
): void {
  for (let i = start; i < groups.length; i++) {
    const group = to[i] as number;
    const a = into[group] as number;
    const b = from[groups[i] as number] as number;
    into[group] = kind === 'min' ? Math.min(a, b) : kind === 'max' ? Math.max(a, b) : narrowInt(a + b, type);
  }
}

/** NaN is the greatest double. */
function mergeDoubles(
  from: Float64Array,
  into: Float64Array,
  groups: Int32Array,
  to: Int32Array,
  start: number,
  kind: Kind,
  type: LogicalType,
): void {
  for (let i = start; i < groups.length; i++) {
    const group = to[i] as number;
    const a = into[group] as number;
    const b = from[groups[i] as number] as number;
    if (kind === 'min') {
      if (b < a || a !== a) into[group] = b;
    } else if (kind === 'max') {
      if (b > a || b !== b) into[group] = b;
    } else into[group] = type.kind === 'float' ? Math.fround(a + b) : a + b;
  }
}

function mergeLongs(
  from: Float64Array,
  into: Float64Array,
  groups: Int32Array,
  to: Int32Array,
  start: number,
  kind: Kind,
): number {
  for (let i = start; i < groups.length; i++) {
    const group = to[i] as number;
    const a = into[group] as number;
    const b = from[groups[i] as number] as number;
    const merged = kind === 'min' ? Math.min(a, b) : kind === 'max' ? Math.max(a, b) : a + b;
    if (kind === 'sum' && !Number.isSafeInteger(merged)) return i;
    into[group] = merged;
  }
  return groups.length;
}

function mergeWide(
  from: (group: number) => number | bigint,
  into: BigInt64Array,
  groups: Int32Array,
  to: Int32Array,
  start: number,
  kind: Kind,
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
  kind: Kind,
): void {
  for (let i = start; i < groups.length; i++) {
    const group = to[i] as number;
    const a = into[group];
    const b = from[groups[i] as number];
    if (b === undefined) continue;
    if (a === undefined || (kind === 'min' ? compareText(b, a) < 0 : compareText(b, a) > 0)) into[group] = b;
  }
}
