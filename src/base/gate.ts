/**
 * The gate of a task: one place that says whether more may be done in this turn.
 *
 * A turn ends when an output has no room, when its time is over, when mail waits, or when an operator had to pause
 * in the middle of its work. Whoever may produce many outputs for one input (the drive loop over a batch, a burst
 * of timers, an iterable that a function returned) asks {@link Gate.proceed} between outputs and stops when told so;
 * what it has not done it leaves in its own fields and calls {@link Gate.pause}, and the task resumes it later.
 *
 * `proceed` reads no clock: it burns fuel, and only when that is gone looks at the clock, so that a stretch between two
 * looks lasts about {@link STRETCH_MS}. A full output, a hold or a pause takes what fuel is left. Fuel starts at one and
 * doubles, and falls at once when records are slow. Mail of other threads is seen at the next record.
 */

import type { Clock } from './world.ts';
import type { Resumable } from './resumable.ts';
import { RingBuffer } from './ring-buffer.ts';

/** Between two looks at the clock. A look costs 50 ns, so this keeps its share of a turn at a tenth of a percent. */
const STRETCH_MS = 0.05;

/** A sudden slow record stalls a turn by at most this many of its kind. */
const FUEL_MAX = 256;

/** Work that waits, and the operator that it belongs to. */
interface Paused {
  readonly work: Resumable;
  readonly at: number;
}

export class Gate {
  readonly #clock: Clock;
  /** Set from other threads when mail is posted; a cell that never changes where there are none. */
  readonly #mailFlag: Int32Array;
  #fuel = 1;
  #fuelPerStretch = 1;
  #stretchStart = 0;
  #turnEnd = 0;
  #closedOutputs = 0;
  #holds = 0;
  #paused = new RingBuffer<Paused>();
  #frame: { at: number } = { at: 0 };

  constructor(clock: Clock, mailFlag: Int32Array) {
    this.#clock = clock;
    this.#mailFlag = mailFlag;
  }

  /** Where the task notes which of its operators runs: what is resumed runs as the operator that paused. */
  attribute(frame: { at: number }): void {
    this.#frame = frame;
  }

  /** Starts a turn that ends at the monotonic time `end`. */
  beginTurn(now: number, end: number): void {
    this.#stretchStart = now;
    this.#turnEnd = end;
    this.#fuel = this.blocked ? 0 : this.#fuelPerStretch;
  }

  /** Whether one more unit of work may be done now. Called once per record, timer or element of an iterable. */
  proceed(): boolean {
    // Whatever of this task forbids more takes the fuel away; other threads can only raise the flag.
    return (--this.#fuel > 0 && this.#mailFlag[0] === 0) || this.#consider();
  }

  #consider(): boolean {
    if (this.blocked || this.#paused.size > 0 || Atomics.load(this.#mailFlag, 0) !== 0) {
      this.#fuel = 0;
      return false;
    }
    const now = this.#clock.monotonic();
    const stretch = now - this.#stretchStart;
    if (stretch > STRETCH_MS * 2) this.#fuelPerStretch = Math.max(1, this.#fuelPerStretch >> 2);
    else if (stretch < STRETCH_MS) this.#fuelPerStretch = Math.min(FUEL_MAX, this.#fuelPerStretch * 2);
    if (now >= this.#turnEnd) {
      this.#fuel = 0;
      return false;
    }
    this.#stretchStart = now;
    this.#fuel = this.#fuelPerStretch;
    return true;
  }

  /** An output has no room, or something in the outside world must be awaited: input waits. */
  get blocked(): boolean {
    return this.#closedOutputs > 0 || this.#holds > 0;
  }

  /** An output ran out of credit. Balanced by `openOutput`. */
  closeOutput(): void {
    this.#closedOutputs++;
    this.#fuel = 0;
  }

  openOutput(): void {
    this.#closedOutputs--;
  }

  get outputsClosed(): boolean {
    return this.#closedOutputs > 0;
  }

  /** Holds all input until released. Balanced by `release`. */
  hold(): void {
    this.#holds++;
    this.#fuel = 0;
  }

  release(): void {
    this.#holds--;
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  /** Registers work to go on with. The deepest operator pauses first and is resumed first. */
  pause(work: Resumable): void {
    this.#paused.push({ work, at: this.#frame.at });
    this.#fuel = 0;
  }

  get hasPaused(): boolean {
    return this.#paused.size > 0;
  }

  /** Nothing is half done: what was emitted in memory that is used again is nobody's any more. */
  get settled(): boolean {
    return this.#paused.size === 0 && this.#holds === 0;
  }

  /** Does work that may emit though outputs have no room, until the turn is over. */
  overdraw(work: () => void): void {
    const closed = this.#closedOutputs;
    this.#closedOutputs = 0;
    work();
    this.#closedOutputs += closed;
  }

  /** Whether a barrier may be served now: nothing is half done, except bursts whose rest is state. */
  get interruptible(): boolean {
    for (const { work } of this.#paused) if (work.interruptible !== true) return false;
    return true;
  }

  /**
   * Resumes what paused, the deepest first, and stops at the first that pauses again. Returns whether nothing is
   * paused any more. The caller has begun a turn.
   */
  resumePaused(): boolean {
    const waiting = this.#paused;
    if (waiting.size === 0) return true;
    this.#paused = new RingBuffer<Paused>();
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      this.#frame.at = next.at;
      next.work.resume();
      if (this.#paused.size > 0) {
        for (const later of waiting) this.#paused.push(later);
        return false;
      }
    }
    return true;
  }
}
