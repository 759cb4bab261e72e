/**
 * `sum`, `min`, `max`, `minBy` and `maxBy` over windows.
 *
 * By field, `sum`, `min` and `max` give the window's first record with the field replaced; by a function they give
 * the figure alone. `minBy` and `maxBy` give the whole record with the least or greatest figure; of equal ones the
 * first, unless the last is asked for. All of them are associative: sliding windows share their slices.
 */

import type { Figure } from '../rolling-aggregation.ts';
import type { WindowKeeping } from './window-fold.ts';

type Combine = (a: never, b: never) => unknown;

/** The order of figures: numbers by size with NaN above all, as in Flink; dates, bigints and text by JavaScript's own. */
function isLess(a: never, b: never): boolean {
  return a < b || (b !== b && a === a);
}

const SUM: Combine = (a: number, b: number) => a + b;
const MIN: Combine = (a, b) => (isLess(b, a) ? b : a);
const MAX: Combine = (a, b) => (isLess(a, b) ? b : a);

export function windowSum<T>(figure: Figure<T>): WindowKeeping {
  return combining(figure, SUM);
}

export function windowMin<T>(figure: Figure<T>): WindowKeeping {
  return combining(figure, MIN);
}

export function windowMax<T>(figure: Figure<T>): WindowKeeping {
  return combining(figure, MAX);
}

/** `first`: whether the first of equal records is kept. */
export function windowMinBy<T>(figure: Figure<T>, first: boolean): WindowKeeping {
  const of = reading(figure);
  return choosing((kept, value) => (first ? isLess(of(value), of(kept)) : !isLess(of(kept), of(value))));
}

export function windowMaxBy<T>(figure: Figure<T>, first: boolean): WindowKeeping {
  const of = reading(figure);
  return choosing((kept, value) => (first ? isLess(of(kept), of(value)) : !isLess(of(value), of(kept))));
}

function reading(figure: Figure<never>): (value: never) => never {
  return (typeof figure === 'string' ? (value: never) => value[figure] : figure) as (value: never) => never;
}

function combining(figure: Figure<never>, combine: Combine): WindowKeeping {
  if (typeof figure === 'string') {
    const reduce = (a: Record<string, never>, b: Record<string, never>): object =>
      withField(a, figure, combine(a[figure] as never, b[figure] as never));
    return { kind: 'reduce', reduce: reduce as Combine, associative: true };
  }
  const aggregate = {
    createAccumulator: (): { figure: unknown } => ({ figure: undefined }),
    add(value: never, accumulator: { figure: unknown }) {
      const now = figure(value);
      accumulator.figure = accumulator.figure === undefined ? now : combine(accumulator.figure as never, now as never);
      return accumulator;
    },
    getResult: (accumulator: { figure: unknown }) => accumulator.figure,
    merge(a: { figure: unknown }, b: { figure: unknown }) {
      if (b.figure !== undefined)
        a.figure = a.figure === undefined ? b.figure : combine(a.figure as never, b.figure as never);
      return a;
    },
  };
  return { kind: 'aggregate', aggregate };
}

/** A shallow copy with one field replaced; the class is kept, and arrays stay arrays. */
function withField(record: object, field: string, value: unknown): object {
  if (Object.getPrototypeOf(record) === Object.prototype) return { ...record, [field]: value };
  const copy = Array.isArray(record)
    ? record.slice()
    : (Object.create(
        Object.getPrototypeOf(record) as object | null,
        Object.getOwnPropertyDescriptors(record),
      ) as object);
  (copy as Record<string, unknown>)[field] = value;
  return copy;
}

function choosing(isBetter: (kept: never, value: never) => boolean): WindowKeeping {
  const reduce: Combine = (kept, value) => (isBetter(kept, value) ? value : kept);
  return { kind: 'reduce', reduce, associative: true };
}
