/**
 * One job, from submission to its end: places its tasks in slots, starts them together, runs its checkpoints, and
 * restarts what failed of it.
 *
 * It lives in the JobManager and speaks to slots by messages only. Its pipelined regions fail and restart each by
 * itself, and share the checkpoints. Every attempt to run a region has a number; what a slot says about an attempt that
 * is over is not listened to.
 */

import { describeThrown, MillstreamError, serializeError } from '../base/error.ts';
import type { Cancellation } from '../base/world.ts';
import { knownOperators, storedMaxParallelism } from '../checkpoint/savepoint/declared-state.ts';
import type {
  JobExecutionResult,
  JobFailure,
  JobMetrics,
  JobProgress,
  JobStatus,
  SavepointHandle,
  SavepointOptions,
} from '../graph/launch.ts';
import { buildJobGraph, pipelinedRegions, type JobGraph, type VertexId } from '../graph/job-graph.ts';
import { effectiveRestart } from '../graph/settings.ts';
import { operatorId } from '../graph/stream-graph.ts';
import type { CollectedBatch } from '../operator/collect-sink.ts';
import type { AlignmentGroup } from '../time/watermark-alignment.ts';
import { mergeAccumulators } from './accumulators.ts';
import { Attempt, type AttemptListener, type AttemptReport, type JobOptions } from './attempt.ts';
import { ExceptionHistory, type FailedTask } from './exception-history.ts';
import { openKeeper, type CheckpointKeeper } from './checkpoint-keeper.ts';
import { fromBytes, savepointHandle, type CompletedCheckpoint } from './completed-checkpoint.ts';
import { JobCheckpoints } from './job-checkpoints.ts';
import type { FromSlot } from './messages.ts';
import { slotDemands } from './placement.ts';
import { restartStrategy, type Restarts } from './restart-strategy.ts';
import { checkRestore } from './restore-plan.ts';
import { notCollected, type HeldJob, type JobEnd } from './held-job.ts';
import { BatchQueue, type BatchSource } from './result-queue.ts';

/** How long a restart waits for slots; then it fails with what is missing. Flink's `slot.request.timeout`. */
const SLOT_WAIT_MS = 300_000;

/** A pipelined region of the job: it fails and restarts by itself. */
interface Region {
  readonly vertices: readonly VertexId[];
  attempt: Attempt | undefined;
  /** What it had to report when it finished. */
  report: AttemptReport | undefined;
  restartTimer: Cancellation | undefined;
}

export class Job implements HeldJob {
  readonly #options: JobOptions;
  /** Planned anew once it is known what it starts from. */
  #job: JobGraph;
  readonly #regions: readonly Region[];
  readonly #restarts: Restarts;
  readonly #result = Promise.withResolvers<JobExecutionResult>();
  readonly #queues = new Map<string, BatchQueue>();
  readonly #alignments = new Map<string, AlignmentGroup>();
  readonly #startedAt: number;
  readonly #started = Promise.withResolvers<void>();
  readonly #exceptions = new ExceptionHistory();
  #status: JobStatus = 'created';
  /** Attempts so far, over all regions. The last one's number is the epoch of the job. */
  #attempts = 0;
  #restarted = 0;
  #latest: CompletedCheckpoint | undefined;
  /** The operators that wrote what the job started from. */
  #stored: CompletedCheckpoint['facts'];
  /** Set once it is known what there is of the job already. */
  #keeper!: CheckpointKeeper;
  #checkpoints!: JobCheckpoints;
  #completedCheckpoints = 0;
  /** The tasks are let go: everything has been computed. */
  #released = false;
  #lateFailure: Error | undefined;
  #ending = false;
  /** Why the job has failed for good. */
  #failure: { readonly error: unknown } | undefined;
  /** The coordinator of checkpoints takes the job as it is now for running. */
  #watched = false;
  /** Who waits for the job to end, and must know when it restarts instead. */
  readonly #onFailure = new Set<(failure: Error) => void>();
  #accumulators: Readonly<Record<string, unknown>> = {};
  #lastMetrics: Omit<JobMetrics, 'progress'> = { operators: [], slots: [], dropped: [] };
  /** What the job cannot run without; undefined while it runs. */
  #waitingFor: string | undefined;

  constructor(options: JobOptions) {
    this.#options = options;
    this.#job = buildJobGraph(options.graph);
    this.#regions = pipelinedRegions(this.#job).map((vertices) => ({
      vertices,
      attempt: undefined,
      report: undefined,
      restartTimer: undefined,
    }));
    this.#restarts = restartStrategy(effectiveRestart(options.graph.settings));
    this.#startedAt = options.world.clock.now();
    this.#result.promise.catch(() => {});
    this.#started.promise.catch(() => {});
    for (const node of options.graph.nodes) {
      if (node.definition.kind === 'collect') this.#queues.set(operatorId(node), this.#queue(operatorId(node)));
    }
  }

  #queue(id: string): BatchQueue {
    return new BatchQueue(
      (batch) => {
        const { attempt: from, subtask, number } = batch;
        for (const attempt of this.#running) attempt.fromClient(id, { attempt: from, subtask, number });
      },
      () => this.cancel(),
    );
  }

  /** The attempts that hold slots now. */
  get #running(): readonly Attempt[] {
    return this.#regions.flatMap(({ attempt }) => attempt ?? []);
  }

  // Life.

  /** Resolves once it is known what the job starts from; rejects when it cannot start from that. */
  async start(): Promise<void> {
    try {
      await this.#open();
      this.#started.resolve();
    } catch (error) {
      // Nothing has begun, so nothing has ended.
      this.#status = 'failed';
      this.#started.reject(error);
      this.#result.reject(error);
      for (const queue of this.#queues.values()) queue.end({ error });
      throw error;
    }
    if (isOver(this.#status)) return;
    if (this.#options.waitForSlots === true) this.#deployOnceThereAreSlots(this.#regions);
    else await this.#deploy(this.#regions);
  }

  async #open(): Promise<void> {
    const { world, stores, jobId, graph, restore, claimMode, allowNonRestoredState } = this.#options;
    const { jobName, settings } = graph;
    this.#keeper = await openKeeper({
      world,
      stores,
      jobId,
      jobName,
      settings: settings.checkpoint,
      operators: knownOperators(graph, () => this.#stored),
      attemptsBefore: this.#options.attemptsBefore ?? 0,
    });
    this.#checkpoints = new JobCheckpoints(world, jobName, settings.checkpoint, this.#keeper, () => {
      this.#completedCheckpoints++;
    });
    this.#attempts = this.#keeper.epoch;
    this.#latest = this.#keeper.latest;
    if (this.#latest !== undefined) this.#adopt(this.#latest);
    if (this.#latest !== undefined || restore === undefined) return;
    const path = typeof restore === 'string' ? restore : restore.path;
    this.#latest =
      path === undefined
        ? fromBytes((restore as SavepointHandle).bytes as Uint8Array)
        : await this.#keeper.restore(path, claimMode);
    this.#adopt(this.#latest);
    checkRestore(graph, this.#latest, allowNonRestoredState, (line) => world.print(line, 'error'));
  }

  /** Keys stay in the key groups in which they are stored, where the job does not say otherwise. */
  #adopt({ facts }: CompletedCheckpoint): void {
    this.#stored = facts;
    this.#job = buildJobGraph(this.#options.graph, storedMaxParallelism(facts));
  }

  /** Starts an attempt for each of the regions, and a new epoch with them. */
  async #deploy(regions: readonly Region[], waitForSlots = false): Promise<void> {
    let number = this.#attempts;
    try {
      this.#waitingFor = 'its tasks to be deployed';
      this.#attempts = await this.#keeper.startAttempt(this.#attempts + regions.length);
      if (this.#status === 'cancelling' || this.#failure !== undefined || isOver(this.#status)) return;
      // One that was stored while the last attempt failed counts, too.
      this.#latest = this.#keeper.latest ?? this.#latest;
      const slots = this.#options.takeSlots(slotDemands(this.#job));
      number = this.#attempts - regions.length;
      for (const region of regions) {
        number++;
        const plan = {
          number,
          region: region.vertices,
          slots,
          restore: this.#latest,
          maxParallelism: storedMaxParallelism(this.#stored),
          alignments: this.#alignments,
        };
        region.attempt = new Attempt(this.#options, this.#job, plan, this.#listener(region, number));
      }
      for (const region of regions) region.attempt?.deploy();
      this.#newEpoch();
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(describeThrown(thrown));
      const begun = regions.flatMap(({ attempt }) => attempt ?? []);
      for (const attempt of begun) attempt.fail(error);
      if (begun.length > 0) return;
      // They were there when it was decided to deploy.
      if (waitForSlots && error instanceof MillstreamError && error.code === 'RESOURCES_INSUFFICIENT')
        return this.#deployOnceThereAreSlots(regions);
      // Nothing runs yet: the storage may be there in a moment.
      this.#exceptions.failed(this.#options.world.clock.now(), number, error, undefined);
      this.#failed(error, regions);
    }
  }

  #listener(region: Region, number: number): AttemptListener {
    const epoch = (): number => this.#attempts;
    return {
      running: () => this.#allRunning(),
      taskEnded: (task) => this.#taskEnded(task),
      acknowledged: (task, checkpoint, snapshot) => this.#checkpoints.acknowledged(epoch(), task, checkpoint, snapshot),
      declined: (task, checkpoint, reason, counts) =>
        this.#checkpoints.declined(epoch(), task, checkpoint, reason, counts),
      leaving: (reason) => this.#leaving(reason),
      toClient: (id, message) => this.#queues.get(id)?.push(message as CollectedBatch),
      failed: (error, task) => this.#failing(number, error, task),
      vacated: (failure) => this.#vacated(region, failure),
      finished: (report) => this.#finishing(region, report),
    };
  }

  // Checkpoints over all regions.

  /** Once every region has an attempt, checkpoints can be taken again. */
  #newEpoch(): void {
    if (this.#regions.some(({ attempt }) => attempt === undefined)) return;
    const attempts = this.#running;
    const of = (task: string): Attempt | undefined => attempts.find((attempt) => attempt.tasks.includes(task));
    this.#watched = true;
    this.#checkpoints.attemptStarted(
      {
        epoch: this.#attempts,
        tasks: attempts.flatMap((attempt) => attempt.tasks),
        sources: attempts.flatMap((attempt) => attempt.sources),
        trigger: (task, barrier, stop) => of(task)?.trigger(task, barrier, stop),
        drainSource: (task) => of(task)?.drainSource(task),
        snapshotCoordinators: (checkpoint) =>
          new Map(attempts.flatMap((attempt) => [...attempt.snapshotCoordinators(checkpoint)])),
        gatheredCoordinators: (checkpoint) =>
          new Map(attempts.flatMap((attempt) => [...attempt.gatheredCoordinators(checkpoint)])),
        notifyComplete: (checkpoint) => attempts.forEach((attempt) => attempt.notifyComplete(checkpoint)),
        notifyAborted: (checkpoint) => attempts.forEach((attempt) => attempt.notifyAborted(checkpoint)),
        fail: (error) => attempts.forEach((attempt) => attempt.fail(error)),
        finished: () => this.#finish(),
      },
      this.#latest?.id,
    );
    // Regions that were not restarted have ended tasks already.
    for (const attempt of attempts) for (const task of attempt.ended) this.#checkpoints.taskEnded(this.#attempts, task);
    this.#allRunning();
  }

  #allRunning(): void {
    if (!this.#watched || this.#regions.some(({ attempt }) => attempt?.isRunning !== true)) return;
    this.#waitingFor = undefined;
    if (this.#status === 'created' || this.#status === 'restarting' || this.#status === 'failing')
      this.#status = 'running';
    this.#checkpoints.allRunning(this.#attempts);
  }

  #leaving(reason: string): void {
    if (!this.#watched) return;
    this.#watched = false;
    this.#checkpoints.attemptFailed(this.#attempts, reason);
  }

  // The end of the input.

  #taskEnded(task: string): void {
    const over = this.#regions.every(({ attempt }) => attempt?.hasEnded === true);
    if (over && !this.#needsLastCheckpoint()) this.#finish();
    else this.#checkpoints.taskEnded(this.#attempts, task);
  }

  /** Whether there is anything to commit, or anybody who waits: else a bounded job need not write its state to end. */
  #needsLastCheckpoint(): boolean {
    const { graph } = this.#options;
    return (
      graph.settings.checkpoint.intervalMs !== undefined ||
      graph.nodes.some((node) => node.definition.kind === 'sink') ||
      this.#checkpoints.wanted
    );
  }

  #finish(): void {
    this.#released = true;
    for (const attempt of this.#running) void attempt.finish();
  }

  #finishing(region: Region, report: AttemptReport): void {
    this.#status = 'finishing';
    region.report = report;
    const reports = this.#regions.flatMap((each) => each.report ?? []);
    this.#lastMetrics = metricsOf(reports);
    this.#accumulators = mergeAccumulators(reports.flatMap(({ accumulators }) => accumulators));
  }

  // Failures.

  #failing(attempt: number, error: Error, task: FailedTask | undefined): void {
    this.#exceptions.failed(this.#options.world.clock.now(), attempt, error, task);
    if (this.#status !== 'cancelling') this.#status = 'failing';
  }

  /** Nothing of the region's attempt is left in any slot: what now is decided here. */
  #vacated(region: Region, failure: Error | undefined): void {
    region.attempt = undefined;
    if (this.#status === 'cancelling' || this.#failure !== undefined) return this.#endOnceVacated();
    if (this.#released) return this.#vacatedAtTheEnd(failure);
    if (failure !== undefined) this.#failed(failure, [region]);
  }

  /** While the job is let go its regions are one: those that are gone have nothing to go on beside the one that fails. */
  #vacatedAtTheEnd(failure: Error | undefined): void {
    this.#lateFailure ??= failure;
    if (this.#running.length > 0) return;
    const late = this.#lateFailure;
    if (late === undefined) return this.#end('finished');
    this.#released = false;
    this.#lateFailure = undefined;
    this.#failed(late, this.#regions);
  }

  #failed(failure: Error, regions: readonly Region[]): void {
    for (const hear of this.#onFailure) hear(failure);
    const decision = isRestartable(failure)
      ? this.#restarts.onFailure(this.#options.world.clock.now(), this.#options.world.random)
      : undefined;
    this.#exceptions.settled(decision?.restart === true ? 'restarted' : 'failed');
    if (decision === undefined || !decision.restart) this.#giveUp(failure);
    else this.#restart(failure, regions, decision.delayMs);
  }

  #restart(failure: Error, regions: readonly Region[], delayMs: number): void {
    this.#status = 'restarting';
    this.#restarted++;
    const { clock } = this.#options.world;
    this.#options.world.print(
      `Job "${this.#options.graph.jobName}" restarts in ${Math.round(delayMs)} ms (restart ${this.#restarted}): ${describeThrown(failure)}`,
      'error',
    );
    this.#waitingFor = `the delay of its restart strategy, ${Math.round(delayMs)} ms`;
    const timer = clock.after(delayMs, () => {
      for (const region of regions) region.restartTimer = undefined;
      this.#deployOnceThereAreSlots(regions);
    });
    for (const region of regions) {
      region.report = undefined;
      region.restartTimer = timer;
    }
  }

  /** Slots that were lost with a process may come back with another: a restart waits for them, but not for ever. */
  #deployOnceThereAreSlots(regions: readonly Region[]): void {
    const { world, hasSlots } = this.#options;
    const demands = slotDemands(this.#job);
    this.#waitingFor = `${demands.length} slots in the cluster`;
    let decided = false;
    const deploy = (thereAreSlots: boolean): void => {
      if (decided || regions.some(({ restartTimer }) => restartTimer !== timer)) return;
      decided = true;
      timer.cancel();
      for (const region of regions) region.restartTimer = undefined;
      void this.#deploy(regions, thereAreSlots);
    };
    const timer = world.clock.after(SLOT_WAIT_MS, () => deploy(false));
    for (const region of regions) region.restartTimer = timer;
    void hasSlots(demands).then(() => deploy(true));
  }

  /** The job has failed for good: what still runs of it is cancelled. */
  #giveUp(failure: unknown): void {
    this.#failure = { error: failure };
    this.#stopEverything();
  }

  #stopEverything(): void {
    for (const region of this.#regions) {
      region.restartTimer?.cancel();
      region.restartTimer = undefined;
    }
    for (const attempt of this.#running) attempt.cancel(undefined);
    this.#endOnceVacated();
  }

  #endOnceVacated(): void {
    if (isOver(this.#status) || this.#running.length > 0) return;
    if (this.#status === 'cancelling') this.#end('cancelled');
    else this.#end('failed', this.#failure?.error);
  }

  #end(status: 'finished' | 'cancelled' | 'failed', error?: unknown): void {
    if (this.#ending) return;
    this.#ending = true;
    void this.#close(status, error).then((outcome) => this.#ended(outcome, error));
  }

  /**
   * That the job has ended is durable before its checkpoints are gone, or a JobManager that comes back would begin it
   * anew.
   */
  async #close(status: JobEnd['outcome']['status'], error: unknown): Promise<JobEnd['outcome']> {
    // Another process has taken the job over: whatever is left of it is that one's.
    if (error instanceof MillstreamError && error.code === 'CHECKPOINT_STALE') return this.#outcome('failed', error);
    this.#checkpoints?.close(`the job has ${status === 'failed' ? 'failed' : `been ${status}`}`);
    await this.#checkpoints?.settled();
    const outcome = this.#outcome(status, error);
    try {
      const unread = new Map(Array.from(this.#queues, ([id, queue]) => [id, queue.unread]));
      const { jobName } = this.#options.graph;
      await this.#options.noteEnd?.({ jobName, outcome, exceptions: this.#exceptions.all, unread });
      await this.#keeper?.close(status);
    } catch (failure) {
      // The job has ended all the same.
      const { world, graph, jobId } = this.#options;
      world.print(
        `The checkpoints of job "${graph.jobName}" (${jobId}) stay as they are: ${describeThrown(failure)}`,
        'error',
      );
    }
    return outcome;
  }

  #outcome(status: JobEnd['outcome']['status'], error: unknown): JobEnd['outcome'] {
    if (status === 'failed') return { status, error: serializeError(error) };
    const stopped = this.#checkpoints?.stoppedBehind;
    const result: JobExecutionResult = {
      jobId: this.#options.jobId,
      jobName: this.#options.graph.jobName,
      status,
      durationMs: this.#options.world.clock.now() - this.#startedAt,
      accumulators: this.#accumulators,
      restarts: this.#restarted,
      checkpoints: this.#completedCheckpoints,
      savepoint: stopped && savepointHandle(stopped),
    };
    return { status, result };
  }

  #ended(outcome: JobEnd['outcome'], error: unknown): void {
    this.#status = outcome.status;
    this.#waitingFor = undefined;
    for (const queue of this.#queues.values()) queue.end(outcome.status === 'failed' ? { error } : undefined);
    if (outcome.status === 'failed') this.#result.reject(error);
    else this.#result.resolve(outcome.result);
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
    this.#stopEverything();
    await this.#result.promise.catch(() => {});
  }

  batches(id: string): BatchSource {
    const queue = this.#queues.get(id);
    if (queue === undefined) throw notCollected(this.#options.graph.jobName, id);
    return queue;
  }

  /** A checkpoint, as soon as the job runs. */
  async checkpoint(): Promise<CompletedCheckpoint> {
    await this.#started.promise;
    return await this.#checkpoints.checkpoint();
  }

  async savepoint(options: SavepointOptions): Promise<SavepointHandle> {
    await this.#started.promise;
    return savepointHandle(await this.#checkpoints.savepoint(options));
  }

  /** Resolves when the job has ended behind its savepoint. */
  async stop(drain: boolean, options: SavepointOptions): Promise<SavepointHandle> {
    await this.#started.promise;
    // Once the savepoint is complete, the job may still fail while it stops; then it goes on from there.
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => {});
    const hear = (cause: Error): void => {
      const savepoint = this.#checkpoints.stoppedBehind;
      if (savepoint !== undefined) failed.reject(this.#failedStopping(savepoint.id, cause));
    };
    this.#onFailure.add(hear);
    try {
      const savepoint = await this.#checkpoints.stop(drain, options);
      await Promise.race([failed.promise, this.#result.promise]);
      return savepointHandle(savepoint);
    } finally {
      this.#onFailure.delete(hear);
    }
  }

  #failedStopping(savepoint: number, cause: Error): MillstreamError {
    return new MillstreamError(
      'CHECKPOINT_FAILED',
      `Savepoint ${savepoint} of job "${this.#options.graph.jobName}" is complete, but the job failed while it stopped behind it: ${cause.message}`,
      { cause },
    );
  }

  async metrics(): Promise<JobMetrics> {
    const running = this.#running;
    if (running.length === 0) return { progress: this.#progress, ...this.#lastMetrics };
    const reports = await Promise.all(running.map((attempt) => attempt.report()));
    const present = reports.filter((report) => report !== undefined);
    return { progress: this.#progress, ...(present.length === 0 ? this.#lastMetrics : metricsOf(present)) };
  }

  get #progress(): JobProgress {
    const checkpoints = this.#checkpoints?.progress;
    return {
      waitingFor: this.#waitingFor,
      lastCheckpoint: checkpoints?.lastCheckpoint,
      lastCheckpointFailure: checkpoints?.lastCheckpointFailure,
    };
  }

  // What the cluster says.

  fromSlot(taskManager: string, slot: number, message: FromSlot): void {
    this.#running.find(({ number }) => number === message.attempt)?.fromSlot(taskManager, slot, message);
  }

  /** A thread or a process with slots of this job is gone. */
  slotLost(taskManager: string, slot: number | undefined, error: Error): void {
    for (const attempt of this.#running) attempt.slotLost(taskManager, slot, error);
  }
}

/** Slots that run several regions say of themselves the same each time. */
function metricsOf(reports: readonly AttemptReport[]): Omit<JobMetrics, 'progress'> {
  const slots = new Map(
    reports.flatMap((report) => report.slots.map((slot) => [`${slot.taskManager}/${slot.slot}`, slot] as const)),
  );
  return {
    operators: reports.flatMap(({ operators }) => operators),
    slots: [...slots.values()],
    dropped: reports.flatMap(({ dropped }) => dropped),
  };
}

function isOver(status: JobStatus): boolean {
  return status === 'finished' || status === 'failed' || status === 'cancelled';
}

function isRestartable(error: Error): boolean {
  return !(error instanceof MillstreamError) || error.restart;
}
