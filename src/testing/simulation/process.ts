/** A simulated process: what belongs to it dies with it. */

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Cancellation, Clock, Milliseconds, Ownership } from '../../base/world.ts';
import { RealOwnership } from '../../world/ownership.ts';
import type { Effects } from './effects.ts';
import type { FifoLane, TimerLane } from './lanes.ts';
import { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** Virtual time 0, in epoch milliseconds: any round number will do. */
const STARTED_AT = 1_000_000_000_000;

/** A turn of the event loop begins at most this long after it was asked for. */
const TURN_MS_MAX: Milliseconds = 0.1;

type StrayListener = (owner: string, error: unknown) => boolean;

/** Whose code is running in this async context. */
interface Ward {
  readonly process: SimulatedProcess;
  readonly owner: string;
}

const wards = new AsyncLocalStorage<Ward>();

/** Rejections that nobody awaits are noticed by Node.js alone; it names their owners by text. */
const rejections = new RealOwnership();
let processes = 0;

export class SimulatedProcess {
  readonly name: string;
  /** Which life of the process this is, from 1. */
  readonly incarnation: number;
  readonly random: SeededRandom;
  readonly clock: Clock;
  readonly ownership: Ownership;
  alive = true;
  /** Stopped, as by SIGSTOP: nothing of it happens until it is woken. */
  hung = false;
  /** How many times longer its turns wait than those of others. */
  slowness = 1;
  readonly #effects: Effects;
  readonly #scheduler: Scheduler;
  readonly #turns: FifoLane;
  readonly #timers: TimerLane;
  readonly #delays: SeededRandom;
  readonly #stray = new Set<StrayListener>();
  readonly #onDeath: (() => void)[] = [];
  readonly #rejections: Cancellation;

  constructor(scheduler: Scheduler, seed: number, name: string, incarnation: number, effects: Effects) {
    this.#effects = effects;
    this.name = name;
    this.incarnation = incarnation;
    this.random = new SeededRandom(seed, `${name}#${incarnation}`);
    this.#delays = new SeededRandom(seed, `${name}#${incarnation} delays`);
    this.#scheduler = scheduler;
    this.#turns = scheduler.fifo(`${name} turn`);
    this.#timers = scheduler.timers(`${name} timer`);
    this.clock = {
      now: () => STARTED_AT + Math.floor(scheduler.now),
      monotonic: () => scheduler.look(),
      after: (delay, callback) => this.after(delay, 'timer', this.#bind(callback)),
      nextTurn: (callback) => this.turn('turn', this.#bind(callback)),
    };
    const prefix = `simulated process ${processes++}: `;
    this.ownership = {
      run: (owner, body) => wards.run({ process: this, owner }, () => rejections.run(prefix + owner, body)),
      onStray: (listener) => {
        this.#stray.add(listener);
        return { cancel: () => void this.#stray.delete(listener) };
      },
    };
    this.#rejections = rejections.onStray(
      (owner, error) => owner.startsWith(prefix) && this.#takeStray(owner.slice(prefix.length), error),
    );
  }

  /** Runs `callback` in an event of its own, behind those that were asked for before; on nobody's behalf. */
  turn(kind: string, callback: () => void): void {
    if (!this.alive) return;
    const at = this.#scheduler.now + this.#delays.next() * TURN_MS_MAX * this.slowness;
    this.#turns.push(at, kind, () => this.#guard(callback));
  }

  after(delay: Milliseconds, kind: string, callback: () => void): Cancellation {
    if (!this.alive) return { cancel: () => {} };
    return this.#timers.set(this.#scheduler.now + Math.max(0, delay), kind, () => this.#guard(callback));
  }

  /**
   * Does something to the World, unless the process is to crash before. Returns whether it has survived; whoever goes
   * on in the name of one that has not does nothing any more.
   *
   * @param half What may be done of it when the process crashes in the middle.
   */
  effect(work: () => void, half: () => void): boolean {
    if (!this.alive) return false;
    const crash = this.#effects.next();
    if (crash === undefined) {
      work();
      return true;
    }
    if (crash.moment === 'half') half();
    if (crash.moment === 'after') work();
    crash.happen();
    return this.alive;
  }

  /** Stops it, or lets it go on with all that waits for it. */
  hang(hung: boolean): void {
    this.hung = hung;
    this.#turns.blocked = hung;
    this.#timers.blocked = hung;
  }

  /** Registers what else ends with the process. */
  onDeath(callback: () => void): void {
    this.#onDeath.push(callback);
  }

  /** Nothing of the process happens any more, and nobody is told. */
  die(): void {
    this.alive = false;
    this.#stray.clear();
    this.#scheduler.drop(this.#turns);
    this.#scheduler.drop(this.#timers);
    for (const callback of this.#onDeath.splice(0)) callback();
  }

  /** `callback` on behalf of whom it is asked for now. */
  #bind(callback: () => void): () => void {
    const context = AsyncLocalStorage.snapshot();
    return () => context(() => this.#guard(callback));
  }

  /** What is thrown goes to the owner of the code; without one it is a failure of the simulation. */
  #guard(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      const ward = wards.getStore();
      if (ward === undefined || !ward.process.#takeStray(ward.owner, error)) throw error;
    }
  }

  /** True when the owner took the failure on. What the dead left behind is nobody's any more. */
  #takeStray(owner: string, error: unknown): boolean {
    for (const listener of this.#stray) if (listener(owner, error)) return true;
    return !this.alive;
  }

  /** Lets go of everything outside the simulation. */
  release(): void {
    this.#rejections.cancel();
  }
}
