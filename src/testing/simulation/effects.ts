/**
 * The effects of a process on the World, counted: what it changes on the disk, what it sends, where it connects. A
 * crash can be planned at any of them.
 */

/** Where in an effect a process crashes: nothing of it is done, a part, or all, and the process never hears of it. */
export type CrashMoment = 'before' | 'half' | 'after';

/** A crash that waits for its effect. */
export interface PlannedCrash {
  readonly moment: CrashMoment;
  /** Asked when the effect has come; when it must not crash now, it does not at all. */
  possible(): boolean;
  happen(): void;
}

/** The effects of a process over all its lives. */
export class Effects {
  count = 0;
  readonly #planned = new Map<number, PlannedCrash>();

  /** Plans a crash at the effect with this number, counted from 1. */
  plan(effect: number, crash: PlannedCrash): void {
    this.#planned.set(effect, crash);
  }

  /** Counts an effect that is about to happen; the crash that comes with it. */
  next(): PlannedCrash | undefined {
    this.count++;
    const crash = this.#planned.get(this.count);
    return crash?.possible() === true ? crash : undefined;
  }
}
