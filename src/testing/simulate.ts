/**
 * `simulate`: runs a whole job many times in a simulated cluster, each time from another seed and with other faults,
 * and checks that none of it can be told from the result.
 */

import { describeThrown, MillstreamError } from '../base/error.ts';
import type { Milliseconds } from '../base/world.ts';
import { slotDemands } from '../cluster/placement.ts';
import { buildJobGraph } from '../graph/job-graph.ts';
import type { JobProgram } from '../graph/launch.ts';
import type { StreamGraph } from '../graph/stream-graph.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { createSimulation, type Simulation, type SimulationOptions } from './simulated-world.ts';
import { checkOutputs } from './simulation/check-outputs.ts';
import { Course, PARALLELISMS, planInterruptions, type Interruption } from './simulation/course.ts';
import { DEFAULT_FAULTS, pickOne, planFaults } from './simulation/plan-faults.ts';
import type { SimulatedFaults, SimulatedRun } from './simulation/simulated-run.ts';
import { SeededRandom } from './simulation/random.ts';
import { runSettings } from './simulation/run-settings.ts';
import type { SimulatedDisk } from './simulation/storage.ts';

/** A run while it goes on, for invariants to look at. */
export interface SimulatedMoment {
  /** Virtual milliseconds since the beginning. */
  readonly now: Milliseconds;
  /** What has come out of each collecting sink so far, by its uid. */
  readonly collected: ReadonlyMap<string, readonly unknown[]>;
  readonly disk: SimulatedDisk;
}

/** How often and in what circumstances a job is simulated, and what is checked. */
export interface SimulateOptions {
  /** The seeds to run, or how many, counted from 1. Default 100. */
  readonly seeds?: number | readonly number[];
  readonly faults?: SimulatedFaults;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Processes that the tasks are spread over; there is one more, to take the place of one that crashed. Default 2 or 3. */
  readonly taskManagers?: number;
  /** Puts the files there that the job reads, and starts the servers that it talks to. */
  readonly prepare?: (disk: SimulatedDisk, simulation: Simulation) => void;
  /** What must hold all the time, by name: each throws when it does not. Looked at every five virtual milliseconds. */
  readonly invariants?: Readonly<Record<string, (moment: SimulatedMoment) => void>>;
  /**
   * Throws when something is wrong with a run that is over. `undisturbed` is a run of the same job without any fault.
   * Default: the same values were collected, and the same lines stand in the files that sinks have finished, each as
   * often.
   */
  readonly check?: (run: SimulatedRun, undisturbed: SimulatedRun) => void;
  /** Says how to run one seed again; stands in the error. */
  readonly replay?: (seed: number) => string;
  /** Hears of the run without faults, which comes first. */
  readonly onUndisturbed?: (run: SimulatedRun) => void;
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

/** Two have to run several tasks of the widest job each; with three every subtask is by itself. */
const TASK_MANAGERS = [2, 3];

/** TaskManagers beyond those that are needed, so that a job can restart before the crashed one is back. */
const SPARES = 1;

/** How long disk and network take: quick ones let a run have many checkpoints, slow ones let them overlap. */
type Pace = Required<Pick<SimulationOptions, 'storageDelayMs' | 'messageDelayMs'>>;
const QUICK: Pace = { storageDelayMs: [0.01, 0.3], messageDelayMs: [0.01, 0.5] };
const SLOW: Pace = { storageDelayMs: [0.01, 5], messageDelayMs: [0.01, 5] };
const PACES = [QUICK, QUICK, SLOW];

/** A run that makes no end by then, in virtual time, hangs. */
const RUN_MS_MAX: Milliseconds = 3_600_000;

/** Virtual milliseconds between two looks at the invariants. */
const LOOK_MS: Milliseconds = 5;

/** The most that a job may go on with. */
const WIDEST = Math.max(...PARALLELISMS);

/** The run without faults. */
const UNDISTURBED = 0;

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
 *     .map((n) => ({ key: n % 3, count: 1 }))
 *     .keyBy((one) => one.key)
 *     .reduce((a, b) => ({ key: a.key, count: a.count + b.count }))
 *     .collect('counts');
 * });
 * const { runs } = await simulate(counts, { seeds: 5 });
 * ```
 */
export async function simulate(program: JobProgram, options: SimulateOptions = {}): Promise<SimulationReport> {
  const seeds =
    typeof options.seeds === 'object'
      ? options.seeds
      : Array.from({ length: options.seeds ?? SEEDS }, (_, index) => index + 1);
  const undisturbed = await attempt(UNDISTURBED, options, () => runOnce(program, UNDISTURBED, undefined, options));
  options.onUndisturbed?.(undisturbed);
  let faults = 0;
  let restarts = 0;
  for (const seed of seeds) {
    const run = await attempt(seed, options, async () => {
      const done = await runOnce(program, seed, undisturbed, options);
      (options.check ?? checkOutputs)(done, undisturbed);
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
    const what = seed === UNDISTURBED ? 'The run without faults failed' : `The run with seed ${seed} failed`;
    throw new MillstreamError('SIMULATION_FAILED', `${what}: ${describeThrown(error)}\nRun it again: ${replay}`, {
      cause: error,
      details: { seed },
    });
  }
}

async function runOnce(
  program: JobProgram,
  seed: number,
  undisturbed: SimulatedRun | undefined,
  options: SimulateOptions,
): Promise<SimulatedRun> {
  const pace = undisturbed === undefined ? QUICK : pickOne(new SeededRandom(seed, 'pace'), PACES);
  const simulation = createSimulation(seed, {
    ...pace,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  });
  try {
    options.prepare?.(simulation.disk, simulation);
    const parameters = options.parameters ?? {};
    const settings = runSettings(simulation, seed, undisturbed?.result.durationMs);
    const cluster = await startCluster(
      simulation,
      program.build(parameters, { ...settings, parallelism: WIDEST }),
      options,
    );
    const faults: string[] = [];
    const course = new Course(simulation, cluster, program, settings, parameters, faults);
    const before = effectsOf(simulation, cluster);
    const interruptions: Interruption[] = [];
    if (undisturbed !== undefined) {
      const most = { ...DEFAULT_FAULTS, ...options.faults };
      const durationMs = undisturbed.result.durationMs;
      interruptions.push(...planInterruptions(simulation, durationMs, most.stops, most.cancels));
      planFaults(simulation, cluster, course, { durationMs, effects: undisturbed.effects }, most, faults);
    }
    const watching = watch(simulation, course, options.invariants ?? {});
    const result = await simulation.settle(Promise.race([course.run(interruptions), watching]), {
      virtualMs: RUN_MS_MAX,
    });
    return {
      seed,
      result,
      collected: course.collected,
      disk: simulation.disk,
      faults,
      restarts: course.restarts,
      effects: new Map([...effectsOf(simulation, cluster)].map(([name, all]) => [name, all - (before.get(name) ?? 0)])),
      traceHash: simulation.traceHash,
    };
  } finally {
    simulation.close();
  }
}

/** TaskManagers with room for the job at its widest. */
async function startCluster(
  simulation: Simulation,
  graph: StreamGraph,
  options: SimulateOptions,
): Promise<SimulatedCluster> {
  const taskManagers = options.taskManagers ?? pickOne(simulation.random('size'), TASK_MANAGERS);
  const slots = Math.ceil(slotDemands(buildJobGraph(graph)).length / taskManagers);
  return await SimulatedCluster.start(simulation, { taskManagers: taskManagers + SPARES, slots });
}

function effectsOf(simulation: Simulation, cluster: SimulatedCluster): ReadonlyMap<string, number> {
  return new Map(cluster.processes.map((name) => [name, simulation.effects(name)]));
}

/** Looks at the invariants while the simulation goes on. Rejects when one does not hold, and never resolves. */
function watch(
  simulation: Simulation,
  course: Course,
  invariants: Required<SimulateOptions>['invariants'],
): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const checks = Object.entries(invariants);
  const look = (): void => {
    const moment: SimulatedMoment = {
      now: simulation.now,
      collected: course.collectedSoFar(),
      disk: simulation.disk,
    };
    for (const [name, check] of checks) {
      try {
        check(moment);
      } catch (error) {
        reject(new Error(`at ${moment.now.toFixed(3)} ms "${name}" does not hold: ${describeThrown(error)}`));
        return;
      }
    }
    simulation.after(LOOK_MS, look);
  };
  if (checks.length > 0) look();
  return promise;
}
