/**
 * What a client and a JobManager in another process say to each other, as plain data. Every question has a number, and
 * gets one answer. A client that lost its connection asks again: `status`, `result` and `metrics` change nothing.
 */

import type { SerializedError } from '../base/error.ts';
import type { SavepointHandle, SavepointOptions } from '../graph/launch.ts';
import type { ProgramReference } from './messages.ts';
import type { BatchName } from './result-queue.ts';

/** A job as it is handed to a JobManager: everything that it takes to start it, also by another process later. */
export interface JobSubmission {
  readonly jobId: string;
  readonly program: ProgramReference;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly restore: SavepointHandle | string | undefined;
  readonly claimMode: 'claim' | 'no-claim';
  readonly allowNonRestoredState: boolean;
}

export type JobQuestion =
  | { readonly kind: 'status' }
  | { readonly kind: 'result' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'exceptions' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'stop'; readonly drain: boolean; readonly options: SavepointOptions }
  | { readonly kind: 'savepoint'; readonly options: SavepointOptions }
  | { readonly kind: 'checkpoint' }
  /** The next batch of a collecting sink; undefined when there are no more. */
  | { readonly kind: 'next'; readonly operatorId: string; readonly taken: BatchName | undefined }
  /** The reader of a collecting sink lost interest. */
  | { readonly kind: 'leave'; readonly operatorId: string };

export type FromClient =
  | { readonly kind: 'client' }
  | { readonly kind: 'submit'; readonly request: number; readonly submission: JobSubmission }
  | { readonly kind: 'slots'; readonly request: number; readonly slots: number }
  | { readonly kind: 'ask'; readonly request: number; readonly jobId: string; readonly question: JobQuestion };

export type ToClient =
  | { readonly kind: 'answer'; readonly request: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly request: number; readonly error: SerializedError };
