/**
 * The loop of a thread: gives its tasks their turns, one after the other, as long as any has something to do.
 *
 * Tasks wait in one ready queue, each at most once. After {@link YIELD_MS} of turns the loop hands the thread back to
 * its event loop for a macrotask (a settled promise would starve sockets and timers) and goes on. With an empty queue
 * it does nothing at all: an idle thread costs no CPU.
 */

import { RingBuffer } from '../base/ring-buffer.ts';
import type { Clock, Milliseconds } from '../base/world.ts';
import type { TurnResult } from './task.ts';

/** How long turns go on before the thread's event loop gets a turn. */
const YIELD_MS: Milliseconds = 2;

export interface LoopTask {
  turn(): TurnResult;
}

export class TaskLoop {
  readonly #clock: Clock;
  readonly #beforeRound: () => void;
  readonly #ready = new RingBuffer<LoopTask>();
  readonly #queued = new Set<LoopTask>();
  #scheduled = false;
  #stopped = false;

  /** `beforeRound` runs whenever the loop gets the thread: where a worker takes in mail that was posted meanwhile. */
  constructor(clock: Clock, beforeRound: () => void) {
    this.#clock = clock;
    this.#beforeRound = beforeRound;
  }

  wake(task: LoopTask): void {
    if (this.#stopped || this.#queued.has(task)) return;
    this.#queued.add(task);
    this.#ready.push(task);
    this.#schedule();
  }

  /**
   * Runs a round at once if the loop has nothing to do: for a thread that was woken by another one, which has taken long
   * enough. Whoever calls this lets the event loop go round before it does so again.
   */
  wakeNow(tasks: Iterable<LoopTask>): void {
    const idle = !this.#scheduled;
    // Keeps the tasks from scheduling the round that comes now.
    if (idle) this.#scheduled = true;
    for (const task of tasks) this.wake(task);
    if (idle) this.#round();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.nextTurn(() => this.#round());
  }

  /** `#scheduled` stays set for as long as the round lasts: who is woken meanwhile gets a turn in it. */
  #round(): void {
    const until = this.#clock.monotonic() + YIELD_MS;
    this.#beforeRound();
    do {
      const task = this.#ready.shift();
      if (task === undefined) break;
      this.#queued.delete(task);
      if (task.turn() === 'again') this.wake(task);
    } while (this.#clock.monotonic() < until);
    this.#scheduled = false;
    if (this.#ready.size > 0) this.#schedule();
  }

  /** No task gets another turn. */
  stop(): void {
    this.#stopped = true;
    this.#ready.clear();
    this.#queued.clear();
  }
}
