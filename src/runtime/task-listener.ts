/** What a task tells its owner: the slot, on behalf of the JobManager. */

import type { ChannelStateSnapshot } from '../exchange/channel-state.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';

/** The part of a checkpoint that is a task's. */
export interface TaskSnapshot {
  readonly operators: readonly OperatorSnapshot[];
  /** What the barrier has overtaken. */
  readonly channels: readonly ChannelStateSnapshot[];
}

/** What a task tells its owner. */
export interface TaskListener {
  running(): void;
  acknowledged(checkpoint: number, snapshot: TaskSnapshot): void;
  /** `counts`: a snapshot went wrong; else the task was merely in no position to take one. */
  declined(checkpoint: number, reason: string, counts: boolean): void;
  /** All input has been read and its results have left. */
  ended(): void;
  failed(error: Error): void;
  toCoordinator(operatorId: string, message: unknown): void;
}
