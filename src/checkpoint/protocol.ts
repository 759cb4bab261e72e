/**
 * What the checkpoint coordinator hears and what it wants done, as values.
 *
 * `step` of `coordinator.ts` turns an event into effects; a shell inside the JobManager carries the effects out, in
 * order, and reports what came of them as further events. The snapshots that tasks acknowledge with stay in the
 * shell: here they are only names and sizes.
 *
 * Every message of a task names the *epoch*, the attempt of the job that it belongs to. Checkpoint ids grow over all
 * attempts of a job and are never used twice.
 */

import type { Milliseconds } from '../base/world.ts';

/** A subtask of a vertex, by any name that is unique within the job and stays the same over its attempts. */
export type TaskId = string;

/** Who asked for a checkpoint; the shell's key to whoever waits for the answer. */
export type RequestId = string;

export type CheckpointType = 'checkpoint' | 'savepoint';

/** Flink's options, under the names of `CheckpointSettings`. */
export interface CoordinatorOptions {
  /** Between the triggers of periodic checkpoints; undefined: only on request, and at the end of the job. */
  readonly intervalMs: Milliseconds | undefined;
  /** A checkpoint that has not been acknowledged by all tasks after this long is given up. */
  readonly timeoutMs: Milliseconds;
  /** From the completion of one checkpoint to the next periodic trigger, at least. */
  readonly minPauseMs: Milliseconds;
  /** Pending checkpoints at which periodic triggers and requests wait. Savepoints count, but never wait. */
  readonly maxConcurrent: number;
  /** Failed checkpoints in a row that are put up with; one more fails the job. */
  readonly tolerableFailures: number;
}

export type CoordinatorEvent =
  /** Time has passed; see `nextWakeAt`. */
  | { readonly kind: 'tick'; readonly now: Milliseconds }
  /**
   * An attempt of the job is being deployed. `restored` is the checkpoint or savepoint that it starts from: new ids
   * lie above it.
   */
  | {
      readonly kind: 'attempt-started';
      readonly now: Milliseconds;
      readonly epoch: number;
      readonly tasks: readonly TaskId[];
      /** Those of `tasks` that have no input. */
      readonly sources: readonly TaskId[];
      readonly restored: number | undefined;
    }
  | { readonly kind: 'all-tasks-running'; readonly now: Milliseconds; readonly epoch: number }
  /** The attempt is over, for whatever reason; another may follow. */
  | { readonly kind: 'attempt-failed'; readonly now: Milliseconds; readonly epoch: number; readonly reason: string }
  /** The job is over: nothing follows. */
  | { readonly kind: 'closed'; readonly now: Milliseconds; readonly reason: string }
  /** Somebody wants a checkpoint now. Waits for the job to run; is not subject to the minimum pause. */
  | {
      readonly kind: 'trigger-requested';
      readonly now: Milliseconds;
      readonly request: RequestId;
      readonly type: CheckpointType;
    }
  /** Somebody wants the job to stop behind a savepoint. With `drain`, event time ends first. */
  | {
      readonly kind: 'stop-requested';
      readonly now: Milliseconds;
      readonly request: RequestId;
      readonly drain: boolean;
    }
  | {
      readonly kind: 'acknowledged';
      readonly now: Milliseconds;
      readonly epoch: number;
      readonly checkpoint: number;
      readonly task: TaskId;
      readonly bytes: number;
    }
  /**
   * A task will not acknowledge. `counts` tells a snapshot that went wrong from a task that was merely in no position
   * to take one (not running yet, overtaken by a newer barrier); only the former is a failure to be tolerated or not.
   */
  | {
      readonly kind: 'declined';
      readonly now: Milliseconds;
      readonly epoch: number;
      readonly checkpoint: number;
      readonly task: TaskId;
      readonly reason: string;
      readonly counts: boolean;
    }
  /** A task has read all its input and sent all its output. It still acknowledges checkpoints. */
  | { readonly kind: 'task-ended'; readonly now: Milliseconds; readonly epoch: number; readonly task: TaskId }
  /** The checkpoint of a `complete` effect is durable. */
  | { readonly kind: 'stored'; readonly now: Milliseconds; readonly epoch: number; readonly checkpoint: number }
  | {
      readonly kind: 'store-failed';
      readonly now: Milliseconds;
      readonly epoch: number;
      readonly checkpoint: number;
      readonly reason: string;
    };

export type RequestOutcome =
  | { readonly kind: 'completed'; readonly checkpoint: number }
  | { readonly kind: 'refused'; readonly reason: string };

export type CoordinatorEffect =
  /**
   * A checkpoint begins; once per checkpoint. First take the snapshots of the operator coordinators, then send the
   * barrier to `sources`, which inject it, and to `ended`, which answer by themselves (as does a source that has ended
   * when the barrier gets there). With `stop`, then tell the sources to stop.
   */
  | {
      readonly kind: 'inject-barrier';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly type: CheckpointType;
      /** Whether sinks prepare and commit with it: all checkpoints, and the savepoint behind which a job stops. */
      readonly commits: boolean;
      readonly stop: boolean;
      readonly sources: readonly TaskId[];
      readonly ended: readonly TaskId[];
    }
  /** A task has ended and no barrier can reach it any more: send it that of a pending checkpoint. */
  | {
      readonly kind: 'trigger-ended';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly type: CheckpointType;
      readonly commits: boolean;
      readonly task: TaskId;
    }
  /** Sources shall stop and let event time end; a savepoint follows when all tasks have ended. */
  | { readonly kind: 'drain-sources'; readonly epoch: number; readonly sources: readonly TaskId[] }
  /** All tasks have acknowledged: make it durable, then report `stored` or `store-failed`. */
  | {
      readonly kind: 'complete';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly type: CheckpointType;
      readonly commits: boolean;
      readonly bytes: number;
      readonly durationMs: Milliseconds;
    }
  /** Tell tasks and operator coordinators that the checkpoint is complete: committers commit. Never for savepoints that do not commit. */
  | { readonly kind: 'notify-complete'; readonly epoch: number; readonly checkpoint: number }
  /** Tell tasks that the checkpoint was given up. */
  | { readonly kind: 'notify-aborted'; readonly epoch: number; readonly checkpoint: number }
  /**
   * Throw away all that belongs to a checkpoint that will not be. Comes a second time when a write that was under way
   * has ended meanwhile.
   */
  | { readonly kind: 'discard'; readonly epoch: number; readonly checkpoint: number; readonly reason: string }
  /** Throw away what an acknowledgement brought: nothing waits for it. */
  | {
      readonly kind: 'refuse';
      readonly epoch: number;
      readonly checkpoint: number;
      readonly task: TaskId;
      readonly reason: string;
    }
  /** A newer completed checkpoint has taken the place of this one: it is not needed for recovery any more. */
  | { readonly kind: 'subsume'; readonly checkpoint: number }
  | { readonly kind: 'answer'; readonly request: RequestId; readonly outcome: RequestOutcome }
  /** Fail the attempt with CHECKPOINT_FAILED; the coordinator has already ended it for itself. */
  | { readonly kind: 'fail-job'; readonly epoch: number; readonly reason: string }
  /** All tasks have ended and their last checkpoint is complete: the job is done. */
  | { readonly kind: 'finished'; readonly epoch: number };
