/**
 * The keyed state of one operator subtask: the contract that every backend fulfils.
 *
 * The operator makes a key current before it touches state; handles are made once, at `open`, and always concern the
 * current key (and the current namespace, where they were made namespaced). Access is synchronous: the runtime
 * announces the keys of a batch with `prefetch` first, so that a backend on disk can have read them by then.
 *
 * What the backend holds leaves it through views (`views.ts`); what was restored is part of every checkpoint until
 * somebody asks for it.
 *
 * Keys are equal when their canonical encodings are (`data/key.ts`), and belong to the key group that their hash gives.
 */

import type {
  AggregatingState,
  AggregatingStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReducingState,
  ReducingStateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from './descriptor.ts';
import type { TimerDriver, TimerHandler } from './timers.ts';
import type { ViewedState } from './views.ts';

export interface KeyedBackend extends ViewedState {
  setCurrentKey(key: unknown): void;
  readonly currentKey: unknown;
  readonly currentKeyGroup: number;
  /** Namespaces tell the windows of a key apart. Any value that can be a key; undefined outside windows. */
  setCurrentNamespace(namespace: unknown): void;

  value<T>(descriptor: ValueStateDescriptor<T>, namespaced?: boolean): ValueState<T>;
  list<T>(descriptor: ListStateDescriptor<T>, namespaced?: boolean): ListState<T>;
  map<K, V>(descriptor: MapStateDescriptor<K, V>, namespaced?: boolean): MapState<K, V>;
  reducing<T>(descriptor: ReducingStateDescriptor<T>, namespaced?: boolean): ReducingState<T>;
  aggregating<In, Acc, Out>(
    descriptor: AggregatingStateDescriptor<In, Acc, Out>,
    namespaced?: boolean,
  ): AggregatingState<In, Out>;

  /** The timers of this operator under a name of their own. */
  timers(name: string, handler: TimerHandler): TimerDriver;

  /**
   * Announces the keys of the records that come next, in their order; they are asked for where that changes something.
   * The list is the backend's to keep.
   */
  prefetch?(keys: () => readonly unknown[]): void;

  /** Every key that has state under the descriptor's name. */
  keys(stateName: string): Iterable<unknown>;
  /** Drops everything the current key has: its state in all namespaces, and its timers. */
  clearCurrentKey(): void;

  /** Keys with any state or timer; for metrics and for the test that nothing is left behind. */
  readonly size: number;
  close(): void;
}
