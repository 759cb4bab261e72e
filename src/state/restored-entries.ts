/**
 * Reading what a checkpoint holds of a keyed state: part by part, as it is to be applied, or put together.
 *
 * Where a key group is one base of whole entries, as a savepoint has it, entries are handed on as they are read. Else
 * the parts of a group are applied to a table first, so that a later part can replace and remove what an earlier one
 * put; maps that were written entry by entry and lists that were written in stretches become one value again.
 */

import { mapKey } from '../data/key.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { ColumnPartReader } from './column-parts.ts';
import { NO_INDEX, PartReader } from './part-entries.ts';
import type {
  BytesOf,
  KeyGroupPart,
  KeyGroupState,
  OperatorSnapshot,
  PartTaker,
  RestoredEntry,
  RestoredKeyedState,
  RestoredPart,
  SnapshotFiles,
} from './snapshot.ts';
import { holdsTimers } from './timers.ts';

type AnyPartReader = PartReader | ColumnPartReader;

/** A map in a snapshot: keys, values, and stamps where there is TTL. */
type MapParts = readonly [readonly unknown[], readonly unknown[], (readonly number[])?];
/** A list with TTL in a snapshot. */
type StampedParts = readonly [readonly unknown[], readonly number[]];

export function restoredKeyedState(
  state: OperatorSnapshot['keyed'][number],
  types: TypeRegistry,
  bytesOf: BytesOf,
): RestoredKeyedState {
  const { name, kind, groups } = state;
  const versions = new Set(groups.flatMap(({ parts }) => parts.map((part) => part.version)));
  function* partsOf({ group, parts }: KeyGroupState): Iterable<AnyPartReader> {
    for (const part of parts) yield partReader(name, group, part, bytesOf(part.bytes), types);
  }
  return {
    name,
    kind,
    versions: [...versions].sort((a, b) => a - b),
    groups,
    *entries() {
      for (const group of groups) {
        if (isPlain(kind, group)) yield* plainEntries(partsOf(group), holdsTimers(kind));
        else yield* new GroupMerge(kind, group.group, types).applied(partsOf(group));
      }
    },
    *parts(): Iterable<RestoredPart> {
      for (const group of groups) yield* partsOf(group);
    },
    bytesOf: (part) => bytesOf(part.bytes),
  };
}

function partReader(
  state: string,
  group: number,
  part: KeyGroupPart,
  bytes: Uint8Array,
  types: TypeRegistry,
): AnyPartReader {
  const reader = part.encoding === 'columns' ? ColumnPartReader : PartReader;
  return new reader(state, group, part, bytes, types);
}

/**
 * Has a state taken in while it is read, so that it is never in memory as bytes as a whole.
 *
 * @throws STATE_CORRUPT, with file and offset, for bytes that are missing or not those that were written.
 */
export async function streamParts(
  files: Pick<SnapshotFiles, 'stream'>,
  { name, groups }: RestoredKeyedState,
  types: TypeRegistry,
  taker: PartTaker,
): Promise<void> {
  const parts = groups.flatMap(({ group, parts: own }) => own.map((part) => ({ group, part })));
  await files.stream(
    parts.map(({ part }) => part.bytes),
    (bytes, index) => {
      const { group, part } = parts[index] as (typeof parts)[number];
      taker.take(partReader(name, group, part, bytes, types));
    },
  );
  taker.end();
}

/** Whether every entry of a group stands alone: nothing was replaced, and kinds that come in pieces are left out. */
function isPlain(kind: string, { parts }: KeyGroupState): boolean {
  return parts.every((part) => part.kind === 'base') && !isMap(kind) && !isList(kind);
}

function isMap(kind: string): boolean {
  return kind === 'map' || kind === 'map+ttl';
}

function isList(kind: string): boolean {
  return kind === 'list' || kind === 'list+ttl';
}

function* plainEntries(parts: Iterable<AnyPartReader>, timers: boolean): Iterable<RestoredEntry> {
  for (const reader of parts) {
    const keyGroup = reader.group;
    const { version } = reader.part;
    while (reader.next()) {
      const { key, namespace, entryKey, value } = reader;
      yield { keyGroup, version, key, namespace, value: timers ? entryKey : value };
    }
  }
}

/** What a key and namespace hold so far. */
interface Cell {
  readonly key: unknown;
  readonly namespace: unknown;
  version: number;
  value: unknown;
  /** The entries of a map that was written entry by entry, by the identity of their keys. */
  pieces: Map<unknown, { readonly key: unknown; readonly value: unknown }> | undefined;
}

/** A key group that is put together. */
class GroupMerge {
  readonly #kind: string;
  readonly #group: number;
  readonly #types: TypeRegistry;
  readonly #timers: boolean;
  readonly #cells = new Map<string, Cell>();

  constructor(kind: string, group: number, types: TypeRegistry) {
    this.#kind = kind;
    this.#group = group;
    this.#types = types;
    this.#timers = holdsTimers(kind);
  }

  *applied(parts: Iterable<AnyPartReader>): Iterable<RestoredEntry> {
    for (const reader of parts) {
      const { kind, encoding } = reader.part;
      if (kind === 'removals' && encoding === 'columns') this.#removeNamespace(reader.namespace);
      while (reader.next()) {
        if (kind === 'removals') this.#remove(reader);
        else this.#put(reader);
      }
    }
    const keyGroup = this.#group;
    for (const { key, namespace, version, value, pieces } of this.#cells.values()) {
      if (pieces === undefined) yield { keyGroup, version, key, namespace, value };
      else if (pieces.size > 0) yield { keyGroup, version, key, namespace, value: this.#mapOf(pieces) };
    }
  }

  #identity(reader: AnyPartReader): string {
    return this.#timers ? reader.cellIdentity + reader.entryIdentity : reader.cellIdentity;
  }

  #remove(reader: AnyPartReader): void {
    const id = this.#identity(reader);
    if (this.#timers || reader.entryKey === undefined) this.#cells.delete(id);
    else {
      const cell = this.#cells.get(id);
      if (cell !== undefined) this.#piecesOf(cell).delete(mapKey(reader.entryKey, this.#types));
    }
  }

  #removeNamespace(namespace: unknown): void {
    const identity = mapKey(namespace, this.#types);
    for (const [id, cell] of this.#cells) if (mapKey(cell.namespace, this.#types) === identity) this.#cells.delete(id);
  }

  #put(reader: AnyPartReader): void {
    const id = this.#identity(reader);
    const { key, namespace, entryKey, index, value, part } = reader;
    const { version } = part;
    if (this.#timers) {
      this.#cells.set(id, { key, namespace, version, value: entryKey, pieces: undefined });
      return;
    }
    const known = this.#cells.get(id);
    if (entryKey !== undefined) {
      const cell = known ?? { key, namespace, version, value: undefined, pieces: new Map() };
      if (known === undefined) this.#cells.set(id, cell);
      cell.version = version;
      this.#piecesOf(cell).set(mapKey(entryKey, this.#types), { key: entryKey, value });
    } else if (index !== NO_INDEX && known !== undefined) {
      known.value = this.#joined(known.value, index, value);
      known.version = version;
    } else {
      this.#cells.set(id, { key, namespace, version, value, pieces: undefined });
    }
  }

  /** Takes a map apart that was written whole. */
  #piecesOf(cell: Cell): NonNullable<Cell['pieces']> {
    if (cell.pieces !== undefined) return cell.pieces;
    const [keys, values, stamps] = cell.value as MapParts;
    cell.pieces = new Map(
      keys.map((key, i) => [
        mapKey(key, this.#types),
        { key, value: stamps === undefined ? values[i] : [values[i], stamps[i]] },
      ]),
    );
    cell.value = undefined;
    return cell.pieces;
  }

  #mapOf(pieces: NonNullable<Cell['pieces']>): MapParts {
    const entries = [...pieces.values()];
    const keys = entries.map((entry) => entry.key);
    if (this.#kind === 'map') return [keys, entries.map((entry) => entry.value)];
    const stamped = entries.map((entry) => entry.value as readonly [unknown, number]);
    return [keys, stamped.map(([value]) => value), stamped.map(([, stamp]) => stamp)];
  }

  /** A list up to `index`, and the items behind. */
  #joined(before: unknown, index: number, tail: unknown): unknown {
    if (this.#kind === 'list') return [...(before as unknown[]).slice(0, index), ...(tail as unknown[])];
    const [items, stamps] = before as StampedParts;
    const [moreItems, moreStamps] = tail as StampedParts;
    return [
      [...items.slice(0, index), ...moreItems],
      [...stamps.slice(0, index), ...moreStamps],
    ];
  }
}
