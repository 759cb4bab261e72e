/**
 * What an access of keyed state costs: a read, a change and a write of the value of a key, through a whole job on one
 * slot, 500 thousand keys. Figures are records by second of processor time. The memory budget of state that does not
 * fit is a tenth of what the state takes on disk; what was written lies in the page cache of the system.
 */

import { LocalCluster } from 'millstream';
import { median, scaled, type Benchmark, type Extent, type Outcome, type Parameters } from './benchmark.ts';
import { jobModule, runOnce, type Workload } from './throughput.ts';

const KEYS = 500_000;

/** About what a value of 224 bytes takes in the log with its key. */
const RECORD_BYTES = 272;
const MEGABYTE = 1024 * 1024;
const TENTH_MEGABYTES = Math.round((KEYS * RECORD_BYTES) / 10 / MEGABYTE);

interface Variant {
  readonly variant: string;
  readonly job: string;
  readonly records: number;
  readonly target: number;
  readonly parameters: Parameters;
  readonly memoryMegabytes?: number;
}

const VARIANTS: readonly Variant[] = [
  {
    variant: 'memory, columns',
    job: 'columnar-key-by',
    records: 20e6,
    target: 10e6,
    parameters: { parallelism: 1 },
  },
  {
    variant: 'memory, int keys',
    job: 'value-state',
    records: 10e6,
    target: 4e6,
    parameters: { key: 'int', order: 'uniform', bytes: 0 },
  },
  {
    variant: 'memory, text keys',
    job: 'value-state',
    records: 5e6,
    target: 1.2e6,
    parameters: { key: 'text', order: 'uniform', bytes: 0 },
  },
  {
    variant: 'disk, fits',
    job: 'value-state',
    records: 10e6,
    target: 2e6,
    parameters: { key: 'int', order: 'uniform', bytes: 0 },
    memoryMegabytes: 512,
  },
  {
    variant: 'disk, 10x, uniform',
    job: 'value-state',
    records: 3e6,
    target: 0.3e6,
    parameters: { key: 'int', order: 'uniform', bytes: 224 },
    memoryMegabytes: TENTH_MEGABYTES,
  },
  {
    variant: 'disk, 10x, zipf 0.99',
    job: 'value-state',
    records: 5e6,
    target: 1e6,
    parameters: { key: 'int', order: 'zipf', bytes: 224 },
    memoryMegabytes: TENTH_MEGABYTES,
  },
];

export const state: Benchmark = {
  name: 'state',
  run: async (extent) => {
    const outcomes: Outcome[] = [];
    for (const variant of VARIANTS) outcomes.push(await measured(variant, extent));
    return outcomes;
  },
};

async function measured(given: Variant, extent: Extent): Promise<Outcome> {
  const { variant, memoryMegabytes, target } = given;
  const keys = scaled(KEYS, extent.scale);
  const parameters = { ...given.parameters, keys, records: scaled(given.records, extent.scale) };
  const module = await jobModule(given.job);
  const workload: Workload = {
    benchmark: 'state',
    module,
    parameters,
    slots: 1,
    settings: memoryMegabytes === undefined ? {} : { stateBackend: 'disk', stateMemoryMegabytes: memoryMegabytes },
  };
  const expected = module.expected(parameters);
  await using cluster = await LocalCluster.start({ slots: 1 });
  await runOnce(cluster, workload, expected);
  const figures = [];
  for (let run = 0; run < extent.runs; run++) figures.push((await runOnce(cluster, workload, expected)).figure);
  const figure = median(figures, ({ cpuSeconds }) => cpuSeconds ?? 0);
  return {
    figure: {
      ...figure,
      parameters: { variant, ...parameters, ...(memoryMegabytes === undefined ? {} : { memoryMegabytes }) },
      value: figure.recordsPerCpuSecond ?? 0,
      unit: 'read-modify-writes per CPU-second',
      target,
      residentMegabytes: Math.round(process.memoryUsage.rss() / MEGABYTE),
    },
    target: { measure: 'recordsPerCpuSecond', value: target },
  };
}
