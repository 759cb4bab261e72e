/**
 * Noticing that the other end of a connection has stopped without closing it: a machine that vanished, a process that
 * was halted. Both ends say that they are there; whoever hears nothing for the timeout gives the connection up.
 */

import type { Cancellation, Clock, Milliseconds } from '../base/world.ts';

/** Flink's `heartbeat.interval` and `heartbeat.timeout`. */
export interface HeartbeatOptions {
  readonly intervalMs: Milliseconds;
  readonly timeoutMs: Milliseconds;
}

/** Flink's defaults. */
export const DEFAULT_HEARTBEAT: HeartbeatOptions = Object.freeze({ intervalMs: 10_000, timeoutMs: 50_000 });

export class Heartbeat {
  readonly #clock: Clock;
  readonly #options: HeartbeatOptions;
  readonly #send: () => void;
  readonly #silent: (reason: string) => void;
  #heardAt: Milliseconds;
  #timer: Cancellation;

  /** @param silent called once, when nothing was heard for the timeout. */
  constructor(clock: Clock, options: HeartbeatOptions, send: () => void, silent: (reason: string) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#send = send;
    this.#silent = silent;
    this.#heardAt = clock.monotonic();
    this.#timer = clock.after(options.intervalMs, () => this.#beat());
  }

  /** Something arrived from the other end. */
  heard(): void {
    this.#heardAt = this.#clock.monotonic();
  }

  #beat(): void {
    const silence = this.#clock.monotonic() - this.#heardAt;
    if (silence > this.#options.timeoutMs) {
      this.#silent(`nothing was heard of it for ${Math.round(silence)} ms`);
      return;
    }
    this.#send();
    this.#timer = this.#clock.after(this.#options.intervalMs, () => this.#beat());
  }

  stop(): void {
    this.#timer.cancel();
  }
}
