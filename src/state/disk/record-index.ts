/**
 * The index: where every record is, by the hash of what it is about.
 *
 * One table per key group, open addressing over two arrays: a slot is a hash of 32 bits, a reference of 32 bits and
 * the generation of the last change in a byte, nine bytes in all. A positive reference is the address of a record in
 * the log, a negative one a row that is in memory. Slots stand in the order of their hashes as far as collisions let
 * them, because a hash is scaled to its place; so a table can grow by a quarter at a time (it is between two thirds
 * and five sixths full), and be walked in stretches while it changes.
 */

/** Slots of a table that holds anything. */
const SLOTS_LEAST = 16;
/** A table is never fuller than this, and grows by the other factor. */
const FILL_MAX = 5 / 6;
const GROWTH = 1.25;

const TWO_32 = 2 ** 32;

/** Bytes per slot. */
const SLOT_BYTES = 9;

/** The flag of a slot whose row holds nothing, but is remembered as removed; beside it a generation. */
const DEAD = 0x80;
/** Generations are kept as differences; the largest that fits. */
const AGE_MAX = 0x7f;
/** The smallest difference stands for all changes that long ago. */
const AGE_LEAST = 1;

/** Nothing is found. */
export const NO_SLOT = -1;

class GroupTable {
  slots = new Int32Array(0);
  ages = new Uint8Array(0);
  capacity = 0;
  size = 0;
  /** Ages count from this generation: age 0 is not after it. */
  base: number;

  constructor(base: number) {
    this.base = base;
  }
}

export class RecordIndex {
  readonly #tables: GroupTable[];
  readonly #first: number;
  #grown = 0;
  #bytes = 0;
  #size = 0;
  /** Nothing in or before this generation needs to be told apart any more. */
  #completed = 0;

  constructor(firstGroup: number, groups: number) {
    this.#first = firstGroup;
    this.#tables = Array.from({ length: groups }, () => new GroupTable(0));
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes by which it has grown since this was asked last. */
  takeGrown(): number {
    const grown = this.#grown;
    this.#grown = 0;
    return grown;
  }

  /** The first slot of the group with the hash, or {@link NO_SLOT}. */
  find(group: number, hash: number): number {
    const table = this.#tables[group - this.#first] as GroupTable;
    if (table.capacity === 0) return NO_SLOT;
    return this.#scan(table, place(hash, table.capacity), hash);
  }

  /** The slot with the same hash behind `slot`, or {@link NO_SLOT}. */
  next(group: number, hash: number, slot: number): number {
    const table = this.#tables[group - this.#first] as GroupTable;
    return this.#scan(table, slot + 1 === table.capacity ? 0 : slot + 1, hash);
  }

  #scan(table: GroupTable, from: number, hash: number): number {
    const { slots, capacity } = table;
    let slot = from;
    for (;;) {
      if (slots[slot * 2 + 1] === 0) return NO_SLOT;
      if (slots[slot * 2] === hash) return slot;
      slot++;
      if (slot === capacity) slot = 0;
    }
  }

  /** The slot with that hash and reference, or {@link NO_SLOT}. */
  findReference(group: number, hash: number, reference: number): number {
    const table = this.#tables[group - this.#first] as GroupTable;
    const { slots, capacity } = table;
    if (capacity === 0) return NO_SLOT;
    let slot = place(hash, capacity);
    for (;;) {
      const found = slots[slot * 2 + 1] as number;
      if (found === reference && slots[slot * 2] === hash) return slot;
      if (found === 0) return NO_SLOT;
      slot++;
      if (slot === capacity) slot = 0;
    }
  }

  reference(group: number, slot: number): number {
    return (this.#tables[group - this.#first] as GroupTable).slots[slot * 2 + 1] as number;
  }

  setReference(group: number, slot: number, reference: number): void {
    (this.#tables[group - this.#first] as GroupTable).slots[slot * 2 + 1] = reference;
  }

  /** Whether the row of the slot is remembered as removed. */
  isDead(group: number, slot: number): boolean {
    return ((this.#tables[group - this.#first] as GroupTable).ages[slot] as number) >= DEAD;
  }

  /** Notes in which generation the row of the slot changed, and whether it holds anything. */
  mark(group: number, slot: number, generation: number, dead: boolean): void {
    const table = this.#tables[group - this.#first] as GroupTable;
    if (generation - table.base > AGE_MAX) this.#rebase(table, generation);
    const age = generation - table.base;
    table.ages[slot] =
      (age < AGE_LEAST && generation > this.#completed ? AGE_LEAST : Math.max(age, 0)) | (dead ? DEAD : 0);
  }

  /** A generation at or before which no later view asks for changes. */
  completed(generation: number): void {
    this.#completed = generation;
  }

  /** Moves the base of a table up, so that `generation` fits. What is complete becomes age 0. */
  #rebase(table: GroupTable, generation: number): void {
    const { ages } = table;
    const base = Math.max(Math.min(this.#completed, generation - 1), generation - AGE_MAX);
    const moved = base - table.base;
    for (let slot = 0; slot < table.capacity; slot++) {
      const entry = ages[slot] as number;
      const age = entry & AGE_MAX;
      if (age === 0) continue;
      const kept = table.base + age <= this.#completed ? 0 : Math.max(age - moved, AGE_LEAST);
      ages[slot] = kept | (entry & DEAD);
    }
    table.base = base;
  }

  /** Adds a slot; returns it. */
  insert(group: number, hash: number, reference: number, generation: number): number {
    const table = this.#tables[group - this.#first] as GroupTable;
    if (table.size + 1 > table.capacity * FILL_MAX)
      this.#grow(table, Math.max(SLOTS_LEAST, Math.ceil(table.capacity * GROWTH)));
    const slot = put(table.slots, table.ages, table.capacity, hash, reference, 0);
    table.size++;
    this.#size++;
    this.mark(group, slot, generation, false);
    return slot;
  }

  /** Makes room for so many entries of a group in all, so that it does not grow while they come. */
  reserve(group: number, entries: number): void {
    const table = this.#tables[group - this.#first] as GroupTable;
    const capacity = Math.ceil(entries / FILL_MAX) + 1;
    if (capacity > table.capacity) this.#grow(table, capacity);
  }

  #grow(table: GroupTable, capacity: number): void {
    const { slots: old, ages: oldAges, capacity: before } = table;
    const slots = new Int32Array(capacity * 2);
    const ages = new Uint8Array(capacity);
    for (let slot = 0; slot < before; slot++) {
      const reference = old[slot * 2 + 1] as number;
      if (reference !== 0) put(slots, ages, capacity, old[slot * 2] as number, reference, oldAges[slot] as number);
    }
    table.slots = slots;
    table.ages = ages;
    table.capacity = capacity;
    this.#bytes += (capacity - before) * SLOT_BYTES;
    this.#grown += (capacity - before) * SLOT_BYTES;
  }

  /** Frees a slot and closes the gap. */
  remove(group: number, slot: number): void {
    const table = this.#tables[group - this.#first] as GroupTable;
    const { slots, ages, capacity } = table;
    let gap = slot;
    let at = slot;
    for (;;) {
      at = at + 1 === capacity ? 0 : at + 1;
      if (slots[at * 2 + 1] === 0) break;
      const home = place(slots[at * 2] as number, capacity);
      // How far the entry is from its home, and how far the gap is: it may move back unless its home lies behind the gap.
      if (distance(home, at, capacity) < distance(gap, at, capacity)) continue;
      slots[gap * 2] = slots[at * 2] as number;
      slots[gap * 2 + 1] = slots[at * 2 + 1] as number;
      ages[gap] = ages[at] as number;
      gap = at;
    }
    slots[gap * 2 + 1] = 0;
    ages[gap] = 0;
    table.size--;
    this.#size--;
  }

  /**
   * Calls `visit` for the slots of the group whose hashes, unsigned, are in `[from, to)`. Nothing may be added or
   * removed meanwhile.
   *
   * @param since only what changed after this generation; -1 for all. What is complete counts as generation 0.
   */
  walk(
    group: number,
    from: number,
    to: number,
    since: number,
    visit: (hash: number, reference: number, dead: boolean, generation: number) => void,
  ): void {
    const table = this.#tables[group - this.#first] as GroupTable;
    const { slots, ages, capacity, base } = table;
    if (capacity === 0) return;
    const first = Math.floor((from / TWO_32) * capacity);
    const wanted = Math.floor(((to - 1) / TWO_32) * capacity) - first;
    for (let passed = 0; passed < capacity; passed++) {
      const slot = first + passed < capacity ? first + passed : first + passed - capacity;
      const reference = slots[slot * 2 + 1] as number;
      if (reference === 0) {
        // Entries that were pushed on stand behind their homes, up to the next free slot.
        if (passed >= wanted) return;
        continue;
      }
      const hash = slots[slot * 2] as number;
      const unsigned = hash >>> 0;
      if (unsigned < from || unsigned >= to) continue;
      const age = ages[slot] as number;
      const generation = (age & AGE_MAX) === 0 ? 0 : base + (age & AGE_MAX);
      if (generation > since) visit(hash, reference, age >= DEAD, generation);
    }
  }

  /** Entries of a group. */
  sizeOf(group: number): number {
    return (this.#tables[group - this.#first] as GroupTable).size;
  }
}

/** Where an entry with the hash would like to stand. */
function place(hash: number, capacity: number): number {
  return Math.floor(((hash >>> 0) * capacity) / TWO_32);
}

function distance(from: number, to: number, capacity: number): number {
  return to >= from ? to - from : to - from + capacity;
}

function put(
  slots: Int32Array,
  ages: Uint8Array,
  capacity: number,
  hash: number,
  reference: number,
  age: number,
): number {
  let slot = place(hash, capacity);
  while (slots[slot * 2 + 1] !== 0) slot = slot + 1 === capacity ? 0 : slot + 1;
  slots[slot * 2] = hash;
  slots[slot * 2 + 1] = reference;
  ages[slot] = age;
  return slot;
}
