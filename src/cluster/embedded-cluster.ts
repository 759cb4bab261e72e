/**
 * The embedded cluster: a JobManager and a TaskManager in the calling process, which speak to each other as they would
 * between machines. It lives as long as the jobs that were started on it, or until it is closed.
 */

import { MillstreamError } from '../base/error.ts';
import type { Cancellation, Doorbell, World } from '../base/world.ts';
import { buildJobGraph } from '../graph/job-graph.ts';
import {
  restoreTerms,
  type JobClient,
  type JobFailure,
  type JobProgram,
  type JobStatus,
  type LaunchOptions,
  type Launcher,
  type SavepointHandle,
  type SavepointOptions,
} from '../graph/launch.ts';
import type { SettingsPart } from '../graph/settings.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import { JobManager } from './job-manager.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { Job } from './job.ts';
import { CollectedValues } from './result-queue.ts';
import { slotDemands } from './placement.ts';
import { registerGraph } from './program.ts';
import type { ProgramReference } from './messages.ts';
import { TaskManager, type TaskManagerOptions } from './task-manager.ts';

/** Where data is taken in when a job asks for connections between tasks of one process. */
const LOOPBACK = 'tcp:127.0.0.1:0';

export interface EmbeddedClusterOptions {
  readonly world: World;
  readonly execution: TaskManagerOptions['execution'];
  readonly slots: number;
  readonly networkChannels: boolean;
}

export class EmbeddedCluster {
  readonly #world: World;
  readonly #jobManager: JobManager;
  readonly #taskManager: TaskManager;

  private constructor(world: World, jobManager: JobManager, taskManager: TaskManager) {
    this.#world = world;
    this.#jobManager = jobManager;
    this.#taskManager = taskManager;
  }

  static async start(options: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
    const { world } = options;
    const jobManager = new JobManager({ world });
    const address = await jobManager.listen(`local:jobmanager-${world.random.id()}`);
    const taskManager = new TaskManager({
      world,
      id: 'taskmanager-0',
      slots: options.slots,
      execution: options.execution,
      listenAddress: options.networkChannels ? LOOPBACK : undefined,
    });
    await taskManager.start();
    void taskManager.join(await world.network.connect(address));
    await jobManager.hasSlots(options.slots);
    return new EmbeddedCluster(world, jobManager, taskManager);
  }

  /** Starts a job whose program every slot can load. */
  async submit(graph: StreamGraph, program: ProgramReference, options: LaunchOptions): Promise<JobClient> {
    const jobId = this.#world.random.id();
    const job = await this.#jobManager.submit({
      jobId,
      graph,
      program,
      parameters: options.parameters ?? {},
      ...restoreTerms(graph, options),
    });
    const abort = (): void => void job.cancel();
    options.signal?.addEventListener('abort', abort, { once: true });
    void job
      .result()
      .finally(() => options.signal?.removeEventListener('abort', abort))
      .catch(() => {});
    return new EmbeddedJobClient(jobId, graph, job);
  }

  /** Cancels what runs and ends all threads. */
  async close(): Promise<void> {
    await this.#jobManager.close();
    await this.#taskManager.close();
  }
}

class EmbeddedJobClient implements JobClient {
  readonly jobId: string;
  readonly jobName: string;
  readonly #types: TypeRegistry;
  readonly #job: Job;

  constructor(jobId: string, { jobName, types }: StreamGraph, job: Job) {
    this.jobId = jobId;
    this.jobName = jobName;
    this.#types = types;
    this.#job = job;
  }

  async status(): Promise<JobStatus> {
    return this.#job.status;
  }

  async exceptions(): Promise<readonly JobFailure[]> {
    return this.#job.exceptions;
  }

  cancel(): Promise<void> {
    return this.#job.cancel();
  }

  stopWithSavepoint(options: SavepointOptions & { readonly drain?: boolean } = {}): Promise<SavepointHandle> {
    return this.#job.stop(options.drain === true, options);
  }

  triggerSavepoint(options: SavepointOptions = {}): Promise<SavepointHandle> {
    return this.#job.savepoint(options);
  }

  async triggerCheckpoint(): Promise<number> {
    return (await this.#job.checkpoint()).id;
  }

  result(): ReturnType<JobClient['result']> {
    return this.#job.result();
  }

  metrics(): ReturnType<JobClient['metrics']> {
    return this.#job.metrics();
  }

  collected<T>(operatorId: string): AsyncIterableIterator<T> {
    return new CollectedValues(this.#job.batches(operatorId), this.#types) as AsyncIterableIterator<T>;
  }
}

/** Runs graphs that were built ad hoc: all subtasks side by side on the calling thread. */
export class InlineLauncher implements Launcher {
  readonly #world: World;
  readonly #newDoorbell: () => Doorbell;

  constructor(world: World, newDoorbell: () => Doorbell) {
    this.#world = world;
    this.#newDoorbell = newDoorbell;
  }

  async launch(graph: StreamGraph, options: LaunchOptions): Promise<JobClient> {
    const slots = slotDemands(buildJobGraph(graph)).length;
    const cluster = await EmbeddedCluster.start({
      world: this.#world,
      execution: { kind: 'inline', doorbell: this.#newDoorbell() },
      slots,
      networkChannels: graph.settings.localChannels === 'network',
    });
    const id = this.#world.random.id();
    const forget = registerGraph(id, graph);
    return await launchOn(cluster, graph, { kind: 'graph', id }, options, forget, this.#world);
  }
}

/** Starts the job, and closes the cluster behind it. */
async function launchOn(
  cluster: EmbeddedCluster,
  graph: StreamGraph,
  program: ProgramReference,
  options: LaunchOptions,
  forget: () => void,
  world: World,
): Promise<JobClient> {
  const awake = keepAwake(world);
  const over = async (): Promise<void> => {
    forget();
    await cluster.close();
    awake.cancel();
  };
  try {
    const client = await cluster.submit(graph, program, options);
    const ended = client.result().then(over, over);
    return closedBehind(client, ended);
  } catch (error) {
    await over();
    throw error;
  }
}

/** A client whose promises settle only when nothing of the job's cluster is left. */
function closedBehind(client: JobClient, ended: Promise<void>): JobClient {
  return {
    jobId: client.jobId,
    jobName: client.jobName,
    status: () => client.status(),
    cancel: () => client.cancel().then(() => ended),
    stopWithSavepoint: (options) => behind(client.stopWithSavepoint(options), ended),
    triggerSavepoint: (options) => client.triggerSavepoint(options),
    triggerCheckpoint: () => client.triggerCheckpoint(),
    result: () => behind(client.result(), ended),
    metrics: () => client.metrics(),
    exceptions: () => client.exceptions(),
    collected: (operatorId) => client.collected(operatorId),
  };
}

/** Settles as `outcome` does, but not before `ended`. */
async function behind<T>(outcome: Promise<T>, ended: Promise<void>): Promise<T> {
  try {
    return await outcome;
  } finally {
    await ended;
  }
}

/** A job that waits for its sources has nothing else to keep the process alive by. */
function keepAwake(world: World): Cancellation {
  const awake = { cancel: (): void => timer.cancel() };
  let timer = world.clock.after(AWAKE_MS, again);
  function again(): void {
    timer = world.clock.after(AWAKE_MS, again);
  }
  return awake;
}

/** As rarely as a timer of the event loop can be set. */
const AWAKE_MS = 2 ** 31 - 1;

/** How a job module is to run: what of its settings to override, beside what every launch takes. */
export interface RunOptions extends LaunchOptions {
  readonly settings?: SettingsPart;
}

/** Builds the graph of a job module as its slots will build it. */
export function buildProgram(program: JobProgram, options: RunOptions): StreamGraph {
  return program.build(options.parameters ?? {}, options.settings ?? {});
}

/** Runs a job module on worker threads of its own, one per slot, which end with it. */
export async function runOnThreads(
  world: World,
  url: URL,
  graph: StreamGraph,
  threads: { readonly entry: URL; readonly newDoorbell: () => Doorbell; readonly slots: number | undefined },
  options: RunOptions,
): Promise<JobClient> {
  const needed = slotDemands(buildJobGraph(graph)).length;
  const slots = threads.slots ?? needed;
  if (slots < needed) {
    throw new MillstreamError(
      'RESOURCES_INSUFFICIENT',
      `Job "${graph.jobName}" needs ${needed} slots, but was given ${slots}. Lower its parallelism or raise \`slots\`.`,
    );
  }
  const cluster = await EmbeddedCluster.start({
    world,
    execution: {
      kind: 'threads',
      entry: threads.entry,
      heapMegabytes: graph.settings.slotHeapMegabytes,
      newDoorbell: threads.newDoorbell,
    },
    slots,
    networkChannels: graph.settings.localChannels === 'network',
  });
  return await launchOn(
    cluster,
    graph,
    { kind: 'module', url: url.href, settings: options.settings ?? {} },
    options,
    () => {},
    world,
  );
}
