/**
 * The event time of a reader with several inputs: the lowest of those that are not idle.
 *
 * After Flink's StatusWatermarkValve. An idle channel is not waited for. A channel that wakes up behind the merged
 * watermark is not waited for either until it has caught up: event time does not go back, so waiting would only stop
 * the others. When the last active channel falls idle, the merged watermark rises to the highest of all channels,
 * because nobody is left to wait for.
 *
 * Zero, one and many inputs are three classes behind one contract.
 */

import { at, invariant } from '../base/assert.ts';
import { MIN_WATERMARK } from '../data/element.ts';

/** What a change of status brings about. A watermark comes first, then the status. */
export interface StatusChange {
  readonly watermark?: number;
  readonly idle?: boolean;
}

export interface WatermarkMerge {
  /** A watermark of a channel. Returns the merged watermark when it rises, else undefined. */
  observe(channel: number, timestamp: number): number | undefined;
  /** A channel has fallen idle or woken up. */
  status(channel: number, idle: boolean): StatusChange;
  /** Event time has come to `timestamp` already, before anything is read. */
  resume(timestamp: number): void;
}

const NOTHING_CHANGED: StatusChange = Object.freeze({});

export function watermarkMerge(inputs: number): WatermarkMerge {
  switch (inputs) {
    case 0:
      return new NoInput();
    case 1:
      return new OneInput();
    default:
      return new ManyInputs(inputs);
  }
}

/** Sources make their own watermarks. */
class NoInput implements WatermarkMerge {
  observe(): undefined {
    invariant(false, 'a reader without inputs gets no watermark');
  }

  status(): StatusChange {
    invariant(false, 'a reader without inputs gets no status');
  }

  resume(): void {
    invariant(false, 'a reader without inputs has no watermark');
  }
}

/** Nothing to wait for. */
class OneInput implements WatermarkMerge {
  #watermark = MIN_WATERMARK;
  #idle = false;

  observe(_channel: number, timestamp: number): number | undefined {
    if (this.#idle || timestamp <= this.#watermark) return undefined;
    return (this.#watermark = timestamp);
  }

  status(_channel: number, idle: boolean): StatusChange {
    if (idle === this.#idle) return NOTHING_CHANGED;
    this.#idle = idle;
    return { idle };
  }

  resume(timestamp: number): void {
    this.#watermark = timestamp;
  }
}

class ManyInputs implements WatermarkMerge {
  readonly #watermarks: Float64Array;
  readonly #idle: Uint8Array;
  /** Active and not behind the merged watermark: the channels that are waited for. */
  readonly #aligned: Uint8Array;
  #active: number;
  #merged = MIN_WATERMARK;

  constructor(inputs: number) {
    this.#watermarks = new Float64Array(inputs).fill(MIN_WATERMARK);
    this.#idle = new Uint8Array(inputs);
    this.#aligned = new Uint8Array(inputs).fill(1);
    this.#active = inputs;
  }

  observe(channel: number, timestamp: number): number | undefined {
    const before = at(this.#watermarks, channel);
    if (this.#idle[channel] === 1 || timestamp <= before) return undefined;
    this.#watermarks[channel] = timestamp;
    if (this.#aligned[channel] === 1) {
      // Only a channel that held the others back can release them.
      return before > this.#merged ? undefined : this.#raise(this.#lowest());
    }
    if (timestamp < this.#merged) return undefined;
    this.#aligned[channel] = 1;
    return this.#raise(this.#lowest());
  }

  status(channel: number, idle: boolean): StatusChange {
    if ((at(this.#idle, channel) === 1) === idle) return NOTHING_CHANGED;
    this.#idle[channel] = idle ? 1 : 0;
    this.#active += idle ? -1 : 1;
    return idle ? this.#fallen(channel) : this.#woken(channel);
  }

  resume(timestamp: number): void {
    this.#merged = timestamp;
  }

  #fallen(channel: number): StatusChange {
    const held = this.#aligned[channel] === 1 && at(this.#watermarks, channel) <= this.#merged;
    this.#aligned[channel] = 0;
    if (this.#active === 0) return { ...rising(this.#raise(this.#highest())), idle: true };
    return held ? rising(this.#raise(this.#lowest())) : NOTHING_CHANGED;
  }

  #woken(channel: number): StatusChange {
    if (at(this.#watermarks, channel) >= this.#merged) this.#aligned[channel] = 1;
    return this.#active === 1 ? { idle: false } : NOTHING_CHANGED;
  }

  #raise(candidate: number | undefined): number | undefined {
    if (candidate === undefined || candidate <= this.#merged) return undefined;
    return (this.#merged = candidate);
  }

  /** Undefined while no channel is waited for. */
  #lowest(): number | undefined {
    let lowest: number | undefined;
    for (let i = 0; i < this.#watermarks.length; i++) {
      const watermark = this.#watermarks[i] as number;
      if (this.#aligned[i] === 1 && (lowest === undefined || watermark < lowest)) lowest = watermark;
    }
    return lowest;
  }

  #highest(): number {
    return this.#watermarks.reduce((highest, watermark) => Math.max(highest, watermark), MIN_WATERMARK);
  }
}

function rising(watermark: number | undefined): StatusChange {
  return watermark === undefined ? NOTHING_CHANGED : { watermark };
}
