/** One window for everything: of use with a trigger that says when it fires. */

import { EndOfStreamTrigger } from '../triggers/end-of-stream-trigger.ts';
import { NeverTrigger } from '../triggers/never-trigger.ts';
import type { Trigger } from '../triggers/trigger.ts';
import type { WindowAssigner } from './window-assigner.ts';
import { GlobalWindow } from './window.ts';

const ONLY: readonly GlobalWindow[] = Object.freeze([GlobalWindow.get()]);

/**
 * All elements of a key in one window, which by itself never fires: give it a trigger, or make it fire when the
 * stream ends.
 *
 * @example
 * ```ts
 * const byHundreds = { window: GlobalWindows.create(), trigger: PurgingTrigger.of(CountTrigger.of(100)) };
 * const atTheEnd = GlobalWindows.createWithEndOfStreamTrigger();
 * ```
 */
export class GlobalWindows implements WindowAssigner<unknown, GlobalWindow> {
  readonly kind = 'global';
  readonly isEventTime = false;
  readonly windows = GlobalWindow;
  readonly #trigger: Trigger<unknown, GlobalWindow>;

  private constructor(trigger: Trigger<unknown, GlobalWindow>) {
    this.#trigger = trigger;
  }

  /** Fires only by a trigger of your own. */
  static create(): GlobalWindows {
    return new GlobalWindows(NeverTrigger.create());
  }

  /** Fires once, when the bounded stream has ended. */
  static createWithEndOfStreamTrigger(): GlobalWindows {
    return new GlobalWindows(EndOfStreamTrigger.create());
  }

  assignWindows(): readonly GlobalWindow[] {
    return ONLY;
  }

  getDefaultTrigger(): Trigger<unknown, GlobalWindow> {
    return this.#trigger;
  }
}
