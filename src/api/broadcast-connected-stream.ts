/** A stream connected with a broadcast stream, without and with keys. */

import type { BroadcastDescriptors } from '../operator/broadcast-states.ts';
import { broadcastProcess } from '../operator/broadcast-process.ts';
import type {
  BroadcastProcessFunction,
  KeyedBroadcastProcessFunction,
  NoState,
  OrClass,
  StateDeclarations,
} from '../operator/functions.ts';
import { keyedBroadcastProcess } from '../operator/keyed-broadcast-process.ts';
import { checkFunction } from '../operator/user-function.ts';
import type { KeySelector } from './keyed-stream.ts';
import type { SingleOutputStream } from './single-output-stream.ts';
import type { StreamHandle } from './stream-handle.ts';

const METHODS = ['processElement', 'processBroadcastElement'];

/**
 * A stream and the broadcast state that its function reads.
 *
 * @example
 * ```ts
 * const rules = mapState<string, { limit: number }>('rules');
 * declare const events: DataStream<{ user: string; time: number }>;
 * declare const ruleChanges: DataStream<{ id: string; rule: { limit: number } }>;
 * declare function matches(rule: { limit: number }, event: { user: string }): boolean;
 * const alerts = events.connect(ruleChanges.broadcast(rules)).process({
 *   processBroadcastElement(change, ctx) {
 *     ctx.getBroadcastState(rules).put(change.id, change.rule);
 *   },
 *   *processElement(event, ctx) {
 *     for (const [id, rule] of ctx.getBroadcastState(rules).entries()) if (matches(rule, event)) yield { id, event };
 *   },
 * });
 * ```
 */
export class BroadcastConnectedStream<T, B> {
  protected readonly stream: StreamHandle;
  protected readonly broadcast: StreamHandle;
  protected readonly descriptors: BroadcastDescriptors;

  constructor(stream: StreamHandle, broadcast: StreamHandle, descriptors: BroadcastDescriptors) {
    this.stream = stream;
    this.broadcast = broadcast;
    this.descriptors = descriptors;
  }

  /** The broadcast side writes the state; the other side may only read it. */
  process<R>(f: OrClass<BroadcastProcessFunction<T, B, R>>): SingleOutputStream<R> {
    checkFunction(f, 'Broadcast Process', METHODS, false);
    const { scope } = this.stream;
    const node = this.stream.attach(
      { name: 'Broadcast Process', definition: broadcastProcess(this.descriptors, f) },
      this.broadcast,
    );
    return scope.make.single<R>(scope, node);
  }
}

/**
 * A keyed stream and the broadcast state that its function reads, besides the state and timers of its keys.
 *
 * @example
 * ```ts
 * const seen = mapState<string, number>('seen');
 * declare const events: DataStream<{ user: string; time: number }>;
 * declare const resets: DataStream<string>;
 * const counted = events.keyBy((event) => event.user).connect(resets.broadcast(seen)).process({
 *   state: { count: valueState<number>('count') },
 *   processBroadcastElement(reset, ctx) {
 *     ctx.applyToKeyedState(valueState<number>('count'), (user, count) => count.clear());
 *   },
 *   *processElement(event, ctx) {
 *     const count = (ctx.state.count.value() ?? 0) + 1;
 *     ctx.state.count.update(count);
 *     yield { user: ctx.getCurrentKey(), count };
 *   },
 * });
 * ```
 */
export class KeyedBroadcastConnectedStream<K, T, B> extends BroadcastConnectedStream<T, B> {
  readonly #key: KeySelector<T, K>;

  constructor(
    stream: StreamHandle,
    broadcast: StreamHandle,
    descriptors: BroadcastDescriptors,
    key: KeySelector<T, K>,
  ) {
    super(stream, broadcast, descriptors);
    this.#key = key;
  }

  /** The broadcast side has no key; `ctx.applyToKeyedState` visits the state of all keys. */
  override process<R, S extends StateDeclarations = NoState>(
    f: OrClass<KeyedBroadcastProcessFunction<K, T, B, R, S>>,
  ): SingleOutputStream<R> {
    checkFunction(f, 'Keyed Broadcast Process', METHODS, false);
    const { scope } = this.stream;
    const definition = keyedBroadcastProcess(this.#key, this.descriptors, f);
    return scope.make.single<R>(
      scope,
      this.stream.attach({ name: 'Keyed Broadcast Process', definition }, this.broadcast),
    );
  }
}
