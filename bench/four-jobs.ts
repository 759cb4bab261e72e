/**
 * Four different jobs in one process: each alone in threads of its own, then all in the same threads, where the engine
 * has met the records and functions of the others. The figure is what is left of the speed.
 */

import { LocalCluster } from 'millstream';
import { median, scaled, type Benchmark, type Figure, type Outcome, type Target } from './benchmark.ts';
import { jobModule, measure, runOnce, type Workload } from './throughput.ts';

const TARGET: Target = { measure: 'ratio', value: 0.7 };

const JOBS = [
  { job: 'map-sink', records: 60e6, parameters: {} },
  { job: 'map-rebalance-map-sink', records: 20e6, parameters: {} },
  { job: 'tuple-key-by', records: 20e6, parameters: { keys: 10, parallelism: 2 } },
  { job: 'tumbling-window', records: 15e6, parameters: { keys: 1_000, size: 10_000_000 } },
] as const;

const SLOTS = 2;

async function workloads(scale: number): Promise<readonly Workload[]> {
  return await Promise.all(
    JOBS.map(async ({ job, records, parameters }) => ({
      benchmark: 'fourJobs',
      module: await jobModule(job),
      parameters: { job, ...parameters, records: scaled(records, scale) },
      slots: SLOTS,
    })),
  );
}

/** All jobs take turns, as often as each is run alone. */
async function inTurns(all: readonly Workload[], runs: number): Promise<readonly Figure[]> {
  const expected = all.map(({ module, parameters }) => module.expected(parameters));
  const figures: Figure[][] = all.map(() => []);
  await using cluster = await LocalCluster.start({ slots: SLOTS });
  for (let run = 0; run <= runs; run++) {
    for (const [i, workload] of all.entries()) {
      const { figure } = await runOnce(cluster, workload, expected[i] as NonNullable<(typeof expected)[number]>);
      if (run > 0) figures[i]?.push(figure);
    }
  }
  return figures.map((ofJob) => median(ofJob, (figure) => figure.cpuSeconds ?? 0));
}

export const fourJobs: Benchmark = {
  name: 'fourJobs',
  run: async (extent) => {
    const all = await workloads(extent.scale);
    const alone: Figure[] = [];
    for (const workload of all) alone.push(await measure(workload, extent));
    const together = await inTurns(all, extent.runs);
    return together.map((figure, i): Outcome => {
      const before = alone[i]?.recordsPerCpuSecond ?? Number.NaN;
      return { figure: { ...figure, ratio: (figure.recordsPerCpuSecond ?? Number.NaN) / before }, target: TARGET };
    });
  },
};
