/** A cluster of processes on this machine: one JobManager, several TaskManagers, connected by TCP on loopback. */

import { MillstreamError } from './base/error.ts';
import type { World } from './base/world.ts';
import { ClusterClient } from './cluster/cluster-client.ts';
import { warnOfGuarantees } from './create-environment.ts';
import { DEFAULT_HEARTBEAT, type HeartbeatOptions } from './cluster/heartbeat.ts';
import type { RunOptions } from './cluster/embedded-cluster.ts';
import type { JobManagerInput, JobManagerReady } from './cluster/job-manager-process.ts';
import { loadGraph } from './cluster/program.ts';
import type { TaskManagerInput } from './cluster/task-manager-process.ts';
import { restoreTerms, type JobClient } from './graph/launch.ts';
import { DEFAULT_SETTINGS } from './graph/settings.ts';
import { spawnProcess, type ProcessHandle } from './world/processes.ts';
import { createRealWorld } from './world/real-world.ts';

const JOB_MANAGER_ENTRY = new URL('./cluster/job-manager-process.ts', import.meta.url);
const TASK_MANAGER_ENTRY = new URL('./cluster/task-manager-process.ts', import.meta.url);
const SLOT_ENTRY = new URL('./cluster/slot-worker.ts', import.meta.url);

/** A process that died is started again this long after. */
const BACK_MS = 50;

/** The size of a cluster of processes, and where it keeps what must survive them. */
export interface ProcessClusterOptions {
  /** Default 2. */
  readonly taskManagers?: number;
  /** Worker threads of each TaskManager. Default 1. */
  readonly slotsPerTaskManager?: number;
  /** Megabytes of JavaScript heap that each slot may use. Default 4096. */
  readonly slotHeapMegabytes?: number;
  /**
   * A directory where the JobManager notes its jobs: one that died goes on with them, from their latest checkpoint.
   * Without it they end with the JobManager. Flink's `high-availability.storageDir`.
   */
  readonly jobDirectory?: string;
  /** How processes that stopped without a word are noticed. Default: every 10 s, given up after 50 s. */
  readonly heartbeat?: HeartbeatOptions;
}

/** Which process of a cluster: the JobManager, or a TaskManager by its number. */
export type ClusterProcess = 'jobmanager' | number;

/** How a job module is to run on a cluster of processes. */
export interface SubmitOptions extends Omit<RunOptions, 'signal'> {
  /** The id of the job; a fresh one by default. Submitting the same id again finds the job that is there. */
  readonly jobId?: string;
}

/**
 * A cluster of processes on this machine. A process that dies is started again, and the jobs go on by their restart
 * strategies; all of them end with this process.
 *
 * @example
 * ```ts no-run
 * await using cluster = await ProcessCluster.start({ taskManagers: 2, jobDirectory: '/var/lib/millstream/jobs' });
 * const client = await cluster.run(new URL('./word-count.ts', import.meta.url));
 * await client.result();
 * ```
 */
export class ProcessCluster implements AsyncDisposable {
  readonly #world: World;
  readonly #options: Required<Omit<ProcessClusterOptions, 'jobDirectory'>> &
    Pick<ProcessClusterOptions, 'jobDirectory'>;
  readonly #processes = new Map<ClusterProcess, ProcessHandle>();
  readonly #client: ClusterClient;
  #lives = 0;
  #address = 'tcp:127.0.0.1:0';
  #closed = false;

  private constructor(world: World, options: ProcessClusterOptions) {
    this.#world = world;
    this.#options = {
      taskManagers: 2,
      slotsPerTaskManager: 1,
      slotHeapMegabytes: DEFAULT_SETTINGS.slotHeapMegabytes,
      heartbeat: DEFAULT_HEARTBEAT,
      ...options,
    };
    this.#client = new ClusterClient(world, () => this.#address);
  }

  /** Starts all processes; resolves when every slot is there. */
  static async start(options: ProcessClusterOptions = {}): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(createRealWorld(), options);
    await cluster.#startJobManager();
    const { taskManagers, slotsPerTaskManager } = cluster.#options;
    for (let number = 0; number < taskManagers; number++) cluster.#startTaskManager(number);
    await cluster.#client.hasSlots(taskManagers * slotsPerTaskManager);
    return cluster;
  }

  async #startJobManager(): Promise<void> {
    const { heartbeat, jobDirectory } = this.#options;
    const input: JobManagerInput = { listenAddress: this.#address, jobDirectory, heartbeat };
    const jobManager = this.#spawn('jobmanager', JOB_MANAGER_ENTRY, input, () => void this.#startJobManager());
    const ready = Promise.withResolvers<JobManagerReady>();
    jobManager.onMessage((message) => ready.resolve(message as JobManagerReady));
    jobManager.onExit(({ code, signal }) =>
      ready.reject(
        new MillstreamError('SLOT_LOST', `The JobManager's process ended (${signal ?? `exit code ${code}`}).`),
      ),
    );
    // One that comes back listens where the others look for it.
    if (this.#address.endsWith(':0')) this.#address = (await ready.promise).address;
    else ready.promise.catch(() => {});
  }

  #startTaskManager(number: number): void {
    const { slotsPerTaskManager: slots, slotHeapMegabytes, heartbeat } = this.#options;
    const input: TaskManagerInput = {
      // Who comes back is somebody else: nothing of the old one's is still true.
      id: `taskmanager-${number}/${++this.#lives}`,
      jobManager: this.#address,
      slots,
      slotHeapMegabytes,
      heartbeat,
      slotEntry: SLOT_ENTRY.href,
    };
    this.#spawn(number, TASK_MANAGER_ENTRY, input, () => this.#startTaskManager(number));
  }

  #spawn(which: ClusterProcess, entry: URL, input: unknown, again: () => void): ProcessHandle {
    const handle = spawnProcess(entry, input);
    this.#processes.set(which, handle);
    handle.onExit(() => {
      this.#processes.delete(which);
      if (!this.#closed) this.#world.clock.after(BACK_MS, () => this.#closed || again());
    });
    return handle;
  }

  /** The process id; undefined while the process is not there. */
  pid(which: ClusterProcess): number | undefined {
    return this.#processes.get(which)?.pid;
  }

  /** Sends a signal to one of the processes. Returns whether it is there. */
  kill(which: ClusterProcess, signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): boolean {
    const handle = this.#processes.get(which);
    handle?.kill(signal);
    return handle !== undefined;
  }

  /** Submits a job module. Fails as `runJob` does. */
  async run(module: URL | string, options: SubmitOptions = {}): Promise<JobClient> {
    const url = new URL(module).href;
    const parameters = options.parameters ?? {};
    const program = { kind: 'module', url, settings: options.settings ?? {} } as const;
    const graph = await loadGraph(program, parameters);
    warnOfGuarantees(this.#world, graph);
    return await this.#client.submit(graph, {
      jobId: options.jobId ?? this.#world.random.id(),
      program,
      parameters,
      ...restoreTerms(graph, options),
    });
  }

  /** Ends all processes. Jobs that the JobManager noted go on with the next cluster on the same directory. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.close();
    await Promise.all(
      [...this.#processes.values()].map(
        (handle) =>
          new Promise<void>((resolve) => {
            handle.onExit(() => resolve());
            handle.kill('SIGKILL');
          }),
      ),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
