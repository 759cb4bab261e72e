/** The metrics of one operator instance: plain fields, read when somebody looks. */

import type { Counter, Histogram, Meter, MetricGroup, MetricSnapshot } from '../observe/metrics.ts';

/** Values that a histogram keeps: enough for a steady 99.9th percentile. */
const HISTOGRAM_VALUES = 1024;

class SimpleCounter implements Counter, Meter {
  count = 0;

  inc(by = 1): void {
    this.count += by;
  }

  mark(events = 1): void {
    this.count += events;
  }
}

/** Keeps the last values in a ring, as Flink's DescriptiveStatisticsHistogram does. */
class RecentHistogram implements Histogram {
  count = 0;
  readonly #values = new Float64Array(HISTOGRAM_VALUES);

  update(value: number): void {
    this.#values[this.count++ % HISTOGRAM_VALUES] = value;
  }

  quantile(q: number): number {
    const seen = Math.min(this.count, HISTOGRAM_VALUES);
    if (seen === 0) return Number.NaN;
    const sorted = this.#values.slice(0, seen).sort();
    return sorted[Math.min(seen - 1, Math.floor(q * seen))] as number;
  }
}

const QUANTILES: readonly (readonly [string, number])[] = [
  ['p50', 0.5],
  ['p95', 0.95],
  ['p99', 0.99],
];

export class OperatorMetricGroup implements MetricGroup {
  readonly #prefix: string;
  readonly #readers: Map<string, () => number>;
  readonly #counters: Map<string, SimpleCounter>;
  readonly #histograms: Map<string, RecentHistogram>;

  constructor(prefix = '', parent?: OperatorMetricGroup) {
    this.#prefix = prefix;
    this.#readers = parent === undefined ? new Map() : parent.#readers;
    this.#counters = parent === undefined ? new Map() : parent.#counters;
    this.#histograms = parent === undefined ? new Map() : parent.#histograms;
  }

  counter(name: string): Counter {
    return this.#counting(name);
  }

  meter(name: string): Meter {
    return this.#counting(name);
  }

  #counting(name: string): SimpleCounter {
    const path = this.#prefix + name;
    let counter = this.#counters.get(path);
    if (counter === undefined) this.#counters.set(path, (counter = new SimpleCounter()));
    return counter;
  }

  gauge(name: string, read: () => number): void {
    this.#readers.set(this.#prefix + name, read);
  }

  histogram(name: string): Histogram {
    const path = this.#prefix + name;
    let histogram = this.#histograms.get(path);
    if (histogram === undefined) this.#histograms.set(path, (histogram = new RecentHistogram()));
    return histogram;
  }

  group(name: string): MetricGroup {
    return new OperatorMetricGroup(`${this.#prefix}${name}.`, this);
  }

  snapshot(): MetricSnapshot {
    const values: Record<string, number> = {};
    for (const [path, counter] of this.#counters) values[path] = counter.count;
    for (const [path, read] of this.#readers) values[path] = read();
    for (const [path, histogram] of this.#histograms) {
      values[`${path}.count`] = histogram.count;
      for (const [name, q] of QUANTILES) values[`${path}.${name}`] = histogram.quantile(q);
    }
    return values;
  }
}
