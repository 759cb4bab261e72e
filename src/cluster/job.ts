/**
 * One job, from submission to its end: places its tasks in slots, starts them together, runs the coordinators of its
 * operators and its checkpoints, and restarts it after failures.
 *
 * It lives in the JobManager and speaks to slots by messages only. Every attempt to run the job has a number; what a
 * slot says about another attempt than the current one is not listened to.
 */

import { MillstreamError } from '../base/error.ts';
import type { Cancellation } from '../base/world.ts';
import type { JobExecutionResult, JobFailure, JobMetrics, JobStatus, SavepointHandle } from '../graph/launch.ts';
import { buildJobGraph, type JobGraph } from '../graph/job-graph.ts';
import { effectiveRestart } from '../graph/settings.ts';
import { operatorId } from '../graph/stream-graph.ts';
import type { CollectedBatch } from '../operator/collect-sink.ts';
import { mergeAccumulators } from './accumulators.ts';
import { Attempt, type AttemptReport, type JobOptions } from './attempt.ts';
import { ExceptionHistory, type FailedTask } from './exception-history.ts';
import { JobCheckpoints, type CompletedCheckpoint } from './job-checkpoints.ts';
import type { FromSlot } from './messages.ts';
import { slotsNeeded } from './placement.ts';
import { restartStrategy, type Restarts } from './restart-strategy.ts';
import { checkRestore } from './restore-plan.ts';
import { ResultQueue } from './result-queue.ts';

/** How long a restart waits for slots; then it fails with what is missing. Flink's `slot.request.timeout`. */
const SLOT_WAIT_MS = 300_000;

export class Job {
  readonly #options: JobOptions;
  readonly #job: JobGraph;
  readonly #restarts: Restarts;
  readonly #result = Promise.withResolvers<JobExecutionResult>();
  readonly #queues = new Map<string, ResultQueue>();
  readonly #startedAt: number;
  readonly #checkpoints: JobCheckpoints;
  readonly #exceptions = new ExceptionHistory();
  #status: JobStatus = 'created';
  #attempt: Attempt | undefined;
  #attempts = 0;
  #latest: CompletedCheckpoint | undefined;
  #completedCheckpoints = 0;
  #restartTimer: Cancellation | undefined;
  /** Who waits for the job to end, and must know when it restarts instead. */
  readonly #onFailure = new Set<(failure: Error) => void>();
  #accumulators: Readonly<Record<string, unknown>> = {};
  #lastMetrics: JobMetrics = { operators: [], slots: [], dropped: [] };

  constructor(options: JobOptions) {
    this.#options = options;
    this.#job = buildJobGraph(options.graph);
    this.#latest = options.restore;
    this.#restarts = restartStrategy(effectiveRestart(options.graph.settings));
    this.#startedAt = options.world.clock.now();
    this.#result.promise.catch(() => {});
    this.#checkpoints = new JobCheckpoints(
      options.world,
      options.graph.jobName,
      options.graph.settings.checkpoint,
      (checkpoint) => this.#completed(checkpoint),
    );
    for (const node of options.graph.nodes) {
      if (node.definition.kind === 'collect') this.#queues.set(operatorId(node), this.#queue(operatorId(node)));
    }
  }

  #queue(id: string): ResultQueue {
    return new ResultQueue(
      this.#options.graph.types,
      (subtask) => this.#attempt?.fromClient(id, { subtask }),
      () => this.cancel(),
    );
  }

  // Life.

  start(): void {
    if (this.#latest !== undefined)
      checkRestore(this.#options.graph, this.#latest, this.#options.allowNonRestoredState);
    if (this.#options.waitForSlots === true) this.#deployOnceThereAreSlots('created');
    else this.#deploy();
  }

  #deploy(): void {
    const number = ++this.#attempts;
    try {
      const slots = this.#options.takeSlots(slotsNeeded(this.#job));
      this.#attempt = new Attempt(this.#options, this.#job, number, slots, this.#latest, this.#checkpoints, {
        running: () => this.#running(),
        toClient: (id, message) => this.#queues.get(id)?.push(message as CollectedBatch),
        failed: (error, task) => this.#failing(number, error, task),
        vacated: (failure) => this.#vacated(failure),
        finished: (report) => this.#finishing(report),
      });
      this.#attempt.deploy();
    } catch (error) {
      this.#exceptions.failed(this.#options.world.clock.now(), number, error, undefined);
      this.#exceptions.settled('failed');
      this.#end('failed', error);
    }
  }

  #running(): void {
    if (this.#status === 'created' || this.#status === 'restarting') this.#status = 'running';
  }

  #completed(checkpoint: CompletedCheckpoint): void {
    this.#latest = checkpoint;
    this.#completedCheckpoints++;
  }

  #failing(attempt: number, error: Error, task: FailedTask | undefined): void {
    this.#exceptions.failed(this.#options.world.clock.now(), attempt, error, task);
    if (this.#status === 'cancelling') return;
    this.#status = 'failing';
  }

  #finishing(report: AttemptReport): void {
    this.#status = 'finishing';
    this.#takeReport(report);
  }

  #takeReport(report: AttemptReport): void {
    this.#lastMetrics = { operators: report.operators, slots: report.slots, dropped: report.dropped };
    this.#accumulators = mergeAccumulators(report.accumulators);
  }

  /** Nothing of the attempt is left in any slot: what now is decided here. */
  #vacated(failure: Error | undefined): void {
    this.#attempt = undefined;
    if (this.#status === 'cancelling') return this.#end('cancelled');
    if (failure === undefined) return this.#end('finished');
    for (const hear of this.#onFailure) hear(failure);
    this.#onFailure.clear();
    const decision = isRestartable(failure)
      ? this.#restarts.onFailure(this.#options.world.clock.now(), this.#options.world.random)
      : undefined;
    this.#exceptions.settled(decision?.restart === true ? 'restarted' : 'failed');
    if (decision === undefined || !decision.restart) return this.#end('failed', failure);
    this.#status = 'restarting';
    this.#restartTimer = this.#options.world.clock.after(decision.delayMs, () =>
      this.#deployOnceThereAreSlots('restarting'),
    );
  }

  /** Slots that were lost with a process may come back with another: a restart waits for them, but not for ever. */
  #deployOnceThereAreSlots(status: 'created' | 'restarting'): void {
    const { world, hasSlots } = this.#options;
    let deployed = false;
    const deploy = (): void => {
      if (deployed || this.#status !== status) return;
      deployed = true;
      this.#restartTimer?.cancel();
      this.#restartTimer = undefined;
      this.#deploy();
    };
    this.#restartTimer = world.clock.after(SLOT_WAIT_MS, deploy);
    void hasSlots(slotsNeeded(this.#job)).then(deploy);
  }

  #end(status: 'finished' | 'cancelled' | 'failed', error?: unknown): void {
    this.#status = status;
    this.#checkpoints.close(`the job has ${status === 'failed' ? 'failed' : `been ${status}`}`);
    for (const queue of this.#queues.values()) queue.end(status === 'failed' ? { error } : undefined);
    if (status === 'failed') {
      this.#result.reject(error);
    } else {
      this.#result.resolve({
        jobId: this.#options.jobId,
        jobName: this.#options.graph.jobName,
        status,
        durationMs: this.#options.world.clock.now() - this.#startedAt,
        accumulators: this.#accumulators,
        restarts: Math.max(0, this.#attempts - 1),
        checkpoints: this.#completedCheckpoints,
      });
    }
    this.#options.ended();
  }

  // What the owner of the job asks for.

  get status(): JobStatus {
    return this.#status;
  }

  /** The last failures, the newest first. */
  get exceptions(): readonly JobFailure[] {
    return this.#exceptions.all;
  }

  result(): Promise<JobExecutionResult> {
    return this.#result.promise;
  }

  async cancel(): Promise<void> {
    if (isOver(this.#status)) return;
    this.#status = 'cancelling';
    this.#restartTimer?.cancel();
    if (this.#attempt === undefined) this.#end('cancelled');
    else this.#attempt.cancel(undefined);
    await this.#result.promise.catch(() => {});
  }

  collected(id: string): ResultQueue {
    const queue = this.#queues.get(id);
    if (queue === undefined)
      throw new MillstreamError(
        'OPTION_INVALID',
        `Job "${this.#options.graph.jobName}" collects no results at an operator with the uid "${id}".`,
      );
    return queue;
  }

  /** A checkpoint or savepoint, as soon as the job runs. */
  async checkpoint(type: 'checkpoint' | 'savepoint'): Promise<CompletedCheckpoint> {
    return await this.#checkpoints.request(type);
  }

  /** Resolves when the job has ended behind its savepoint. */
  async stop(drain: boolean): Promise<SavepointHandle> {
    const savepoint = await this.#checkpoints.stop(drain);
    // The savepoint is complete, but the job may still fail while it stops; then it goes on from there.
    const failed = new Promise<never>((_, reject) => {
      this.#onFailure.add((cause) => reject(this.#failedStopping(savepoint.id, cause)));
    });
    await Promise.race([this.#result.promise, failed]);
    return savepoint.handle();
  }

  #failedStopping(savepoint: number, cause: Error): MillstreamError {
    return new MillstreamError(
      'CHECKPOINT_FAILED',
      `Savepoint ${savepoint} of job "${this.#options.graph.jobName}" is complete, but the job failed while it stopped behind it: ${cause.message}`,
      { cause },
    );
  }

  async metrics(): Promise<JobMetrics> {
    if (this.#attempt === undefined) return this.#lastMetrics;
    const report = await this.#attempt.report();
    return report === undefined
      ? this.#lastMetrics
      : { operators: report.operators, slots: report.slots, dropped: report.dropped };
  }

  // What the cluster says.

  fromSlot(taskManager: string, slot: number, message: FromSlot): void {
    if (this.#attempt?.number === message.attempt) this.#attempt.fromSlot(taskManager, slot, message);
  }

  /** A thread or a process with slots of this job is gone. */
  slotLost(taskManager: string, slot: number | undefined, error: Error): void {
    this.#attempt?.slotLost(taskManager, slot, error);
  }
}

function isOver(status: JobStatus): boolean {
  return status === 'finished' || status === 'failed' || status === 'cancelled';
}

function isRestartable(error: Error): boolean {
  return !(error instanceof MillstreamError) || error.restart;
}
