/**
 * How the timers of an operator fire: in bursts, all that a watermark releases, or all whose time has come on the
 * clock. A burst asks the gate after every timer and can be left half done, because timers that have not fired are
 * state like any other.
 *
 * At most one burst runs at a time. When the clock strikes while something is paused, its burst takes its place behind
 * that; when it strikes within a burst of the watermark, it follows it. Where the timers are kept is the affair of who
 * extends this.
 */

import { invariant } from '../base/assert.ts';
import type { Resumable } from '../base/resumable.ts';
import type { Cancellation } from '../base/world.ts';
import { MIN_WATERMARK } from '../data/element.ts';
import type { TimeDomain, TimerGate } from './timers.ts';

/** Calls back on the task's thread, not before `time`. */
export type Schedule = (time: number, callback: () => void) => Cancellation;

/** The timers of one domain as a burst sees them. */
export interface FiringOrder {
  readonly size: number;
  /** The timestamp of the timer that comes first; Infinity when there is none and for a timer at the end of time. */
  readonly earliest: number;
}

export interface BurstSettings {
  readonly event: FiringOrder;
  readonly processing: FiringOrder;
  /** Takes the first timer of a domain out and lets it fire. */
  readonly fire: (domain: TimeDomain) => void;
  readonly gate: TimerGate;
  /** Wall-clock time in milliseconds. */
  readonly clock: () => number;
  readonly schedule: Schedule;
}

export class TimerBursts implements Resumable {
  readonly interruptible = true;
  readonly #settings: BurstSettings;
  #watermark = MIN_WATERMARK;
  /** Called at the end of the burst of the watermark that is running. */
  #watermarkDone: (() => void) | undefined;
  /** The time up to which the burst of the clock that is running or waiting fires. */
  #clockBurst: number | undefined;
  /** Within `#run`, so that what a handler sets off waits for its turn. */
  #running = false;
  /** Among what the gate will resume. */
  #paused = false;
  #scheduledAt = Infinity;
  #scheduled: Cancellation | undefined;

  constructor(settings: BurstSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#settings.event.size + this.#settings.processing.size;
  }

  get currentWatermark(): number {
    return this.#watermark;
  }

  currentProcessingTime(): number {
    return this.#settings.clock();
  }

  /** A processing-time timer has been registered. */
  protected registered(timestamp: number): void {
    if (timestamp < this.#scheduledAt) this.#reschedule();
  }

  /** Timers have been restored. */
  protected restored(): void {
    this.#reschedule();
  }

  advance(watermark: number, done: () => void): void {
    invariant(this.#watermarkDone === undefined, 'a watermark comes when the burst of the one before has ended');
    this.#watermark = watermark;
    this.#watermarkDone = done;
    // While a burst of the clock is paused, this one waits for it; the task gives no watermark then.
    if (!this.#paused) this.#run();
  }

  resume(): void {
    this.#paused = false;
    this.#run();
  }

  #run(): void {
    this.#running = true;
    this.#burst();
    this.#running = false;
    this.#reschedule();
  }

  /** Ends when both bursts have, or when the gate says so; then it will be resumed. */
  #burst(): void {
    const { event, processing, fire } = this.#settings;
    while (this.#watermarkDone !== undefined) {
      if (event.earliest <= this.#watermark && event.size > 0) {
        fire('event');
      } else {
        const done = this.#watermarkDone;
        this.#watermarkDone = undefined;
        done();
      }
      if (!this.#goOn()) return;
    }
    while (this.#clockBurst !== undefined) {
      // The clock never strikes at the end of time: when nothing is left, the earliest lies beyond.
      if (processing.earliest <= this.#clockBurst) {
        fire('processing');
      } else {
        this.#clockBurst = undefined;
        return;
      }
      if (!this.#goOn()) return;
    }
  }

  /** What a timer sends on may have stopped in the middle further down: then nothing may follow before it has ended. */
  #goOn(): boolean {
    if (this.#watermarkDone === undefined && this.#clockBurst === undefined) return false;
    if (this.#settings.gate.proceed()) return true;
    this.#pause();
    return false;
  }

  #pause(): void {
    this.#paused = true;
    this.#settings.gate.pause(this);
  }

  /** Lets the clock strike at the earliest processing-time timer. Within a burst of the clock its end does this. */
  #reschedule(): void {
    const { earliest } = this.#settings.processing;
    if (this.#clockBurst !== undefined || earliest === this.#scheduledAt) return;
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
    this.#scheduledAt = earliest;
    if (earliest !== Infinity) this.#scheduled = this.#settings.schedule(earliest, () => this.#strike(earliest));
  }

  #strike(time: number): void {
    this.#scheduled = undefined;
    this.#scheduledAt = Infinity;
    this.#clockBurst = Math.max(time, this.#settings.clock());
    // In the middle of a burst of this driver, or waiting for one: it goes on with this.
    if (this.#running || this.#paused) return;
    if (this.#settings.gate.proceed()) this.#run();
    else this.#pause();
  }

  close(): void {
    this.#scheduled?.cancel();
    this.#scheduled = undefined;
    this.#scheduledAt = Infinity;
    this.#clockBurst = undefined;
    this.#watermarkDone = undefined;
  }
}
