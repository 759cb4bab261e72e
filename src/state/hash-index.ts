/**
 * A hash index over typed arrays: from 32-bit hashes to the numbers of rows that lie elsewhere.
 *
 * Open addressing with linear probing. A slot holds the whole hash beside the row's number, so that probing touches
 * one array and growing needs no row. Several rows may share a hash; who asks goes from one to the next and compares.
 * Beyond {@link SPLIT_ABOVE} rows the index falls into 256 segments by the high bits of the hash, each of which grows
 * by itself: an index of many millions never stops to move at once.
 */

/** The index is one segment up to this size, and 256 above it. */
const SPLIT_ABOVE = 1 << 15;
const SEGMENTS = 256;
const SEGMENT_SHIFT = 24;
const SLOTS_LEAST = 16;

/** Returned where no row is found. */
const NONE = -1;

/** Mixes 32 bits into 32 bits, one to one (the "lowbias32" of Chris Wellons, public domain). */
export function mix32(value: number): number {
  let x = value ^ (value >>> 16);
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return x ^ (x >>> 16);
}

const doubleBits = new Float64Array(1);
const doubleWords = new Int32Array(doubleBits.buffer);

/** A hash of any number; all NaNs have one, and so have 0 and -0. */
export function hashOfDouble(value: number): number {
  doubleBits[0] = value === value ? value + 0 : NaN;
  return mix32((doubleWords[0] as number) ^ mix32(doubleWords[1] as number));
}

class Segment {
  /** Hash and row number plus one, in turn; a zero in the second place is a free slot. */
  slots: Int32Array;
  mask: number;
  size = 0;

  constructor(capacity: number) {
    this.slots = new Int32Array(capacity * 2);
    this.mask = capacity - 1;
  }

  insert(hash: number, row: number): void {
    // At most five eighths full: probes stay short.
    if ((this.size + 1) * 8 > (this.mask + 1) * 5) this.#grow();
    this.#place(hash, row + 1);
    this.size++;
  }

  #place(hash: number, entry: number): void {
    const { slots, mask } = this;
    let slot = hash & mask;
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
    slots[slot * 2] = hash;
    slots[slot * 2 + 1] = entry;
  }

  #grow(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2);
    this.mask = this.mask * 2 + 1;
    for (let i = 0; i < old.length; i += 2) {
      const entry = old[i + 1] as number;
      if (entry !== 0) this.#place(old[i] as number, entry);
    }
  }

  /** Frees the slot of the row and closes the gap, so that probing never meets a grave. */
  remove(hash: number, row: number): boolean {
    const { slots, mask } = this;
    let gap = hash & mask;
    while (slots[gap * 2 + 1] !== row + 1) {
      if (slots[gap * 2 + 1] === 0) return false;
      gap = (gap + 1) & mask;
    }
    for (let slot = (gap + 1) & mask; slots[slot * 2 + 1] !== 0; slot = (slot + 1) & mask) {
      const home = (slots[slot * 2] as number) & mask;
      // A row may move back into the gap unless its home lies behind the gap.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      slots[gap * 2] = slots[slot * 2] as number;
      slots[gap * 2 + 1] = slots[slot * 2 + 1] as number;
      gap = slot;
    }
    slots[gap * 2] = 0;
    slots[gap * 2 + 1] = 0;
    this.size--;
    return true;
  }
}

export class HashIndex {
  #segments: Segment[] = [new Segment(SLOTS_LEAST)];
  #segmentMask = 0;
  /** Where the last look-up stopped. */
  #slot = 0;

  /** The row under a hash that no two rows share, or -1. */
  only(hash: number): number {
    const { slots, mask } = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    let slot = hash & mask;
    for (;;) {
      const entry = slots[slot * 2 + 1] as number;
      if (entry === 0 || slots[slot * 2] === hash) return entry - 1;
      slot = (slot + 1) & mask;
    }
  }

  /** The first row under the hash, or -1. */
  first(hash: number): number {
    const segment = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    return this.#scan(segment, hash & segment.mask, hash);
  }

  /** The row after the one that `first` or `next` has just returned for the same hash, or -1. */
  next(hash: number): number {
    const segment = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    return this.#scan(segment, (this.#slot + 1) & segment.mask, hash);
  }

  #scan(segment: Segment, from: number, hash: number): number {
    const { slots, mask } = segment;
    let slot = from;
    for (;;) {
      const entry = slots[slot * 2 + 1] as number;
      if (entry === 0) return NONE;
      if (slots[slot * 2] === hash) {
        this.#slot = slot;
        return entry - 1;
      }
      slot = (slot + 1) & mask;
    }
  }

  /** Adds a row that is not there. */
  insert(hash: number, row: number): void {
    const segment = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    segment.insert(hash, row);
    if (this.#segmentMask === 0 && segment.size > SPLIT_ABOVE) this.#split(segment);
  }

  /** Returns whether the row was there. */
  remove(hash: number, row: number): boolean {
    const segment = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    return segment.remove(hash, row);
  }

  clear(): void {
    this.#segments = [new Segment(SLOTS_LEAST)];
    this.#segmentMask = 0;
  }

  #split(whole: Segment): void {
    const segments = Array.from({ length: SEGMENTS }, () => new Segment((whole.mask + 1) / SEGMENTS));
    const { slots } = whole;
    for (let i = 0; i < slots.length; i += 2) {
      const hash = slots[i] as number;
      const entry = slots[i + 1] as number;
      if (entry !== 0) (segments[hash >>> SEGMENT_SHIFT] as Segment).insert(hash, entry - 1);
    }
    this.#segments = segments;
    this.#segmentMask = SEGMENTS - 1;
  }
}
