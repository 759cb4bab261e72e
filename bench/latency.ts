/** How long a lone record takes from a source on one thread to a sink on another. */

import { LocalCluster } from 'millstream';
import { median, scaled, type Benchmark } from './benchmark.ts';
import { jobModule, runOnce, type Workload } from './throughput.ts';

/** Records are far apart: none ever waits for another, and both threads have gone to sleep. */
const RECORDS_PER_SECOND = 250;
const RECORDS = 2_500;
const RECORDS_LEAST = 50;

export const latency: Benchmark = {
  name: 'latency',
  run: async ({ scale, runs }) => {
    const module = await jobModule('latency');
    const parameters = { records: scaled(RECORDS, scale, RECORDS_LEAST), recordsPerSecond: RECORDS_PER_SECOND };
    const workload: Workload = { benchmark: 'latency', module, parameters, slots: 2 };
    const expected = module.expected(parameters);
    const quantiles: { readonly p50: number; readonly p99: number }[] = [];
    await using cluster = await LocalCluster.start({ slots: 2 });
    for (let run = 0; run <= runs; run++) {
      const { sink } = await runOnce(cluster, workload, expected);
      if (run > 0) quantiles.push({ p50: sink['p50'] ?? Number.NaN, p99: sink['p99'] ?? Number.NaN });
    }
    const { p50, p99 } = median(quantiles, (each) => each.p99);
    const { records } = parameters;
    const about = { benchmark: 'latency', records };
    return [
      { figure: { ...about, parameters: { ...parameters, quantile: 'p50' }, milliseconds: p50 } },
      {
        figure: { ...about, parameters: { ...parameters, quantile: 'p99' }, milliseconds: p99 },
        target: { measure: 'milliseconds', value: 0.3, atMost: true },
      },
    ];
  },
};
