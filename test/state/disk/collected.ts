/** What views write, put together as a restore would see it: an independent reading of the contract of views. */
import { mapKey } from '../../../src/data/key.ts';
import type { RestoredEntry, RestoredKeyedState, RestoredPart, RestoredState } from '../../../src/state/snapshot.ts';
import { holdsTimers } from '../../../src/state/timers.ts';
import type { KeyedView, PartWriter, StatePartWriter, ViewedState } from '../../../src/state/views.ts';

interface Cell {
  readonly keyGroup: number;
  readonly key: unknown;
  readonly namespace: unknown;
  readonly version: number;
  whole: unknown;
  entries: Map<unknown, readonly [unknown, unknown]> | undefined;
}

/** A change, to be applied when the view is complete: removals come first. */
interface Change {
  readonly removal: boolean;
  readonly state: string;
  readonly group: number;
  apply(cells: Map<string, Cell>): void;
}

/** The changes of one view. */
export class Delta implements PartWriter {
  readonly changes: Change[] = [];
  readonly whole: ReadonlySet<number> | 'all';

  constructor(whole: ReadonlySet<number> | 'all') {
    this.whole = whole;
  }

  state(name: string, kind: string, version: number): StatePartWriter {
    const state = JSON.stringify([name, kind]);
    const change = (group: number, removal: boolean, apply: Change['apply']): void => {
      this.changes.push({ removal, state, group, apply });
    };
    const cellOf = (
      cells: Map<string, Cell>,
      keyGroup: number,
      key: unknown,
      namespace: unknown,
      fresh: boolean,
    ): Cell => {
      const id = identity(key, namespace);
      let cell = cells.get(id);
      if (cell === undefined || fresh || cell.version !== version) {
        cell = { keyGroup, key, namespace, version, whole: cell?.whole, entries: cell?.entries };
        if (fresh) cell.entries = undefined;
        cells.set(id, cell);
      }
      return cell;
    };
    return {
      put: (group, key, namespace, value) => {
        const copy = structuredClone(value);
        change(group, false, (cells) => void (cellOf(cells, group, key, namespace, true).whole = copy));
      },
      putEntry: (group, key, namespace, entryKey, value) => {
        const copy = structuredClone(value);
        change(group, false, (cells) => {
          entriesOf(cellOf(cells, group, key, namespace, false)).set(mapKey(entryKey), [entryKey, copy]);
        });
      },
      putTail: (group, key, namespace, index, items) => {
        const copy = structuredClone(items);
        change(group, false, (cells) => {
          const cell = cellOf(cells, group, key, namespace, false);
          cell.whole = kind === 'list' ? tail(cell.whole, index, copy) : stampedTail(cell.whole, index, copy);
        });
      },
      putColumns: () => {
        throw new Error('a backend of records writes no columns');
      },
      removeNamespace: () => {
        throw new Error('a backend of records writes no columns');
      },
      putEncoded: () => {
        throw new Error('not written by this backend');
      },
      remove: (group, key, namespace) => change(group, true, (cells) => void cells.delete(identity(key, namespace))),
      removeEntry: (group, key, namespace, entryKey) =>
        change(group, true, (cells) => {
          const cell = cells.get(identity(key, namespace));
          if (cell !== undefined) entriesOf(cell).delete(mapKey(entryKey));
        }),
      removeEncoded: () => {
        throw new Error('not written by this backend');
      },
    };
  }
}

function tail(before: unknown, index: number, items: unknown): unknown[] {
  return [...((before ?? []) as unknown[]).slice(0, index), ...(items as unknown[])];
}

function stampedTail(before: unknown, index: number, added: unknown): unknown {
  const [items, stamps] = (before ?? [[], []]) as [unknown[], number[]];
  const [moreItems, moreStamps] = added as [unknown[], number[]];
  return [tail(items, index, moreItems), tail(stamps, index, moreStamps)];
}

function identity(key: unknown, namespace: unknown): string {
  return JSON.stringify([label(key), namespace === undefined ? null : label(namespace)]);
}

function label(key: unknown): readonly [string, string] {
  const id = mapKey(key);
  return [typeof id, String(id)];
}

function entriesOf(cell: Cell): NonNullable<Cell['entries']> {
  if (cell.entries === undefined) {
    const [keys = [], values = [], stamps] = (cell.whole ?? []) as [unknown[]?, unknown[]?, number[]?];
    cell.entries = new Map(
      keys.map((key, i) => [mapKey(key), [key, stamps === undefined ? values[i] : [values[i], stamps[i]]] as const]),
    );
    cell.whole = undefined;
  }
  return cell.entries;
}

/** All that the checkpoints so far hold. */
export class Collected {
  readonly #states = new Map<string, Map<string, Cell>>();

  /** Another reading of the same checkpoint. */
  copy(): Collected {
    const copy = new Collected();
    for (const [state, cells] of this.#states) {
      const cloned = [...cells].map(
        ([id, cell]) => [id, { ...cell, entries: cell.entries && new Map(cell.entries) }] as const,
      );
      copy.#states.set(state, new Map(cloned));
    }
    return copy;
  }

  apply(delta: Delta): void {
    for (const cells of this.#states.values()) {
      for (const [id, cell] of cells) if (delta.whole === 'all' || delta.whole.has(cell.keyGroup)) cells.delete(id);
    }
    for (const removal of [true, false]) {
      for (const change of delta.changes) {
        if (change.removal !== removal) continue;
        const cells = this.#states.get(change.state) ?? new Map<string, Cell>();
        this.#states.set(change.state, cells);
        change.apply(cells);
      }
    }
  }

  static merged(all: readonly Collected[]): Collected {
    const merged = new Collected();
    for (const each of all) {
      for (const [state, cells] of each.#states) {
        const into = merged.#states.get(state) ?? new Map<string, Cell>();
        merged.#states.set(state, into);
        for (const [id, cell] of cells) into.set(id, cell);
      }
    }
    return merged;
  }

  /** What a subtask with these key groups restores from. */
  restored(start: number, end: number): RestoredState {
    const keyed = [...this.#states].map(([state, cells]): RestoredKeyedState => {
      const [name, kind] = JSON.parse(state) as [string, string];
      const mine = [...cells.values()].filter((cell) => cell.keyGroup >= start && cell.keyGroup <= end);
      const entries = mine.flatMap((cell) => restoredEntries(kind, cell));
      return {
        name,
        kind,
        versions: [...new Set(mine.map((cell) => cell.version))].toSorted((a, b) => a - b),
        groups: [],
        entries: () => entries,
        parts: () => partsOf(kind, entries),
        bytesOf: () => new Uint8Array(),
      };
    });
    return { keyed, lists: [], list: () => undefined };
  }
}

function restoredEntries(kind: string, { keyGroup, key, namespace, version, whole, entries }: Cell): RestoredEntry[] {
  if (holdsTimers(kind)) {
    return [...(entries?.values() ?? [])].map(([value]) => ({ keyGroup, key, namespace, version, value }));
  }
  if (entries === undefined) return [{ keyGroup, key, namespace, version, value: whole }];
  if (entries.size === 0) return [];
  const keys = [...entries.values()].map(([entryKey]) => entryKey);
  const values = [...entries.values()].map(([, value]) => value);
  const stamped = values as (readonly [unknown, number])[];
  const value = kind.endsWith('+ttl')
    ? [keys, stamped.map(([item]) => item), stamped.map(([, stamp]) => stamp)]
    : [keys, values];
  return [{ keyGroup, key, namespace, version, value }];
}

/** The same entries as parts: one per entry; maps entry by entry, and lists in two pieces. */
function partsOf(kind: string, entries: readonly RestoredEntry[]): RestoredPart[] {
  return entries.flatMap(({ keyGroup, key, namespace, version, value }) => {
    const part = (entryKey: unknown, index: number, piece: unknown): RestoredPart => {
      let left = 1;
      const bytes = new Uint8Array();
      return {
        group: keyGroup,
        part: { kind: index < 1 ? 'base' : 'delta', encoding: 'entries', version, count: 1, bytes },
        next: () => left-- > 0,
        key,
        namespace,
        entryKey,
        index,
        value: piece,
        standalone: false,
        encoded: bytes,
      };
    };
    if (kind.startsWith('map')) {
      const [keys, values, stamps] = value as [unknown[], unknown[], number[]?];
      return keys.map((each, i) => part(each, -1, stamps === undefined ? values[i] : [values[i], stamps[i]]));
    }
    if (kind === 'list') {
      const items = value as unknown[];
      return [part(undefined, -1, items.slice(0, 3)), part(undefined, Math.min(3, items.length), items.slice(3))];
    }
    return [part(undefined, -1, value)];
  });
}

/** A view under way. */
export interface Taken {
  readonly generation: number;
  readonly delta: Delta;
  readonly view: KeyedView;
}

export function take(
  backend: ViewedState,
  generation: number,
  since: number | undefined,
  whole: ReadonlySet<number> = new Set(),
): Taken {
  const delta = new Delta(since === undefined ? 'all' : whole);
  return { generation, delta, view: backend.beginView({ generation, since, whole, to: delta }) };
}
