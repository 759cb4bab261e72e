/**
 * Committing what a sink's writer prepared: outside the element path, one checkpoint after the other.
 *
 * Committables wait in the operator's state until their checkpoint is complete, and stay there until they are committed
 * and have passed the post-committer: a later checkpoint that completes before holds them too. After a restore they are
 * handed to the committer again. Where there is a global committer they stay longer still: see `async-global-commits.ts`.
 */

import { MillstreamError } from '../base/error.ts';
import type { CommitRequest, Committer, PostCommitter } from '../connect/sink.ts';
import { describeRecord } from '../data/describe-record.ts';
import type { Committed, ToGlobal } from './async-global-commits.ts';
import type { OperatorContext } from './operator.ts';
import { CommitMetrics, type CommitAnswer } from './commit-metrics.ts';

/** Flink's default of `sink.committer.retries`. */
export const COMMIT_RETRIES_DEFAULT = 10;
const COMMIT_RETRY_MS = 1_000;

/** A committable, the checkpoint that must be complete before it is committed, and the subtask that prepared it. */
export interface Pending extends Committed {
  readonly subtask: number;
}

/** Who commits, and how patiently. */
export interface CommitParts {
  readonly committer: Committer<unknown> | undefined;
  readonly postCommitter: PostCommitter<unknown> | undefined;
  /** Whether there is a global committer to be told. */
  readonly tellsGlobal: boolean;
  /** How often a committable may ask to be tried later before it is given up. */
  readonly retries: number;
}

interface Closeable {
  close(): void | Promise<void>;
}

/** The commits of one subtask. */
export class Commits {
  readonly #context: OperatorContext<never>;
  readonly #parts: CommitParts;
  readonly #metrics: CommitMetrics;
  /** Prepared, and not known to be committed. */
  #pending: readonly Pending[] = [];
  /** Committed, and not known to be committed globally by every checkpoint that could be restored. */
  #reported: readonly Pending[] = [];
  /** How many of `#reported` the global committer has been told of. */
  #told = 0;
  readonly #begun = new Set<Pending>();
  #committing: Promise<void> = Promise.resolve();
  #resumePause: (() => void) | undefined;
  #closed = false;

  constructor(context: OperatorContext<never>, parts: CommitParts) {
    this.#context = context;
    this.#parts = parts;
    this.#metrics = new CommitMetrics(context.metrics, () => this.#pending.length);
  }

  /** What a snapshot has to hold, with {@link reported}. */
  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** Committed already, and still to be told to the global committer after a restore. */
  get reported(): readonly Pending[] {
    return this.#reported;
  }

  keep(pending: readonly Pending[]): void {
    if (pending.length === 0) return;
    this.#pending = [...this.#pending, ...pending];
    this.#metrics.total.inc(pending.length);
  }

  /** Takes over what a snapshot held, and commits all of it. Undefined when there is nothing to wait for. */
  restore(pending: readonly Pending[], reported: readonly Pending[]): Promise<void> | undefined {
    this.#reported = [...reported];
    this.keep(pending);
    return this.#commit(Infinity, 'restored');
  }

  /**
   * Commits what is kept up to a complete checkpoint, after what was begun before. Undefined when there is nothing to
   * do; rejects when a committable is lost.
   */
  commit(checkpoint: number): Promise<void> | undefined {
    return this.#commit(checkpoint, checkpoint);
  }

  #commit(checkpoint: number, upTo: ToGlobal['upTo']): Promise<void> | undefined {
    const ready = this.#pending.filter((one) => one.checkpoint <= checkpoint && !this.#begun.has(one));
    if (ready.length === 0 && !this.#parts.tellsGlobal) return undefined;
    for (const one of ready) this.#begun.add(one);
    const done = this.#committing.then(async () => {
      const all = await this.#run(ready);
      if (!all) return;
      if (ready.length > 0) await this.#parts.postCommitter?.process(ready.map(({ committable }) => committable));
      this.#done(ready);
      this.#tell(upTo);
    });
    this.#committing = done.catch(() => {});
    return done;
  }

  /** Settles when nothing is under way. */
  get idle(): Promise<void> {
    return this.#committing;
  }

  #done(committed: readonly Pending[]): void {
    this.#pending = this.#pending.filter((one) => !committed.includes(one));
    for (const one of committed) this.#begun.delete(one);
    if (this.#parts.tellsGlobal) this.#reported = [...this.#reported, ...committed];
  }

  /** Also when nothing was committed: the global committer waits for the word of every subtask. */
  #tell(upTo: ToGlobal['upTo']): void {
    if (!this.#parts.tellsGlobal || this.#closed) return;
    const committed = this.#reported
      .slice(this.#told)
      .map(({ checkpoint, committable }): Committed => ({ checkpoint, committable }));
    this.#told = this.#reported.length;
    this.#context.toCoordinator({ upTo, committed } satisfies ToGlobal);
  }

  /** Every checkpoint from which the job could still be restored knows that these are committed globally. */
  forget(upTo: number): void {
    const before = this.#reported.length;
    this.#reported = this.#reported.filter(({ checkpoint }) => checkpoint > upTo);
    // What is forgotten has been told.
    this.#told -= before - this.#reported.length;
  }

  /** False when the operator was closed in between. */
  async #run(pending: readonly Pending[]): Promise<boolean> {
    const { committer, retries: most } = this.#parts;
    const sink = this.#context.task.operatorName;
    let waiting = pending;
    for (let retries = 0; waiting.length > 0; retries++) {
      if (this.#closed) return false;
      const requests = waiting.map((one) => new Request(one, retries));
      await committer?.commit(requests);
      waiting = this.#answered(requests);
      if (waiting.length === 0) break;
      if (retries >= most) {
        throw new MillstreamError(
          'SINK_FAILED',
          `${waiting.length} committables of sink "${sink}" were not committed after ${most} retries. The first is ${describeCommittable(waiting[0]?.committable)}. Raise sink.committer.retries, or see why the sink asks to be tried later.`,
        );
      }
      await this.#pause();
    }
    return true;
  }

  /** Counts the answers; returns those that are to be tried again. Throws when one of them is lost. */
  #answered(requests: readonly Request[]): readonly Pending[] {
    const again: Pending[] = [];
    let lost: Request | undefined;
    for (const request of requests) {
      this.#metrics.answered(request.answer);
      if (request.answer === 'later') again.push(request.pending);
      if (request.answer === 'failed') lost ??= request;
    }
    if (lost !== undefined) throw this.#lost(lost);
    return again;
  }

  #lost({ pending, reason }: Request): MillstreamError {
    const sink = this.#context.task.operatorName;
    const committable = describeCommittable(pending.committable);
    const { checkpoint, subtask } = pending;
    return new MillstreamError(
      'SINK_DATA_LOST',
      `Data of checkpoint ${checkpoint} is lost: sink "${sink}" could not commit ${committable}, which its subtask ${subtask} prepared, because ${reason?.message ?? 'of a reason that it did not give'}`,
      { cause: reason, details: { operator: sink, sink, committable, checkpoint, subtask } },
    );
  }

  /** Cut short by `close`, for a closed operator's timers do not ring. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#resumePause = resolve;
      if (this.#closed) resolve();
      else this.#context.at(this.#context.now() + COMMIT_RETRY_MS, resolve);
    });
  }

  /** Waits for what is under way, without trying again, then closes those who prepared and those who committed. */
  async close(preparing: readonly (Closeable | undefined)[]): Promise<void> {
    this.#closed = true;
    this.#resumePause?.();
    await this.#committing;
    const { committer, postCommitter } = this.#parts;
    for (const one of [...preparing, committer, postCommitter]) await one?.close();
  }
}

const COMMITTABLE_TEXT_MAX = 1_000;

/** Whole where that is possible: it is what somebody has to go and look for. */
function describeCommittable(committable: unknown): string {
  try {
    const text = JSON.stringify(committable, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    if (text !== undefined && text.length <= COMMITTABLE_TEXT_MAX) return text;
  } catch {
    // It has no form in JSON.
  }
  return describeRecord(committable);
}

class Request implements CommitRequest<unknown> {
  readonly committable: unknown;
  readonly retries: number;
  readonly pending: Pending;
  answer: CommitAnswer = 'committed';
  reason: Error | undefined;

  constructor(pending: Pending, retries: number) {
    this.committable = pending.committable;
    this.retries = retries;
    this.pending = pending;
  }

  alreadyCommitted(): void {
    this.answer = 'already';
  }

  retryLater(): void {
    this.answer = 'later';
  }

  failed(reason: Error): void {
    this.answer = 'failed';
    this.reason = reason;
  }
}
