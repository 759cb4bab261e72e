/** The head of a chain that has no input: a source operator, driven by its task instead of by elements. */

import type { IndexRange } from '../connect/index-range.ts';
import type { PollResult } from '../connect/source.ts';
import type { SplitWatermark, SplitWatermarks } from '../time/split-watermarks.ts';
import type { Operator, Output } from './operator.ts';

export interface SourceOperator extends Operator {
  /** Emits until the gate stops it or nothing is at hand. Called only while nothing is paused. */
  poll(): PollResult;
  /** Settles when `poll` is worth a call after it said `waiting`. */
  available(): Promise<void>;
  /** Stops reading: `poll` says `finished` from now on. Without `drain` no last watermark is sent. */
  stop(drain: boolean): void;
}

/** The output of a source: the rest of its chain, and the loop of sources that have nothing to wait for. */
export interface SourceOutput<T> extends Output<T> {
  /**
   * Emits the records of a range, stamped by the split, until its end or until the gate says stop; `moved` is called
   * behind each record that made the watermarks due.
   */
  drive(range: IndexRange<T>, split: SplitWatermark<T>, watermarks: SplitWatermarks<T>, moved: () => void): PollResult;
}
