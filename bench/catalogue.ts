/** All benchmarks, with their record shapes, sizes and targets. */

import { scaled, type Benchmark, type Outcome, type Parameters, type Target } from './benchmark.ts';
import { checkpoint } from './checkpoint.ts';
import { coldStart } from './cold-start.ts';
import { fourJobs } from './four-jobs.ts';
import { idle } from './idle.ts';
import { kafka } from './kafka.ts';
import { latency } from './latency.ts';
import { networkThroughput } from './network-throughput.ts';
import { rescale } from './rescale.ts';
import { recovery } from './recovery.ts';
import { scaling } from './scaling.ts';
import { soak } from './soak.ts';
import { state } from './state.ts';
import { jobModule, measure } from './throughput.ts';

interface Throughput {
  readonly name: string;
  /** File in `jobs/`, without its ending. */
  readonly job: string;
  readonly records: number;
  readonly parameters?: Parameters;
  readonly slots: number;
  /** Records per CPU-second. */
  readonly target?: number;
  readonly flink?: number;
}

/** A benchmark that counts the records of one job, in each of its variants. */
function throughput(given: Throughput, variants: readonly Parameters[] = [{}]): Benchmark {
  const target: Target | undefined =
    given.target === undefined
      ? undefined
      : {
          measure: 'recordsPerCpuSecond',
          value: given.target,
          ...(given.flink === undefined ? {} : { flink: given.flink }),
        };
  return {
    name: given.name,
    run: async (extent) => {
      const module = await jobModule(given.job);
      const outcomes: Outcome[] = [];
      for (const variant of variants) {
        const parameters = { ...given.parameters, ...variant, records: scaled(given.records, extent.scale) };
        const workload = { benchmark: given.name, module, parameters, slots: given.slots };
        const figure = await measure(workload, extent);
        outcomes.push(target === undefined ? { figure } : { figure, target });
      }
      return outcomes;
    },
  };
}

/** Half of the records of two subtasks cross. */
const TWO_SUBTASKS = { keys: 10, parallelism: 2 };

/** Half of the rows of two subtasks cross. */
const COLUMNAR_KEYS = { keys: 100_000, parallelism: 2 };

/** Ten thousand seconds, as in Flink's benchmarks; a record takes a millisecond of event time. */
const SIZE_MS = 10_000_000;

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
    parameters: TWO_SUBTASKS,
    slots: 2,
    target: 25e6,
    flink: 5.0e6,
  }),
  throughput({
    name: 'arrayKeyBy',
    job: 'array-key-by',
    records: 8e6,
    parameters: TWO_SUBTASKS,
    slots: 2,
    target: 4e6,
  }),
  throughput({
    name: 'tumblingWindow',
    job: 'tumbling-window',
    records: 20e6,
    parameters: { keys: 1_000, size: SIZE_MS },
    slots: 1,
    target: 11e6,
    flink: 2.2e6,
  }),
  throughput({
    name: 'tumblingWindowMillionKeys',
    job: 'tumbling-window',
    records: 6e6,
    parameters: { keys: 1_000_000, size: 2_000_000 },
    slots: 1,
    target: 1.2e6,
  }),
  throughput({
    name: 'slidingWindow',
    job: 'sliding-window',
    records: 10e6,
    parameters: { keys: 1_000, size: SIZE_MS, slide: SIZE_MS / 10 },
    slots: 1,
    target: 4e6,
  }),
  throughput({
    name: 'sessionWindow',
    job: 'session-window',
    records: 5e6,
    parameters: { keys: 1_000, gap: SIZE_MS / 20 },
    slots: 1,
    target: 3e6,
  }),
  throughput(
    {
      name: 'globalWindow',
      job: 'global-window',
      records: 20e6,
      parameters: { keys: 1_000 },
      slots: 1,
      target: 11e6,
    },
    [{ trigger: 'count' }, { trigger: 'end-of-stream' }],
  ),
  throughput({
    name: 'columnarKeyBy',
    job: 'columnar-key-by',
    records: 40e6,
    parameters: COLUMNAR_KEYS,
    slots: 2,
    target: 15e6,
  }),
  throughput(
    {
      name: 'columnarTumblingWindow',
      job: 'columnar-tumbling-window',
      records: 40e6,
      parameters: { size: 10_000_000 },
      slots: 2,
    },
    [{ keys: 1_000, parallelism: 1 }, { keys: 1_000, parallelism: 2 }, { ...COLUMNAR_KEYS }],
  ),
  networkThroughput,
  fourJobs,
  scaling,
  latency,
  checkpoint,
  rescale,
  state,
  kafka,
  recovery,
  coldStart,
  idle,
  soak,
];
