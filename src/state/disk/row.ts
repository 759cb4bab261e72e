/** Rows: what is read, written and forgotten as one. */

import type { KeyLinks } from './key-links.ts';

/** What a row is about. */
export const RowKind = {
  /** A key, with its state outside namespaces, its timers, and the names of its namespaces. */
  KEY: 0,
  /** A key in a namespace. */
  NAMESPACE: 1,
  /** A page of timers: see `timer-pages.ts`. */
  PAGE: 2,
  /** Some entries of a large map: see `map-pages.ts`. Its `id` is the number of the page, its `namespaceId` that of the map. */
  MAP_PAGE: 3,
  /** Some items of a long list: see `list-cell.ts`. Its `id` is the number of the chunk. */
  LIST_CHUNK: 4,
} as const;

/** Bytes that a row takes in memory besides its cells and its key: measured, and rounded up. */
export const ROW_BYTES = 256;

export class Row {
  // What every access looks at comes first, so that it lies together in memory.
  /** The key as it is compared (`mapKey`). */
  readonly id: unknown;
  /** The cell of state 0: most operators have one state. */
  #first: unknown = undefined;
  /** What it is now is not in the log. */
  dirty = false;
  /** Holds what the user was given and may change until the next record. */
  held = false;
  /** The generation of the last change. */
  generation = 0;
  readonly kind: number;
  readonly namespaceId: unknown;
  /** The cells of the states from 1 on; undefined where there is nothing. */
  #more: unknown[] | undefined = undefined;
  /** Cells that hold something. */
  count = 0;
  /** Its place among the rows in memory. */
  number = 0;
  readonly hash: number;
  readonly group: number;
  /** Where it is in the log as it is now; 0 when it is not. */
  address = 0;
  recordBytes = 0;
  /** What it is taken to need in memory. */
  bytes = 0;
  /** Holds nothing, and is there only because a checkpoint remembers it. */
  dead = false;
  /** The generation in which it came into being. */
  born = 0;
  /** States whose cell was emptied since the last complete checkpoint, as bits. */
  emptied = 0;
  /** Key and namespace as they were given. */
  readonly key: unknown;
  readonly namespace: unknown;
  /** What a key has besides cells. */
  links: KeyLinks | undefined = undefined;

  constructor(
    kind: number,
    group: number,
    hash: number,
    id: unknown,
    key: unknown,
    namespaceId: unknown,
    namespace: unknown,
  ) {
    this.id = id;
    this.kind = kind;
    this.namespaceId = namespaceId;
    this.hash = hash;
    this.group = group;
    this.key = key;
    this.namespace = namespace;
  }

  is(kind: number, id: unknown, namespaceId: unknown): boolean {
    return same(this.id, id) && this.kind === kind && same(this.namespaceId, namespaceId);
  }

  /** The cell of a state; undefined where there is nothing. */
  cell(state: number): unknown {
    return state === 0 ? this.#first : this.#more?.[state - 1];
  }

  /** Puts a cell in its place, and returns what was there. */
  exchange(state: number, cell: unknown): unknown {
    const before = this.cell(state);
    if (state === 0) {
      this.#first = cell;
    } else {
      const more = (this.#more ??= []);
      while (more.length < state) more.push(undefined);
      more[state - 1] = cell;
    }
    if (before === undefined) this.count += cell === undefined ? 0 : 1;
    else if (cell === undefined) this.count--;
    return before;
  }

  /** States that may have a cell here: those below. */
  get states(): number {
    return this.#more === undefined ? 1 : this.#more.length + 1;
  }

  /** What was removed up to the last change is in a complete checkpoint. */
  settled(generation: number): void {
    this.emptied = 0;
    this.links?.completed(generation);
  }

  get isEmpty(): boolean {
    return this.count === 0 && (this.links === undefined || this.links.isEmpty);
  }
}

/** Whether two `mapKey`s are one. */
function same(a: unknown, b: unknown): boolean {
  return a === b || (a !== a && b !== b);
}
