/** Two streams windowed together: `coGroup`, which gives the elements of both side by side, and `join`, which gives pairs. */

import { map } from '../operator/map.ts';
import type { Collector, KeyOf, OrClass, Sync } from '../operator/functions.ts';
import { checkFunction, isLambda } from '../operator/user-function.ts';
import {
  coGrouping,
  first,
  flatJoining,
  joining,
  second,
  taggedKey,
  type TaggedUnion,
} from '../operator/window/tagged-union.ts';
import type { WindowCall } from '../operator/window/window-functions.ts';
import type { Evictor } from '../time/evictors/evictor.ts';
import type { Trigger } from '../time/triggers/trigger.ts';
import type { WindowAssigner } from '../time/windows/window-assigner.ts';
import type { Window } from '../time/windows/window.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import { StreamHandle } from './stream-handle.ts';
import { derivedCall, WindowOperation } from './window-operation.ts';

/** A function over the elements of two streams that share a key and a window. Either side may be empty. */
export interface CoGroupFunction<A, B, R> {
  coGroup(first: Iterable<A>, second: Iterable<B>, out: Collector<R>): void | Iterable<R>;
}

/** A function of each pair of elements that share a key and a window. */
export interface JoinFunction<A, B, R> {
  join(first: A, second: B): Sync<R>;
}

/** Any number of results for each pair. */
export interface FlatJoinFunction<A, B, R> {
  flatJoin(first: A, second: B, out: Collector<R>): void | Iterable<R>;
}

/** What both operations say before they say what to do. */
class TwoStreams<A, B> {
  protected readonly first: StreamHandle;
  protected readonly second: StreamHandle;

  constructor(firstStream: StreamHandle, secondStream: StreamHandle) {
    this.first = firstStream;
    this.second = secondStream;
  }

  protected windowed<W extends Window>(
    key1: (value: A) => unknown,
    key2: (value: B) => unknown,
    assigner: WindowAssigner<TaggedUnion<A, B>, W>,
  ): WindowOperation<TaggedUnion<A, B>, W> {
    const { scope } = this.first;
    const key = taggedKey(key1, key2);
    const parts = [
      this.first.attach({ name: 'Input 1', definition: map(first, undefined), hidden: true }),
      this.second.attach({ name: 'Input 2', definition: map(second, undefined), hidden: true }),
    ];
    const union = new StreamHandle(
      scope,
      parts.flatMap((node) => StreamHandle.of(scope, node).origins),
    );
    return WindowOperation.of(union.partitioned({ kind: 'hash', key }), key, assigner);
  }
}

/**
 * Two streams to be co-grouped: name the keys, the windows, and the function.
 *
 * @example
 * ```ts
 * declare const orders: DataStream<{ id: string; amount: number }>;
 * declare const payments: DataStream<{ order: string; paid: number }>;
 * const open = orders
 *   .coGroup(payments)
 *   .where((order) => order.id)
 *   .equalTo((payment) => payment.order)
 *   .window(TumblingEventTimeWindows.of(3_600_000))
 *   .apply(function* (orders, payments) {
 *     const paid = [...payments].reduce((sum, payment) => sum + payment.paid, 0);
 *     for (const order of orders) if (order.amount > paid) yield { id: order.id, missing: order.amount - paid };
 *   });
 * ```
 */
export class CoGroupedStreams<A, B> extends TwoStreams<A, B> {
  /** The key of the first stream's records. */
  where<K>(key: (value: A) => KeyOf<K>): {
    equalTo(other: (value: B) => KeyOf<NoInfer<K>>): {
      window<W extends Window>(assigner: WindowAssigner<TaggedUnion<A, B>, W>): CoGroupedWindows<A, B, W>;
    };
  } {
    checkFunction(key, 'coGroup', [], true);
    return {
      equalTo: (other) => {
        checkFunction(other, 'coGroup', [], true);
        return { window: (assigner) => new CoGroupedWindows(this.windowed(key, other, assigner)) };
      },
    };
  }
}

/**
 * Co-grouped streams in windows; see {@link CoGroupedStreams}.
 *
 * @example
 * ```ts
 * declare const windows: CoGroupedWindows<{ id: string }, { order: string }, TimeWindow>;
 * const unanswered = windows.allowedLateness(60_000).apply(function* (orders, payments) {
 *   if ([...payments].length === 0) yield* orders;
 * });
 * ```
 */
export class CoGroupedWindows<A, B, W extends Window> {
  readonly #operation: WindowOperation<TaggedUnion<A, B>, W>;

  constructor(operation: WindowOperation<TaggedUnion<A, B>, W>) {
    this.#operation = operation;
  }

  trigger(trigger: Trigger<TaggedUnion<A, B>, W>): CoGroupedWindows<A, B, W> {
    return new CoGroupedWindows(this.#operation.trigger(trigger));
  }

  evictor(evictor: Evictor<TaggedUnion<A, B>, W>): CoGroupedWindows<A, B, W> {
    return new CoGroupedWindows(this.#operation.evictor(evictor));
  }

  /** @throws WINDOW_INVALID when it is negative. */
  allowedLateness(milliseconds: number): CoGroupedWindows<A, B, W> {
    return new CoGroupedWindows(this.#operation.allowedLateness(milliseconds));
  }

  /** The function that gets the elements of both streams for each key and window. */
  apply<R>(f: CoGroupFunction<A, B, R>['coGroup'] | OrClass<CoGroupFunction<A, B, R>>): SingleOutputStream<R> {
    checkFunction(f, 'coGroup', ['coGroup'], true);
    const call = isLambda(f) ? coGrouping(f) : processBy(f, 'coGroup', coGrouping);
    return this.#operation.add<R>({ kind: 'list' }, call).name('CoGroup');
  }
}

/**
 * Two streams to be joined in windows: every pair of records with equal keys in the same window. For pairs that lie
 * within a time of each other, see `intervalJoin`.
 *
 * @example
 * ```ts
 * declare const clicks: DataStream<{ user: string; page: string }>;
 * declare const buys: DataStream<{ user: string; item: string }>;
 * const after = clicks
 *   .join(buys)
 *   .where((click) => click.user)
 *   .equalTo((buy) => buy.user)
 *   .window(EventTimeSessionWindows.withGap(600_000))
 *   .apply((click, buy) => ({ page: click.page, item: buy.item }));
 * ```
 */
export class JoinedStreams<A, B> extends TwoStreams<A, B> {
  /** The key of the first stream's records. */
  where<K>(key: (value: A) => KeyOf<K>): {
    equalTo(other: (value: B) => KeyOf<NoInfer<K>>): {
      window<W extends Window>(assigner: WindowAssigner<TaggedUnion<A, B>, W>): JoinedWindows<A, B, W>;
    };
  } {
    checkFunction(key, 'join', [], true);
    return {
      equalTo: (other) => {
        checkFunction(other, 'join', [], true);
        return { window: (assigner) => new JoinedWindows(this.windowed(key, other, assigner)) };
      },
    };
  }
}

/**
 * Joined streams in windows; see {@link JoinedStreams}.
 *
 * @example
 * ```ts
 * declare const windows: JoinedWindows<{ page: string }, { item: string }, TimeWindow>;
 * const pairs = windows.apply((click, buy) => `${click.page} ${buy.item}`);
 * ```
 */
export class JoinedWindows<A, B, W extends Window> {
  readonly #operation: WindowOperation<TaggedUnion<A, B>, W>;

  constructor(operation: WindowOperation<TaggedUnion<A, B>, W>) {
    this.#operation = operation;
  }

  trigger(trigger: Trigger<TaggedUnion<A, B>, W>): JoinedWindows<A, B, W> {
    return new JoinedWindows(this.#operation.trigger(trigger));
  }

  evictor(evictor: Evictor<TaggedUnion<A, B>, W>): JoinedWindows<A, B, W> {
    return new JoinedWindows(this.#operation.evictor(evictor));
  }

  /** @throws WINDOW_INVALID when it is negative. */
  allowedLateness(milliseconds: number): JoinedWindows<A, B, W> {
    return new JoinedWindows(this.#operation.allowedLateness(milliseconds));
  }

  /** The function of each pair. */
  apply<R>(f: ((first: A, second: B) => Sync<R>) | OrClass<JoinFunction<A, B, R>>): SingleOutputStream<R> {
    checkFunction(f, 'join', ['join'], true);
    const given = f as ((first: A, second: B) => R) | OrClass<{ join(first: A, second: B): R }>;
    const call = isLambda(given) ? joining(given) : processBy(given, 'join', joining);
    return this.#operation.add<R>({ kind: 'list' }, call).name('Join');
  }

  /** A function with any number of results for each pair. */
  flatApply<R>(f: FlatJoinFunction<A, B, R>['flatJoin'] | OrClass<FlatJoinFunction<A, B, R>>): SingleOutputStream<R> {
    checkFunction(f, 'join', ['flatJoin'], true);
    const call = isLambda(f) ? flatJoining(f) : processBy(f, 'flatJoin', flatJoining);
    return this.#operation.add<R>({ kind: 'list' }, call).name('Join');
  }
}

/** A function object as a window function: its one method is what `make` makes a window function of. */
function processBy(
  f: OrClass<object>,
  method: string,
  make: (own: (...args: unknown[]) => void | Iterable<unknown>) => WindowCall,
): OrClass<WindowCall> {
  return derivedCall(
    f,
    method,
    (own) =>
      function (key, ctx, elements, out) {
        const call = make((...given) => own.call(this, ...given));
        return call.process(key, ctx, elements as Iterable<unknown>, out as Collector<unknown>);
      },
  );
}
