/** The doorbell of a simulated process: looked at after every event of the process, for nobody else can ring it. */

import { BELL_IDLE, BELL_RUNG } from '../../base/doorbell.ts';
import type { Doorbell, Milliseconds } from '../../base/world.ts';
import type { SimulatedProcess } from './process.ts';

export class SimulatedDoorbell implements Doorbell {
  readonly cell = new Int32Array(new SharedArrayBuffer(4));
  readonly #process: SimulatedProcess;
  #waiters: (() => void)[] = [];

  constructor(process: SimulatedProcess) {
    this.#process = process;
  }

  wait(timeout: Milliseconds): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#process.after(timeout, 'bell timeout', () => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== wake);
        resolve();
      });
      const wake = (): void => {
        timer.cancel();
        resolve();
      };
      this.#waiters.push(wake);
    });
  }

  /** Wakes who waits when the bell was rung. */
  look(): void {
    if (this.#waiters.length === 0 || this.cell[0] !== BELL_RUNG) return;
    this.cell[0] = BELL_IDLE;
    for (const wake of this.#waiters.splice(0)) this.#process.turn('bell', wake);
  }
}
