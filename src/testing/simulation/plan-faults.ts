/** What goes wrong in a simulated run, and when: the seed decides both, within what is wanted at most. */

import type { Milliseconds, Random } from '../../base/world.ts';
import type { SimulatedFaults } from './simulated-run.ts';
import type { SimulatedCluster } from '../simulated-cluster.ts';
import type { Simulation } from '../simulated-world.ts';
import type { CrashMoment } from './effects.ts';

export const DEFAULT_FAULTS: Required<SimulatedFaults> = {
  crashes: 2,
  effectCrashes: 2,
  jobManagerCrashes: 1,
  hangs: 1,
  slowdowns: 1,
  partitions: 1,
  fullDisks: 2,
  resets: 2,
  savepoints: 2,
  stops: 1,
  cancels: 1,
};

/** A TaskManager is cut off for at most so long: sometimes nobody notices, sometimes both ends do. */
const CUT_OFF_MS_MAX: Milliseconds = 3_000;

/** The same for a process that is stopped. */
const HUNG_MS_MAX: Milliseconds = 3_000;

/** A process is slow for at most so long, and its turns wait up to so many times longer. */
const SLOW_MS_MAX: Milliseconds = 300;
const SLOWNESS_MAX = 200;

/** How often it is the JobManager that hangs or is slow. */
const JOB_MANAGER_SHARE = 0.3;

/** The disk is full for at most so long. */
const FULL_MS_MAX: Milliseconds = 100;

/** Faults come within the time that the undisturbed run took, and a little later, for restarts make a run longer. */
const LATER = 1.2;

/** The golden ratio: its multiples modulo 1 leave no gap for long, so successive seeds crash all over a run. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Effects of the undisturbed run times this: restarts, and channels between processes, bring many more. */
const REACHES = [1, 1.2, 10];

const MOMENTS: readonly CrashMoment[] = ['before', 'half', 'after'];

/** How long the undisturbed run took, and what each process did in it. */
export interface Extent {
  readonly durationMs: Milliseconds;
  readonly effects: ReadonlyMap<string, number>;
}

/** Plans what goes wrong; `happened` fills as it does. */
export function planFaults(
  simulation: Simulation,
  cluster: SimulatedCluster,
  course: { takeSavepoint(): void },
  { durationMs, effects }: Extent,
  faults: Required<SimulatedFaults>,
  happened: string[],
): void {
  const random = simulation.random('faults');
  const note = (what: string): void => void happened.push(`${what} at ${simulation.now.toFixed(3)} ms`);
  const counted = (most: number): number => Math.floor(random.next() * (most + 1));
  const plan = (most: number, fault: () => string | undefined): void => {
    const count = counted(most);
    for (let i = 0; i < count; i++) {
      simulation.after(random.next() * durationMs * LATER, () => {
        const what = fault();
        if (what !== undefined) note(what);
      });
    }
  };
  const busy = (): string => pickBusy(random, simulation, cluster);
  plan(faults.crashes, () => {
    const victim = busy();
    return cluster.crash(victim) ? `${victim} crashed` : undefined;
  });
  plan(faults.jobManagerCrashes, () => (cluster.crash(cluster.jobManager) ? 'the JobManager crashed' : undefined));
  const crashes = counted(faults.effectCrashes);
  for (let i = 0; i < crashes; i++) {
    const victim = pickOne(random, cluster.processes);
    const moment = pickOne(random, MOMENTS);
    // Which of the TaskManagers does most is another matter in every run.
    const most = victim === cluster.jobManager ? [victim] : cluster.taskManagers;
    const within = Math.max(...most.map((name) => effects.get(name) ?? 0)) * pickOne(random, REACHES);
    const effect = 1 + Math.floor((((simulation.seed + i / 2) * GOLDEN) % 1) * within);
    cluster.crashAtEffect(victim, effect, moment, () => note(`${victim} crashed ${moment} effect ${effect}`));
  }
  plan(faults.hangs, () => {
    const victim = random.next() < JOB_MANAGER_SHARE ? cluster.jobManager : busy();
    const forMs = random.next() * HUNG_MS_MAX;
    return cluster.hang(victim, forMs) ? `${victim} hung for ${forMs.toFixed(0)} ms` : undefined;
  });
  plan(faults.slowdowns, () => {
    const victim = random.next() < JOB_MANAGER_SHARE ? cluster.jobManager : busy();
    const factor = 1 + random.next() * (SLOWNESS_MAX - 1);
    const forMs = random.next() * SLOW_MS_MAX;
    simulation.slowDown(victim, factor);
    simulation.after(forMs, () => simulation.slowDown(victim, 1));
    return `${victim} was slow for ${forMs.toFixed(0)} ms`;
  });
  plan(faults.partitions, () => {
    const victim = busy();
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
    const [a, b] = [busy(), pickOne(random, cluster.taskManagers)];
    simulation.breakConnections(a, b);
    return `connections between ${a} and ${b} were reset`;
  });
  plan(faults.savepoints, () => {
    course.takeSavepoint();
    return undefined;
  });
}

/** A TaskManager, rather one that has done much: others have no tasks. */
function pickBusy(random: Random, simulation: Simulation, cluster: SimulatedCluster): string {
  const [a, b] = [pickOne(random, cluster.taskManagers), pickOne(random, cluster.taskManagers)];
  return simulation.effects(a) >= simulation.effects(b) ? a : b;
}

export function pickOne<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.next() * items.length)] as T;
}
