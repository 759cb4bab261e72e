/**
 * `simulate`: runs a whole job many times in a simulated cluster, each time from another seed and with other faults,
 * and checks that none of it can be told from the result.
 */

import { inspect } from 'node:util';
import { describeThrown, MillstreamError } from '../base/error.ts';
import type { Milliseconds, Random } from '../base/world.ts';
import { slotsNeeded } from '../cluster/placement.ts';
import { buildJobGraph } from '../graph/job-graph.ts';
import type { JobExecutionResult, JobProgram, SavepointHandle } from '../graph/launch.ts';
import { DEFAULT_SETTINGS, type ExecutionSettings } from '../graph/settings.ts';
import { operatorId, type StreamGraph } from '../graph/stream-graph.ts';
import { multisetDifference } from './simulation/multiset.ts';
import { SimulatedCluster, type SimulatedJob } from './simulated-cluster.ts';
import { createSimulation, type Simulation } from './simulated-world.ts';
import type { SimulatedDisk } from './simulation/storage.ts';

/** What goes wrong in a run: how often at most, each time as the seed decides. */
export interface SimulatedFaults {
  /** Crashes of TaskManagers. Default 3. */
  readonly crashes?: number;
  /** Crashes of the JobManager. Default 2. */
  readonly jobManagerCrashes?: number;
  /** Times that a TaskManager is cut off from the JobManager. Default 1. */
  readonly partitions?: number;
  /** Times that the disk is full for a while. Default 1. */
  readonly fullDisks?: number;
  /** Connections between two TaskManagers that are reset. Default 2. */
  readonly resets?: number;
  /** Savepoints that somebody takes while the job goes on. Default 2. */
  readonly savepoints?: number;
  /** Times that the job is stopped with a savepoint and started from it, with another parallelism. Default 1. */
  readonly stops?: number;
}

/** One run, when it is over. */
export interface SimulatedRun {
  readonly seed: number;
  readonly result: JobExecutionResult;
  /** What came out of each collecting sink, by its uid. */
  readonly collected: ReadonlyMap<string, readonly unknown[]>;
  /** The disk of the cluster, with what sinks left on it. */
  readonly disk: SimulatedDisk;
  /** What went wrong, in words. */
  readonly faults: readonly string[];
  /** How often the job was restarted, over all its starts. */
  readonly restarts: number;
  /** Equal whenever the same seed is run again. */
  readonly traceHash: string;
}

/** How often and in what circumstances a job is simulated, and what is checked. */
export interface SimulateOptions {
  /** The seeds to run, or how many, counted from 1. Default 100. */
  readonly seeds?: number | readonly number[];
  readonly faults?: SimulatedFaults;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Processes that the tasks are spread over; there is one more, to take the place of one that crashed. Default 2. */
  readonly taskManagers?: number;
  /** Puts the files there that the job reads. */
  readonly prepare?: (disk: SimulatedDisk) => void;
  /**
   * Throws when something is wrong with a run. `undisturbed` is a run of the same job without any fault. Default: the
   * same values were collected, as multisets.
   */
  readonly check?: (run: SimulatedRun, undisturbed: SimulatedRun) => void;
  /** Says how to run one seed again; stands in the error. */
  readonly replay?: (seed: number) => string;
  /** Hears of every run that is over and right. */
  readonly onRun?: (run: SimulatedRun) => void;
  /** Hears of every event of every run. */
  readonly trace?: (line: string) => void;
}

/** How much was simulated. */
export interface SimulationReport {
  readonly runs: number;
  /** Faults and restarts over all runs. */
  readonly faults: number;
  readonly restarts: number;
}

const SEEDS = 100;
const TASK_MANAGERS = 2;

/** TaskManagers beyond those that are needed, so that a job can restart before the crashed one is back. */
const SPARES = 1;
const FAULTS: Required<SimulatedFaults> = {
  crashes: 3,
  jobManagerCrashes: 2,
  partitions: 1,
  fullDisks: 1,
  resets: 2,
  savepoints: 2,
  stops: 1,
};

/** Where the checkpoints and savepoints of a run lie. */
const CHECKPOINTS = '/millstream/checkpoints';
const SAVEPOINTS = '/millstream/savepoints';

/** A TaskManager is cut off for at most so long: sometimes nobody notices, sometimes both ends do. */
const CUT_OFF_MS_MAX: Milliseconds = 3_000;

/** The disk is full for at most so long. */
const FULL_MS_MAX: Milliseconds = 100;

/** What a job that was stopped may go on with: its own parallelism, or one of these. */
const PARALLELISMS = [1, 2, 3];

/** Faults come within the time that the undisturbed run took, and a little later, for restarts make a run longer. */
const LATER = 1.2;

/** Restarts are soon, or nothing would be left to disturb, but not before a crashed TaskManager is back. */
const RESTART_DELAY_MS: Milliseconds = 60;

/** Far more than the faults of a run can cause: a job that needs more fails by itself. */
const RESTARTS_MAX = 100;
const CHECKPOINT_TIMEOUT_MS: Milliseconds = 10_000;

/** A run that makes no end by then, in virtual time, hangs. */
const RUN_MS_MAX: Milliseconds = 3_600_000;

/**
 * Runs a job in a simulated cluster, once per seed, and checks the result of every run.
 *
 * The seed decides everything that is left to chance in a real cluster: which process goes on next, how long messages
 * and disks take, when TaskManagers crash and connections break, how often checkpoints are taken, and which channels
 * connect the tasks. The job restarts from its checkpoints as it would in earnest. A job is right when none of this
 * shows in its result.
 *
 * What the job reaches of the outside must go through what its functions, sources and sinks are given; see
 * `simulated-world.ts` for what simulated code must not do. Slots run inline, so the job's module is not loaded again.
 *
 * @param program The job: the default export of its module.
 * @returns How much was run. Nothing is printed.
 * @throws SIMULATION_FAILED with the seed and the way to run it again, at the first run that fails or whose check does.
 *
 * @example
 * ```ts
 * import { job } from 'millstream';
 * import { simulate } from 'millstream/testing';
 *
 * const counts = job('counts', (env) => {
 *   env
 *     .fromSequence(1, 100)
 *     .keyBy((n) => n % 3)
 *     .reduce((a, b) => a + b)
 *     .collect('sums');
 * });
 * const { runs } = await simulate(counts, { seeds: 5 });
 * ```
 */
export async function simulate(program: JobProgram, options: SimulateOptions = {}): Promise<SimulationReport> {
  const seeds =
    typeof options.seeds === 'object'
      ? options.seeds
      : Array.from({ length: options.seeds ?? SEEDS }, (_, index) => index + 1);
  const undisturbed = await attempt(0, options, () => runOnce(program, 0, 0, options));
  let faults = 0;
  let restarts = 0;
  for (const seed of seeds) {
    const run = await attempt(seed, options, async () => {
      const done = await runOnce(program, seed, undisturbed.result.durationMs, options);
      (options.check ?? checkCollected)(done, undisturbed);
      return done;
    });
    faults += run.faults.length;
    restarts += run.restarts;
    options.onRun?.(run);
  }
  return { runs: seeds.length, faults, restarts };
}

async function attempt<T>(seed: number, options: SimulateOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const replay = options.replay?.(seed) ?? `simulate(job, { seeds: [${seed}] })`;
    const what = seed === 0 ? 'The run without faults failed' : `The run with seed ${seed} failed`;
    throw new MillstreamError('SIMULATION_FAILED', `${what}: ${describeThrown(error)}\nRun it again: ${replay}`, {
      cause: error,
      details: { seed },
    });
  }
}

/** One run. A seed of 0 disturbs nothing. */
async function runOnce(
  program: JobProgram,
  seed: number,
  durationMs: Milliseconds,
  options: SimulateOptions,
): Promise<SimulatedRun> {
  const simulation = createSimulation(seed, options.trace === undefined ? {} : { trace: options.trace });
  try {
    options.prepare?.(simulation.disk);
    const taskManagers = options.taskManagers ?? TASK_MANAGERS;
    const widest = program.build(options.parameters ?? {}, {
      ...settingsFor(simulation, seed),
      parallelism: Math.max(...PARALLELISMS),
    });
    const slots = Math.ceil(slotsNeeded(buildJobGraph(widest)) / taskManagers);
    const cluster = await SimulatedCluster.start(simulation, { taskManagers: taskManagers + SPARES, slots });
    const faults: string[] = [];
    const most = { ...FAULTS, ...options.faults };
    const stops = seed === 0 ? [] : planStops(simulation, durationMs, most.stops);
    const course = new Course(
      simulation,
      cluster,
      program,
      settingsFor(simulation, seed),
      options.parameters ?? {},
      faults,
    );
    if (seed !== 0) planFaults(simulation, cluster, course, durationMs, most, faults);
    const result = await simulation.settle(course.run(stops), { virtualMs: RUN_MS_MAX });
    return {
      seed,
      result,
      collected: course.collected,
      disk: simulation.disk,
      faults,
      restarts: course.restarts,
      traceHash: simulation.traceHash,
    };
  } finally {
    simulation.close();
  }
}

/** The course of a job: from its submission to its end, over stops and starts in between. */
class Course {
  readonly collected = new Map<string, unknown[]>();
  restarts = 0;
  #job: SimulatedJob | undefined;
  readonly #simulation: Simulation;
  readonly #cluster: SimulatedCluster;
  readonly #program: JobProgram;
  readonly #settings: Partial<ExecutionSettings>;
  readonly #parameters: Readonly<Record<string, unknown>>;
  readonly #faults: string[];

  constructor(
    simulation: Simulation,
    cluster: SimulatedCluster,
    program: JobProgram,
    settings: Partial<ExecutionSettings>,
    parameters: Readonly<Record<string, unknown>>,
    faults: string[],
  ) {
    this.#simulation = simulation;
    this.#cluster = cluster;
    this.#program = program;
    this.#settings = settings;
    this.#parameters = parameters;
    this.#faults = faults;
  }

  async run(stops: readonly PlannedStop[]): Promise<JobExecutionResult> {
    let savepoint: SavepointHandle | undefined;
    let parallelism: number | undefined;
    for (const stop of stops) {
      const { job, read } = await this.#start(savepoint, parallelism);
      const over = job.result().then(() => true);
      if (await Promise.race([over, this.#until(stop.at)])) return await this.#ended(job, read);
      try {
        savepoint = await job.stop();
      } catch {
        // It could not be stopped, because it was restarting or ending: then it simply goes on. Or it was, and the
        // JobManager crashed before it said so.
        const result = await this.#ended(job, read);
        if (result.savepoint === undefined) return result;
        savepoint = result.savepoint;
        parallelism = stop.parallelism;
        this.#faults.push(`stopped unheard, went on with parallelism ${parallelism}`);
        continue;
      }
      await this.#ended(job, read);
      parallelism = stop.parallelism;
      this.#faults.push(`stopped at ${this.#simulation.now.toFixed(3)} ms, went on with parallelism ${parallelism}`);
    }
    const { job, read } = await this.#start(savepoint, parallelism);
    return await this.#ended(job, read);
  }

  async #start(
    savepoint: SavepointHandle | undefined,
    parallelism: number | undefined,
  ): Promise<{ readonly job: SimulatedJob; readonly read: Promise<void> }> {
    const graph = this.#program.build(this.#parameters, {
      ...this.#settings,
      ...(parallelism === undefined ? {} : { parallelism }),
    });
    const job = await this.#cluster.submit(graph, this.#parameters, savepoint);
    this.#job = job;
    return { job, read: this.#read(job, graph) };
  }

  /** Takes a savepoint that nothing is started from. */
  takeSavepoint(): void {
    this.#job?.savepoint().then(
      () => this.#faults.push(`a savepoint was complete at ${this.#simulation.now.toFixed(3)} ms`),
      // Restarts and the end of the job come in between, which is no wrong.
      () => {},
    );
  }

  async #ended(job: SimulatedJob, read: Promise<void>): Promise<JobExecutionResult> {
    const result = await job.result();
    await read;
    this.restarts += result.restarts;
    return result;
  }

  /** Resolves with false at the given time. */
  #until(time: Milliseconds): Promise<false> {
    return new Promise((resolve) => void this.#simulation.after(time - this.#simulation.now, () => resolve(false)));
  }

  /** Reads every collecting sink to its end. */
  async #read(job: SimulatedJob, graph: StreamGraph): Promise<void> {
    const ids = graph.nodes.filter((node) => node.definition.kind === 'collect').map(operatorId);
    await Promise.all(
      ids.map(async (id) => {
        const values = this.collected.get(id) ?? [];
        this.collected.set(id, values);
        try {
          for await (const value of job.collected(id, graph.types)) values.push(value);
        } catch {
          // The job has failed, which its result tells.
        }
      }),
    );
  }
}

/** Settings that must make no difference to the result. */
function settingsFor(simulation: Simulation, seed: number): Partial<ExecutionSettings> {
  const random = simulation.random('settings');
  const pick = <T>(...choices: readonly T[]): T => choices[Math.floor(random.next() * choices.length)] as T;
  return {
    restart: seed === 0 ? { kind: 'none' } : { kind: 'fixed-delay', attempts: RESTARTS_MAX, delayMs: RESTART_DELAY_MS },
    checkpoint: {
      ...DEFAULT_SETTINGS.checkpoint,
      intervalMs: pick(1, 5, 20, 50),
      minPauseMs: pick(0, 0, 10),
      maxConcurrent: pick(1, 1, 3),
      timeoutMs: CHECKPOINT_TIMEOUT_MS,
      tolerableFailures: Number.MAX_SAFE_INTEGER,
      unaligned: pick(false, true),
      alignedTimeoutMs: pick(0, 0, 2, 20),
      directory: CHECKPOINTS,
      savepointDirectory: SAVEPOINTS,
      retained: pick(1, 2),
      inlineThresholdBytes: pick(0, 20 * 1024),
    },
    ...(seed === 0
      ? {}
      : {
          localChannels: pick('direct', 'bytes', 'network'),
          batchRows: pick(1, 7, 512),
          bufferTimeoutMs: pick(0, 5, 100),
        }),
  };
}

// Faults.

interface PlannedStop {
  readonly at: Milliseconds;
  readonly parallelism: number;
}

function planStops(simulation: Simulation, durationMs: Milliseconds, most: number): readonly PlannedStop[] {
  const random = simulation.random('stops');
  const stops = Array.from({ length: Math.floor(random.next() * (most + 1)) }, () => ({
    at: random.next() * durationMs,
    parallelism: pickOne(random, PARALLELISMS),
  }));
  return stops.toSorted((a, b) => a.at - b.at);
}

/** Plans what goes wrong; `happened` fills as it does. */
function planFaults(
  simulation: Simulation,
  cluster: SimulatedCluster,
  course: Course,
  durationMs: Milliseconds,
  faults: Required<SimulatedFaults>,
  happened: string[],
): void {
  const random = simulation.random('faults');
  const plan = (most: number, fault: () => string | undefined): void => {
    const count = Math.floor(random.next() * (most + 1));
    for (let i = 0; i < count; i++) {
      simulation.after(random.next() * durationMs * LATER, () => {
        const what = fault();
        if (what !== undefined) happened.push(`${what} at ${simulation.now.toFixed(3)} ms`);
      });
    }
  };
  plan(faults.crashes, () => {
    const victim = pickOne(random, cluster.taskManagers);
    return cluster.crash(victim) ? `${victim} crashed` : undefined;
  });
  plan(faults.jobManagerCrashes, () => (cluster.crashJobManager() ? 'the JobManager crashed' : undefined));
  plan(faults.partitions, () => {
    const victim = pickOne(random, cluster.taskManagers);
    const forMs = random.next() * CUT_OFF_MS_MAX;
    cluster.cutOff(victim, forMs);
    return `${victim} was cut off for ${forMs.toFixed(0)} ms`;
  });
  plan(faults.fullDisks, () => {
    const forMs = random.next() * FULL_MS_MAX;
    simulation.disk.freeBytes = 0;
    simulation.after(forMs, () => {
      simulation.disk.freeBytes = Infinity;
    });
    return `the disk was full for ${forMs.toFixed(0)} ms`;
  });
  plan(faults.resets, () => {
    const [a, b] = [pickOne(random, cluster.taskManagers), pickOne(random, cluster.taskManagers)];
    simulation.breakConnections(a, b);
    return `connections between ${a} and ${b} were reset`;
  });
  plan(faults.savepoints, () => {
    course.takeSavepoint();
    return undefined;
  });
}

function pickOne<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.next() * items.length)] as T;
}

// The check that is made when none is given.

function checkCollected(run: SimulatedRun, undisturbed: SimulatedRun): void {
  for (const [id, values] of run.collected) {
    const { missing, extra } = multisetDifference(undisturbed.collected.get(id) ?? [], values);
    if (missing.length === 0 && extra.length === 0) continue;
    throw new Error(
      `"${id}" collected other values than without faults: missing ${print(missing)}, extra ${print(extra)}. Faults: ${run.faults.join('; ') || 'none'}.`,
    );
  }
}

function print(values: readonly unknown[]): string {
  return inspect(values, { maxArrayLength: 10, breakLength: Infinity, depth: 5 });
}
