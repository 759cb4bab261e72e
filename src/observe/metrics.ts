/** Metrics as operators and user functions see them. Values are read by reporters; writing one is a field store. */

export interface Counter {
  count: number;
  inc(by?: number): void;
}

/** Counts events; reporters make a rate of it. */
export interface Meter {
  mark(events?: number): void;
  readonly count: number;
}

/** A distribution of the last values, for quantiles. */
export interface Histogram {
  update(value: number): void;
  readonly count: number;
  quantile(q: number): number;
}

/** Where an operator, a connector or a user function registers its metrics. */
export interface MetricGroup {
  counter(name: string): Counter;
  /** `read` is called when somebody looks. */
  gauge(name: string, read: () => number): void;
  meter(name: string): Meter;
  histogram(name: string): Histogram;
  /** A subgroup, whose metrics carry `name` in their path. */
  group(name: string): MetricGroup;
}

/** Metrics of one operator instance at one moment, as plain data. */
export type MetricSnapshot = Readonly<Record<string, number>>;
