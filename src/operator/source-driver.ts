/** The head of a chain that has no input: a source operator, driven by its task instead of by elements. */

import type { PollResult } from '../connect/source.ts';
import type { Operator } from './operator.ts';

export interface SourceOperator extends Operator {
  /** Emits until the gate stops it or nothing is at hand. Called only while nothing is paused. */
  poll(): PollResult;
  /** Settles when `poll` is worth a call after it said `waiting`. */
  available(): Promise<void>;
  /** Stops reading: `poll` says `finished` from now on. Without `drain` no last watermark is sent. */
  stop(drain: boolean): void;
}
