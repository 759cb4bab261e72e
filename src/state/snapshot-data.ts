/**
 * Snapshots as plain data: written at once, read, and dealt out anew.
 *
 * What views write slice by slice is put together elsewhere (`keyed-snapshots.ts`), of the same parts
 * (`part-entries.ts`).
 */

import { invariant, unreachable } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import { keyGroupRange } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { ValueReader } from '../data/value-reader.ts';
import { ValueWriter } from '../data/value-writer.ts';
import { PartBuffers, unsupported, type WrittenPart } from './part-buffers.ts';
import { damaged } from './part-entries.ts';
import { restoredKeyedState } from './restored-entries.ts';
import {
  isFileSegment,
  type BytesOf,
  type KeyedEntryWriter,
  type KeyGroupPart,
  type KeyGroupState,
  type OperatorSnapshot,
  type RestoredList,
  type RestoredState,
  type SnapshotWriter,
  type StateBytes,
} from './snapshot.ts';
import { holdsTimers } from './timers.ts';
import type { StatePartWriter } from './views.ts';

export type KeyedStateSnapshot = OperatorSnapshot['keyed'][number];
export type ListSnapshot = OperatorSnapshot['lists'][number];

/** Small to begin with: a list may have many items. */
const ITEM_BYTES = 64;

interface StateIdentity {
  readonly name: string;
  readonly kind: string;
}

/** Every key group is written whole, and nothing stops it. */
const always = (): boolean => true;

/** Entries of a state that is written whole. */
class WholeState implements KeyedEntryWriter {
  readonly #to: StatePartWriter;
  readonly #timers: boolean;

  constructor(to: StatePartWriter, timers: boolean) {
    this.#to = to;
    this.#timers = timers;
  }

  entry(keyGroup: number, key: unknown, namespace: unknown, value: unknown): void {
    if (this.#timers) this.#to.putEntry(keyGroup, key, namespace, value, undefined);
    else this.#to.put(keyGroup, key, namespace, value);
  }
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
  const buffers = new PartBuffers(operatorId, types, always);
  const states: StateIdentity[] = [];
  const lists: ListSnapshot[] = [];
  return {
    checkpoint,
    type,
    keyed({ name, kind, version }) {
      if (!states.some((state) => isSameState(state, { name, kind }))) states.push({ name, kind });
      return new WholeState(buffers.state(name, kind, version), holdsTimers(kind));
    },
    list(name, redistribution, items, version = 1) {
      lists.push({ name, redistribution, version, items: items.map((item, i) => itemBytes(name, i, item)) });
    },
    finish() {
      const written: WrittenPart[] = [];
      buffers.drain((part) => written.push(part), always);
      return { operatorId, keyed: states.map((state) => ({ ...state, groups: groupsOf(state, written) })), lists };
    },
  };

  function itemBytes(name: string, index: number, item: unknown): Uint8Array {
    const bytes = new ByteWriter(ITEM_BYTES);
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

/** The groups of a state, ascending, each with its parts in the order in which they were written. */
function groupsOf(state: StateIdentity, written: readonly WrittenPart[]): readonly KeyGroupState[] {
  const groups = new Map<number, KeyGroupPart[]>();
  for (const { name, kind, group, part } of written) {
    if (!isSameState(state, { name, kind })) continue;
    const parts = groups.get(group);
    if (parts === undefined) groups.set(group, [part]);
    else parts.push(part);
  }
  return [...groups].map(([group, parts]) => ({ group, parts })).toSorted((a, b) => a.group - b.group);
}

function isSameState(a: StateIdentity, b: StateIdentity): boolean {
  return a.name === b.name && a.kind === b.kind;
}

/** Bytes that are at hand. */
export const inlineBytes: BytesOf = (bytes) => {
  invariant(!isFileSegment(bytes), 'what lies in files is fetched before it is read');
  return bytes;
};

/**
 * What a subtask restores from: the parts of snapshots that belong to it (see `redistribute`). Entries are decoded as
 * they are read, so that a state that nobody declares costs nothing.
 *
 * @param bytesOf gives the bytes of what lies in files; needed only where some do.
 */
export function restoredState(
  snapshots: readonly OperatorSnapshot[],
  types: TypeRegistry,
  bytesOf: BytesOf = inlineBytes,
): RestoredState {
  const lists = new Map<string, RestoredList>();
  for (const { name, redistribution, version, items } of snapshots.flatMap((snapshot) => snapshot.lists)) {
    const before = lists.get(name)?.items ?? [];
    lists.set(name, {
      name,
      redistribution,
      version,
      items: [...before, ...items.map((item, i) => readItem(name, i, bytesOf(item), types))],
    });
  }
  return {
    keyed: snapshots.flatMap((snapshot) => snapshot.keyed.map((state) => restoredKeyedState(state, types, bytesOf))),
    lists: [...lists.values()],
    list: (name) => lists.get(name),
  };
}

/** All that a snapshot refers to, in bytes. */
export function snapshotBytes(snapshot: OperatorSnapshot): number {
  let bytes = 0;
  for (const { groups } of snapshot.keyed)
    for (const { parts } of groups) for (const part of parts) bytes += part.bytes.length;
  for (const { items } of snapshot.lists) for (const item of items) bytes += item.length;
  return bytes;
}

function readItem(list: string, index: number, bytes: Uint8Array, types: TypeRegistry): unknown {
  const values = new ValueReader(types);
  values.begin(new ByteReader(bytes));
  try {
    return values.read();
  } catch (error) {
    throw damaged(error, list, `item ${index}`);
  }
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
  // As far as all of them had come: an element that was on time for one must not be late.
  const watermark = Math.min(...snapshots.map((snapshot) => snapshot.watermark ?? MIN_WATERMARK));
  // Where it was over it ends again, or what comes now is another input.
  return { operatorId, ...(Number.isFinite(watermark) ? { watermark } : {}), keyed, lists };
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
): readonly StateBytes[] {
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
