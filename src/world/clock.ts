/** The real clock: the system's time, its monotonic time, and timers of the event loop. */

import type { Cancellation, Clock, Milliseconds } from '../base/world.ts';

/** The longest delay that a timer of the event loop can hold; longer ones are waited for in several steps. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class RealClock implements Clock {
  now(): Milliseconds {
    return Date.now();
  }

  monotonic(): Milliseconds {
    return performance.now();
  }

  after(delay: Milliseconds, callback: () => void): Cancellation {
    return new Alarm(performance.now() + Math.max(0, delay), callback);
  }

  nextTurn(callback: () => void): void {
    setImmediate(callback);
  }
}

class Alarm implements Cancellation {
  readonly #due: Milliseconds;
  readonly #callback: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(due: Milliseconds, callback: () => void) {
    this.#due = due;
    this.#callback = callback;
    this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const wait = Math.ceil(this.#due - performance.now());
    this.#timer = setTimeout(this.#ring, Math.min(TIMER_MS_MAX, Math.max(0, wait)));
  }

  readonly #ring = (): void => {
    this.#timer = undefined;
    // Timers count whole milliseconds and may ring a fraction early, and very long ones ring on their way.
    if (performance.now() < this.#due) this.#arm();
    else this.#callback();
  };
}
