/**
 * Lone records from one thread to another. The sink keeps how long each took and shows the quantiles as metrics.
 * Parameters: records, recordsPerSecond.
 */

import { hrtime } from 'node:process';
import { job, type Sink, type SinkWriter, type WriterContext } from 'millstream';
import { ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import type { Parameters } from '../benchmark.ts';

interface Stamped {
  readonly index: number;
  /** Nanoseconds of the clock that all threads of the process share. */
  readonly sent: number;
}

const now = (): number => Number(hrtime.bigint());

export default job('latency', (env, parameters) => {
  env
    .fromGenerator((index): Stamped => ({ index, sent: now() }), {
      count: Number(parameters['records']),
      recordsPerSecond: Number(parameters['recordsPerSecond']),
    })
    .slotSharingGroup('source')
    .rebalance()
    .sinkTo(latencySink(Number(parameters['records'])))
    .slotSharingGroup('sink')
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const sum = new ExpectedChecksum();
  for (let i = 0; i < Number(parameters['records']); i++) sum.add(i);
  return sum;
}

function latencySink(records: number): Sink<Stamped, never, never> {
  return {
    name: 'latency',
    guarantee: 'at-most-once',
    createWriter: (context) => new LatencyWriter(records, context),
  };
}

class LatencyWriter implements SinkWriter<Stamped> {
  readonly #nanoseconds: Float64Array;
  #records = 0;
  #checksum = 0;

  constructor(records: number, { metrics }: WriterContext) {
    this.#nanoseconds = new Float64Array(records);
    metrics.gauge('records', () => this.#records);
    metrics.gauge('checksum', () => this.#checksum >>> 0);
    metrics.gauge('p50', () => this.#quantile(0.5));
    metrics.gauge('p99', () => this.#quantile(0.99));
  }

  write({ index, sent }: Stamped): void {
    this.#nanoseconds[this.#records++] = now() - sent;
    this.#checksum = (this.#checksum + index) | 0;
  }

  /** In milliseconds. */
  #quantile(q: number): number {
    // The first quarter meets cold code.
    const sorted = this.#nanoseconds.slice(this.#records >> 2, this.#records).sort();
    return (sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN) / 1e6;
  }

  flush(): void {}

  close(): void {}
}
