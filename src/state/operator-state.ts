/** State of an operator instance that belongs to no key: lists that are dealt out anew on restore, and broadcast maps. */

import type { Redistribution } from './snapshot.ts';

/** A list that the operator keeps current itself; what it holds at a barrier is in the checkpoint. */
export interface OperatorListState<T> {
  readonly items: readonly T[];
  add(item: T): void;
  update(items: readonly T[]): void;
  clear(): void;
}

/** A map with the same content in every subtask. Its writer is the broadcast side alone. */
export interface BroadcastState<K, V> {
  get(key: K): V | undefined;
  contains(key: K): boolean;
  entries(): Iterable<readonly [K, V]>;
  put(key: K, value: V): void;
  putAll(entries: Iterable<readonly [K, V]>): void;
  remove(key: K): void;
  clear(): void;
}

/** The state of an operator instance that belongs to no key. */
export interface OperatorStateStore {
  list<T>(name: string, redistribution: Exclude<Redistribution, 'broadcast'>): OperatorListState<T>;
  broadcast<K, V>(name: string): BroadcastState<K, V>;
}
