/**
 * Snapshots as plain data: how entries become bytes by state and key group, and come back.
 *
 * The bytes of a key group are its entries one after the other, each a flag byte, the key, the namespace where there
 * is one, and the value. Keys and namespaces stand in their canonical encoding (`data/key.ts`); where that would give
 * back something else than the user's key (a number for a bigint, fields in another order), the key as it was given
 * follows. Values, and those keys, are written by the structured codec, which shares the shapes of objects within a
 * key group: a group is read from its beginning.
 */

import { unreachable } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { decodeKey, encodeKey, keyGroupRange } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { ValueReader } from '../data/value-reader.ts';
import { ValueWriter } from '../data/value-writer.ts';
import type {
  KeyedEntryWriter,
  OperatorSnapshot,
  RestoredEntry,
  RestoredKeyedState,
  RestoredList,
  RestoredState,
  SnapshotWriter,
} from './snapshot.ts';

export type KeyedStateSnapshot = OperatorSnapshot['keyed'][number];
export type KeyGroupSnapshot = KeyedStateSnapshot['groups'][number];
export type ListSnapshot = OperatorSnapshot['lists'][number];

const HAS_NAMESPACE = 1;
/** The key as it was given follows its canonical encoding. */
const KEY_AS_GIVEN = 2;
const NAMESPACE_AS_GIVEN = 4;

/** Small to begin with: there may be a buffer for every key group of every state. */
const GROUP_BYTES = 64;

interface StateIdentity {
  readonly name: string;
  readonly kind: string;
  readonly version: number;
}

/** Which operator a message is about. */
type Owner = string;

class GroupWriter {
  readonly bytes = new ByteWriter(GROUP_BYTES);
  readonly values: ValueWriter;
  readonly #types: TypeRegistry;
  count = 0;

  constructor(types: TypeRegistry) {
    this.#types = types;
    this.values = new ValueWriter(types);
    this.values.begin(this.bytes);
  }

  entry(key: unknown, namespace: unknown, value: unknown, place: string): void {
    const keyAsGiven = survivesOnlyAsGiven(key);
    const namespaced = namespace !== undefined;
    const namespaceAsGiven = namespaced && survivesOnlyAsGiven(namespace);
    this.bytes.u8(
      (namespaced ? HAS_NAMESPACE : 0) | (keyAsGiven ? KEY_AS_GIVEN : 0) | (namespaceAsGiven ? NAMESPACE_AS_GIVEN : 0),
    );
    this.#key(key, keyAsGiven);
    if (namespaced) this.#key(namespace, namespaceAsGiven);
    this.values.startValue();
    this.values.writePart(value, place);
    this.count++;
  }

  #key(key: unknown, asGiven: boolean): void {
    encodeKey(key, this.bytes, this.#types);
    if (asGiven) this.values.write(key);
  }
}

/** Whether decoding the canonical encoding may give something else than the key. */
function survivesOnlyAsGiven(key: unknown): boolean {
  if (typeof key === 'number') return Number.isInteger(key) && !Number.isSafeInteger(key);
  return typeof key === 'bigint' || (typeof key === 'object' && key !== null);
}

class StateWriter implements KeyedEntryWriter {
  readonly state: StateIdentity;
  readonly #owner: Owner;
  readonly #types: TypeRegistry;
  readonly #groups = new Map<number, GroupWriter>();

  constructor(state: StateIdentity, owner: Owner, types: TypeRegistry) {
    this.state = state;
    this.#owner = owner;
    this.#types = types;
  }

  entry(keyGroup: number, key: unknown, namespace: unknown, value: unknown): void {
    let group = this.#groups.get(keyGroup);
    if (group === undefined) {
      group = new GroupWriter(this.#types);
      this.#groups.set(keyGroup, group);
    }
    try {
      group.entry(key, namespace, value, this.state.name);
    } catch (error) {
      throw unsupported(error, this.state.name, this.#owner);
    }
  }

  finish(): KeyedStateSnapshot {
    const groups = [...this.#groups.entries()].toSorted(([a], [b]) => a - b);
    return {
      ...this.state,
      groups: groups.map(([group, written]) => ({ group, count: written.count, bytes: written.bytes.take() })),
    };
  }
}

/** The codec's complaint, with the state and the operator that it is about. */
function unsupported(error: unknown, state: string, operator: Owner): unknown {
  if (!(error instanceof MillstreamError)) return error;
  const complaint = error.message.replace(/^\[\w+\] /, '');
  return new MillstreamError(
    error.code,
    `The state "${state}" of the operator "${operator}" cannot enter a snapshot: ${complaint}`,
    { cause: error, details: { ...error.details, operator, state } },
  );
}

/**
 * A writer that keeps what it is given as bytes; `finish` hands them out, and nothing is written afterwards.
 *
 * @throws VALUE_UNSUPPORTED from `entry` and `list`, naming operator, state and path, for what has no bytes.
 */
export function createSnapshotWriter(
  checkpoint: number,
  type: SnapshotWriter['type'],
  operatorId: string,
  types: TypeRegistry,
): SnapshotWriter & { finish(): OperatorSnapshot } {
  const states: StateWriter[] = [];
  const lists: ListSnapshot[] = [];
  return {
    checkpoint,
    type,
    keyed(state) {
      let writer = states.find((known) => isSameState(known.state, state));
      if (writer === undefined) {
        const { name, kind, version } = state;
        writer = new StateWriter({ name, kind, version }, operatorId, types);
        states.push(writer);
      }
      return writer;
    },
    list(name, redistribution, items, version = 1) {
      lists.push({ name, redistribution, version, items: items.map((item, i) => itemBytes(name, i, item)) });
    },
    finish: () => ({ operatorId, keyed: states.map((state) => state.finish()), lists }),
  };

  function itemBytes(name: string, index: number, item: unknown): Uint8Array {
    const bytes = new ByteWriter(GROUP_BYTES);
    const values = new ValueWriter(types);
    values.begin(bytes);
    try {
      values.startValue();
      values.writePart(item, `${name}[${index}]`);
    } catch (error) {
      throw unsupported(error, name, operatorId);
    }
    return bytes.take();
  }
}

function isSameState(a: StateIdentity, b: StateIdentity): boolean {
  return a.name === b.name && a.kind === b.kind && a.version === b.version;
}

/**
 * What a subtask restores from: the parts of snapshots that belong to it (see `redistribute`). Entries are decoded as
 * they are read, so that a state that nobody declares costs nothing.
 */
export function restoredState(snapshots: readonly OperatorSnapshot[], types: TypeRegistry): RestoredState {
  const lists = new Map<string, RestoredList>();
  for (const { name, redistribution, version, items } of snapshots.flatMap((snapshot) => snapshot.lists)) {
    const before = lists.get(name)?.items ?? [];
    lists.set(name, {
      name,
      redistribution,
      version,
      items: [...before, ...items.map((item, i) => readItem(name, i, item, types))],
    });
  }
  return {
    keyed: snapshots.flatMap((snapshot) => snapshot.keyed.map((state) => restoredKeyedState(state, types))),
    lists: [...lists.values()],
    list: (name) => lists.get(name),
  };
}

function restoredKeyedState(state: KeyedStateSnapshot, types: TypeRegistry): RestoredKeyedState {
  const { name, kind, version } = state;
  return {
    name,
    kind,
    version,
    *entries() {
      for (const group of state.groups) yield* readGroup(name, group, types);
    },
  };
}

function* readGroup(
  state: string,
  { group, count, bytes }: KeyGroupSnapshot,
  types: TypeRegistry,
): Iterable<RestoredEntry> {
  const reader = new ByteReader(bytes);
  const values = new ValueReader(types);
  values.begin(reader);
  for (let i = 0; i < count; i++) {
    yield intact(state, `entry ${i} of key group ${group}`, () => readEntry(group, reader, values, types));
  }
  if (reader.remaining > 0) throw corrupt(state, `key group ${group} goes on after its last entry`);
}

function readEntry(keyGroup: number, reader: ByteReader, values: ValueReader, types: TypeRegistry): RestoredEntry {
  const readKey = (asGiven: boolean): unknown => {
    const key = decodeKey(reader, types);
    return asGiven ? values.read() : key;
  };
  const flags = reader.u8();
  const key = readKey((flags & KEY_AS_GIVEN) !== 0);
  const namespace = (flags & HAS_NAMESPACE) === 0 ? undefined : readKey((flags & NAMESPACE_AS_GIVEN) !== 0);
  return { keyGroup, key, namespace, value: values.read() };
}

function readItem(list: string, index: number, bytes: Uint8Array, types: TypeRegistry): unknown {
  const values = new ValueReader(types);
  values.begin(new ByteReader(bytes));
  return intact(list, `item ${index}`, () => values.read());
}

/** What `read` reads; bytes that make no sense are those of a damaged snapshot. */
function intact<T>(state: string, place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof MillstreamError && error.code === 'FRAME_CORRUPT' ? corrupt(state, place, error) : error;
  }
}

function corrupt(state: string, place: string, cause?: unknown): MillstreamError {
  return new MillstreamError(
    'STATE_CORRUPT',
    `The stored state "${state}" cannot be read: ${place}. Its bytes are damaged; restore from another checkpoint.`,
    { ...(cause === undefined ? {} : { cause }), details: { state } },
  );
}

/**
 * The part of a checkpoint that a subtask restores from, after any change of the parallelism.
 *
 * Keyed state goes by key group. Lists that are `split` stay where they are while the parallelism is the same, and are
 * dealt out item by item, round robin, when it is not; `union` gives everybody everything; of `broadcast` everybody
 * gets one copy.
 *
 * @param snapshots those of all subtasks of the operator, in the order of their numbers.
 */
export function redistribute(
  snapshots: readonly OperatorSnapshot[],
  maxParallelism: number,
  parallelism: number,
  subtask: number,
): OperatorSnapshot {
  const operatorId = snapshots[0]?.operatorId ?? '';
  const { start, end } = keyGroupRange(maxParallelism, parallelism, subtask);
  const keyed: KeyedStateSnapshot[] = [];
  for (const state of distinct(
    snapshots.flatMap((snapshot) => snapshot.keyed),
    isSameState,
  )) {
    const parts = snapshots.flatMap((snapshot) => snapshot.keyed.filter((part) => isSameState(part, state)));
    const groups = parts.flatMap((part) => part.groups.filter(({ group }) => group >= start && group <= end));
    keyed.push({ ...state, groups: groups.toSorted((a, b) => a.group - b.group) });
  }
  const lists = distinct(
    snapshots.flatMap((snapshot) => snapshot.lists),
    isSameList,
  ).map((list) => ({
    ...list,
    items: itemsOf(list, snapshots, parallelism, subtask),
  }));
  return { operatorId, keyed, lists };
}

function isSameList(a: ListSnapshot, b: ListSnapshot): boolean {
  return a.name === b.name && a.redistribution === b.redistribution && a.version === b.version;
}

/** The first of each. */
function distinct<T>(items: readonly T[], same: (a: T, b: T) => boolean): T[] {
  return items.filter((item, i) => items.findIndex((other) => same(item, other)) === i);
}

/** What a subtask gets of a list of which the snapshots hold the parts. */
function itemsOf(
  list: ListSnapshot,
  snapshots: readonly OperatorSnapshot[],
  parallelism: number,
  subtask: number,
): readonly Uint8Array[] {
  const parts = snapshots.map((snapshot) => snapshot.lists.find((part) => isSameList(part, list))?.items);
  switch (list.redistribution) {
    case 'union':
      return parts.flatMap((items) => items ?? []);
    case 'broadcast': {
      const copies = parts.filter((items) => items !== undefined);
      return copies[subtask % copies.length] ?? [];
    }
    case 'split':
      if (snapshots.length === parallelism) return parts[subtask] ?? [];
      return parts.flatMap((items) => items ?? []).filter((_item, i) => i % parallelism === subtask);
    default:
      return unreachable(list.redistribution);
  }
}
