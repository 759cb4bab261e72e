/** Records that go to a side output that the user named, instead of being dropped. */

import type { DropReason } from './dropped.ts';
import type { OperatorContext, Timestamp } from './operator.ts';

/** Sends a record to the side output that the user named for it, as it is; counted by the reason. */
export function sideOutput(
  { output, metrics }: OperatorContext<never>,
  reason: DropReason,
  tag: string,
  value: unknown,
  timestamp: Timestamp,
): void {
  metrics.counter(`sideOutput.${reason}`).inc();
  output.side(tag, value, timestamp);
}
