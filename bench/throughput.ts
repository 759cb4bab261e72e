/** Runs a job again and again on the same warm slots, checks each result, and takes the median of what it cost. */

import { LocalCluster, type OperatorMetrics, type RunOptions } from 'millstream';
import { WrongResult, median, type Extent, type Figure, type Parameters } from './benchmark.ts';
import type { Checksum } from './checksum-sink.ts';

/** A job module of the benchmarks, and what its sink must have seen. */
export interface JobModule {
  readonly url: URL;
  expected(parameters: Parameters): Checksum;
}

export interface Workload {
  readonly benchmark: string;
  readonly module: JobModule;
  readonly parameters: Parameters;
  readonly slots: number;
  readonly settings?: NonNullable<RunOptions['settings']>;
}

/** The module `jobs/NAME.ts`. */
export async function jobModule(name: string): Promise<JobModule> {
  const url = new URL(`./jobs/${name}.ts`, import.meta.url);
  const { expected } = (await import(url.href)) as Pick<JobModule, 'expected'>;
  return { url, expected };
}

/** One job on slots of its own: a run that warms up, then the measured ones. */
export async function measure(workload: Workload, extent: Extent): Promise<Figure> {
  const expected = workload.module.expected(workload.parameters);
  await using cluster = await LocalCluster.start({ slots: workload.slots });
  await runOnce(cluster, workload, expected);
  const figures: Figure[] = [];
  for (let run = 0; run < extent.runs; run++) figures.push((await runOnce(cluster, workload, expected)).figure);
  return median(figures, (figure) => figure.cpuSeconds ?? 0);
}

/** A run: its figure, and the metrics of the sink's subtasks, added up. */
interface Run {
  readonly figure: Figure;
  readonly sink: Readonly<Record<string, number>>;
}

/** @throws WrongResult when the sink saw something else than was expected. */
export async function runOnce(cluster: LocalCluster, workload: Workload, expected: Checksum): Promise<Run> {
  const { benchmark, parameters } = workload;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const client = await cluster.run(workload.module.url, { parameters, settings: workload.settings ?? {} });
  await client.result();
  const wallSeconds = (performance.now() - start) / 1_000;
  const used = process.cpuUsage(cpu);
  const cpuSeconds = (used.user + used.system) / 1e6;
  const { operators } = await client.metrics();
  const sink = sinkMetrics(operators, 'sink');
  assertEqual(sink, expected);
  const records = Number(parameters['records']);
  const bytesSent = total(operators.map((operator) => operator.values['bytesSent']));
  const figure = {
    benchmark,
    parameters,
    records,
    wallSeconds,
    cpuSeconds,
    recordsPerSecond: records / wallSeconds,
    recordsPerCpuSecond: records / cpuSeconds,
    ...(bytesSent > 0 ? { bytesSent } : {}),
  };
  return { figure, sink };
}

/** The metrics of one operator, added up over its subtasks. */
export function sinkMetrics(operators: readonly OperatorMetrics[], uid: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { operatorId, values } of operators) {
    if (operatorId !== uid) continue;
    for (const [name, value] of Object.entries(values)) sums[name] = (sums[name] ?? 0) + value;
  }
  return sums;
}

/** @throws WrongResult when they differ. */
export function assertEqual(sink: Readonly<Record<string, number>>, expected: Checksum): void {
  const checksum = (sink['checksum'] ?? 0) >>> 0;
  if (sink['records'] === expected.records && checksum === expected.checksum) return;
  throw new WrongResult(
    `The sink saw ${sink['records']} records with checksum ${checksum}; ` +
      `a plain loop gives ${expected.records} records with checksum ${expected.checksum}.`,
  );
}

function total(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
