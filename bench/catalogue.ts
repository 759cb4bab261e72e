/** All benchmarks, with their record shapes, sizes and targets. */

import { scaled, type Benchmark, type Parameters, type Target } from './benchmark.ts';
import { jobModule, measure } from './throughput.ts';

interface Throughput {
  readonly name: string;
  /** File in `jobs/`, without its ending. */
  readonly job: string;
  readonly records: number;
  readonly parameters?: Parameters;
  readonly slots: number;
  /** Records per CPU-second. */
  readonly target: number;
  readonly flink?: number;
}

/** A benchmark that counts the records of one job. */
function throughput(given: Throughput): Benchmark {
  const target: Target = {
    measure: 'recordsPerCpuSecond',
    value: given.target,
    ...(given.flink === undefined ? {} : { flink: given.flink }),
  };
  return {
    name: given.name,
    run: async (extent) => {
      const module = await jobModule(given.job);
      const parameters = { ...given.parameters, records: scaled(given.records, extent.scale) };
      return [{ figure: await measure({ benchmark: given.name, module, parameters, slots: given.slots }, extent), target }];
    },
  };
}

export const BENCHMARKS: readonly Benchmark[] = [
  throughput({ name: 'mapSink', job: 'map-sink', records: 60e6, slots: 1, target: 34e6, flink: 6.8e6 }),
  throughput({
    name: 'mapRebalanceMapSink',
    job: 'map-rebalance-map-sink',
    records: 30e6,
    slots: 2,
    target: 21e6,
    flink: 4.2e6,
  }),
  throughput({
    name: 'tupleKeyBy',
    job: 'tuple-key-by',
    records: 30e6,
    parameters: { keys: 10, parallelism: 2 },
    slots: 2,
    target: 25e6,
    flink: 5.0e6,
  }),
];
