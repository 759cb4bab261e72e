/** What stopping with a savepoint promises about the records on either side of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createEnvironment,
  LocalCluster,
  outputTag,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  type JobClient,
  type SavepointHandle,
} from 'millstream';

const ENDLESS = new URL('./jobs/endless.ts', import.meta.url);

/** Whether something slips through is a matter of luck. */
const ROUNDS = 20;

test('nothing is processed behind the savepoint with which a job stops', async () => {
  await using cluster = await LocalCluster.start({ slots: 1 });
  let covered = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const client = await cluster.run(ENDLESS);
    await client.triggerCheckpoint();
    await sleep(20);
    await client.stopWithSavepoint();
    const { accumulators } = await client.result();
    assert.equal(accumulators['processed'], accumulators['covered'], `round ${round}`);
    covered += Number(accumulators['covered']);
  }
  assert.ok(covered > 0);
});

const NUMBERS = 20_000;
const ON_TIME = 200;
const KEYS = 3;
const WINDOW_MS = 5;
const LATE = outputTag<number>('late');

/** The highest number of each key in each window; from some number on all are for one that has fired long ago. */
function highest(
  parallelism: number,
  settings: { rate?: number; fromSavepoint?: SavepointHandle },
): Promise<JobClient> {
  const { rate, fromSavepoint } = settings;
  const env = createEnvironment().setParallelism(1);
  const windows = env
    .fromGenerator((n) => n, { count: NUMBERS, ...(rate === undefined ? {} : { recordsPerSecond: rate }) })
    .uid('numbers')
    .assignTimestampsAndWatermarks(
      WatermarkStrategy.forPunctuated(
        (_n, time) => time,
        (n) => (n < ON_TIME ? n : 0),
      ),
    )
    .keyBy((n) => n % KEYS)
    .window(TumblingEventTimeWindows.of(WINDOW_MS))
    .sideOutputLateData(LATE)
    .reduce((a, b) => Math.max(a, b))
    .uid('windows')
    .setParallelism(parallelism);
  windows.collect('highest');
  windows.getSideOutput(LATE).collect('late');
  return env.executeAsync('highest', fromSavepoint === undefined ? {} : { fromSavepoint });
}

async function read(client: JobClient, id: string, into: number[]): Promise<void> {
  for await (const value of client.collected<number>(id)) into.push(value);
}

test('what is late for the job that stopped is late for the one that goes on, also with another parallelism', async () => {
  const numbers = Array.from({ length: NUMBERS }, (_, n) => n);
  const windows = new Map(numbers.slice(0, ON_TIME).map((n) => [`${Math.floor(n / WINDOW_MS)} ${n % KEYS}`, n]));
  for (const parallelism of [1, 2]) {
    const fired: number[] = [];
    const late: number[] = [];
    const stopped = await highest(1, { rate: 2_000 });
    const before = Promise.all([read(stopped, 'highest', fired), read(stopped, 'late', late)]);
    while (late.length === 0) await sleep(1);
    const savepoint = await stopped.stopWithSavepoint();
    await before;
    assert.ok(late.length < NUMBERS - ON_TIME, 'some are behind the savepoint');
    const continued = await highest(parallelism, { fromSavepoint: savepoint });
    await Promise.all([read(continued, 'highest', fired), read(continued, 'late', late)]);
    assert.deepEqual(
      late.toSorted((a, b) => a - b),
      numbers.slice(ON_TIME),
    );
    assert.deepEqual(
      fired.toSorted((a, b) => a - b),
      [...windows.values()].toSorted((a, b) => a - b),
    );
  }
});
