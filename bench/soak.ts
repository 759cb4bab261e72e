/**
 * A day of event time at a thousand times its speed: memory must not grow, and neither state nor timers may be left at
 * the end. What is left is read from the metrics `stateKeys` and `numTimers` of the four operators.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCluster } from 'millstream';
import { median, scaled, WrongResult, type Benchmark, type Parameters } from './benchmark.ts';
import { BRANCHES, expected } from './jobs/soak.ts';
import { sinkMetrics } from './throughput.ts';

const SPEED = 1_000;
const DAY_MS = 86_400_000;
const RECORDS_PER_SECOND = 20_000;
const TTL_MS = 2_000;
const TTL_LEAST_MS = 200;
const SAMPLE_MS = 100;

/** A bound on the slot's heap: what leaks does not hide behind a collector that has no reason to work. */
const SLOT_HEAP_MB = 128;

/** Resident memory over the run, divided into quarters. */
class MemoryWatch {
  readonly #samples: number[] = [];
  #over = false;

  async sample(): Promise<void> {
    while (!this.#over) {
      this.#samples.push(process.memoryUsage.rss());
      await sleep(SAMPLE_MS);
    }
  }

  stop(): void {
    this.#over = true;
  }

  /** The median of a quarter, from 0 to 3. */
  quarter(number: number): number {
    const size = this.#samples.length / 4;
    const from = Math.floor(number * size);
    return median(this.#samples.slice(from, Math.max(from + 1, Math.floor((number + 1) * size))), (bytes) => bytes);
  }
}

function parametersOf(scale: number): Parameters {
  const records = scaled(((DAY_MS / SPEED) * RECORDS_PER_SECOND) / 1_000, scale);
  const ttlMs = Math.max(TTL_LEAST_MS, Math.round(TTL_MS * Math.min(1, scale)));
  return {
    records,
    tail: Math.round(((2 * ttlMs) / 1_000) * RECORDS_PER_SECOND),
    recordsPerSecond: RECORDS_PER_SECOND,
    stepMs: (SPEED * 1_000) / RECORDS_PER_SECOND,
    ttlMs,
    slotHeapMegabytes: SLOT_HEAP_MB,
  };
}

export const soak: Benchmark = {
  name: 'soak',
  run: async ({ scale }) => {
    const parameters = parametersOf(scale);
    await using cluster = await LocalCluster.start({ slots: 1, slotHeapMegabytes: SLOT_HEAP_MB });
    const memory = new MemoryWatch();
    const watching = memory.sample();
    const cpu = process.cpuUsage();
    const start = performance.now();
    const client = await cluster.run(new URL('./jobs/soak.ts', import.meta.url), { parameters });
    await client.result();
    const wallSeconds = (performance.now() - start) / 1_000;
    const used = process.cpuUsage(cpu);
    memory.stop();
    await watching;
    const { operators } = await client.metrics();
    const sums = expected(parameters);
    for (const branch of BRANCHES) {
      const { checksum = Number.NaN } = sinkMetrics(operators, `${branch}-sink`);
      if (checksum !== sums[branch]) {
        throw new WrongResult(`The ${branch} branch gave checksum ${checksum}; a plain loop gives ${sums[branch]}.`);
      }
    }
    for (const branch of BRANCHES) {
      const { stateKeys, numTimers } = sinkMetrics(operators, branch);
      if (stateKeys !== 0 || numTimers !== 0)
        throw new WrongResult(`The ${branch} branch has state for ${stateKeys} keys and ${numTimers} timers left.`);
    }
    const cpuSeconds = (used.user + used.system) / 1e6;
    const records = Number(parameters['records']) + Number(parameters['tail']);
    return [
      {
        figure: {
          benchmark: 'soak',
          parameters,
          records,
          wallSeconds,
          cpuSeconds,
          recordsPerSecond: records / wallSeconds,
          recordsPerCpuSecond: records / cpuSeconds,
          ratio: memory.quarter(3) / memory.quarter(1),
        },
        target: { measure: 'ratio', value: 1.1, atMost: true },
      },
    ];
  },
};
