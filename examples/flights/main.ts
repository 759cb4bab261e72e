/**
 * `npm start`: runs the flights job on an embedded cluster with two worker threads, and shows it while it runs.
 *
 * Options: `--speed-up N` (how many times faster than in 2001; 0: as fast as it goes), `--plain` (lines instead of a
 * live view, which is also what a pipe gets).
 */

import { parseArgs } from 'node:util';
import { runJob } from 'millstream';
import type { DelayStatistics, Departure } from './job.ts';
import { View } from './view.ts';

/** The three months of the data pass in half a minute. */
const SPEED_UP = 260_000;

const { values } = parseArgs({
  options: { 'speed-up': { type: 'string', default: String(SPEED_UP) }, plain: { type: 'boolean', default: false } },
});
const speedUp = Number(values['speed-up']);
if (!Number.isFinite(speedUp) || speedUp < 0) {
  console.error(`--speed-up must be a number of at least 0, but is "${values['speed-up']}".`);
  process.exit(2);
}

const client = await runJob(new URL('./job.ts', import.meta.url), { parameters: { speedUp } });
process.once('SIGINT', () => void client.cancel());
const view = new View({
  live: process.stdout.isTTY && !values.plain,
  speedUp,
  write: (text) => void process.stdout.write(text),
});

async function readStatistics(): Promise<void> {
  for await (const row of client.collected<DelayStatistics>('statistics')) view.statistics(row);
}

async function readLate(): Promise<void> {
  for await (const departure of client.collected<Departure>('late')) view.late(departure);
}

const looking = setInterval(() => {
  client.metrics().then(
    (metrics) => view.show(metrics),
    () => {},
  );
}, view.intervalMs);

try {
  await Promise.all([readStatistics(), readLate()]);
  view.summary(await client.result());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  clearInterval(looking);
}
