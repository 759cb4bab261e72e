/**
 * The rows of one operator subtask: in memory while they are used, in the log when the memory is needed for others.
 *
 * A row in memory is decoded; reading and changing it costs no encoding. It is written when it has to leave and has
 * changed, so that a hot row is written seldom however often it changes. Which rows leave is decided by a hand that
 * goes round and takes one off the uses of each row: a row without any leaves, so one that is used often stays longer.
 */

import { invariant } from '../../base/assert.ts';
import { MillstreamError } from '../../base/error.ts';
import type { WorkingFiles } from '../../base/world.ts';
import { Compaction, type CompactedRows } from './compaction.ts';
import { NO_SLOT, RecordIndex } from './record-index.ts';
import { Row } from './row.ts';
import { SegmentLog } from './segment-log.ts';
import type { MemoryUser, SlotMemory } from './slot-memory.ts';

/** How rows become bytes. */
export interface RowCodec {
  /** Appends the row to the tail of the log. */
  write(row: Row): void;
  /** Begins to read the record that the log has read: the row without its content. */
  readIdentity(): Row;
  /** Reads the content of the row whose identity was read. */
  readContent(row: Row): void;
  /** Bytes that the row needs in memory. */
  sizeOf(row: Row): number;
}

/** Somebody who must see rows as they were at a moment. */
export interface RowKeeper {
  /** Called before a row changes for the first time in a generation. */
  keep(row: Row): void;
}

/** Rows that are held take at most this share of the memory, the last one excepted. */
const HELD_SHARE = 1 / 4;

const FLAG_DEAD = 1;

/** Uses of a row that are remembered. The first does not count: what is used once must not drive out what is used often. */
const USES_MAX = 3;
/** In the place of the uses: read ahead, and not used yet. */
const AHEAD = USES_MAX + 1;
/** So often the hand goes round before it gives up: as often as it takes to forget all uses. */
const ROUNDS_MAX = USES_MAX + 2;

export interface RowStoreOptions {
  readonly memory: SlotMemory;
  readonly files: WorkingFiles;
  readonly directory: string;
  readonly firstGroup: number;
  readonly groups: number;
  readonly segmentBytes: number;
  readonly tailBytes: number;
}

export class RowStore implements MemoryUser, CompactedRows {
  readonly log: SegmentLog;
  readonly index: RecordIndex;
  readonly #memory: SlotMemory;
  readonly #compaction: Compaction;
  #codec!: RowCodec;
  readonly #rows: (Row | undefined)[] = [];
  readonly #free: number[] = [];
  /** By row in memory. Beside the rows, so that the hand need not look at those that stay. */
  #uses: Uint8Array = new Uint8Array(64);
  #hand = 0;
  #rowBytes = 0;
  #fixedBytes: number;
  /** Changes now belong to this generation. */
  generation = 1;
  /** The generation of the last complete checkpoint. */
  completedGeneration = 0;
  readonly #keepers = new Set<RowKeeper>();
  /** Rows that must stay: those that the backend's cursor is at. */
  pinnedKey: Row | undefined;
  pinnedNamespace: Row | undefined;
  pinnedPage: Row | undefined;
  /** Rows with values that the user may change, the eldest first. */
  #held: Row[] = [];
  #heldFrom = 0;
  readonly #letGo: (() => void)[] = [];
  /** While a view is written: where chunks are that have gone since it was fixed. */
  viewed: ReadonlyMap<unknown, number> | undefined;
  #heldBytes = 0;
  /** One that nobody has pinned yet. */
  #guarded: Row | undefined;

  /** Looks at rows that compaction moves and that are not in memory. It changes nothing. */
  examine: ((row: Row) => void) | undefined;

  /** Kept only so that looking at rows ahead is no work that the compiler can leave out. */
  protected warmed = 0;

  // Figures for metrics.
  hits = 0;
  misses = 0;

  constructor(options: RowStoreOptions) {
    const { memory, files, directory, segmentBytes, tailBytes } = options;
    this.#memory = memory;
    this.log = new SegmentLog({
      files,
      directory,
      segmentBytes,
      tailBytes,
    });
    this.index = new RecordIndex(options.firstGroup, options.groups);
    this.#compaction = new Compaction(this, segmentBytes, tailBytes);
    this.#fixedBytes = this.log.memoryBytes;
    memory.join(this);
    memory.add(this.#fixedBytes);
  }

  /** Before anything is stored. */
  useCodec(codec: RowCodec): void {
    this.#codec = codec;
  }

  get releasableBytes(): number {
    return this.#rowBytes;
  }

  get memoryBytes(): number {
    return this.#rowBytes + this.#fixedBytes + this.index.bytes;
  }

  /** Bytes that compaction has copied. */
  get compactedBytes(): number {
    return this.#compaction.copiedBytes;
  }

  /** Rows in memory. */
  get rowsInMemory(): number {
    return this.#rows.length - this.#free.length;
  }

  /** Whether nothing is in the log alone. */
  get allInMemory(): boolean {
    return this.index.size === this.rowsInMemory;
  }

  rowAt(reference: number): Row {
    return this.#rows[~reference] as Row;
  }

  /** The row, dead or alive, or undefined. */
  find(kind: number, group: number, hash: number, id: unknown, namespaceId: unknown): Row | undefined {
    const { index } = this;
    for (let slot = index.find(group, hash); slot !== NO_SLOT; slot = index.next(group, hash, slot)) {
      const reference = index.reference(group, slot);
      if (reference < 0) {
        const row = this.#rows[~reference] as Row;
        if (!row.is(kind, id, namespaceId)) continue;
        this.#use(row.number);
        this.hits++;
        return row;
      }
      const row = this.#load(group, slot, reference, kind, id, namespaceId);
      if (row !== undefined) return row;
    }
    return undefined;
  }

  #use(number: number): void {
    const uses = this.#uses[number] as number;
    if (uses < USES_MAX) this.#uses[number] = uses + 1;
    else if (uses === AHEAD) this.#uses[number] = 0;
  }

  #load(
    group: number,
    slot: number,
    address: number,
    kind: number,
    id: unknown,
    namespaceId: unknown,
    any = false,
  ): Row | undefined {
    const { log } = this;
    log.read(address);
    if (log.kind !== kind) return undefined;
    const row = this.#codec.readIdentity();
    if (!any && !row.is(kind, id, namespaceId)) return undefined;
    this.#readRest(row);
    row.recordBytes = log.recordBytes;
    this.misses++;
    this.#admit(row);
    // Making room may have moved the record.
    row.address = this.index.reference(group, slot);
    this.index.setReference(group, slot, ~row.number);
    if (any) this.#uses[row.number] = AHEAD;
    return row;
  }

  /** The row at an address as it was written, without taking it into memory. */
  readAt(address: number): Row {
    this.log.read(address);
    const row = this.#codec.readIdentity();
    this.#readRest(row);
    return row;
  }

  #readRest(row: Row): void {
    const { log } = this;
    row.generation = log.generation;
    row.dead = (log.flags & FLAG_DEAD) !== 0;
    this.#codec.readContent(row);
  }

  #admit(row: Row): void {
    row.bytes = this.#codec.sizeOf(row);
    // Makes room first, so that the row itself is not what has to leave.
    this.#rowBytes += row.bytes;
    this.#memory.add(row.bytes);
    const number = this.#free.pop() ?? this.#rows.length;
    row.number = number;
    this.#rows[number] = row;
    if (number >= this.#uses.length) {
      const uses = new Uint8Array(this.#uses.length * 2);
      uses.set(this.#uses);
      this.#uses = uses;
    }
    this.#uses[number] = 0;
  }

  /** Adds a row that is not there. It holds nothing yet, and the caller pins it or fills it before anything else. */
  create(
    kind: number,
    group: number,
    hash: number,
    id: unknown,
    key: unknown,
    namespaceId: unknown,
    namespace: unknown,
    generation = this.generation,
  ): Row {
    const row = new Row(kind, group, hash, id, key, namespaceId, namespace);
    row.generation = generation;
    row.born = generation;
    row.dirty = true;
    this.#admit(row);
    this.index.insert(group, hash, ~row.number, generation);
    const grown = this.index.takeGrown();
    if (grown > 0) {
      this.#guarded = row;
      this.#memory.add(grown);
      this.#guarded = undefined;
    }
    return row;
  }

  /** Makes room in the index for so many rows of a group in all. */
  reserve(group: number, rows: number): void {
    this.index.reserve(group, rows);
    this.#memory.add(this.index.takeGrown());
  }

  /** Before a row changes: its cells, its links, or what they refer to. */
  touch(row: Row): void {
    if (!row.dirty || row.generation !== this.generation) this.#touchFirst(row);
  }

  #touchFirst(row: Row): void {
    if (row.generation !== this.generation) {
      for (const keeper of this.#keepers) keeper.keep(row);
      if (row.generation <= this.completedGeneration) row.settled(this.completedGeneration);
      row.generation = this.generation;
      this.index.mark(row.group, this.#slotOf(row), this.generation, row.dead);
    }
    this.#forget(row);
    row.dirty = true;
  }

  /** Before a row is changed to what a checkpoint holds anyway: nothing has changed then, but it must be written. */
  rewrite(row: Row): void {
    this.#forget(row);
    row.dirty = true;
  }

  #slotOf(row: Row): number {
    const slot = this.index.findReference(row.group, row.hash, ~row.number);
    invariant(slot !== NO_SLOT, 'a row in memory stands in the index');
    return slot;
  }

  /** What is in the log of the row is not what it is any more. */
  #forget(row: Row): void {
    if (row.address === 0) return;
    this.log.release(row.address, row.recordBytes);
    row.address = 0;
  }

  /** The row has grown or shrunk. */
  resized(row: Row): void {
    const bytes = this.#codec.sizeOf(row);
    const more = bytes - row.bytes;
    if (more === 0) return;
    row.bytes = bytes;
    this.#rowBytes += more;
    this.#memory.add(more);
  }

  /** The row holds nothing any more: it goes, unless a checkpoint must learn of it. The caller has touched it. */
  bury(row: Row): void {
    if (row.born < this.generation) {
      row.dead = true;
      this.index.mark(row.group, this.#slotOf(row), this.generation, true);
    } else {
      this.purge(row);
    }
  }

  /** A dead row is used again. The caller has touched it. */
  revive(row: Row): void {
    row.dead = false;
    this.index.mark(row.group, this.#slotOf(row), this.generation, false);
  }

  /** Removes a row that is in memory, for good. */
  purge(row: Row): void {
    this.index.remove(row.group, this.#slotOf(row));
    this.#forget(row);
    this.#leaveMemory(row);
  }

  /** Removes the row, wherever it is, for good; views that are under way still see it. */
  discard(kind: number, group: number, hash: number, id: unknown, namespaceId: unknown): void {
    const { index, log } = this;
    for (let slot = index.find(group, hash); slot !== NO_SLOT; slot = index.next(group, hash, slot)) {
      const reference = index.reference(group, slot);
      if (reference < 0) {
        const row = this.rowAt(reference);
        if (!row.is(kind, id, namespaceId)) continue;
        this.touch(row);
        this.purge(row);
        return;
      }
      log.read(reference);
      if (log.kind !== kind) continue;
      const row = this.#codec.readIdentity();
      if (!row.is(kind, id, namespaceId)) continue;
      row.generation = log.generation;
      row.address = reference;
      const { recordBytes } = log;
      if (row.generation !== this.generation) for (const keeper of this.#keepers) keeper.keep(row);
      index.remove(group, slot);
      log.release(reference, recordBytes);
      return;
    }
  }

  /**
   * The user has got a value of the row and may change it: it stays until `letGo`, as long as there is room. `then` is
   * called by `letGo`.
   */
  hold(row: Row, then?: () => void): void {
    if (then !== undefined) this.#letGo.push(then);
    if (row.held) return;
    row.held = true;
    this.#held.push(row);
    this.#heldBytes += row.bytes;
    while (this.#heldBytes > this.#memory.limit * HELD_SHARE && this.#heldFrom < this.#held.length - 1) {
      const eldest = this.#held[this.#heldFrom++] as Row;
      eldest.held = false;
      this.#heldBytes -= eldest.bytes;
    }
  }

  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** The user changes nothing any more that was handed out. */
  letGo(): void {
    for (const row of this.#held) row.held = false;
    this.#held = [];
    this.#heldFrom = 0;
    this.#heldBytes = 0;
    for (const then of this.#letGo.splice(0)) then();
  }

  /** A row that is there, or was when the view that is written was fixed; it is not taken into memory. */
  peek(kind: number, group: number, hash: number, id: unknown): Row {
    const kept = this.viewed?.get(id);
    if (kept !== undefined) return this.readAt(kept);
    const { index } = this;
    for (let slot = index.find(group, hash); slot !== NO_SLOT; slot = index.next(group, hash, slot)) {
      const reference = index.reference(group, slot);
      const row = reference < 0 ? this.rowAt(reference) : this.readAt(reference);
      if (row.is(kind, id, undefined)) return row;
    }
    throw new MillstreamError('INTERNAL_INVARIANT', `A row of kind ${kind} that another refers to is not there.`);
  }

  /** Removes what a slot refers to, for good. */
  purgeReference(group: number, hash: number, reference: number): void {
    if (reference < 0) {
      this.purge(this.rowAt(reference));
      return;
    }
    this.log.read(reference);
    const { recordBytes } = this.log;
    this.index.remove(group, this.index.findReference(group, hash, reference));
    this.log.release(reference, recordBytes);
  }

  #leaveMemory(row: Row): void {
    this.#rows[row.number] = undefined;
    this.#free.push(row.number);
    this.#rowBytes -= row.bytes;
    this.#memory.add(-row.bytes);
    if (this.pinnedKey === row) this.pinnedKey = undefined;
    if (this.pinnedNamespace === row) this.pinnedNamespace = undefined;
    if (this.pinnedPage === row) this.pinnedPage = undefined;
    row.number = -1;
  }

  // Eviction.

  release(bytes: number): void {
    const rows = this.#rows;
    const uses = this.#uses;
    const { length } = rows;
    const goal = this.#rowBytes - bytes;
    for (let looked = 0; looked < length * ROUNDS_MAX && this.#rowBytes > goal; looked++) {
      if (this.#hand >= length) this.#hand = 0;
      const number = this.#hand++;
      const used = uses[number] as number;
      if (used > 0) {
        uses[number] = used === AHEAD ? 0 : used - 1;
        continue;
      }
      const row = rows[number];
      if (row !== undefined && !this.#mustStay(row)) this.#evict(row);
    }
  }

  #mustStay(row: Row): boolean {
    return (
      row.held ||
      row === this.pinnedKey ||
      row === this.pinnedNamespace ||
      row === this.pinnedPage ||
      row === this.#guarded
    );
  }

  #evict(row: Row): void {
    const slot = this.#slotOf(row);
    if (row.dirty) this.write(row);
    this.index.setReference(row.group, slot, row.address);
    this.#leaveMemory(row);
    this.#compaction.tidy();
  }

  /** Writes a row that has changed; it stays in memory. */
  write(row: Row): void {
    const { log } = this;
    const start = log.begin();
    try {
      this.#codec.write(row);
    } catch (error) {
      log.abandon(start);
      throw error;
    }
    const length = log.tail.length - start;
    row.recordBytes = Math.ceil(length / 16) * 16;
    row.address = log.finish(start, row.hash, row.generation, row.group, row.kind, row.dead ? FLAG_DEAD : 0);
    row.dirty = false;
  }

  passing(): void {
    if (this.examine === undefined) return;
    const row = this.#codec.readIdentity();
    this.#readRest(row);
    if (!row.dead) this.examine(row);
  }

  // Views.

  addKeeper(keeper: RowKeeper): void {
    this.#keepers.add(keeper);
    this.log.hold();
  }

  removeKeeper(keeper: RowKeeper): void {
    if (this.#keepers.delete(keeper)) this.log.unhold();
  }

  /** What changed up to that generation is in a complete checkpoint. */
  complete(generation: number): void {
    this.completedGeneration = generation;
    this.index.completed(generation);
  }

  /** Calls `visit` for every row of a group that holds anything, without taking it into memory. */
  forEachOf(group: number, visit: (row: Row) => void): void {
    const addresses: number[] = [];
    const here: Row[] = [];
    this.index.walk(group, 0, 2 ** 32, -1, (_hash, reference, dead) => {
      if (dead) return;
      if (reference < 0) here.push(this.rowAt(reference));
      else addresses.push(reference);
    });
    for (const row of here) visit(row);
    for (const address of addresses.sort((a, b) => a - b)) visit(this.readAt(address));
  }

  /**
   * Reads the rows of a kind that are in the log alone under these hashes, at most so many, in the order in which they
   * lie there; and looks at those in memory, so that they are in the processor's caches when they are used. The first
   * loop does nothing but look up and the second nothing but read, so that many wait for memory at a time: one by one
   * that is two thirds of what a read and a write of a value costs.
   */
  prefetch(kind: number, groups: readonly number[], hashes: readonly number[], most: number): void {
    const { index } = this;
    const references = new Int32Array(hashes.length);
    for (let i = 0; i < hashes.length; i++) {
      const group = groups[i] as number;
      const slot = index.find(group, hashes[i] as number);
      if (slot !== NO_SLOT) references[i] = index.reference(group, slot);
    }
    const found: { readonly address: number; readonly group: number; readonly hash: number }[] = [];
    let warmed = 0;
    for (let i = 0; i < references.length; i++) {
      const address = references[i] as number;
      if (address > 0 && found.length < most) {
        found.push({ address, group: groups[i] as number, hash: hashes[i] as number });
      } else if (address < 0) {
        const row = this.#rows[~address] as Row;
        if (row.dirty && row.kind === kind && this.#uses[~address] !== AHEAD) warmed++;
      }
    }
    this.warmed = warmed;
    found.sort((a, b) => a.address - b.address);
    for (const { group, hash } of found) {
      // Found again, because making room for the others may have moved it.
      const slot = index.find(group, hash);
      const address = slot === NO_SLOT ? 0 : index.reference(group, slot);
      if (address > 0) this.#load(group, slot, address, kind, undefined, undefined, true);
    }
  }

  /** The rows in memory, for what goes round them in turn. */
  get inMemory(): readonly (Row | undefined)[] {
    return this.#rows;
  }

  close(): void {
    this.#memory.leave(this);
    this.#memory.add(-this.memoryBytes);
    this.log.close();
    this.#rows.length = 0;
    this.#rowBytes = 0;
  }
}
