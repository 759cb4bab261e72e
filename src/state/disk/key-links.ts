/** What a key has besides its cells: the namespaces that it has state in, and its timers. */

import type { CellReader, CellWriter } from './cell-io.ts';
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

/** Up to so many timers are found one by one. */
const LIST_MAX = 12;

/** The timers of one key: a short list, or beyond that a Map. */
class KeyTimers {
  #list: KeyTimer[] = [];
  #byIdentity: Map<string, KeyTimer> | undefined;

  get size(): number {
    return this.#byIdentity === undefined ? this.#list.length : this.#byIdentity.size;
  }

  values(): Iterable<KeyTimer> {
    return this.#byIdentity === undefined ? this.#list : this.#byIdentity.values();
  }

  find(lane: number, time: number, namespaceId: unknown): KeyTimer | undefined {
    if (this.#byIdentity !== undefined) return this.#byIdentity.get(identity(lane, time, namespaceId));
    for (const timer of this.#list) {
      if (timer.time === time && timer.lane === lane && Object.is(timer.namespaceId, namespaceId)) return timer;
    }
    return undefined;
  }

  /** Adds a timer that is not there. */
  add(timer: KeyTimer): void {
    if (this.#byIdentity !== undefined) {
      this.#byIdentity.set(identity(timer.lane, timer.time, timer.namespaceId), timer);
      return;
    }
    this.#list.push(timer);
    if (this.#list.length <= LIST_MAX) return;
    this.#byIdentity = new Map(this.#list.map((each) => [identity(each.lane, each.time, each.namespaceId), each]));
    this.#list = [];
  }

  remove(timer: KeyTimer): void {
    if (this.#byIdentity === undefined) this.#list.splice(this.#list.indexOf(timer), 1);
    else this.#byIdentity.delete(identity(timer.lane, timer.time, timer.namespaceId));
  }
}

function identity(lane: number, time: number, namespaceId: unknown): string {
  return `${lane} ${time} ${typeof namespaceId} ${String(namespaceId)}`;
}

export class KeyLinks {
  /** By their identity. */
  readonly namespaces = new Map<unknown, unknown>();
  readonly timers = new KeyTimers();
  /** Timers that are gone, as long as a checkpoint must learn of it. */
  removed: KeyTimer[] = [];

  get isEmpty(): boolean {
    return this.namespaces.size === 0 && this.timers.size === 0;
  }

  /** Removes a timer; a checkpoint learns of it unless it came in the same generation. */
  remove(timer: KeyTimer, generation: number): void {
    this.timers.remove(timer);
    if (timer.generation >= generation) return;
    const { lane, time, namespace, namespaceId, sequence } = timer;
    this.removed.push(new KeyTimer(lane, time, namespace, namespaceId, sequence, generation));
  }

  /** Forgets removals that the checkpoint of that generation holds. */
  completed(generation: number): void {
    if (this.removed.length > 0) this.removed = this.removed.filter((timer) => timer.generation > generation);
  }

  get bytes(): number {
    let bytes = 256 + 96 * (this.timers.size + this.removed.length);
    for (const namespace of this.namespaces.values()) bytes += 64 + 2 * sizeOf(namespace);
    return bytes;
  }

  write(to: CellWriter): void {
    to.varint(this.namespaces.size);
    for (const namespace of this.namespaces.values()) to.value(namespace);
    to.varint(this.timers.size);
    for (const timer of this.timers.values()) writeTimer(timer, to);
    to.varint(this.removed.length);
    for (const timer of this.removed) writeTimer(timer, to);
  }

  static read(from: CellReader, types: TypeRegistry): KeyLinks {
    const links = new KeyLinks();
    for (let left = from.varint(); left > 0; left--) {
      const namespace = from.any();
      links.namespaces.set(namespaceIdentity(namespace, types), namespace);
    }
    for (let left = from.varint(); left > 0; left--) links.timers.add(readTimer(from, types));
    for (let left = from.varint(); left > 0; left--) links.removed.push(readTimer(from, types));
    return links;
  }
}

function writeTimer(timer: KeyTimer, to: CellWriter): void {
  to.varint(timer.lane);
  to.f64(timer.time);
  to.varint(timer.sequence);
  to.varint(timer.generation);
  to.value(timer.namespace);
}

function readTimer(from: CellReader, types: TypeRegistry): KeyTimer {
  const lane = from.varint();
  const time = from.f64();
  const sequence = from.varint();
  const generation = from.varint();
  const namespace = from.any();
  return new KeyTimer(lane, time, namespace, namespaceIdentity(namespace, types), sequence, generation);
}

/** What tells namespaces apart; undefined for none. */
export function namespaceIdentity(namespace: unknown, types: TypeRegistry): unknown {
  return namespace === undefined ? undefined : mapKey(namespace, types);
}
