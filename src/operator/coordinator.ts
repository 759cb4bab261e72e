/**
 * The part of an operator that exists once per job, beside the JobManager: the enumerator of a source, the global
 * committer of a sink, the collector of results. Its subtasks talk to it in plain values, in order; it is called on
 * one thread, never two calls at once, and its snapshot belongs to the checkpoint of the tasks.
 */

import type { ConnectorWorld } from '../connect/source.ts';
import type { AlignmentGroup } from '../time/watermark-alignment.ts';

export interface CoordinatorContext {
  readonly jobId: string;
  readonly parallelism: number;
  readonly operatorName: string;
  readonly world: ConnectorWorld;
  /** The alignment group of that name, shared by all sources of the job that joined it. */
  alignment(group: string, maxDriftMs: number): AlignmentGroup;
  /** Sends to one running subtask; dropped when it is not running: it will register again. */
  toTask(subtask: number, message: unknown): void;
  /** Fails the job. */
  fail(error: unknown): void;
  /** Hands a value to whoever called `execute`; see `ResultChannel`. */
  toClient(message: unknown): void;
}

export interface OperatorCoordinator {
  start(): void | Promise<void>;
  /** A subtask of the current attempt is running. */
  taskStarted(subtask: number): void;
  fromTask(subtask: number, message: unknown): void;
  /** A message of the client that reads this operator's results. */
  fromClient?(message: unknown): void;
  /** The subtask has acknowledged the checkpoint; what it sent before belongs to it. */
  acknowledged?(subtask: number, checkpoint: number): void;
  /** Plain data for the checkpoint; called when its barriers are injected. */
  snapshot(checkpoint: number): unknown;
  /**
   * Plain data for the checkpoint in place of what `snapshot` gave; called when every subtask has acknowledged it. For
   * what the subtasks sent before their barriers and nobody else keeps.
   */
  gathered?(checkpoint: number): unknown;
  checkpointComplete(checkpoint: number): void;
  close(): void | Promise<void>;
}

/** `restored` is what `snapshot` returned for the checkpoint that the job starts from. */
export type CoordinatorFactory = (context: CoordinatorContext, restored: unknown) => OperatorCoordinator;
