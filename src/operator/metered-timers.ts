/** The timers of an operator, with the metric that counts them. */

import type { KeyedBackend } from '../state/keyed-backend.ts';
import type { TimerDriver, TimerHandler } from '../state/timers.ts';
import type { OperatorContext } from './operator.ts';

/** The metric: what is registered and has not fired, in both time domains. */
export const TIMER_METRIC = 'numTimers';

/** An operator has one set of timers. */
export function meteredTimers(
  context: OperatorContext<never>,
  backend: KeyedBackend,
  name: string,
  handler: TimerHandler,
): TimerDriver {
  const timers = backend.timers(name, handler);
  context.metrics.gauge(TIMER_METRIC, () => timers.size);
  return timers;
}
