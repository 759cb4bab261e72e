/** A World whose time stands still until a test moves it: for operators that are driven by hand. */

import type { Cancellation, Clock, World } from '../base/world.ts';
import { MillstreamError } from '../base/error.ts';

interface Alarm {
  readonly time: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until `advanceTo` moves it and rings what has become due.
 *
 * @example
 * ```ts
 * import { ManualClock } from 'millstream/testing';
 * const clock = new ManualClock();
 * clock.after(10, () => console.log('ten'));
 * clock.advanceTo(10);
 * ```
 */
export class ManualClock implements Clock {
  #now: number;
  #order = 0;
  #alarms: Alarm[] = [];

  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delay: number, callback: () => void): Cancellation {
    const alarm: Alarm = { time: this.#now + Math.max(0, delay), order: this.#order++, callback };
    this.#alarms.push(alarm);
    return { cancel: () => void (this.#alarms = this.#alarms.filter((other) => other !== alarm)) };
  }

  nextTurn(callback: () => void): void {
    this.after(0, callback);
  }

  /** Moves time on, and calls back what has become due, in the order of its times. */
  advanceTo(time: number): void {
    for (;;) {
      const [next] = this.#alarms
        .filter((alarm) => alarm.time <= time)
        .sort((a, b) => a.time - b.time || a.order - b.order);
      if (next === undefined) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.#now = Math.max(this.#now, next.time);
      next.callback();
    }
    this.#now = Math.max(this.#now, time);
  }

  /** Alarms that have not rung. */
  get pending(): number {
    return this.#alarms.length;
  }
}

/** Numbers by a linear congruential generator: enough to spread, and the same in every run. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Only time and randomness: what is driven by hand has no files, sockets or threads. */
export function manualWorld(clock: ManualClock): World {
  const refuse = (): never => {
    throw new MillstreamError('INTERNAL_INVARIANT', 'an operator driven by hand reaches no file, socket or thread');
  };
  const next = numbers(1);
  const nothing = new Proxy({}, { get: () => refuse });
  return {
    clock,
    random: {
      next,
      id: () =>
        Math.floor(next() * 2 ** 32)
          .toString(16)
          .padStart(32, '0'),
    },
    ownership: { run: (_owner, body) => body(), onStray: () => ({ cancel: () => {} }) },
    network: nothing as World['network'],
    storage: nothing as World['storage'],
    working: nothing as World['working'],
    threads: nothing as World['threads'],
    cpuMicroseconds: () => 0,
    heapMegabytes: () => ({ used: 0, limit: 0 }),
    print: () => {},
  };
}
