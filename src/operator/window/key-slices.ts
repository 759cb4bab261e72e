/**
 * The slices of one key, and what several of them make together.
 *
 * Sliding windows overlap, so what windows share is kept once: a *slice* is a stretch of time between two successive
 * beginnings or ends of windows, and a window is a row of slices. Windows fire in the order of time, each dropping
 * slices at its front and taking in new ones at its back, so a result costs a few merges however many slices it has:
 * two stacks, as queues with a running aggregate are built. `front[i]` combines the slices from `i` to the last of the
 * front; `back` combines all that came behind it. When the front is used up, everything becomes the new front.
 *
 * Accumulators of slices belong to several windows, so what is made of them is always a fresh one.
 */

import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { readValue, writeValue } from '../../data/structured-codec.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import type { Fold } from './window-fold.ts';

/** No slice. */
export const NO_SLICE = -Infinity;

/** Dropped entries are cut off when they are at least this many and half of all. */
const DROPPED_MAX = 32;

/** How accumulators are combined without changing those that are shared. */
export class SliceMerger {
  readonly #fold: Fold;
  readonly #types: TypeRegistry;

  constructor(fold: Fold, types: TypeRegistry) {
    this.#fold = fold;
    this.#types = types;
  }

  /** One that may be changed. Reduced values are never changed: that is part of being declared associative. */
  copy(shared: unknown): unknown {
    const empty = this.#fold.empty?.();
    return empty === undefined ? shared : this.join(empty, shared);
  }

  /** `owned` with `shared` in it. */
  join(owned: unknown, shared: unknown): unknown {
    const joined = this.#fold.merge?.(owned, shared);
    // A merge that returns its second argument as it is would let it be changed later.
    if (joined !== shared || typeof joined !== 'object' || joined === null || this.#fold.empty === undefined)
      return joined;
    const writer = new ByteWriter();
    writeValue(shared, writer, this.#types);
    return readValue(new ByteReader(writer.view()), this.#types);
  }
}

export class KeySlices {
  /** The newest slice, by its start; the element path adds to it without a look at the others. */
  last: number = NO_SLICE;
  accumulator: unknown = undefined;
  /** Windows that end here or before have fired for this key. */
  firedEnd = NO_SLICE;
  /** The starts of the other slices, ascending, and their accumulators; those before `#head` are gone. */
  readonly #starts: number[] = [];
  readonly #accumulators: unknown[] = [];
  #head = 0;
  readonly #front: unknown[] = [];
  /** Slices before it are in the front. */
  #mid = 0;
  /** Slices before it are in the front or in the back. */
  #taken = 0;
  #back: unknown = undefined;

  get isEmpty(): boolean {
    return this.last === NO_SLICE && this.#head === this.#starts.length;
  }

  /** The start of the newest slice. */
  get newest(): number {
    return this.last === NO_SLICE ? (this.#starts[this.#starts.length - 1] ?? NO_SLICE) : this.last;
  }

  /** Begins a slice that is newer than all others. */
  begin(start: number, accumulator: unknown): void {
    if (this.last !== NO_SLICE) this.#pushLast();
    this.last = start;
    this.accumulator = accumulator;
  }

  #pushLast(): void {
    this.#starts.push(this.last);
    this.#accumulators.push(this.accumulator);
    this.last = NO_SLICE;
    this.accumulator = undefined;
  }

  /** Adds to a slice wherever it stands. */
  add(start: number, value: unknown, fold: Fold): void {
    if (start === this.last) {
      this.accumulator = fold.add(this.accumulator, value);
      return;
    }
    let at = this.#starts.length;
    while (at > this.#head && (this.#starts[at - 1] as number) >= start) at--;
    if (this.#starts[at] === start) {
      this.#accumulators[at] = fold.add(this.#accumulators[at], value);
    } else if (at === this.#starts.length && start > this.last) {
      this.begin(start, fold.first(value));
    } else {
      this.#starts.splice(at, 0, start);
      this.#accumulators.splice(at, 0, fold.first(value));
    }
    // What was combined with the slice before is worthless now.
    if (at < this.#taken) this.#forgetCombined();
  }

  /** Takes in a slice that was stored; not while slices are combined. */
  put(start: number, accumulator: unknown): void {
    let at = this.#starts.length;
    while (at > 0 && (this.#starts[at - 1] as number) > start) at--;
    this.#starts.splice(at, 0, start);
    this.#accumulators.splice(at, 0, accumulator);
  }

  #forgetCombined(): void {
    this.#front.length = 0;
    this.#mid = this.#head;
    this.#taken = this.#head;
    this.#back = undefined;
  }

  /** Drops the slices that begin before `start`, and says which. */
  dropBefore(start: number, dropped?: (start: number) => void): void {
    while (this.#head < this.#starts.length && (this.#starts[this.#head] as number) < start) {
      dropped?.(this.#starts[this.#head] as number);
      this.#accumulators[this.#head] = undefined;
      this.#front[this.#head] = undefined;
      this.#head++;
    }
    if (this.last !== NO_SLICE && this.last < start) {
      dropped?.(this.last);
      this.last = NO_SLICE;
      this.accumulator = undefined;
    }
    if (this.#head > this.#mid) this.#mid = this.#head;
    if (this.#head > this.#taken) this.#taken = this.#head;
    if (this.#head >= DROPPED_MAX && this.#head * 2 > this.#starts.length) this.#compact();
  }

  #compact(): void {
    const dropped = this.#head;
    for (const list of [this.#starts, this.#accumulators, this.#front]) list.splice(0, dropped);
    this.#head = 0;
    this.#mid -= dropped;
    this.#taken -= dropped;
  }

  /** All slices before `end` in one accumulator, which the caller may give away; undefined when there are none. */
  combined(end: number, merger: SliceMerger): unknown {
    if (this.last !== NO_SLICE && this.last < end) this.#pushLast();
    if (this.#head >= this.#mid) {
      this.#turn(end, merger);
      return this.#head < this.#mid ? merger.copy(this.#front[this.#head]) : undefined;
    }
    while (this.#taken < this.#starts.length && (this.#starts[this.#taken] as number) < end) {
      const next = this.#accumulators[this.#taken++];
      this.#back = this.#back === undefined ? merger.copy(next) : merger.join(this.#back, next);
    }
    const front = merger.copy(this.#front[this.#head]);
    return this.#back === undefined ? front : merger.join(front, this.#back);
  }

  /** Makes everything before `end` the front. */
  #turn(end: number, merger: SliceMerger): void {
    let behind = this.#taken;
    while (behind < this.#starts.length && (this.#starts[behind] as number) < end) behind++;
    let combined: unknown;
    for (let i = behind - 1; i >= this.#head; i--) {
      const own = this.#accumulators[i];
      combined = combined === undefined ? own : merger.join(merger.copy(own), combined);
      this.#front[i] = combined;
    }
    this.#mid = behind;
    this.#taken = behind;
    this.#back = undefined;
  }

  /** Shows every slice with its accumulator, in order. */
  forEach(visit: (start: number, accumulator: unknown) => void): void {
    for (let i = this.#head; i < this.#starts.length; i++) visit(this.#starts[i] as number, this.#accumulators[i]);
    if (this.last !== NO_SLICE) visit(this.last, this.accumulator);
  }
}
