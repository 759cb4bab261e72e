/**
 * Lanes: queues of events that keep an order among themselves. Between lanes there is none: whichever has an event
 * that is due may be next, and the seed decides.
 */

import { RingBuffer } from '../../base/ring-buffer.ts';
import type { Cancellation, Milliseconds } from '../../base/world.ts';

/** Something that happens at a time. */
export interface SimulatedEvent {
  /** One word for traces. */
  readonly kind: string;
  readonly run: () => void;
}

export interface Lane {
  readonly id: number;
  readonly name: string;
  /** When its first event may happen; `Infinity` when it has none, or holds it back. */
  readonly due: Milliseconds;
  /** Takes the first event out. Only called when `due` has come. */
  take(): SimulatedEvent;
}

/** First in, first out; each event comes due no earlier than the one before it. */
export class FifoLane implements Lane {
  readonly id: number;
  readonly name: string;
  /** While true nothing happens here. */
  blocked = false;
  readonly #events = new RingBuffer<SimulatedEvent & { readonly at: Milliseconds }>();
  #lastDue: Milliseconds = 0;

  constructor(id: number, name: string) {
    this.id = id;
    this.name = name;
  }

  get due(): Milliseconds {
    return this.blocked ? Infinity : (this.#events.peek()?.at ?? Infinity);
  }

  get size(): number {
    return this.#events.size;
  }

  push(at: Milliseconds, kind: string, run: () => void): void {
    this.#lastDue = Math.max(this.#lastDue, at);
    this.#events.push({ at: this.#lastDue, kind, run });
  }

  take(): SimulatedEvent {
    return this.#events.shift() as SimulatedEvent;
  }

  /** Keeps the first events only. */
  keep(count: number): void {
    const kept = [...this.#events].slice(0, count);
    this.#events.clear();
    for (const event of kept) this.#events.push(event);
  }
}

interface Alarm extends SimulatedEvent {
  readonly at: Milliseconds;
  readonly order: number;
  cancelled: boolean;
}

/** Events in the order of their times. */
export class TimerLane implements Lane {
  readonly id: number;
  readonly name: string;
  /** While true nothing happens here. */
  blocked = false;
  /** A binary heap. */
  readonly #alarms: Alarm[] = [];
  #order = 0;

  constructor(id: number, name: string) {
    this.id = id;
    this.name = name;
  }

  get due(): Milliseconds {
    if (this.blocked) return Infinity;
    let first = this.#alarms[0];
    while (first?.cancelled === true) {
      this.#removeFirst();
      first = this.#alarms[0];
    }
    return first?.at ?? Infinity;
  }

  set(at: Milliseconds, kind: string, run: () => void): Cancellation {
    const alarm: Alarm = { at, kind, run, order: this.#order++, cancelled: false };
    this.#alarms.push(alarm);
    this.#rise(this.#alarms.length - 1);
    return {
      cancel: () => {
        alarm.cancelled = true;
      },
    };
  }

  take(): SimulatedEvent {
    const first = this.#alarms[0] as Alarm;
    this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const last = this.#alarms.pop() as Alarm;
    if (this.#alarms.length === 0) return;
    this.#alarms[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      let least = at;
      if (left < this.#alarms.length && this.#before(left, least)) least = left;
      if (right < this.#alarms.length && this.#before(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #before(i: number, j: number): boolean {
    const a = this.#alarms[i] as Alarm;
    const b = this.#alarms[j] as Alarm;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #swap(i: number, j: number): void {
    const alarm = this.#alarms[i] as Alarm;
    this.#alarms[i] = this.#alarms[j] as Alarm;
    this.#alarms[j] = alarm;
  }
}
