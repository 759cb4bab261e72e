/** What a benchmark is, what it measures, and what that is held against. */

import type { MillstreamError } from 'millstream';

/** Parameters of a job, as its module takes them. */
export type Parameters = Readonly<Record<string, number | string>>;

/** One measurement: the line that `--json` prints. Only the fields that apply are there. */
export interface Figure {
  readonly benchmark: string;
  readonly parameters: Parameters;
  readonly records?: number;
  readonly wallSeconds?: number;
  /** User and system time of all threads of the process. */
  readonly cpuSeconds?: number;
  readonly recordsPerSecond?: number;
  readonly recordsPerCpuSecond?: number;
  /** Where a time is the figure. */
  readonly milliseconds?: number;
  readonly bytesSent?: number;
  /** Where a comparison is the figure. */
  readonly ratio?: number;
  /** The figure that has a target, its unit, and the target: for who reads lines of JSON alone. */
  readonly value?: number;
  readonly unit?: string;
  readonly target?: number;
  /** Memory of the process, code included, when the figure was taken. */
  readonly residentMegabytes?: number;
}

/** The field of a figure that its target speaks of. */
export type Measure = 'recordsPerCpuSecond' | 'recordsPerSecond' | 'milliseconds' | 'ratio';

export interface Target {
  readonly measure: Measure;
  /** The least that will do, or, for times and costs, the most. */
  readonly value: number;
  readonly atMost?: boolean;
  /** What Apache Flink 2.3.0 reaches on the reference machine, where it was measured. */
  readonly flink?: number;
}

export interface Outcome {
  readonly figure: Figure;
  readonly target?: Target;
}

/** How much of a benchmark is run. */
export interface Extent {
  /** 1 for a measurement. Tests run a thousandth: the same code, and figures that mean nothing. */
  readonly scale: number;
  /** Measured runs, of which the median counts. */
  readonly runs: number;
}

export interface Benchmark {
  readonly name: string;
  run(extent: Extent): Promise<readonly Outcome[]>;
}

/** What came out is not what an independent computation gives: there is no figure to tell. */
export class WrongResult extends Error {}

export type Failure = WrongResult | MillstreamError;

/** The middle one by a measure; the lower of the two middle ones where their number is even. */
export function median<T>(values: readonly T[], by: (value: T) => number): T {
  const sorted = values.toSorted((a, b) => by(a) - by(b));
  const middle = sorted[(sorted.length - 1) >> 1];
  if (middle === undefined) throw new Error('There is no median of nothing.');
  return middle;
}

/** A share of a number of records that tests can wait for, and that all ways through a job still see. */
export function scaled(records: number, scale: number, least = 2_000): number {
  return Math.max(Math.round(records * scale), Math.min(records, least));
}
