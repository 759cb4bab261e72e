/**
 * What travels in a channel: batches of data and control elements, in one order that nothing may overtake.
 *
 * The set of control elements is open and versioned: a reader that meets a kind it does not know must fail the
 * channel (kinds below 128) or skip it (kinds from 128 on, which carry no correctness).
 */

import type { ColumnBatch } from './column-batch.ts';
import type { RecordBatch } from './record-batch.ts';

/**
 * Event time below every timestamp: nothing has been promised yet.
 *
 * @example
 * ```ts
 * console.log(MIN_WATERMARK < 0);
 * ```
 */
export const MIN_WATERMARK = -Infinity;

/**
 * Event time above every timestamp: no element will follow.
 *
 * @example
 * ```ts
 * console.log(MAX_WATERMARK > Date.now());
 * ```
 */
export const MAX_WATERMARK = Infinity;

/** No later element of this channel carries a timestamp at or below `timestamp`; late ones come all the same. */
export interface WatermarkElement {
  readonly kind: 'watermark';
  readonly timestamp: number;
}

/** An idle channel does not hold back the watermark of its reader; an active one does. */
export interface StatusElement {
  readonly kind: 'status';
  readonly idle: boolean;
}

/** What comes before it belongs to the checkpoint, what comes after it does not. */
export interface BarrierElement {
  readonly kind: 'barrier';
  readonly checkpoint: number;
  /** When the coordinator triggered it, in epoch milliseconds. */
  readonly triggeredAt: number;
  readonly type: 'checkpoint' | 'savepoint';
  /** Attempt of the job that the barrier belongs to; barriers of other attempts are refused. */
  readonly epoch: number;
  /**
   * From this time on, in epoch milliseconds, the barrier overtakes what is before it (see `exchange/channel-cuts.ts`);
   * 0: at once. Absent: never.
   */
  readonly unalignedAt?: number;
}

/** The last element of a channel. `drained` is false when a job stops without finishing its windows and timers. */
export interface EndElement {
  readonly kind: 'end';
  readonly drained: boolean;
}

export type ControlElement = WatermarkElement | StatusElement | BarrierElement | EndElement;

export type DataElement = RecordBatch | ColumnBatch;
