/** A job as its JobManager answers for it: one that runs, or one that has ended and of which the end is known. */

import { deserializeError, MillstreamError, type SerializedError } from '../base/error.ts';
import type {
  JobExecutionResult,
  JobFailure,
  JobMetrics,
  JobStatus,
  SavepointHandle,
  SavepointOptions,
} from '../graph/launch.ts';
import type { CollectedBatch } from '../operator/collect-sink.ts';
import type { CompletedCheckpoint } from './completed-checkpoint.ts';
import { BatchQueue, type BatchSource } from './result-queue.ts';

export interface HeldJob {
  readonly status: JobStatus;
  readonly exceptions: readonly JobFailure[];
  result(): Promise<JobExecutionResult>;
  metrics(): Promise<JobMetrics>;
  cancel(): Promise<void>;
  stop(drain: boolean, options: SavepointOptions): Promise<SavepointHandle>;
  savepoint(options: SavepointOptions): Promise<SavepointHandle>;
  checkpoint(): Promise<CompletedCheckpoint>;
  /** The batches of a collecting sink. */
  batches(operatorId: string): BatchSource;
}

/** How a job ended, as plain data: what remains of it. */
export interface JobEnd {
  readonly jobName: string;
  readonly outcome:
    | { readonly status: 'finished' | 'cancelled'; readonly result: JobExecutionResult }
    | { readonly status: 'failed'; readonly error: SerializedError };
  readonly exceptions: readonly JobFailure[];
  /** Of each collecting sink, by its id, what nobody had read. */
  readonly unread: ReadonlyMap<string, readonly CollectedBatch[]>;
}

/** A job that has ended, as another process left it. */
export class EndedJob implements HeldJob {
  readonly #end: JobEnd;
  readonly #queues = new Map<string, BatchQueue>();

  constructor(end: JobEnd) {
    this.#end = end;
    const failed = end.outcome.status === 'failed' ? { error: deserializeError(end.outcome.error) } : undefined;
    for (const [id, unread] of end.unread) {
      const queue = new BatchQueue(() => {});
      for (const batch of unread) queue.push(batch);
      queue.end(failed);
      this.#queues.set(id, queue);
    }
  }

  get status(): JobStatus {
    return this.#end.outcome.status;
  }

  get exceptions(): readonly JobFailure[] {
    return this.#end.exceptions;
  }

  async result(): Promise<JobExecutionResult> {
    const { outcome } = this.#end;
    if (outcome.status === 'failed') throw deserializeError(outcome.error);
    return outcome.result;
  }

  async metrics(): Promise<JobMetrics> {
    const progress = { waitingFor: undefined, lastCheckpoint: undefined, lastCheckpointFailure: undefined };
    return { progress, operators: [], slots: [], dropped: [] };
  }

  async cancel(): Promise<void> {}

  async stop(): Promise<never> {
    throw this.#over('be stopped');
  }

  async savepoint(): Promise<never> {
    throw this.#over('take a savepoint');
  }

  async checkpoint(): Promise<never> {
    throw this.#over('take a checkpoint');
  }

  #over(what: string): MillstreamError {
    return new MillstreamError(
      'CHECKPOINT_FAILED',
      `Job "${this.#end.jobName}" has ended (${this.#end.outcome.status}) and cannot ${what}.`,
    );
  }

  batches(operatorId: string): BatchSource {
    const queue = this.#queues.get(operatorId);
    if (queue === undefined) throw notCollected(this.#end.jobName, operatorId);
    return queue;
  }
}

export function notCollected(jobName: string, operatorId: string): MillstreamError {
  return new MillstreamError(
    'OPTION_INVALID',
    `Job "${jobName}" collects no results at an operator with the uid "${operatorId}".`,
  );
}
