/**
 * What a window keeps of its elements: one value that grows with each element, or all of them.
 *
 * A fold is the user's reducing or aggregating function seen as one thing. It belongs to one instance of an operator.
 */

import { MillstreamError } from '../../base/error.ts';
import type { AggregateFunction } from '../../state/descriptor.ts';
import type { OrClass } from '../functions.ts';
import { instantiate, isLambda, refusePromise } from '../user-function.ts';

/** `Acc` is kept, `Out` is what the window gives. */
export interface Fold<In, Acc, Out> {
  /** The accumulator of a single element. */
  first(value: In): Acc;
  /** May change the accumulator and return it, or return another. */
  add(accumulator: Acc, value: In): Acc;
  result(accumulator: Acc): Out;
  /** Both in one; may change and return `a`. Absent where the user gave no `merge`. */
  readonly merge?: (a: Acc, b: Acc) => Acc;
}

/** How the elements of a window are to be kept; makes the fold of an instance. */
export type WindowKeeping =
  | { readonly kind: 'reduce'; readonly reduce: ReduceGiven; readonly associative: boolean }
  | { readonly kind: 'aggregate'; readonly aggregate: OrClass<AggregateFunction<never, unknown, unknown>> }
  | { readonly kind: 'list' };

/** A reducing function, or an object with one. */
export type ReduceGiven = ((a: never, b: never) => unknown) | OrClass<{ reduce(a: never, b: never): unknown }>;

export type AnyFold = Fold<unknown, unknown, unknown>;

export function makeFold(keeping: WindowKeeping): AnyFold {
  switch (keeping.kind) {
    case 'reduce':
      return reduceFold(keeping.reduce);
    case 'aggregate':
      return new AggregateFold(instantiate(keeping.aggregate) as AggregateFunction<unknown, unknown, unknown>);
    case 'list':
      return LIST_FOLD as AnyFold;
  }
}

function reduceFold(given: ReduceGiven): AnyFold {
  type Reduce = (a: unknown, b: unknown) => unknown;
  const object = isLambda(given) ? undefined : (instantiate(given) as { reduce: Reduce });
  const reduce: Reduce = object === undefined ? (given as Reduce) : (a, b) => object.reduce(a, b);
  const checked: Reduce = (a, b) => kept(reduce(a, b), 'reduce()');
  return { first: (value) => value, add: checked, result: (accumulator) => accumulator, merge: checked };
}

class AggregateFold implements AnyFold {
  readonly #aggregate: AggregateFunction<unknown, unknown, unknown>;
  readonly merge?: (a: unknown, b: unknown) => unknown;

  constructor(aggregate: AggregateFunction<unknown, unknown, unknown>) {
    this.#aggregate = aggregate;
    if (aggregate.merge !== undefined) this.merge = (a, b) => kept(aggregate.merge?.(a, b), 'merge()');
  }

  first(value: unknown): unknown {
    return this.add(this.#aggregate.createAccumulator(), value);
  }

  add(accumulator: unknown, value: unknown): unknown {
    return kept(this.#aggregate.add(value, accumulator), 'add()');
  }

  result(accumulator: unknown): unknown {
    return this.#aggregate.getResult(accumulator);
  }
}

const LIST_FOLD: Fold<unknown, unknown[], readonly unknown[]> = {
  first: (value) => [value],
  add(items, value) {
    items.push(value);
    return items;
  },
  result: (items) => items,
  merge(a, b) {
    for (const item of b) a.push(item);
    return a;
  },
};

/** What a user's function returned as the new accumulator. */
export function kept<A>(accumulator: A, method: string): A {
  if (accumulator === undefined || accumulator instanceof Promise) refuseAccumulator(accumulator, method);
  return accumulator;
}

/** Also called by generated code. */
export function refuseAccumulator(accumulator: unknown, method: string): never {
  if (accumulator instanceof Promise) refusePromise(`the ${method} of a window`);
  throw new MillstreamError(
    'USER_CODE',
    `The ${method} of a window's function returned undefined. Return the accumulator, also when it was changed in place.`,
  );
}
