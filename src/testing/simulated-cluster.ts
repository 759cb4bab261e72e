/**
 * A cluster in a simulation: a JobManager and TaskManagers with inline slots, each in a process of its own, which
 * speak over the simulated network. TaskManagers that crash are started again.
 */

import type { Milliseconds, Random, World } from '../base/world.ts';
import { JobManager } from '../cluster/job-manager.ts';
import type { Job } from '../cluster/job.ts';
import { registerGraph } from '../cluster/program.ts';
import { TaskManager } from '../cluster/task-manager.ts';
import type { SavepointHandle } from '../graph/launch.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import type { Simulation } from './simulated-world.ts';

const JOB_MANAGER = 'jobmanager';
const JOB_MANAGER_ADDRESS = 'tcp:jobmanager:6123';

/** A TaskManager is back this long after its crash: well before its job restarts. */
const BACK_MS: readonly [Milliseconds, Milliseconds] = [1, 20];

/** By then the JobManager knows of both, that the old one is gone and that the new one is there. */
const KNOWN_MS: Milliseconds = 40;

/** While the JobManager cannot be reached, it is tried again this often. */
const CONNECT_RETRY_MS: Milliseconds = 5;

export interface SimulatedClusterOptions {
  readonly taskManagers: number;
  /** Slots of each TaskManager. */
  readonly slots: number;
}

export class SimulatedCluster {
  readonly #simulation: Simulation;
  readonly #options: SimulatedClusterOptions;
  readonly #jobManager: JobManager;
  readonly #world: World;
  readonly #random: Random;
  readonly #lives = new Map<string, number>();
  /** One that crashed is not known to be back. */
  #away = false;

  private constructor(simulation: Simulation, options: SimulatedClusterOptions) {
    this.#simulation = simulation;
    this.#options = options;
    this.#world = simulation.world(JOB_MANAGER);
    this.#jobManager = new JobManager({ world: this.#world });
    this.#random = simulation.random('cluster');
  }

  /** Starts all processes and waits until every slot is there. */
  static async start(simulation: Simulation, options: SimulatedClusterOptions): Promise<SimulatedCluster> {
    const cluster = new SimulatedCluster(simulation, options);
    await simulation.settle(cluster.#jobManager.listen(JOB_MANAGER_ADDRESS));
    for (const name of cluster.taskManagers) cluster.#startTaskManager(name);
    await simulation.settle(cluster.#jobManager.hasSlots(options.taskManagers * options.slots));
    return cluster;
  }

  /** Names of the processes that run tasks. */
  get taskManagers(): readonly string[] {
    return Array.from({ length: this.#options.taskManagers }, (_, index) => `taskmanager-${index}`);
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
    const execution = { kind: 'inline', doorbell } as const;
    const { slots } = this.#options;
    const taskManager = new TaskManager({ world, id, slots, execution, listenAddress: `tcp:${name}:0` });
    await taskManager.start();
    for (;;) {
      try {
        void taskManager.join(await world.network.connect(JOB_MANAGER_ADDRESS));
        return;
      } catch {
        await new Promise<void>((resolve) => void world.clock.after(CONNECT_RETRY_MS, resolve));
      }
    }
  }

  /**
   * Crashes a TaskManager and has it back a moment later, without anything that it knew. Returns false, and does
   * nothing, while another one is away: a job that restarts needs its slots.
   */
  crash(taskManager: string): boolean {
    if (this.#away) return false;
    this.#away = true;
    this.#simulation.crash(taskManager);
    const [least, most] = BACK_MS;
    this.#simulation.after(least + this.#random.next() * (most - least), () => {
      this.#startTaskManager(taskManager);
      this.#simulation.after(KNOWN_MS, () => {
        this.#away = false;
      });
    });
    return true;
  }

  /** Starts a job. What becomes of it is driven by the simulation. */
  async submit(
    graph: StreamGraph,
    parameters: Readonly<Record<string, unknown>>,
    savepoint: SavepointHandle | undefined,
  ): Promise<Job> {
    const id = this.#world.random.id();
    const forget = registerGraph(id, graph);
    const job = await this.#jobManager.submit({
      jobId: id,
      graph,
      program: { kind: 'graph', id },
      parameters,
      restore: savepoint,
      claimMode: 'no-claim',
      allowNonRestoredState: false,
    });
    job.result().then(forget, forget);
    return job;
  }
}
