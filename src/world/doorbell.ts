/** A doorbell whose owner sleeps in its event loop, so that its sockets, timers and messages go on meanwhile. */

import { BELL_AWAITED, BELL_IDLE, BELL_RUNG, ring } from '../base/doorbell.ts';
import type { Doorbell, Milliseconds } from '../base/world.ts';

/** The longest delay that a timer of the event loop can hold. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class RealDoorbell implements Doorbell {
  readonly cell: Int32Array<SharedArrayBuffer>;
  #sleep: Promise<void> | undefined;

  /** `cell`, when given, is the first Int32 of shared memory that is zero or has been a bell before. */
  constructor(cell: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(4))) {
    this.cell = cell;
  }

  wait(timeout: Milliseconds): Promise<void> {
    if (this.#sleep === undefined) {
      if (Atomics.compareExchange(this.cell, 0, BELL_IDLE, BELL_AWAITED) === BELL_RUNG) {
        Atomics.store(this.cell, 0, BELL_IDLE);
        return Promise.resolve();
      }
      this.#sleep = this.#sleeping();
    }
    // The timer does what nobody else did, and keeps the process alive: a pending waitAsync does not.
    const timer = setTimeout(() => ring(this.cell), Math.min(TIMER_MS_MAX, Math.max(0, timeout)));
    return this.#sleep.then(() => clearTimeout(timer));
  }

  async #sleeping(): Promise<void> {
    const sleep = Atomics.waitAsync(this.cell, 0, BELL_AWAITED);
    // Waited for even when the bell was rung in between: `wait` has yet to keep the promise that is forgotten below.
    await sleep.value;
    this.#sleep = undefined;
    Atomics.store(this.cell, 0, BELL_IDLE);
  }
}
