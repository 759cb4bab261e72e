/** Lets a bounded number of records a second pass, evenly; what was not used is kept for one second at most. */

import type { Clock } from '../base/world.ts';

const SECOND_MS = 1000;

export class RateLimiter {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #permitsMax: number;
  #permits = 1;
  #countedTo: number;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perMs = perSecond / SECOND_MS;
    this.#permitsMax = Math.max(1, perSecond);
    this.#countedTo = clock.monotonic();
  }

  /** Takes leave for one record; false when it is too early. Reads the clock only when it has run out. */
  take(): boolean {
    if (this.#permits < 1) this.#refill();
    if (this.#permits < 1) return false;
    this.#permits--;
    return true;
  }

  /** Milliseconds until `take` succeeds. */
  delayMs(): number {
    return this.#permits >= 1 ? 0 : (1 - this.#permits) / this.#perMs;
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    this.#permits = Math.min(this.#permitsMax, this.#permits + (now - this.#countedTo) * this.#perMs);
    this.#countedTo = now;
  }
}
