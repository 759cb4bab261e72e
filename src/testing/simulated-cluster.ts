/**
 * A cluster in a simulation: a JobManager and TaskManagers with inline slots, each in a process of its own, which
 * speak over the simulated network. Processes that crash are started again; a JobManager that comes back takes up the
 * jobs of the one before it.
 */

import { MillstreamError } from '../base/error.ts';
import type { Milliseconds, Random, World } from '../base/world.ts';
import type { CompletedCheckpoint } from '../cluster/completed-checkpoint.ts';
import type { HeartbeatOptions } from '../cluster/heartbeat.ts';
import { JobManager } from '../cluster/job-manager.ts';
import type { HeldJob } from '../cluster/held-job.ts';
import { JobStore } from '../cluster/job-store.ts';
import { keepMembership } from '../cluster/membership.ts';
import { registerGraph } from '../cluster/program.ts';
import { TaskManager } from '../cluster/task-manager.ts';
import type { JobExecutionResult, SavepointHandle } from '../graph/launch.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import type { JobSubmission } from '../cluster/client-protocol.ts';
import { CollectedValues, type BatchSource } from '../cluster/result-queue.ts';
import type { CrashMoment } from './simulation/effects.ts';
import type { Simulation } from './simulated-world.ts';

const JOB_MANAGER = 'jobmanager';
const JOB_MANAGER_ADDRESS = 'tcp:jobmanager:6123';

/** A process is back this long after its crash: well before its jobs restart. */
const BACK_MS: readonly [Milliseconds, Milliseconds] = [1, 20];

/** By then the JobManager knows of both, that the old one is gone and that the new one is there. */
const KNOWN_MS: Milliseconds = 40;

/** Long against the delay of a message, short against a partition. */
const HEARTBEAT: HeartbeatOptions = { intervalMs: 200, timeoutMs: 1_000 };

/** A job that could not be noted, because the disk was full, is submitted again this long after. */
const SUBMIT_AGAIN_MS: Milliseconds = 20;

/** Where the JobManager notes its jobs. */
const JOBS = '/millstream/jobs';

export interface SimulatedClusterOptions {
  readonly taskManagers: number;
  /** Slots of each TaskManager. */
  readonly slots: number;
}

const JOB_MANAGER_LOST = new Error('the JobManager has crashed');

/** A job over all lives of the JobManager. */
export class SimulatedJob {
  readonly #result = Promise.withResolvers<JobExecutionResult>();
  #job: HeldJob | undefined;
  #lost = Promise.withResolvers<never>();
  /** Whether a JobManager has it. */
  #taken = Promise.withResolvers<void>();

  readonly submission: JobSubmission;

  constructor(submission: JobSubmission) {
    this.submission = submission;
    this.#result.promise.catch(() => {});
    this.#lost.promise.catch(() => {});
  }

  /** A JobManager runs it from now on. */
  runBy(job: HeldJob): void {
    this.#job = job;
    this.#taken.resolve();
    this.#lost = Promise.withResolvers();
    this.#lost.promise.catch(() => {});
    // That of a JobManager that has crashed never settles.
    job.result().then(this.#result.resolve, this.#result.reject);
  }

  /** It could not be started. */
  fail(error: unknown): void {
    this.#result.reject(error);
  }

  /** Resolves once a JobManager has it. */
  get taken(): Promise<void> {
    return this.#taken.promise;
  }

  /** The JobManager that ran it has crashed. */
  lose(): void {
    if (this.#job === undefined) return;
    this.#job = undefined;
    this.#taken = Promise.withResolvers();
    this.#lost.reject(JOB_MANAGER_LOST);
  }

  /** @throws when the JobManager crashes, or is not back, before it has answered. */
  async #ask<T>(question: (job: HeldJob) => Promise<T>): Promise<T> {
    if (this.#job === undefined) throw JOB_MANAGER_LOST;
    return await Promise.race([question(this.#job), this.#lost.promise]);
  }

  result(): Promise<JobExecutionResult> {
    return this.#result.promise;
  }

  stop(): Promise<SavepointHandle> {
    return this.#ask((job) => job.stop(false, {}));
  }

  savepoint(): Promise<SavepointHandle> {
    return this.#ask((job) => job.savepoint({}));
  }

  checkpoint(): Promise<CompletedCheckpoint> {
    return this.#ask((job) => job.checkpoint());
  }

  /** Asks until a JobManager has heard of it. */
  async cancel(): Promise<void> {
    for (;;) {
      try {
        return await this.#ask((job) => job.cancel());
      } catch (error) {
        if (error !== JOB_MANAGER_LOST) throw error;
        await this.#taken.promise;
      }
    }
  }

  /** The values of a collecting sink, to their end, whichever JobManager hands them out. */
  collected(id: string, types: TypeRegistry): AsyncIterable<unknown> {
    const source: BatchSource = {
      nextBatch: async (taken) => {
        for (;;) {
          try {
            return await this.#ask((job) => job.batches(id).nextBatch(taken));
          } catch (error) {
            if (error !== JOB_MANAGER_LOST) throw error;
            await this.#taken.promise;
          }
        }
      },
      leave: async () => {},
    };
    return new CollectedValues(source, types);
  }
}

export class SimulatedCluster {
  readonly #simulation: Simulation;
  readonly #options: SimulatedClusterOptions;
  readonly #random: Random;
  readonly #jobIds: Random;
  readonly #lives = new Map<string, number>();
  readonly #submitted = new Map<string, SimulatedJob>();
  #jobManager!: JobManager;
  #jobs = 0;
  /** A process that crashed is not known to be back. */
  #away = false;

  private constructor(simulation: Simulation, options: SimulatedClusterOptions) {
    this.#simulation = simulation;
    this.#options = options;
    this.#random = simulation.random('cluster');
    this.#jobIds = simulation.random('job ids');
  }

  /** Starts all processes and waits until every slot is there. */
  static async start(simulation: Simulation, options: SimulatedClusterOptions): Promise<SimulatedCluster> {
    const cluster = new SimulatedCluster(simulation, options);
    await simulation.settle(cluster.#startJobManager());
    for (const name of cluster.taskManagers) cluster.#startTaskManager(name);
    await simulation.settle(cluster.#jobManager.hasSlots(options.taskManagers * options.slots));
    return cluster;
  }

  /** Names of the processes that run tasks. */
  get taskManagers(): readonly string[] {
    return Array.from({ length: this.#options.taskManagers }, (_, index) => `taskmanager-${index}`);
  }

  /** Takes up what was submitted before, then listens. What it does not know of has not been taken: it is submitted again. */
  async #startJobManager(): Promise<void> {
    const world = this.#simulation.world(JOB_MANAGER);
    const store = new JobStore(world.storage, JOBS);
    const jobManager = new JobManager({ world, heartbeat: HEARTBEAT, store });
    this.#jobManager = jobManager;
    await jobManager.recover();
    await jobManager.listen(JOB_MANAGER_ADDRESS);
    for (const [id, job] of this.#submitted) {
      const held = jobManager.job(id);
      if (held === undefined) this.#submit(jobManager, job);
      else job.runBy(held);
    }
  }

  #submit(jobManager: JobManager, job: SimulatedJob): void {
    jobManager.take(job.submission).then(
      (held) => job.runBy(held),
      (error: unknown) => {
        const noRoom = error instanceof MillstreamError && error.code === 'CHECKPOINT_STORAGE';
        if (noRoom) this.#simulation.after(SUBMIT_AGAIN_MS, () => this.#submitAgain(jobManager, job));
        else job.fail(error);
      },
    );
  }

  /** Unless the JobManager has crashed meanwhile, and the next one knows. */
  #submitAgain(jobManager: JobManager, job: SimulatedJob): void {
    if (jobManager === this.#jobManager) this.#submit(jobManager, job);
  }

  #startTaskManager(name: string): void {
    const world = this.#simulation.world(name);
    const life = (this.#lives.get(name) ?? 0) + 1;
    this.#lives.set(name, life);
    // Who comes back is somebody else: nothing of the old one's is still true.
    world.clock.nextTurn(() => void this.#join(world, name, `${name}/${life}`));
  }

  async #join(world: World, name: string, id: string): Promise<void> {
    const doorbell = this.#simulation.newDoorbell(name);
    const taskManager = new TaskManager({
      world,
      id,
      slots: this.#options.slots,
      execution: { kind: 'inline', doorbell },
      listenAddress: `tcp:${name}:0`,
      heartbeat: HEARTBEAT,
    });
    await taskManager.start();
    await keepMembership(world, taskManager, JOB_MANAGER_ADDRESS, new AbortController().signal);
  }

  /** The name of the process that runs the JobManager. */
  get jobManager(): string {
    return JOB_MANAGER;
  }

  /** Names of all processes. */
  get processes(): readonly string[] {
    return [JOB_MANAGER, ...this.taskManagers];
  }

  /**
   * Crashes a process and has it back a moment later, without anything that it knew. Returns false, and does nothing,
   * while another process is away: a job that restarts needs its slots.
   */
  crash(name: string): boolean {
    if (this.#away) return false;
    this.#away = true;
    this.#simulation.crash(name);
    if (name === JOB_MANAGER) for (const job of this.#submitted.values()) job.lose();
    const [least, most] = BACK_MS;
    this.#simulation.after(least + this.#random.next() * (most - least), () => {
      if (name === JOB_MANAGER) void this.#startJobManager();
      else this.#startTaskManager(name);
      this.#simulation.after(KNOWN_MS, () => {
        this.#away = false;
      });
    });
    return true;
  }

  /** The same at an effect of the process, counted from now on, unless another process is away then. */
  crashAtEffect(name: string, effect: number, moment: CrashMoment, happened: () => void): void {
    this.#simulation.crashAt(name, this.#simulation.effects(name) + effect, {
      moment,
      possible: () => !this.#away,
      happen: () => {
        this.crash(name);
        happened();
      },
    });
  }

  /** Stops a process for a while; others may give it up meanwhile. Returns false while another process is away. */
  hang(name: string, forMs: Milliseconds): boolean {
    if (this.#away) return false;
    this.#away = true;
    this.#simulation.hang(name);
    this.#simulation.after(forMs, () => {
      this.#simulation.wake(name);
      this.#simulation.after(KNOWN_MS, () => {
        this.#away = false;
      });
    });
    return true;
  }

  /** Cuts a TaskManager off from the JobManager for a while. Both ends give the connection up when it lasts. */
  cutOff(taskManager: string, forMs: Milliseconds): void {
    this.#simulation.partition(JOB_MANAGER, taskManager);
    this.#simulation.after(forMs, () => this.#simulation.heal(JOB_MANAGER, taskManager));
  }

  /** Starts a job. What becomes of it is driven by the simulation. */
  async submit(
    graph: StreamGraph,
    parameters: Readonly<Record<string, unknown>>,
    restore: SavepointHandle | string | undefined,
  ): Promise<SimulatedJob> {
    // As different from those of other simulations as ids of jobs are.
    const jobId = `job-${++this.#jobs}-${this.#jobIds.id()}`;
    const forget = registerGraph(jobId, graph);
    const job = new SimulatedJob({
      jobId,
      program: { kind: 'graph', id: jobId },
      parameters,
      restore,
      claimMode: 'no-claim',
      allowNonRestoredState: false,
    });
    this.#submitted.set(jobId, job);
    const over = (): void => {
      forget();
      this.#submitted.delete(jobId);
    };
    job.result().then(over, over);
    // The JobManager may crash meanwhile: the next one takes the job up.
    this.#submit(this.#jobManager, job);
    await Promise.race([job.taken, job.result()]);
    return job;
  }
}
