/** Two streams as one, for operations that window them together: each record with the side that it came from. */

import type { Collector } from '../functions.ts';
import { iterable } from '../process-operator.ts';
import type { WindowCall } from './window-functions.ts';

export interface TaggedUnion<A, B> {
  readonly side: 0 | 1;
  readonly value: A | B;
}

/** Marks records of the first stream. */
export function first<A, B>(value: A): TaggedUnion<A, B> {
  return { side: 0, value };
}

/** Marks records of the second stream. */
export function second<A, B>(value: B): TaggedUnion<A, B> {
  return { side: 1, value };
}

/** Makes one key selector of two. */
export function taggedKey<A, B>(
  key1: (value: A) => unknown,
  key2: (value: B) => unknown,
): (tagged: TaggedUnion<A, B>) => unknown {
  return ({ side, value }) => (side === 0 ? key1(value as A) : key2(value as B));
}

type Tagged = TaggedUnion<never, never>;

function sides(elements: Iterable<unknown>): { readonly firsts: never[]; readonly seconds: never[] } {
  const firsts: never[] = [];
  const seconds: never[] = [];
  for (const { side, value } of elements as Iterable<Tagged>) (side === 0 ? firsts : seconds).push(value);
  return { firsts, seconds };
}

/** What a function of two streams may return. */
type Emitted = void | Iterable<unknown>;

/** Gives the elements of a window side by side. */
export function coGrouping(
  coGroup: (firsts: Iterable<never>, seconds: Iterable<never>, out: Collector<unknown>) => Emitted,
): WindowCall {
  return {
    process(_key, _ctx, elements, out) {
      const { firsts, seconds } = sides(elements);
      return coGroup(firsts, seconds, out);
    },
  };
}

/** What `make` makes of every pair, one pair at a time, so that the gate is asked between them. */
class Pairs<R> extends Iterator<R, undefined> {
  readonly #firsts: readonly never[];
  readonly #seconds: readonly never[];
  readonly #make: (a: never, b: never) => R;
  #next = 0;

  constructor(elements: Iterable<unknown>, make: (a: never, b: never) => R) {
    super();
    const { firsts, seconds } = sides(elements);
    this.#firsts = firsts;
    this.#seconds = seconds;
    this.#make = make;
  }

  override next(): IteratorResult<R, undefined> {
    const at = this.#next++;
    const { length } = this.#seconds;
    if (at >= this.#firsts.length * length) return { done: true, value: undefined };
    const value = this.#make(this.#firsts[Math.floor(at / length)] as never, this.#seconds[at % length] as never);
    return { done: false, value };
  }
}

/** Gives every pair of a window. */
export function joining(join: (a: never, b: never) => unknown): WindowCall {
  return { process: (_key, _ctx, elements) => new Pairs(elements, join) };
}

/** The same for a function with any number of results per pair. */
export function flatJoining(join: (a: never, b: never, out: Collector<unknown>) => Emitted): WindowCall {
  return {
    process(_key, _ctx, elements) {
      const perPair = new Pairs(elements, (a, b) => {
        const collected: unknown[] = [];
        const returned = join(a, b, { collect: (value) => void collected.push(value) });
        return returned === undefined ? [collected] : [collected, iterable<unknown>(returned, 'join')];
      });
      return perPair.flatMap((results) => results).flatMap((results) => results);
    },
  };
}
