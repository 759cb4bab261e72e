/** Checks of the times that windows are described with. */

import { MillstreamError } from '../../base/error.ts';
import { NO_TIMESTAMP } from '../../data/record-batch.ts';

/** @throws WINDOW_INVALID unless `value` is a finite number above 0. */
export function positive(what: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw invalidWindow(`${what} must be a number of milliseconds above 0, but is ${String(value)}.`);
}

/** @throws WINDOW_INVALID unless `offset` lies within one period. */
export function offsetWithin(what: string, offset: number, period: number): number {
  if (Number.isFinite(offset) && Math.abs(offset) < period) return offset;
  throw invalidWindow(
    `The offset of ${what} must lie between -${period} and ${period} ms, exclusive, but is ${String(offset)}.`,
  );
}

export function invalidWindow(message: string): MillstreamError {
  return new MillstreamError('WINDOW_INVALID', message);
}

/** @throws TIMESTAMP_MISSING for an element without a timestamp. */
export function timestamped(timestamp: number, kind: string): number {
  if (timestamp !== NO_TIMESTAMP) return timestamp;
  throw new MillstreamError(
    'TIMESTAMP_MISSING',
    `An element without a timestamp reached ${kind} windows, which are cut by event time. Call assignTimestampsAndWatermarks() before them, give the source a watermark strategy with a timestamp assigner, or use processing-time windows.`,
  );
}
