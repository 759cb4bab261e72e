/** The failures that a job has been through, the newest first. Flink's `web.exception-history-size` is 16, as here. */

import { serializeError, type SerializedError } from '../base/error.ts';
import type { JobFailure } from '../graph/launch.ts';

/** Failures that are kept. */
const FAILURES_KEPT = 16;

/** Of further failures of one attempt so many are kept: when a machine goes, every task says so. */
const CONCURRENT_KEPT = 16;

/** Where something failed. */
export type FailedTask = NonNullable<JobFailure['task']>;

interface OpenFailure {
  readonly at: number;
  readonly attempt: number;
  readonly error: SerializedError;
  readonly task: FailedTask | undefined;
  readonly concurrent: SerializedError[];
}

export class ExceptionHistory {
  readonly #failures: JobFailure[] = [];
  #open: OpenFailure | undefined;

  /** Something failed. Only the first failure of an attempt is its root. */
  failed(at: number, attempt: number, error: unknown, task: FailedTask | undefined): void {
    if (this.#open === undefined) {
      this.#open = { at, attempt, error: serializeError(error), task, concurrent: [] };
    } else if (this.#open.concurrent.length < CONCURRENT_KEPT) {
      this.#open.concurrent.push(serializeError(error));
    }
  }

  /** The job has decided what to do about it. */
  settled(outcome: JobFailure['outcome']): void {
    if (this.#open === undefined) return;
    this.#failures.unshift({ ...this.#open, outcome });
    this.#failures.length = Math.min(this.#failures.length, FAILURES_KEPT);
    this.#open = undefined;
  }

  get all(): readonly JobFailure[] {
    return [...this.#failures];
  }
}
