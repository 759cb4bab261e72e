/** Never fires; the default of global windows. */

import type { Window } from '../windows/window.ts';
import { TriggerResult, type Trigger } from './trigger.ts';

/**
 * Keeps the window silent.
 *
 * @example
 * ```ts
 * const trigger = NeverTrigger.create();
 * ```
 */
export class NeverTrigger implements Trigger<unknown, Window> {
  static readonly #instance = new NeverTrigger();
  readonly kind = 'never';
  readonly canMerge = true;

  private constructor() {}

  static create(): NeverTrigger {
    return NeverTrigger.#instance;
  }

  onElement(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  onEventTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  onProcessingTime(): TriggerResult {
    return TriggerResult.CONTINUE;
  }

  clear(): void {}

  onMerge(): void {}
}
