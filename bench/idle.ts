/** What a job costs that has nothing to do. */

import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCluster, type JobClient } from 'millstream';
import { WrongResult, type Benchmark } from './benchmark.ts';
import { sinkMetrics } from './throughput.ts';

const SECONDS = 60;
const SETTLE_MS = 2_000;

/** How long the first records may take. */
const FIRST_RECORDS_MS_MAX = 30_000;
const POLL_MS = 50;

/** Half a percent of a core. */
const MILLISECONDS_PER_MINUTE_MAX = 300;

/** Flink's JobManager and TaskManager, with a job of one record per second. */
const FLINK_MILLISECONDS_PER_MINUTE = 900;

/** Resolves when both sources have said all they had to say. */
async function settled(client: JobClient): Promise<void> {
  for (let waited = 0; waited < FIRST_RECORDS_MS_MAX; waited += POLL_MS) {
    await sleep(POLL_MS);
    if ((await client.status()) !== 'running') continue;
    const { operators } = await client.metrics();
    if (sinkMetrics(operators, 'sink')['records'] === 2) return;
  }
  throw new WrongResult('The sinks of the idle job did not see its two records.');
}

export const idle: Benchmark = {
  name: 'idle',
  run: async ({ scale }) => {
    await using cluster = await LocalCluster.start({ slots: 2 });
    const client = await cluster.run(new URL('./jobs/idle.ts', import.meta.url));
    await settled(client);
    await sleep(SETTLE_MS * Math.max(scale, 0.1));
    const cpu = process.cpuUsage();
    const start = performance.now();
    await sleep(SECONDS * 1_000 * Math.max(scale, 0.002));
    const used = process.cpuUsage(cpu);
    const wallSeconds = (performance.now() - start) / 1_000;
    await client.cancel();
    const cpuSeconds = (used.user + used.system) / 1e6;
    return [
      {
        figure: {
          benchmark: 'idle',
          parameters: { slots: 2, watermarkIntervalMs: 200, perSeconds: SECONDS },
          wallSeconds,
          cpuSeconds,
          milliseconds: (cpuSeconds * 1_000 * SECONDS) / wallSeconds,
        },
        target: {
          measure: 'milliseconds',
          value: MILLISECONDS_PER_MINUTE_MAX,
          atMost: true,
          flink: FLINK_MILLISECONDS_PER_MINUTE,
        },
      },
    ];
  },
};
