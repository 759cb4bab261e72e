/** Two slots against one: the same records, by the wall clock. */

import { scaled, type Benchmark, type Outcome } from './benchmark.ts';
import { jobModule, measure } from './throughput.ts';

const JOBS = [
  { job: 'map-sink', records: 600e6, parameters: {}, least: 1.8 },
  { job: 'columnar-key-by', records: 100e6, parameters: { keys: 100_000 }, least: 1.4 },
  { job: 'tumbling-window', records: 20e6, parameters: { keys: 1_000, size: 10_000_000 }, least: 1.25 },
] as const;

export const scaling: Benchmark = {
  name: 'scaling',
  run: async (extent) => {
    const outcomes: Outcome[] = [];
    for (const { job, records, parameters: own, least } of JOBS) {
      const module = await jobModule(job);
      const of = (parallelism: number) =>
        measure(
          {
            benchmark: 'scaling',
            module,
            parameters: { job, ...own, parallelism, records: scaled(records, extent.scale) },
            slots: parallelism,
          },
          extent,
        );
      const one = await of(1);
      const two = await of(2);
      const ratio = (two.recordsPerSecond ?? Number.NaN) / (one.recordsPerSecond ?? Number.NaN);
      outcomes.push({ figure: one }, { figure: { ...two, ratio }, target: { measure: 'ratio', value: least } });
    }
    return outcomes;
  },
};
