/**
 * A hash index from three integers to a small number: cells by row and namespace, timers by row, namespace and
 * timestamp. The integers lie in the index itself, so that finding one touches one place in memory. Built like
 * `hash-index.ts`: open addressing, linear probing, in 256 segments once it is large.
 */

import { mix32 } from './hash-index.ts';

/** The index is one segment up to this size, and 256 above it. */
const SPLIT_ABOVE = 1 << 15;
const SEGMENTS = 256;
const SEGMENT_SHIFT = 24;
const SLOTS_LEAST = 16;
/** Three integers and the number plus one; zero there is a free slot. */
const SLOT = 4;
const ENTRY = 3;

const NONE = -1;

function hashOf(a: number, b: number, c: number): number {
  return mix32((Math.imul(a, 0x9e3779b1) + Math.imul(b, 0x85ebca6b) + Math.imul(c, 0xc2b2ae35)) | 0);
}

class Segment {
  slots: Int32Array;
  mask: number;
  size = 0;

  constructor(capacity: number) {
    this.slots = new Int32Array(capacity * SLOT);
    this.mask = capacity - 1;
  }

  insert(hash: number, a: number, b: number, c: number, entry: number): void {
    // At most five eighths full: probes stay short.
    if ((this.size + 1) * 8 > (this.mask + 1) * 5) this.#grow();
    this.#place(hash, a, b, c, entry);
    this.size++;
  }

  #place(hash: number, a: number, b: number, c: number, entry: number): void {
    const { slots, mask } = this;
    let slot = hash & mask;
    while (slots[slot * SLOT + ENTRY] !== 0) slot = (slot + 1) & mask;
    const at = slot * SLOT;
    slots[at] = a;
    slots[at + 1] = b;
    slots[at + 2] = c;
    slots[at + ENTRY] = entry;
  }

  #grow(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2);
    this.mask = this.mask * 2 + 1;
    forEachEntry(old, (hash, a, b, c, entry) => this.#place(hash, a, b, c, entry));
  }

  /** The slot of the three integers, or -1. */
  slotOf(hash: number, a: number, b: number, c: number): number {
    const { slots, mask } = this;
    let slot = hash & mask;
    for (;;) {
      const at = slot * SLOT;
      if (slots[at + ENTRY] === 0) return NONE;
      if (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Frees a slot and closes the gap, so that probing never meets a grave. */
  free(freed: number): void {
    const { slots, mask } = this;
    let gap = freed;
    for (let slot = (gap + 1) & mask; slots[slot * SLOT + ENTRY] !== 0; slot = (slot + 1) & mask) {
      const at = slot * SLOT;
      const home = hashOf(slots[at] as number, slots[at + 1] as number, slots[at + 2] as number) & mask;
      // An entry may move back into the gap unless its home lies behind the gap.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      slots.copyWithin(gap * SLOT, at, at + SLOT);
      gap = slot;
    }
    slots[gap * SLOT + ENTRY] = 0;
    this.size--;
  }
}

function forEachEntry(
  slots: Int32Array,
  visit: (hash: number, a: number, b: number, c: number, entry: number) => void,
): void {
  for (let at = 0; at < slots.length; at += SLOT) {
    const entry = slots[at + ENTRY] as number;
    if (entry === 0) continue;
    const a = slots[at] as number;
    const b = slots[at + 1] as number;
    const c = slots[at + 2] as number;
    visit(hashOf(a, b, c), a, b, c, entry);
  }
}

export class TripleIndex {
  #segments: Segment[] = [new Segment(SLOTS_LEAST)];
  #segmentMask = 0;

  /** The number that stands under the three integers, or -1. */
  find(a: number, b: number, c: number): number {
    const hash = hashOf(a, b, c);
    const { slots, mask } = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    let slot = hash & mask;
    for (;;) {
      const at = slot * SLOT;
      const entry = slots[at + ENTRY] as number;
      if (entry === 0 || (slots[at] === a && slots[at + 1] === b && slots[at + 2] === c)) return entry - 1;
      slot = (slot + 1) & mask;
    }
  }

  /** Puts a number under three integers that have none. */
  insert(a: number, b: number, c: number, number: number): void {
    const hash = hashOf(a, b, c);
    const segment = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    segment.insert(hash, a, b, c, number + 1);
    if (this.#segmentMask === 0 && segment.size > SPLIT_ABOVE) this.#split(segment);
  }

  /** Returns whether there was a number. */
  remove(a: number, b: number, c: number): boolean {
    const hash = hashOf(a, b, c);
    const segment = this.#segments[(hash >>> SEGMENT_SHIFT) & this.#segmentMask] as Segment;
    const slot = segment.slotOf(hash, a, b, c);
    if (slot === NONE) return false;
    segment.free(slot);
    return true;
  }

  clear(): void {
    this.#segments = [new Segment(SLOTS_LEAST)];
    this.#segmentMask = 0;
  }

  #split(whole: Segment): void {
    const segments = Array.from({ length: SEGMENTS }, () => new Segment((whole.mask + 1) / SEGMENTS));
    forEachEntry(whole.slots, (hash, a, b, c, entry) => {
      (segments[hash >>> SEGMENT_SHIFT] as Segment).insert(hash, a, b, c, entry);
    });
    this.#segments = segments;
    this.#segmentMask = SEGMENTS - 1;
  }
}
