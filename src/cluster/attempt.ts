/**
 * One attempt to run a pipelined region of a job: deploys its tasks and starts them together, carries messages between
 * them and the coordinators of their operators, and lets go of every slot in the end.
 */

import { deserializeError, MillstreamError } from '../base/error.ts';
import type { World } from '../base/world.ts';
import { headOf, type JobGraph, type JobVertex, type VertexId } from '../graph/job-graph.ts';
import type { DroppedSample, OperatorMetrics, SavepointHandle, SlotMetrics } from '../graph/launch.ts';
import { checkpointDirectory } from '../graph/settings.ts';
import { fingerprint, operatorId, type StreamGraph } from '../graph/stream-graph.ts';
import type { ClaimMode } from '../checkpoint/storage/job-storage.ts';
import type { SnapshotFilesPlan } from '../checkpoint/storage/stored-snapshot-files.ts';
import type { CheckpointStores } from '../checkpoint/storage/stores.ts';
import type { BarrierElement } from '../data/element.ts';
import type { OperatorCoordinator } from '../operator/coordinator.ts';
import type { TaskSnapshot } from '../runtime/task-listener.ts';
import { AlignmentGroup } from '../time/watermark-alignment.ts';
import type { FailedTask } from './exception-history.ts';
import type { CompletedCheckpoint } from './completed-checkpoint.ts';
import type {
  AttemptId,
  Deployment,
  FromSlot,
  ProgramReference,
  TaskReference,
  ToAttempt,
  ToTaskManager,
} from './messages.ts';
import type { JobEnd } from './held-job.ts';
import {
  hostKey,
  placeTasks,
  taskName,
  type AssignedSlot,
  type Host,
  type PlacedTask,
  type SlotDemands,
} from './placement.ts';
import { restoreFor } from './restore-plan.ts';

export interface JobOptions {
  readonly world: World;
  readonly jobId: string;
  readonly graph: StreamGraph;
  readonly program: ProgramReference;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly stores: CheckpointStores;
  /** What the job starts from, unless an earlier process has completed checkpoints of it. */
  readonly restore: SavepointHandle | string | undefined;
  readonly claimMode: ClaimMode;
  readonly allowNonRestoredState: boolean;
  /** Takes slots for an attempt; throws RESOURCES_INSUFFICIENT when there are too few. */
  readonly takeSlots: (demands: SlotDemands) => readonly AssignedSlot[];
  /** Resolves once slots are registered that meet the demands. */
  readonly hasSlots: (demands: SlotDemands) => Promise<void>;
  /** Attempts that earlier processes began, where no storage of checkpoints knows. Default 0. */
  readonly attemptsBefore?: number;
  /** Whether the first attempt waits for slots, as restarts do, instead of failing when there are too few. */
  readonly waitForSlots?: boolean;
  readonly send: (taskManager: string, message: ToTaskManager) => void;
  readonly ended: () => void;
  /** Makes durable that the job has ended, before anything of it is removed. */
  readonly noteEnd?: (end: JobEnd) => Promise<void>;
}

export interface AttemptReport {
  readonly operators: readonly OperatorMetrics[];
  readonly dropped: readonly DroppedSample[];
  readonly accumulators: readonly Readonly<Record<string, unknown>>[];
  readonly slots: readonly SlotMetrics[];
}

/** What an attempt tells those who watch over the whole job. */
export interface AttemptListener {
  /** All tasks are running. */
  running(): void;
  /** A task has read all its input and sent all its output. */
  taskEnded(task: string): void;
  acknowledged(task: string, checkpoint: number, snapshot: TaskSnapshot): void;
  declined(task: string, checkpoint: number, reason: string, counts: boolean): void;
  /** The attempt goes, for whatever reason: it takes part in no checkpoint any more. */
  leaving(reason: string): void;
  toClient(operatorId: string, message: unknown): void;
  /** Something of the attempt failed; the first failure ends it, further ones are only noted. */
  failed(error: Error, task: FailedTask | undefined): void;
  /** Every slot has let go of the attempt. */
  vacated(failure: Error | undefined): void;
  /** Everything has been computed and committed. */
  finished(report: AttemptReport): void;
}

type AttemptState = 'deploying' | 'running' | 'finishing' | 'leaving' | 'closing' | 'gone';

/** What an attempt is given: the part of the job that it runs, and where. */
export interface AttemptPlan {
  /** Unique among all attempts of the job, and growing. */
  readonly number: number;
  /** The vertices of its region. */
  readonly region: readonly VertexId[];
  readonly slots: readonly AssignedSlot[];
  readonly restore: CompletedCheckpoint | undefined;
  /** With which operators have stored state, by id. */
  readonly maxParallelism: ReadonlyMap<string, number>;
  /** The groups of aligned sources, by name: they reach over regions. */
  readonly alignments: Map<string, AlignmentGroup>;
}

/** One attempt to run a region of the job. */
export class Attempt {
  readonly number: number;
  /** Names of the tasks, and of those without input. */
  readonly tasks: readonly string[];
  readonly sources: readonly string[];
  readonly #options: JobOptions;
  readonly #job: JobGraph;
  readonly #listener: AttemptListener;
  readonly #vertices: readonly JobVertex[];
  readonly #places: readonly PlacedTask[];
  readonly #hosts = new Map<string, Host>();
  readonly #addresses: Record<string, string> = {};
  readonly #coordinators = new Map<string, OperatorCoordinator>();
  readonly #alignments: Map<string, AlignmentGroup>;
  readonly #restore: CompletedCheckpoint | undefined;
  readonly #maxParallelism: ReadonlyMap<string, number>;
  readonly #awaited = new Set<string>();
  readonly #notRunning = new Set<string>();
  readonly #notEnded = new Set<string>();
  readonly #ended: string[] = [];
  readonly #reports = new Map<number, ReportGathering>();
  #state: AttemptState = 'deploying';
  #failure: Error | undefined;
  /** The tasks were let go because the job has finished. */
  #released = false;
  #running = false;
  #requests = 0;

  constructor(options: JobOptions, job: JobGraph, plan: AttemptPlan, listener: AttemptListener) {
    this.#options = options;
    this.#job = job;
    this.number = plan.number;
    this.#restore = plan.restore;
    this.#maxParallelism = plan.maxParallelism;
    this.#alignments = plan.alignments;
    this.#listener = listener;
    this.#vertices = job.vertices.filter((vertex) => plan.region.includes(vertex.id));
    this.#places = placeTasks(job, plan.slots).filter(({ placement }) => plan.region.includes(placement.vertex));
    for (const { host, placement } of this.#places) {
      this.#hosts.set(hostKey(host), host);
      this.#notRunning.add(taskName(placement));
      this.#notEnded.add(taskName(placement));
    }
    for (const { taskManager, offer } of plan.slots) {
      if (offer.dataAddress !== undefined) this.#addresses[`${taskManager}/${offer.slot}`] = offer.dataAddress;
    }
    this.tasks = this.#places.map(({ placement }) => taskName(placement));
    this.sources = this.#places
      .filter(({ placement }) => headOf(job.vertices[placement.vertex] as JobVertex).definition.input === 'none')
      .map(({ placement }) => taskName(placement));
  }

  // What the checkpoints of the job ask of it.

  trigger(task: string, barrier: BarrierElement, stop: boolean): void {
    this.#toTask(task, (reference) => ({ kind: 'trigger', ...reference, barrier, stop }));
  }

  drainSource(task: string): void {
    this.#toTask(task, (reference) => ({ kind: 'drain', ...reference }));
  }

  snapshotCoordinators(checkpoint: number): ReadonlyMap<string, unknown> {
    return new Map([...this.#coordinators].map(([id, coordinator]) => [id, coordinator.snapshot(checkpoint)]));
  }

  /** What the coordinators add to a checkpoint that every task has acknowledged. */
  gatheredCoordinators(checkpoint: number): ReadonlyMap<string, unknown> {
    return new Map(
      [...this.#coordinators].flatMap(([id, coordinator]): [string, unknown][] =>
        coordinator.gathered === undefined ? [] : [[id, coordinator.gathered(checkpoint)]],
      ),
    );
  }

  notifyComplete(checkpoint: number): void {
    this.#broadcast({ kind: 'checkpoint-complete', ...this.#id, checkpoint });
    for (const coordinator of this.#coordinators.values()) coordinator.checkpointComplete(checkpoint);
  }

  notifyAborted(checkpoint: number): void {
    this.#broadcast({ kind: 'checkpoint-aborted', ...this.#id, checkpoint });
  }

  get #id(): AttemptId {
    return { jobId: this.#options.jobId, attempt: this.number };
  }

  // Deployment.

  deploy(): void {
    this.#createCoordinators();
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
    for (const vertex of this.#vertices) {
      for (const node of vertex.nodes) {
        if (node.coordinator === undefined) continue;
        const id = operatorId(node);
        const context = {
          jobId: this.#options.jobId,
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
      files: this.#files(),
      restored: restore !== undefined,
      maxParallelism: this.#maxParallelism,
      claimed: restore?.owned !== false,
      restore:
        restore === undefined
          ? []
          : placements
              .filter((place) => place.taskManager === taskManager)
              .map((place) => restoreFor(this.#options.graph, this.#job, restore, place)),
    };
  }

  #files(): SnapshotFilesPlan {
    const { graph, jobId } = this.#options;
    const { compression, inlineThresholdBytes, localBackup, localBackupDirectories } = graph.settings.checkpoint;
    return {
      jobId,
      epoch: this.number,
      directory: checkpointDirectory(graph.settings.checkpoint),
      inlineThresholdBytes,
      compression,
      localDirectories: localBackup ? localBackupDirectories : [],
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

  #broadcast(message: ToAttempt): void {
    for (const host of this.#hosts.values())
      this.#options.send(host.taskManager, { kind: 'slot', slot: host.slot, message });
  }

  #toTask(task: string, make: (reference: TaskReference) => ToAttempt): void {
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
        return this.#listener.acknowledged(taskName(message), message.checkpoint, message.snapshot);
      case 'declined':
        return this.#listener.declined(taskName(message), message.checkpoint, message.reason, message.counts);
      case 'ended':
        return this.#taskEnded(message);
      case 'failed':
        return this.fail(deserializeError(message.error), this.#failedTask(message));
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
    this.#running = true;
    this.#listener.running();
  }

  fromClient(id: string, message: unknown): void {
    this.#coordinators.get(id)?.fromClient?.(message);
  }

  // The end of the input.

  #taskEnded(reference: TaskReference): void {
    const task = taskName(reference);
    this.#notEnded.delete(task);
    this.#ended.push(task);
    this.#listener.taskEnded(task);
  }

  /** Whether every task is running, or has ended since. */
  get isRunning(): boolean {
    return this.#running && this.#state === 'running';
  }

  /** Tasks that have ended. */
  get ended(): readonly string[] {
    return this.#ended;
  }

  get hasEnded(): boolean {
    return this.#notEnded.size === 0;
  }

  /** All tasks of the job have ended, and what their sinks prepared is committed: these are let go. */
  async finish(): Promise<void> {
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

  #failedTask({ vertex, subtask }: TaskReference): FailedTask | undefined {
    const place = this.#places.find(
      ({ placement }) => placement.vertex === vertex && placement.subtask === subtask,
    )?.placement;
    const { name, parallelism } = this.#job.vertices[vertex] as JobVertex;
    return (
      place && { name: `${name} (${subtask + 1}/${parallelism})`, taskManager: place.taskManager, slot: place.slot }
    );
  }

  fail(error: Error, task?: FailedTask): void {
    if (this.#failure === undefined && ((this.#state === 'leaving' && this.#released) || this.#state === 'closing')) {
      // What was to be committed at the end may not be: the job is not finished after all.
      this.#failure = error;
      this.#listener.failed(error, task);
      return;
    }
    if (this.#isLeaving) {
      if (this.#failure !== undefined) this.#listener.failed(error, task);
      return;
    }
    this.#listener.failed(error, task);
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

  #leave(message: ToAttempt): void {
    this.#state = 'leaving';
    this.#released = message.kind === 'release';
    this.#listener.leaving(this.#failure?.message ?? 'the attempt has ended');
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
