/** The main job against a naive computation over the same files. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runJob } from 'millstream';
import type { DelayStatistics, Departure } from '../../examples/flights/job.ts';
import { naiveTotals, type Totals } from '../../examples/flights/naive.ts';
import { runExample } from './run-example.ts';

const JOB = new URL('../../examples/flights/job.ts', import.meta.url);

async function totals(parallelism: number): Promise<Totals> {
  const client = await runJob(JOB, { parameters: { speedUp: 0, parallelism } });
  const statistics = async (): Promise<Omit<Totals, 'late'>> => {
    let [windows, departures, delay] = [0, 0, 0];
    for await (const row of client.collected<DelayStatistics>('statistics')) {
      windows++;
      departures += row.departures;
      delay += row.meanDelay * row.departures;
    }
    // The sum of the delays is whole; the means through which it came are rounded.
    return { windows, departures, delay: Math.round(delay) };
  };
  const [sums, late] = await Promise.all([statistics(), Array.fromAsync(client.collected<Departure>('late'))]);
  await client.result();
  return { ...sums, late: late.length };
}

const expected = naiveTotals();

for (const parallelism of [1, 2]) {
  test(`the flights job comes to the naive totals at parallelism ${parallelism}`, async () => {
    assert.deepEqual(await totals(parallelism), expected);
  });
}

test('the flights example ends with a summary of the same totals', async () => {
  const lines = await runExample('flights/main.ts', '--plain', '--speed-up', '0');
  assert.match(lines[0] ?? '', /^Replaying 20000 US flights .* as fast as it goes/);
  const done = lines.findIndex((line) => line.startsWith('Done: '));
  const [, windows, late] =
    /^Done: 20000 flights in .*; (\d+) windows .*; (\d+) departures came too late/.exec(lines[done] ?? '') ?? [];
  assert.deepEqual(
    { windows: Number(windows), late: Number(late) },
    { windows: expected.windows, late: expected.late },
  );
  assert.equal(lines[done + 1], 'Most delayed of the busy airports:');
  assert.equal(lines[done + 7], 'Least delayed:');
  assert.equal(lines.length, done + 11);
});
