/**
 * What a window keeps of its elements: one value that grows with each element, or all of them.
 *
 * A fold is the user's reducing or aggregating function seen as one thing. It belongs to one instance of an operator.
 */

import { MillstreamError } from '../../base/error.ts';
import type { AggregateFunction } from '../../state/descriptor.ts';
import type { OrClass } from '../functions.ts';
import type { InlineCode } from '../inline-code.ts';
import { instantiate, isLambda, refusePromise } from '../user-function.ts';

/** Accumulators are kept; what the window gives is their result. */
export interface Fold {
  /** The user's object, for generated code; undefined where the user gave a lambda, or none. */
  readonly f: object | undefined;
  /** The accumulator of a single element. */
  first(value: unknown): unknown;
  /** May change the accumulator and return it, or return another. */
  add(accumulator: unknown, value: unknown): unknown;
  result(accumulator: unknown): unknown;
  /** An accumulator of no element; absent where there is none (`reduce`). */
  empty?(): unknown;
  /** Both in one; may change and return `a`. Absent where the user gave no `merge`. */
  readonly merge?: (a: unknown, b: unknown) => unknown;
}

type AnyAggregate = AggregateFunction<unknown, unknown, unknown>;
type AnyReduce = (a: unknown, b: unknown) => unknown;

/** A reducing function, or an object with one. */
export type ReduceGiven = ((a: never, b: never) => unknown) | OrClass<{ reduce(a: never, b: never): unknown }>;

/** How the elements of a window are to be kept. */
export type WindowKeeping =
  /** `associative`: the user declares that it does not matter in which order and groups values are combined. */
  | { readonly kind: 'reduce'; readonly reduce: ReduceGiven; readonly associative: boolean }
  | { readonly kind: 'aggregate'; readonly aggregate: OrClass<AggregateFunction<never, unknown, unknown>> }
  | { readonly kind: 'list' };

/** The fold of one operator instance. */
export function makeFold(keeping: WindowKeeping): Fold {
  switch (keeping.kind) {
    case 'reduce':
      return reduceFold(keeping.reduce);
    case 'aggregate':
      return new AggregateFold(instantiate(keeping.aggregate));
    case 'list':
      return LIST_FOLD;
  }
}

function reduceFold(given: ReduceGiven): Fold {
  const object = isLambda(given) ? undefined : (instantiate(given) as { reduce: AnyReduce });
  const reduce = object === undefined ? (given as AnyReduce) : (a: unknown, b: unknown) => object.reduce(a, b);
  const checked: AnyReduce = (a, b) => kept(reduce(a, b), 'reduce()');
  return { f: object, first: (value) => value, add: checked, result: (accumulator) => accumulator, merge: checked };
}

class AggregateFold implements Fold {
  readonly f: AnyAggregate;
  readonly merge?: AnyReduce;

  constructor(aggregate: AnyAggregate) {
    this.f = aggregate;
    if (aggregate.merge !== undefined) this.merge = (a, b) => kept(aggregate.merge?.(a, b), 'merge()');
  }

  first(value: unknown): unknown {
    return this.add(this.f.createAccumulator(), value);
  }

  empty(): unknown {
    return this.f.createAccumulator();
  }

  add(accumulator: unknown, value: unknown): unknown {
    return kept(this.f.add(value, accumulator), 'add()');
  }

  result(accumulator: unknown): unknown {
    return this.f.getResult(accumulator);
  }
}

const LIST_FOLD: Fold = {
  f: undefined,
  first: (value) => [value],
  add(items, value) {
    (items as unknown[]).push(value);
    return items;
  },
  result: (items) => items,
  merge(a, b) {
    for (const item of b as unknown[]) (a as unknown[]).push(item);
    return a;
  },
};

/** Writes what declares `next`, the accumulator with the record in it. The instance holds the fold's `f` as `self.f`. */
export function writeAdd(code: InlineCode, keeping: WindowKeeping, accumulator: string, next: string): void {
  const { self, value } = code;
  switch (keeping.kind) {
    case 'reduce': {
      const reduce = isLambda(keeping.reduce) ? code.bind(keeping.reduce) : `${self}.f.reduce`;
      code.line(`const ${next} = ${reduce}(${accumulator}, ${value});`);
      break;
    }
    case 'aggregate':
      code.line(`const ${next} = ${self}.f.add(${value}, ${accumulator});`);
      break;
    case 'list':
      code.line(`${accumulator}.push(${value});`);
      code.line(`const ${next} = ${accumulator};`);
      return;
  }
  const refuse = code.bind(refuseAccumulator);
  code.line(
    `if (${next} === undefined || ${next} instanceof Promise) ${refuse}(${next}, '${keeping.kind === 'reduce' ? 'reduce()' : 'add()'}');`,
  );
}

/** What a user's function returned as the new accumulator. */
function kept<A>(accumulator: A, method: string): A {
  if (accumulator === undefined || accumulator instanceof Promise) refuseAccumulator(accumulator, method);
  return accumulator;
}

/** Also called by generated code. */
function refuseAccumulator(accumulator: unknown, method: string): never {
  if (accumulator instanceof Promise) refusePromise(`the ${method} of a window`);
  throw new MillstreamError(
    'USER_CODE',
    `The ${method} of a window's function returned undefined. Return the accumulator, also when it was changed in place.`,
  );
}
