/** What a job costs that has nothing to do. */

import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCluster } from 'millstream';
import { WrongResult, type Benchmark } from './benchmark.ts';

const SECONDS = 60;
const SETTLE_SECONDS = 2;

/** Half a percent of a core. */
const MILLISECONDS_PER_MINUTE_MAX = 300;

/** Flink's JobManager and TaskManager, with a job of one record per second. */
const FLINK_MILLISECONDS_PER_MINUTE = 900;

export const idle: Benchmark = {
  name: 'idle',
  run: async ({ scale }) => {
    await using cluster = await LocalCluster.start({ slots: 2 });
    const client = await cluster.run(new URL('./jobs/idle.ts', import.meta.url));
    await sleep(SETTLE_SECONDS * 1_000 * Math.max(scale, 0.1));
    const cpu = process.cpuUsage();
    const start = performance.now();
    await sleep(SECONDS * 1_000 * Math.max(scale, 0.002));
    const used = process.cpuUsage(cpu);
    const wallSeconds = (performance.now() - start) / 1_000;
    const { operators } = await client.metrics();
    await client.cancel();
    const seen = operators.filter(({ operatorId }) => operatorId === 'sink');
    const records = seen.reduce((sum, { values }) => sum + (values['records'] ?? 0), 0);
    if (records !== 2) throw new WrongResult(`The sinks of the idle job saw ${records} records instead of 2.`);
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
