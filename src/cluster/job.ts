/**
 * One job, from submission to its end: places its tasks in slots, starts them together, runs the coordinators of its
 * operators and its checkpoints, and restarts it after failures.
 *
 * It lives in the JobManager and speaks to slots by messages only. Every attempt to run the job has a number; what a
 * slot says about another attempt than the current one is not listened to.
 */

import { deserializeError, MillstreamError } from '../base/error.ts';
import type { Cancellation, World } from '../base/world.ts';
import { buildJobGraph, headOf, type JobGraph, type JobVertex } from '../graph/job-graph.ts';
import { effectiveRestart } from '../graph/settings.ts';
import type {
  DroppedSample,
  JobExecutionResult,
  JobMetrics,
  JobStatus,
  OperatorMetrics,
  SavepointHandle,
  SlotMetrics,
} from '../graph/launch.ts';
import { fingerprint, operatorId, type StreamGraph } from '../graph/stream-graph.ts';
import type { OperatorCoordinator } from '../operator/coordinator.ts';
import type { CollectedBatch } from '../operator/collect-sink.ts';
import { AlignmentGroup } from '../time/watermark-alignment.ts';
import { mergeAccumulators } from './accumulators.ts';
import { JobCheckpoints, type CheckpointedAttempt, type CompletedCheckpoint } from './job-checkpoints.ts';
import type {
  AttemptId,
  Deployment,
  FromSlot,
  Placement,
  ProgramReference,
  SlotOffer,
  TaskReference,
  ToSlot,
  ToTaskManager,
} from './messages.ts';
import { restartStrategy, type Restarts } from './restart-strategy.ts';
import { ResultQueue } from './result-queue.ts';
import { checkRestore, restoreFor } from './restore-plan.ts';

/** A slot that a job may use. */
export interface AssignedSlot {
  readonly taskManager: string;
  readonly offer: SlotOffer;
}

export interface JobOptions {
  readonly world: World;
  readonly jobId: string;
  readonly graph: StreamGraph;
  readonly program: ProgramReference;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly restore: CompletedCheckpoint | undefined;
  readonly allowNonRestoredState: boolean;
  /** Takes slots for an attempt; throws RESOURCES_INSUFFICIENT when there are too few. */
  readonly takeSlots: (count: number) => readonly AssignedSlot[];
  readonly send: (taskManager: string, message: ToTaskManager) => void;
  readonly ended: () => void;
}

/** A thread of the cluster that runs a part of this job. */
interface Host {
  readonly taskManager: string;
  readonly slot: number;
}

export class Job {
  readonly #options: JobOptions;
  readonly #job: JobGraph;
  readonly #restarts: Restarts;
  readonly #result = Promise.withResolvers<JobExecutionResult>();
  readonly #queues = new Map<string, ResultQueue>();
  readonly #startedAt: number;
  readonly #checkpoints: JobCheckpoints;
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
    this.#deploy();
  }

  #deploy(): void {
    const number = ++this.#attempts;
    try {
      const slots = this.#options.takeSlots(slotsNeeded(this.#job));
      this.#attempt = new Attempt(this.#options, this.#job, number, slots, this.#latest, this.#checkpoints, {
        running: () => this.#running(),
        toClient: (id, message) => this.#queues.get(id)?.push(message as CollectedBatch),
        failed: (error) => this.#failing(error),
        vacated: (failure) => this.#vacated(failure),
        finished: (report) => this.#finishing(report),
      });
      this.#attempt.deploy();
    } catch (error) {
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

  #failing(_error: Error): void {
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
    if (decision === undefined || !decision.restart) return this.#end('failed', failure);
    this.#status = 'restarting';
    this.#restartTimer = this.#options.world.clock.after(decision.delayMs, () => {
      this.#restartTimer = undefined;
      this.#deploy();
    });
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

/** Slots that a job needs: those of its slot sharing groups, each as many as its widest vertex has subtasks. */
export function slotsNeeded(job: JobGraph): number {
  let needed = 0;
  for (const widest of groupWidths(job).values()) needed += widest;
  return needed;
}

function groupWidths(job: JobGraph): Map<string, number> {
  const widths = new Map<string, number>();
  for (const vertex of job.vertices)
    widths.set(vertex.slotSharingGroup, Math.max(widths.get(vertex.slotSharingGroup) ?? 0, vertex.parallelism));
  return widths;
}

/** Subtask i of every vertex of a slot sharing group shares slot i of the group. */
function placeTasks(
  job: JobGraph,
  slots: readonly AssignedSlot[],
): { readonly placement: Placement; readonly host: Host }[] {
  const placed: { placement: Placement; host: Host }[] = [];
  let first = 0;
  for (const [group, width] of groupWidths(job)) {
    for (const vertex of job.vertices) {
      if (vertex.slotSharingGroup !== group) continue;
      for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
        const { taskManager, offer } = slots[first + subtask] as AssignedSlot;
        placed.push({
          placement: { vertex: vertex.id, subtask, taskManager, slot: offer.slot },
          host: { taskManager, slot: offer.host },
        });
      }
    }
    first += width;
  }
  return placed;
}

export interface AttemptReport {
  readonly operators: readonly OperatorMetrics[];
  readonly dropped: readonly DroppedSample[];
  readonly accumulators: readonly Readonly<Record<string, unknown>>[];
  readonly slots: readonly SlotMetrics[];
}

interface AttemptListener {
  running(): void;
  toClient(operatorId: string, message: unknown): void;
  failed(error: Error): void;
  /** Every slot has let go of the attempt. */
  vacated(failure: Error | undefined): void;
  /** Everything has been computed and committed. */
  finished(report: AttemptReport): void;
}

type AttemptState = 'deploying' | 'running' | 'finishing' | 'leaving' | 'closing' | 'gone';

/** One attempt to run the job. */
class Attempt {
  readonly number: number;
  readonly #checkpoints: JobCheckpoints;
  readonly #sources: readonly string[];
  readonly #options: JobOptions;
  readonly #job: JobGraph;
  readonly #listener: AttemptListener;
  readonly #places: readonly { readonly placement: Placement; readonly host: Host }[];
  readonly #hosts = new Map<string, Host>();
  readonly #addresses: Record<string, string> = {};
  readonly #coordinators = new Map<string, OperatorCoordinator>();
  readonly #alignments = new Map<string, AlignmentGroup>();
  readonly #restore: CompletedCheckpoint | undefined;
  readonly #awaited = new Set<string>();
  readonly #notRunning = new Set<string>();
  readonly #notEnded = new Set<string>();
  readonly #reports = new Map<number, ReportGathering>();
  #state: AttemptState = 'deploying';
  #failure: Error | undefined;
  /** The tasks were let go because the job has finished. */
  #released = false;
  #requests = 0;

  constructor(
    options: JobOptions,
    job: JobGraph,
    number: number,
    slots: readonly AssignedSlot[],
    restore: CompletedCheckpoint | undefined,
    checkpoints: JobCheckpoints,
    listener: AttemptListener,
  ) {
    this.#options = options;
    this.#job = job;
    this.number = number;
    this.#restore = restore;
    this.#listener = listener;
    this.#places = placeTasks(job, slots);
    for (const { host, placement } of this.#places) {
      this.#hosts.set(hostKey(host), host);
      this.#notRunning.add(taskName(placement));
      this.#notEnded.add(taskName(placement));
    }
    for (const { taskManager, offer } of slots) {
      if (offer.dataAddress !== undefined) this.#addresses[`${taskManager}/${offer.slot}`] = offer.dataAddress;
    }
    const sources = new Set(
      job.vertices.filter((vertex) => headOf(vertex).definition.input === 'none').map((vertex) => vertex.id),
    );
    this.#sources = this.#places
      .filter(({ placement }) => sources.has(placement.vertex))
      .map(({ placement }) => taskName(placement));
    this.#checkpoints = checkpoints;
  }

  /** This attempt as the checkpoints of the job see it. */
  #checkpointed(): CheckpointedAttempt {
    return {
      epoch: this.number,
      tasks: this.#places.map(({ placement }) => taskName(placement)),
      sources: this.#sources,
      trigger: (task, barrier) => this.#toTask(task, (reference) => ({ kind: 'trigger', ...reference, barrier })),
      stopSource: (task, drain) => this.#toTask(task, (reference) => ({ kind: 'stop', ...reference, drain })),
      snapshotCoordinators: (checkpoint) =>
        new Map([...this.#coordinators].map(([id, coordinator]) => [id, coordinator.snapshot(checkpoint)])),
      notifyComplete: (checkpoint) => {
        this.#broadcast({ kind: 'checkpoint-complete', ...this.#id, checkpoint });
        for (const coordinator of this.#coordinators.values()) coordinator.checkpointComplete(checkpoint);
      },
      notifyAborted: (checkpoint) => this.#broadcast({ kind: 'checkpoint-aborted', ...this.#id, checkpoint }),
      fail: (error) => this.fail(error),
      finished: () => void this.#finish(),
    };
  }

  get #id(): AttemptId {
    return { jobId: this.#options.jobId, attempt: this.number };
  }

  // Deployment.

  deploy(): void {
    this.#createCoordinators();
    this.#checkpoints.attemptStarted(this.#checkpointed(), this.#restore?.id);
    const byTaskManager = new Map<string, number[]>();
    for (const host of this.#hosts.values()) {
      this.#awaited.add(hostKey(host));
      byTaskManager.set(host.taskManager, [...(byTaskManager.get(host.taskManager) ?? []), host.slot]);
    }
    for (const [taskManager, slots] of byTaskManager)
      this.#options.send(taskManager, { kind: 'deploy', slots, deployment: this.#deployment(taskManager) });
  }

  #createCoordinators(): void {
    const { world } = this.#options;
    for (const vertex of this.#job.vertices) {
      for (const node of vertex.nodes) {
        if (node.coordinator === undefined) continue;
        const id = operatorId(node);
        const context = {
          parallelism: node.parallelism,
          operatorName: node.name,
          world,
          alignment: (group: string, maxDriftMs: number) => this.#alignment(group, maxDriftMs),
          toTask: (subtask: number, message: unknown) =>
            this.#toTask(`${vertex.id}/${subtask}`, (reference) => ({
              kind: 'to-operator',
              ...reference,
              operatorId: id,
              message,
            })),
          fail: (error: unknown) =>
            this.fail(error instanceof Error ? error : new MillstreamError('SOURCE_FAILED', String(error))),
          toClient: (message: unknown) => this.#listener.toClient(id, message),
        };
        this.#coordinators.set(
          id,
          world.ownership.run(this.#owner, () =>
            (node.coordinator as NonNullable<typeof node.coordinator>)(context, this.#restore?.coordinators.get(id)),
          ),
        );
      }
    }
  }

  #alignment(group: string, maxDriftMs: number): AlignmentGroup {
    let shared = this.#alignments.get(group);
    if (shared === undefined) this.#alignments.set(group, (shared = new AlignmentGroup(maxDriftMs)));
    return shared;
  }

  get #owner(): string {
    return `${this.#options.jobId}/${this.number}`;
  }

  #deployment(taskManager: string): Deployment {
    const { graph, jobId, program, parameters } = this.#options;
    const placements = this.#places.map(({ placement }) => placement);
    const restore = this.#restore;
    return {
      jobId,
      attempt: this.number,
      jobName: graph.jobName,
      program,
      parameters,
      fingerprint: fingerprint(graph),
      mode: graph.settings.runtimeMode === 'batch' ? 'batch' : 'streaming',
      placements,
      dataAddresses: this.#addresses,
      restored: restore !== undefined,
      restore:
        restore === undefined
          ? []
          : placements
              .filter((place) => place.taskManager === taskManager)
              .map((place) => restoreFor(this.#job, restore, place)),
    };
  }

  #start(): void {
    this.#state = 'running';
    for (const coordinator of this.#coordinators.values()) {
      Promise.resolve(this.#options.world.ownership.run(this.#owner, () => coordinator.start())).catch(
        (error: unknown) => this.fail(error as Error),
      );
    }
    this.#broadcast({ kind: 'start', ...this.#id });
  }

  // Messages.

  #broadcast(message: Exclude<ToSlot, { kind: 'deploy' }>): void {
    for (const host of this.#hosts.values())
      this.#options.send(host.taskManager, { kind: 'slot', slot: host.slot, message });
  }

  #toTask(task: string, make: (reference: TaskReference) => Exclude<ToSlot, { kind: 'deploy' }>): void {
    const place = this.#places.find(({ placement }) => taskName(placement) === task);
    if (place === undefined || this.#state === 'gone') return;
    const { placement, host } = place;
    this.#options.send(host.taskManager, {
      kind: 'slot',
      slot: host.slot,
      message: make({ ...this.#id, vertex: placement.vertex, subtask: placement.subtask }),
    });
  }

  fromSlot(taskManager: string, slot: number, message: FromSlot): void {
    const host = hostKey({ taskManager, slot });
    switch (message.kind) {
      case 'deployed':
        this.#awaited.delete(host);
        if (this.#awaited.size === 0 && this.#state === 'deploying') this.#start();
        return;
      case 'deploy-failed':
        return this.fail(deserializeError(message.error));
      case 'running':
        return this.#taskRunning(message);
      case 'to-coordinator':
        return this.#guarded(() =>
          this.#coordinators.get(message.operatorId)?.fromTask(message.subtask, message.message),
        );
      case 'acknowledged':
        for (const id of this.#operatorIdsOf(message.vertex))
          this.#coordinators.get(id)?.acknowledged?.(message.subtask, message.checkpoint);
        return this.#checkpoints.acknowledged(this.number, taskName(message), message.checkpoint, message.snapshots);
      case 'declined':
        return this.#checkpoints.declined(this.number, taskName(message), message.checkpoint, message.reason);
      case 'ended':
        return this.#taskEnded(message);
      case 'failed':
        return this.fail(deserializeError(message.error));
      case 'vacated':
        return this.#hostVacated(host);
      case 'report':
        return this.#reported(message, host);
    }
  }

  /** Coordinators run user code (a source's enumerator): what they throw fails the job. */
  #guarded(call: () => void): void {
    try {
      this.#options.world.ownership.run(this.#owner, call);
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #operatorIdsOf(vertex: number): readonly string[] {
    return (this.#job.vertices[vertex] as JobVertex).nodes.map(operatorId);
  }

  #taskRunning(reference: TaskReference): void {
    this.#notRunning.delete(taskName(reference));
    this.#guarded(() => {
      for (const id of this.#operatorIdsOf(reference.vertex))
        this.#coordinators.get(id)?.taskStarted(reference.subtask);
    });
    if (this.#notRunning.size > 0 || this.#state !== 'running') return;
    this.#listener.running();
    this.#checkpoints.allRunning(this.number);
  }

  fromClient(id: string, message: unknown): void {
    this.#coordinators.get(id)?.fromClient?.(message);
  }

  // The end of the input.

  #taskEnded(reference: TaskReference): void {
    this.#notEnded.delete(taskName(reference));
    if (this.#notEnded.size === 0 && !this.#needsLastCheckpoint()) void this.#finish();
    else this.#checkpoints.taskEnded(this.number, taskName(reference));
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

  /** All tasks have ended, and what their sinks prepared is committed: they are let go. */
  async #finish(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'finishing';
    try {
      const report = await this.report();
      if (report !== undefined) this.#listener.finished(report);
      this.#leave({ kind: 'release', ...this.#id });
    } catch (error) {
      this.fail(error as Error);
    }
  }

  // Leaving.

  fail(error: Error): void {
    if (this.#failure === undefined && ((this.#state === 'leaving' && this.#released) || this.#state === 'closing')) {
      // What was to be committed at the end may not be: the job is not finished after all.
      this.#failure = error;
      this.#listener.failed(error);
    }
    if (this.#isLeaving) return;
    this.#listener.failed(error);
    this.cancel(error);
  }

  get #isLeaving(): boolean {
    return this.#state === 'leaving' || this.#state === 'closing' || this.#state === 'gone';
  }

  cancel(failure: Error | undefined): void {
    if (this.#isLeaving) return;
    this.#failure = failure;
    for (const coordinator of this.#coordinators.values()) void Promise.resolve(coordinator.close()).catch(() => {});
    this.#leave({ kind: 'cancel', ...this.#id });
  }

  #leave(message: Exclude<ToSlot, { kind: 'deploy' }>): void {
    this.#state = 'leaving';
    this.#released = message.kind === 'release';
    this.#checkpoints.attemptFailed(this.number, this.#failure?.message ?? 'the attempt has ended');
    this.#awaited.clear();
    for (const key of this.#hosts.keys()) this.#awaited.add(key);
    this.#broadcast(message);
    this.#checkVacated();
  }

  #hostVacated(host: string): void {
    if (this.#state !== 'leaving') return;
    this.#awaited.delete(host);
    this.#checkVacated();
  }

  #checkVacated(): void {
    if (this.#state !== 'leaving' || this.#awaited.size > 0) return;
    this.#state = 'closing';
    for (const gathering of this.#reports.values()) gathering.resolve(undefined);
    if (this.#released) void this.#closeCoordinators();
    else this.#vacate();
  }

  #vacate(): void {
    this.#state = 'gone';
    this.#listener.vacated(this.#failure);
  }

  /** After the tasks: what these committed last, their coordinators still have to hear of. */
  async #closeCoordinators(): Promise<void> {
    try {
      for (const coordinator of this.#coordinators.values()) await coordinator.close();
    } catch (error) {
      this.#failure ??= error as Error;
    }
    this.#vacate();
  }

  slotLost(taskManager: string, slot: number | undefined, error: Error): void {
    const lost = [...this.#hosts.values()].filter(
      (host) => host.taskManager === taskManager && (slot === undefined || host.slot === slot),
    );
    if (lost.length === 0) return;
    for (const host of lost) this.#hosts.delete(hostKey(host));
    for (const host of lost) this.#awaited.delete(hostKey(host));
    this.fail(error);
    this.#checkVacated();
  }

  // Reports.

  report(): Promise<AttemptReport | undefined> {
    const request = this.#requests++;
    const gathering = new ReportGathering(new Set(this.#hosts.keys()));
    this.#reports.set(request, gathering);
    this.#broadcast({ kind: 'report', ...this.#id, request });
    return gathering.done;
  }

  #reported(message: Extract<FromSlot, { kind: 'report' }>, host: string): void {
    const gathering = this.#reports.get(message.request);
    if (gathering?.add(host, message) === true) this.#reports.delete(message.request);
  }
}

class ReportGathering {
  readonly #waiting: Set<string>;
  readonly #operators: OperatorMetrics[] = [];
  readonly #dropped: DroppedSample[] = [];
  readonly #accumulators: Readonly<Record<string, unknown>>[] = [];
  readonly #slots: SlotMetrics[] = [];
  readonly #done = Promise.withResolvers<AttemptReport | undefined>();

  constructor(waiting: Set<string>) {
    this.#waiting = waiting;
  }

  get done(): Promise<AttemptReport | undefined> {
    return this.#done.promise;
  }

  add(host: string, report: AttemptReport): boolean {
    this.#operators.push(...report.operators);
    this.#dropped.push(...report.dropped);
    this.#accumulators.push(...report.accumulators);
    this.#slots.push(...report.slots);
    this.#waiting.delete(host);
    if (this.#waiting.size > 0) return false;
    this.resolve({
      operators: this.#operators,
      dropped: this.#dropped,
      accumulators: this.#accumulators,
      slots: this.#slots,
    });
    return true;
  }

  resolve(report: AttemptReport | undefined): void {
    this.#done.resolve(report);
  }
}

function taskName(place: { readonly vertex: number; readonly subtask: number }): string {
  return `${place.vertex}/${place.subtask}`;
}

function hostKey(host: Host): string {
  return `${host.taskManager}/${host.slot}`;
}
