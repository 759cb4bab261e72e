/** Operator state in memory: lists and broadcast maps that belong to no key. */

import { MillstreamError } from '../base/error.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { MapCell } from './map-cell.ts';
import type { BroadcastState, OperatorListState, OperatorStateStore } from './operator-state.ts';
import type { Redistribution, RestoredList, RestoredState, SnapshotWriter } from './snapshot.ts';

/** What is asked for by name: its way of redistribution, and what it holds now. */
interface Registered {
  readonly redistribution: Redistribution;
  readonly state: MemoryListState<unknown> | MemoryBroadcastState<unknown, unknown>;
}

export interface MemoryOperatorState extends OperatorStateStore {
  snapshot(writer: SnapshotWriter): void;
}

/**
 * The operator state of one subtask. What was restored and is not asked for stays part of every snapshot.
 *
 * @example
 * ```ts
 * const store = createOperatorState(new TypeRegistry(), undefined);
 * const offsets = store.list<number>('offsets', 'split');
 * offsets.add(42);
 * ```
 */
export function createOperatorState(types: TypeRegistry, restored: RestoredState | undefined): MemoryOperatorState {
  const states = new Map<string, Registered>();

  function claim(name: string, redistribution: Redistribution): RestoredList | undefined {
    const stored = restored?.list(name);
    if (stored === undefined) return undefined;
    if ((stored.redistribution === 'broadcast') === (redistribution === 'broadcast')) return stored;
    throw new MillstreamError(
      'STATE_INCOMPATIBLE',
      `The operator state "${name}" is stored as ${describe(stored.redistribution)} and asked for as ${describe(redistribution)}. Ask for it as it was, or give the new state another name.`,
      { details: { state: name } },
    );
  }

  function get(
    name: string,
    redistribution: Redistribution,
    make: (stored: RestoredList | undefined) => Registered['state'],
  ): Registered['state'] {
    const known = states.get(name);
    if (known === undefined) {
      const state = make(claim(name, redistribution));
      states.set(name, { redistribution, state });
      return state;
    }
    if (known.redistribution === redistribution) return known.state;
    throw new MillstreamError(
      'STATE_INVALID',
      `The operator state "${name}" is ${describe(known.redistribution)} and was then asked for as ${describe(redistribution)}. Give each its own name.`,
      { details: { state: name } },
    );
  }

  return {
    list: <T>(name: string, redistribution: Exclude<Redistribution, 'broadcast'>) =>
      get(name, redistribution, (stored) => new MemoryListState(stored?.items)) as MemoryListState<T>,
    broadcast: <K, V>(name: string) =>
      get(name, 'broadcast', (stored) => new MemoryBroadcastState(types, stored?.items)) as MemoryBroadcastState<K, V>,
    snapshot(writer) {
      for (const [name, { redistribution, state }] of states) writer.list(name, redistribution, state.items);
      for (const { name, redistribution, items, version } of restored?.lists ?? []) {
        if (!states.has(name)) writer.list(name, redistribution, items, version);
      }
    },
  };
}

function describe(redistribution: Redistribution): string {
  return redistribution === 'broadcast' ? 'a broadcast map' : `a list that is redistributed by ${redistribution}`;
}

class MemoryListState<T> implements OperatorListState<T> {
  #items: T[];

  constructor(items: readonly unknown[] = []) {
    this.#items = [...(items as readonly T[])];
  }

  get items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  update(items: readonly T[]): void {
    this.#items = [...items];
  }

  clear(): void {
    this.#items = [];
  }
}

class MemoryBroadcastState<K, V> implements BroadcastState<K, V> {
  readonly #cell: MapCell<K, V>;

  constructor(types: TypeRegistry, items: readonly unknown[] = []) {
    this.#cell = new MapCell(types);
    this.putAll(items as readonly (readonly [K, V])[]);
  }

  /** The entries, as a snapshot holds them. */
  get items(): readonly (readonly [K, V])[] {
    return [...this.#cell.entries()];
  }

  get(key: K): V | undefined {
    return this.#cell.get(key);
  }

  contains(key: K): boolean {
    return this.#cell.has(key);
  }

  entries(): Iterable<readonly [K, V]> {
    return this.#cell.entries();
  }

  put(key: K, value: V): void {
    this.#cell.set(key, value);
  }

  putAll(entries: Iterable<readonly [K, V]>): void {
    for (const [key, value] of entries) this.#cell.set(key, value);
  }

  remove(key: K): void {
    this.#cell.delete(key);
  }

  clear(): void {
    this.#cell.clear();
  }
}
