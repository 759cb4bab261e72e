/** What a key has besides its cells: the namespaces that it has state in, and its timers. */

import type { CellReader, CellWriter } from './disk-cell.ts';
import { sizeOf } from './size-of.ts';
import { mapKey } from '../../data/key.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';

/** A timer of a key. What it stands in (a service, a time domain) has a number, its lane. */
export class KeyTimer {
  readonly lane: number;
  readonly time: number;
  readonly namespace: unknown;
  readonly namespaceId: unknown;
  /** Its place among the timers at the same time: they fire in the order of registration. */
  readonly sequence: number;
  /** The generation in which it was registered, or removed. */
  readonly generation: number;

  constructor(
    lane: number,
    time: number,
    namespace: unknown,
    namespaceId: unknown,
    sequence: number,
    generation: number,
  ) {
    this.lane = lane;
    this.time = time;
    this.namespace = namespace;
    this.namespaceId = namespaceId;
    this.sequence = sequence;
    this.generation = generation;
  }
}

export class KeyLinks {
  /** By their identity. */
  readonly namespaces = new Map<unknown, unknown>();
  /** In the order of lane and time. */
  readonly timers: KeyTimer[] = [];
  /** Timers that are gone, as long as a checkpoint must learn of it. */
  removed: KeyTimer[] = [];

  get isEmpty(): boolean {
    return this.namespaces.size === 0 && this.timers.length === 0;
  }

  /** Where the timer is among the timers, or where it would be, as `-1 - place`. */
  find(lane: number, time: number, namespaceId: unknown): number {
    const { timers } = this;
    let low = 0;
    let high = timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const timer = timers[middle] as KeyTimer;
      if (timer.lane < lane || (timer.lane === lane && timer.time < time)) low = middle + 1;
      else high = middle;
    }
    for (; low < timers.length; low++) {
      const timer = timers[low] as KeyTimer;
      if (timer.lane !== lane || timer.time !== time) break;
      if (Object.is(timer.namespaceId, namespaceId)) return low;
    }
    return -1 - low;
  }

  /** Removes the timer at a place; a checkpoint learns of it unless it came in the same generation. */
  remove(place: number, generation: number): KeyTimer {
    const [timer] = this.timers.splice(place, 1) as [KeyTimer];
    if (timer.generation < generation) {
      const { lane, time, namespace, namespaceId, sequence } = timer;
      this.removed.push(new KeyTimer(lane, time, namespace, namespaceId, sequence, generation));
    }
    return timer;
  }

  /** Forgets removals that the checkpoint of that generation holds. */
  completed(generation: number): void {
    if (this.removed.length > 0) this.removed = this.removed.filter((timer) => timer.generation > generation);
  }

  get bytes(): number {
    let bytes = 256 + 96 * (this.timers.length + this.removed.length);
    for (const namespace of this.namespaces.values()) bytes += 64 + 2 * sizeOf(namespace);
    return bytes;
  }

  write(to: CellWriter): void {
    to.varint(this.namespaces.size);
    for (const namespace of this.namespaces.values()) to.value(namespace);
    for (const timers of [this.timers, this.removed]) {
      to.varint(timers.length);
      for (const timer of timers) {
        to.varint(timer.lane);
        to.f64(timer.time);
        to.varint(timer.sequence);
        to.varint(timer.generation);
        to.value(timer.namespace);
      }
    }
  }

  static read(from: CellReader, types: TypeRegistry): KeyLinks {
    const links = new KeyLinks();
    for (let left = from.varint(); left > 0; left--) {
      const namespace = from.any();
      links.namespaces.set(namespaceId(namespace, types), namespace);
    }
    for (const timers of [links.timers, links.removed]) {
      for (let left = from.varint(); left > 0; left--) {
        const lane = from.varint();
        const time = from.f64();
        const sequence = from.varint();
        const generation = from.varint();
        const namespace = from.any();
        timers.push(new KeyTimer(lane, time, namespace, namespaceId(namespace, types), sequence, generation));
      }
    }
    return links;
  }
}

/** What tells namespaces apart; undefined for none. */
export function namespaceId(namespace: unknown, types: TypeRegistry): unknown {
  return namespace === undefined ? undefined : mapKey(namespace, types);
}
