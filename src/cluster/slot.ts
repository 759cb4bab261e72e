/**
 * A slot: the part of a TaskManager that runs tasks, on one thread.
 *
 * It builds its share of a job's physical plan from the graph (tasks, channels, edges), starts it when every slot has
 * built its own, and passes on what its tasks have to say. A slot knows nothing of other slots but where data for them
 * goes: by reference inside the slot, through rings to slots of the same process, through connections to others.
 */

import { ring } from '../base/doorbell.ts';
import { MillstreamError, serializeError } from '../base/error.ts';
import type { Cancellation, Doorbell, World } from '../base/world.ts';
import type { Checkpointing } from '../connect/sink.ts';
import { fetchedState, type FetchedState } from '../checkpoint/savepoint/canonical-restore.ts';
import { filesOf } from '../checkpoint/storage/file-references.ts';
import { StoredSnapshotFiles } from '../checkpoint/storage/stored-snapshot-files.ts';
import { CachedFiles } from './cached-files.ts';
import { CheckpointStores } from '../checkpoint/storage/stores.ts';
import type { SlotMetrics } from '../graph/launch.ts';
import type { CheckpointSettings } from '../graph/settings.ts';
import { buildJobGraph, targetSubtasks, type JobEdge, type JobGraph, type JobVertex } from '../graph/job-graph.ts';
import { assertSameGraph, fingerprint, operatorId, type StreamGraph } from '../graph/stream-graph.ts';
import type { ChannelWriter } from '../exchange/channel.ts';
import { EdgeWriter } from '../exchange/edge-writer.ts';
import { InputGate } from '../exchange/input-gate.ts';
import type { Gate } from '../base/gate.ts';
import { subtaskOfKeyGroup } from '../data/key.ts';
import type { OperatorSnapshot } from '../state/snapshot.ts';
import { TaskLoop, type LoopTask } from '../runtime/task-loop.ts';
import type { TaskListener } from '../runtime/task-listener.ts';
import { Task } from '../runtime/task.ts';
import type { ChannelRequest, SlotChannels } from './slot-channels.ts';
import type {
  AttemptId,
  Deployment,
  FromSlot,
  Placement,
  SlotAbandoned,
  SlotRings,
  TaskReference,
  TaskRestore,
  ToAttempt,
  ToSlot,
} from './messages.ts';
import { ChannelPlaces, type SlotInput } from './channel-places.ts';
import { loadGraph } from './program.ts';

/** A slot that sleeps looks around this often even when nobody rang: never, in effect. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

export interface SlotOptions {
  readonly world: World;
  readonly taskManager: string;
  readonly slot: number;
  /** Set by others when they post mail to this thread; see `Gate`. */
  readonly mailFlag: Int32Array;
  /** Takes in mail that was posted while the thread was busy. */
  readonly takeMail: () => void;
  /** Rung when a ring of this slot changed. Absent where no other thread shares memory with it. */
  readonly doorbell: Doorbell | undefined;
  readonly post: (message: FromSlot | SlotAbandoned) => void;
  /** What the thread was promised; undefined where it has the process's own limit. */
  readonly heapLimitMegabytes: number | undefined;
}

export class Slot {
  readonly #options: SlotOptions;
  readonly #loop: TaskLoop;
  readonly #attempts = new Map<string, SlotAttempt>();
  readonly #stray: Cancellation;
  readonly #channels: SlotChannels;
  /** Where state files lie, opened once for all tasks of the slot. */
  readonly #stores: CheckpointStores;
  #sleeping = false;
  #closed = false;

  constructor(options: SlotOptions, channels: SlotChannels) {
    this.#options = options;
    this.#channels = channels;
    this.#stores = new CheckpointStores(options.world);
    this.#loop = new TaskLoop(options.world.clock, options.takeMail);
    this.#stray = options.world.ownership.onStray((owner, error) => {
      const attempt = this.#attempts.get(owner);
      attempt?.stray(error);
      return attempt !== undefined;
    });
  }

  handle(message: ToSlot): void {
    if (message.kind === 'deploy') {
      this.#deploy(message.deployment, message.rings);
      return;
    }
    if (message.kind === 'abandon') {
      void this.#abandon();
      return;
    }
    const attempt = this.#attempts.get(attemptKey(message));
    if (attempt === undefined) {
      // What was never built here is gone as soon as it is asked for.
      const { jobId, attempt: number } = message;
      if (message.kind === 'cancel') this.#options.post({ kind: 'vacated', jobId, attempt: number });
      // Who asks for metrics may be quicker than the deployment.
      if (message.kind === 'report') {
        const nothing = { operators: [], dropped: [], accumulators: [], slots: [] };
        this.#options.post({ kind: 'report', jobId, attempt: number, request: message.request, ...nothing });
      }
      return;
    }
    attempt.handle(message);
  }

  #deploy(deployment: Deployment, rings: SlotRings): void {
    const key = attemptKey(deployment);
    const attempt = new SlotAttempt(deployment, this.#options, this.#loop, this.#channels, this.#stores, rings, () =>
      this.#forget(key),
    );
    this.#attempts.set(key, attempt);
    void attempt.deploy();
    if (this.#options.doorbell !== undefined) void this.#listen(this.#options.doorbell);
  }

  async #abandon(): Promise<void> {
    await Promise.all([...this.#attempts.values()].map((attempt) => attempt.cancel()));
    this.#options.post({ kind: 'abandoned' });
  }

  #forget(key: string): void {
    this.#attempts.delete(key);
    // Who listens for the rings of attempts that are gone may stop.
    if (this.#options.doorbell !== undefined) ring(this.#options.doorbell.cell);
  }

  /** Wakes every task whenever the bell was rung, as long as there are tasks. */
  async #listen(doorbell: Doorbell): Promise<void> {
    if (this.#sleeping) return;
    this.#sleeping = true;
    const { clock } = this.#options.world;
    while (this.#attempts.size > 0 && !this.#closed) {
      await doorbell.wait(SLEEP_MS_MAX);
      this.#loop.wakeNow([...this.#attempts.values()].flatMap((attempt) => attempt.runningTasks));
      // A bell that rings all the time would keep sockets and timers waiting.
      await new Promise<void>((resolve) => clock.nextTurn(resolve));
    }
    this.#sleeping = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#attempts.values()].map((attempt) => attempt.cancel()));
    this.#loop.stop();
    this.#stray.cancel();
    await this.#channels.close();
    await this.#stores.close();
  }
}

function attemptKey(id: AttemptId): string {
  return `${id.jobId}/${id.attempt}`;
}

/** A task, and the place in the loop that runs it on behalf of its job. */
interface Seat {
  readonly task: Task;
  readonly loopTask: LoopTask;
  readonly reference: TaskReference;
  readonly files: StoredSnapshotFiles;
}

class SlotAttempt {
  readonly #deployment: Deployment;
  readonly #options: SlotOptions;
  readonly #loop: TaskLoop;
  readonly #channels: SlotChannels;
  readonly #stores: CheckpointStores;
  readonly #rings: SlotRings;
  readonly #forget: () => void;
  readonly #seats = new Map<string, Seat>();
  readonly #owner: string;
  readonly #cachedFiles: CachedFiles;
  readonly #closeChannels: (() => void)[] = [];
  #state: 'building' | 'built' | 'running' | 'leaving' = 'building';
  #left: Promise<void> | undefined;

  constructor(
    deployment: Deployment,
    options: SlotOptions,
    loop: TaskLoop,
    channels: SlotChannels,
    stores: CheckpointStores,
    rings: SlotRings,
    forget: () => void,
  ) {
    this.#deployment = deployment;
    this.#options = options;
    this.#loop = loop;
    this.#channels = channels;
    this.#stores = stores;
    this.#rings = rings;
    this.#forget = forget;
    this.#owner = attemptKey(deployment);
    this.#cachedFiles = new CachedFiles(options.world, stores);
  }

  get #id(): AttemptId {
    return { jobId: this.#deployment.jobId, attempt: this.#deployment.attempt };
  }

  async deploy(): Promise<void> {
    try {
      const deployment = this.#deployment;
      const graph = await this.#options.world.ownership.run(this.#owner, () =>
        loadGraph(deployment.program, deployment.parameters),
      );
      assertSameGraph(
        deployment.fingerprint,
        fingerprint(graph),
        `slot ${this.#options.taskManager}/${this.#options.slot}`,
      );
      await this.#build(graph, buildJobGraph(graph, this.#deployment.maxParallelism));
      if (this.#state !== 'building') return;
      this.#state = 'built';
      this.#options.post({ kind: 'deployed', ...this.#id });
    } catch (error) {
      this.#options.post({ kind: 'deploy-failed', ...this.#id, error: serializeError(error) });
    }
  }

  async #build(graph: StreamGraph, job: JobGraph): Promise<void> {
    const mine = this.#deployment.placements.filter((place) => this.#isMine(place));
    const cachedFiles = await this.#cachedFiles.fetch(graph.settings.cachedFiles);
    for (const place of mine) {
      const vertex = job.vertices[place.vertex] as JobVertex;
      const inputs = await this.#inputsOf(vertex, place.subtask, job, graph);
      const writers = await this.#writersOf(vertex, place.subtask, job, graph);
      const files = new StoredSnapshotFiles(this.#deployment.files, this.#options.world, this.#stores);
      const fetched = await this.#fetchRestored(vertex, place.subtask, graph, files);
      if (this.#state === 'leaving') return;
      const task = this.#seat(graph, job, vertex, place.subtask, inputs, writers, files, fetched, cachedFiles);
      if (fetched !== undefined) await task.takeIn(files);
      if (this.#state !== 'building') return;
    }
  }

  /** What a task restores from may lie in files, and in another format than it reads. */
  async #fetchRestored(
    vertex: JobVertex,
    subtask: number,
    graph: StreamGraph,
    files: StoredSnapshotFiles,
  ): Promise<FetchedState | undefined> {
    const restore = this.#restoreFor(vertex.id, subtask);
    if (!this.#deployment.restored || restore === undefined || filesOf(restore).size === 0) return undefined;
    const channels = restore.channels.map(({ bytes }) => bytes);
    const takes = new Map(vertex.nodes.map((node) => [operatorId(node), node.definition.takes]));
    const isTaken = (id: string, state: string): boolean => takes.get(id)?.includes(state) === true;
    return await fetchedState(files, restore.snapshots, channels, graph.types, isTaken);
  }

  #isMine(place: Placement): boolean {
    return (
      place.taskManager === this.#options.taskManager &&
      (place.slot === this.#options.slot || this.#channels.sharesThread(place.slot))
    );
  }

  #placeOf(vertex: number, subtask: number): Placement {
    const place = this.#deployment.placements.find(
      (candidate) => candidate.vertex === vertex && candidate.subtask === subtask,
    );
    if (place === undefined)
      throw new MillstreamError('INTERNAL_INVARIANT', `no slot was given to subtask ${subtask} of vertex ${vertex}`);
    return place;
  }

  async #inputsOf(vertex: JobVertex, subtask: number, job: JobGraph, graph: StreamGraph): Promise<SlotInput[]> {
    const channels: SlotInput[] = [];
    for (const edge of vertex.inputs) {
      const placeOf = this.#places(graph, job).into(edge, subtask);
      const senders = (job.vertices[edge.sourceVertex] as JobVertex).parallelism;
      for (let sender = 0; sender < senders; sender++) {
        if (!targetSubtasks(edge.partitioning, sender, senders, vertex.parallelism).includes(subtask)) continue;
        channels.push({
          input: edge.input,
          edge: edge.id,
          sender,
          ...(placeOf === undefined ? {} : { place: placeOf(sender) }),
          reader: await this.#channels.reader(this.#request(edge, sender, subtask, job, graph)),
        });
      }
    }
    return channels;
  }

  async #writersOf(
    vertex: JobVertex,
    subtask: number,
    job: JobGraph,
    graph: StreamGraph,
  ): Promise<(readonly ChannelWriter[])[]> {
    const writers: (readonly ChannelWriter[])[] = [];
    for (const edge of vertex.outputs) {
      const receivers = (job.vertices[edge.targetVertex] as JobVertex).parallelism;
      const targets = targetSubtasks(edge.partitioning, subtask, vertex.parallelism, receivers);
      writers.push(
        await Promise.all(
          targets.map((target) => this.#channels.writer(this.#request(edge, subtask, target, job, graph))),
        ),
      );
    }
    return writers;
  }

  #request(edge: JobEdge, sender: number, receiver: number, job: JobGraph, graph: StreamGraph): ChannelRequest {
    const wake = (vertex: number, subtask: number) => () => this.#wake(vertex, subtask);
    return {
      id: channelName(edge.id, sender, receiver),
      number: channelNumber(job, edge, sender, receiver),
      attempt: this.#deployment.attempt,
      owner: this.#owner,
      edge: `${this.#owner}/edge-${edge.id}`,
      from: this.#placeOf(edge.sourceVertex, sender),
      to: this.#placeOf(edge.targetVertex, receiver),
      settings: graph.settings,
      types: graph.types,
      batchRows: edge.bufferTimeoutMs === 0 ? 1 : graph.settings.batchRows,
      operator: graph.nodes[edge.sourceNode]?.name ?? '',
      dataAddresses: this.#deployment.dataAddresses,
      rings: this.#rings,
      wakeReader: wake(edge.targetVertex, receiver),
      wakeWriter: wake(edge.sourceVertex, sender),
      defer: (close) => void this.#closeChannels.push(close),
    };
  }

  #seat(
    graph: StreamGraph,
    job: JobGraph,
    vertex: JobVertex,
    subtask: number,
    inputs: readonly SlotInput[],
    writers: readonly (readonly ChannelWriter[])[],
    files: StoredSnapshotFiles,
    fetched: FetchedState | undefined,
    cachedFiles: Readonly<Record<string, string>>,
  ): Task {
    const { world } = this.#options;
    const deployment = this.#deployment;
    const key = taskKey(vertex.id, subtask);
    const reference: TaskReference = { ...this.#id, vertex: vertex.id, subtask };
    const exactlyOnce = graph.settings.checkpoint.mode === 'exactly-once';
    const places = this.#places(graph, job);
    const unaligned = places.overtake(vertex);
    const held = this.#restoreFor(vertex.id, subtask)?.channels ?? [];
    const restored = places.restored(vertex, subtask, inputs, held, fetched?.bytesOf);
    const task: Task = new Task({
      vertex,
      subtask,
      world,
      mailFlag: this.#options.mailFlag,
      inputs: vertex.inputs.length === 0 ? undefined : new InputGate(inputs, { exactlyOnce, unaligned, restored }),
      edges: (gate) =>
        vertex.outputs.map((edge, i) =>
          this.#edgeWriter(edge, subtask, writers[i] as readonly ChannelWriter[], gate, job, graph),
        ),
      listener: this.#listener(reference),
      wake: () => this.#wake(vertex.id, subtask),
      unaligned: graph.settings.checkpoint.unaligned,
      bufferTimeoutMs: vertex.outputs.reduce(
        (least, edge) => Math.min(least, edge.bufferTimeoutMs),
        graph.settings.bufferTimeoutMs,
      ),
      environment: {
        jobId: deployment.jobId,
        jobName: deployment.jobName,
        attempt: deployment.attempt,
        mode: deployment.mode,
        checkpointing: checkpointingOf(graph.settings.checkpoint),
        world,
        types: graph.types,
        parameters: { ...graph.settings.globalJobParameters, ...deployment.parameters },
        cachedFiles,
        mutationCheck: graph.settings.mutationCheck,
        state: graph.settings,
        restore: this.#restoreOf(vertex.id, subtask, fetched),
        ...(fetched === undefined ? {} : { bytesOf: fetched.bytesOf }),
        claimed: deployment.claimed && fetched?.asStored !== false,
        // Without a place for files everything stays with the JobManager.
        ...(deployment.files.directory === undefined ? {} : { files }),
      },
    });
    const loopTask: LoopTask = { turn: () => world.ownership.run(this.#owner, () => task.turn()) };
    this.#seats.set(key, { task, loopTask, reference, files });
    return task;
  }

  #places(graph: StreamGraph, job: JobGraph): ChannelPlaces {
    return new ChannelPlaces(graph, job, this.#owner);
  }

  #restoreFor(vertex: number, subtask: number): TaskRestore | undefined {
    return this.#deployment.restore.find((restore) => restore.vertex === vertex && restore.subtask === subtask);
  }

  #restoreOf(
    vertex: number,
    subtask: number,
    fetched: FetchedState | undefined,
  ): ReadonlyMap<string, OperatorSnapshot> | undefined {
    if (!this.#deployment.restored) return undefined;
    const snapshots = fetched?.snapshots ?? this.#restoreFor(vertex, subtask)?.snapshots ?? [];
    return new Map(snapshots.map((snapshot) => [snapshot.operatorId, snapshot]));
  }

  #edgeWriter(
    edge: JobEdge,
    subtask: number,
    channels: readonly ChannelWriter[],
    gate: Gate,
    job: JobGraph,
    graph: StreamGraph,
  ): EdgeWriter {
    const target = job.vertices[edge.targetVertex] as JobVertex;
    const { maxParallelism, parallelism } = target;
    const keyed = edge.partitioning.kind === 'hash' || edge.partitioning.kind === 'hash-columns';
    const channelOfGroup = keyed
      ? Int32Array.from({ length: maxParallelism }, (_, group) => subtaskOfKeyGroup(group, maxParallelism, parallelism))
      : undefined;
    const places = this.#places(graph, job).outOf(edge, subtask);
    return new EdgeWriter({
      channels,
      gate,
      random: this.#options.world.random,
      maxParallelism,
      operator: graph.nodes[edge.sourceNode]?.name ?? '',
      partitioning: edge.partitioning,
      types: graph.types,
      ...(channelOfGroup === undefined ? {} : { channelOfGroup }),
      ...(places === undefined ? {} : { places }),
    });
  }

  #listener(reference: TaskReference): TaskListener {
    const { post } = this.#options;
    return {
      running: () => post({ kind: 'running', ...reference }),
      acknowledged: (checkpoint, snapshot) => post({ kind: 'acknowledged', ...reference, checkpoint, snapshot }),
      declined: (checkpoint, reason, counts) => post({ kind: 'declined', ...reference, checkpoint, reason, counts }),
      ended: () => post({ kind: 'ended', ...reference }),
      failed: (error) => post({ kind: 'failed', ...reference, error: serializeError(error) }),
      toCoordinator: (id, message) => post({ kind: 'to-coordinator', ...reference, operatorId: id, message }),
    };
  }

  #wake(vertex: number, subtask: number): void {
    if (this.#state !== 'running') return;
    const seat = this.#seats.get(taskKey(vertex, subtask));
    if (seat !== undefined) this.#loop.wake(seat.loopTask);
  }

  wakeAll(): void {
    for (const task of this.runningTasks) this.#loop.wake(task);
  }

  get runningTasks(): readonly LoopTask[] {
    return this.#state === 'running' ? [...this.#seats.values()].map(({ loopTask }) => loopTask) : [];
  }

  handle(message: ToAttempt): void {
    switch (message.kind) {
      case 'start':
        if (this.#state === 'built') this.#state = 'running';
        this.wakeAll();
        return;
      case 'cancel':
        void this.cancel();
        return;
      case 'release':
        void this.#release();
        return;
      case 'trigger':
        this.#task(message)?.trigger(message.barrier, message.stop);
        return;
      case 'drain':
        this.#task(message)?.drain();
        return;
      case 'to-operator':
        this.#task(message)?.fromCoordinator(message.operatorId, message.message);
        return;
      case 'checkpoint-complete':
        for (const { task } of this.#seats.values()) task.checkpointComplete(message.checkpoint);
        return;
      case 'checkpoint-aborted':
        for (const { task } of this.#seats.values()) task.checkpointAborted(message.checkpoint);
        return;
      case 'report':
        this.#report(message.request);
        return;
    }
  }

  #task(reference: TaskReference): Task | undefined {
    return this.#seats.get(taskKey(reference.vertex, reference.subtask))?.task;
  }

  #report(request: number): void {
    const tasks = [...this.#seats.values()].map((seat) => seat.task);
    this.#options.post({
      kind: 'report',
      ...this.#id,
      request,
      operators: tasks.flatMap((task) => task.metrics()),
      dropped: tasks.flatMap((task) => task.dropped()),
      accumulators: tasks.flatMap((task) => task.accumulators()),
      slots: [this.#slotMetrics()],
    });
  }

  #slotMetrics(): SlotMetrics {
    const { world, taskManager, slot, heapLimitMegabytes } = this.#options;
    const { used, limit } = world.heapMegabytes();
    return {
      taskManager,
      slot,
      heapUsedMegabytes: used,
      heapLimitMegabytes: heapLimitMegabytes ?? limit,
      refusedConnections: this.#channels.refused,
    };
  }

  /** Something of this job failed where no call was there to catch it. */
  stray(error: unknown): void {
    const cause = new MillstreamError(
      'USER_CODE_LATE',
      `Code of job "${this.#deployment.jobName}" failed outside any call of the engine: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
    const first = this.#seats.values().next().value;
    if (first === undefined || this.#state === 'leaving') return;
    this.#options.post({ kind: 'failed', ...first.reference, error: serializeError(cause) });
  }

  /** The job has finished: what its tasks still do in the background is waited for. */
  async #release(): Promise<void> {
    const seats = [...this.#seats.values()];
    await Promise.all(seats.map(({ task }) => task.settled()));
    await Promise.all(seats.map(({ files }) => files.jobOver()));
    await this.cancel();
  }

  /** Closes all tasks; reports once everything is gone. */
  cancel(): Promise<void> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  async #leave(): Promise<void> {
    this.#state = 'leaving';
    const seats = [...this.#seats.values()];
    await Promise.all(seats.map(({ task }) => task.close()));
    // Whoever hears that the slot is vacated may remove what it has left.
    await Promise.all(seats.map(({ files }) => files.settled()));
    for (const close of this.#closeChannels.splice(0)) close();
    this.#cachedFiles.close();
    this.#forget();
    this.#options.post({ kind: 'vacated', ...this.#id });
  }
}

function checkpointingOf({ intervalMs, timeoutMs }: CheckpointSettings): Checkpointing | undefined {
  return intervalMs === undefined ? undefined : { intervalMs, timeoutMs };
}

/** The name of a channel inside its attempt. */
export function channelName(edge: number, sender: number, receiver: number): string {
  return `${edge}/${sender}/${receiver}`;
}

/** Channels numbered through over all edges of the job, as if every sender were connected with every receiver. */
function channelNumber(job: JobGraph, edge: JobEdge, sender: number, receiver: number): number {
  let first = 0;
  for (const other of job.edges) {
    if (other.id === edge.id) break;
    first += parallelismOf(job, other.sourceVertex) * parallelismOf(job, other.targetVertex);
  }
  return first + sender * parallelismOf(job, edge.targetVertex) + receiver;
}

function parallelismOf(job: JobGraph, vertex: number): number {
  return (job.vertices[vertex] as JobVertex).parallelism;
}

function taskKey(vertex: number, subtask: number): string {
  return `${vertex}/${subtask}`;
}
