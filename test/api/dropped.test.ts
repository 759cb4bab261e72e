/** Whatever is dropped can be had, with where it was dropped and why, and is counted. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DataStream } from '../../src/api/data-stream.ts';
import type { StreamEnvironment } from '../../src/api/environment.ts';
import { OutputTag } from '../../src/api/output-tag.ts';
import { callbackSink } from '../../src/connect/callback-sink.ts';
import { discardSink } from '../../src/connect/discard-sink.ts';
import { fileSource } from '../../src/connect/file-source.ts';
import { json } from '../../src/format/json.ts';
import type { JobMetrics } from '../../src/graph/launch.ts';
import type { Dropped } from '../../src/operator/dropped.ts';
import type { Collector } from '../../src/operator/functions.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import { scratchDirectory } from '../connect/scratch.ts';
import { environment } from './environments.ts';

interface Reading {
  readonly key: string;
  readonly at: number;
}

/** A watermark right behind every record. */
const EVERY = WatermarkStrategy.forGenerator<Reading>(() => {
  let latest = -Infinity;
  return {
    onEvent: (_value, at, output) => {
      latest = Math.max(latest, at);
      output.emitWatermark(latest);
    },
    onPeriodicEmit: () => {},
  };
}).withTimestampAssigner((reading) => reading.at);

const late: readonly Reading[] = [
  { key: 'a', at: 5 },
  { key: 'a', at: 25 },
  { key: 'a', at: 7 },
  { key: 'a', at: 29 },
];

function kept<T>(stream: DataStream<T>): T[] {
  const seen: T[] = [];
  stream.sinkTo(callbackSink((value: T) => void seen.push(value)));
  return seen;
}

/** Runs the job; returns the sum of a metric over all operators, as its last report has it. */
async function run(env: StreamEnvironment): Promise<(metric: string) => number> {
  const client = await env.executeAsync();
  await client.result();
  const { operators }: JobMetrics = await client.metrics();
  return (metric) => operators.reduce((sum, { values }) => sum + (values[metric] ?? 0), 0);
}

test('an element that is late for its window', async () => {
  const env = environment();
  const counts = env
    .fromCollection(late)
    .assignTimestampsAndWatermarks(EVERY)
    .keyBy((reading) => reading.key)
    .window(TumblingEventTimeWindows.of(10))
    .aggregate({ createAccumulator: () => 0, add: (_value, count: number) => count + 1, getResult: (count) => count })
    .name('Counts')
    .uid('counts');
  const dropped = kept(counts.getDropped<Reading>('late'));
  counts.sinkTo(discardSink());
  const metric = await run(env);
  assert.deepEqual(dropped, [
    {
      reason: 'late',
      value: { key: 'a', at: 7 },
      timestamp: 7,
      operator: 'Counts',
      uid: 'counts',
      subtask: dropped[0]?.subtask,
    },
  ]);
  assert.equal(metric('dropped.late'), 1);
});

test('where a side output for late data is named they go there, counted apart', async () => {
  const env = environment();
  const tag = new OutputTag<Reading>('late');
  const counts = env
    .fromCollection(late)
    .assignTimestampsAndWatermarks(EVERY)
    .keyBy((reading) => reading.key)
    .window(TumblingEventTimeWindows.of(10))
    .sideOutputLateData(tag)
    .reduce((first) => first);
  const side = kept(counts.getSideOutput(tag));
  const dropped = kept(counts.getDropped<Reading>('late'));
  counts.sinkTo(discardSink());
  const metric = await run(env);
  assert.deepEqual(side, [{ key: 'a', at: 7 }]);
  assert.deepEqual(dropped, []);
  assert.equal(metric('sideOutput.late'), 1);
  assert.equal(metric('dropped.late'), 0);
});

test('a record that is late for an interval join, of either side', async () => {
  const env = environment();
  env.setParallelism(1);
  const keyed = (readings: readonly Reading[]) =>
    env
      .fromCollection(readings)
      .assignTimestampsAndWatermarks(EVERY)
      .keyBy((reading) => reading.key);
  const joined = keyed(late)
    .intervalJoin(keyed([...late, { key: 'b', at: 1 }]))
    .between(-1, 1)
    .process((left, right, _ctx, out: Collector<string>) => out.collect(`${left.at}-${right.at}`));
  const dropped = kept(joined.getDropped<Reading>('late'));
  joined.sinkTo(discardSink());
  const metric = await run(env);
  assert.equal(metric('dropped.late'), dropped.length);
  assert.ok(dropped.some(({ value }) => value.key === 'b' && value.at === 1));
});

test('a record that cannot be decoded, with its bytes and where it stands', async (t) => {
  const path = join(scratchDirectory(t), 'orders.jsonl');
  writeFileSync(path, '{"id":1}\n{"id":\n{"id":3}\n');
  const env = environment();
  const source = fileSource({ path, format: json<{ id: number }>(), onUndecodable: 'skip' });
  const orders = env.fromSource(source, WatermarkStrategy.noWatermarks(), 'orders').uid('orders');
  const dropped = kept(orders.getDropped('undecodable'));
  const good = kept(orders);
  const metric = await run(env);
  assert.deepEqual(good.map(({ id }) => id).toSorted(), [1, 3]);
  const [only] = dropped;
  assert.ok(only !== undefined && dropped.length === 1);
  assert.equal(Buffer.from(only.value.bytes).toString(), '{"id":\n');
  assert.deepEqual(only.value.origin, { file: path, line: 2, offset: 9 });
  assert.match(only.error ?? '', /not valid JSON/);
  assert.deepEqual([only.reason, only.operator, only.uid], ['undecodable', 'Source: orders', 'orders']);
  assert.match(only.split ?? '', /orders\.jsonl/);
  assert.equal(metric('dropped.undecodable'), 1);
});

for (const mode of ['ordered', 'unordered'] as const) {
  test(`the record of a call that failed or timed out after its retries, ${mode}`, async () => {
    const env = environment();
    let tries = 0;
    const answers = env
      .fromSequence(1, 6)
      .asyncMap(
        async (n, signal) => {
          if (n === 2) {
            tries++;
            throw new Error('out of order');
          }
          if (n === 4) await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
          return n;
        },
        { mode, timeoutMs: 40, onFailure: 'drop', retry: { kind: 'fixed-delay', attempts: 2, delayMs: 1 } },
      )
      .uid('answers');
    const dropped = kept(answers.getDropped<number>('failed'));
    const good = kept(answers);
    const metric = await run(env);
    assert.deepEqual(good.toSorted(), [1, 3, 5, 6]);
    assert.deepEqual(dropped.map(({ value, error, uid }) => [value, error, uid]).toSorted(), [
      [2, 'its call failed: out of order', 'answers'],
      [4, 'its call took longer than 40 ms', 'answers'],
    ]);
    assert.equal(tries, 3);
    assert.equal(metric('dropped.failed'), 2);
  });
}

test('what a process function drops itself', async () => {
  const env = environment();
  const checked = env
    .fromCollection(late)
    .assignTimestampsAndWatermarks(EVERY)
    .process({
      processElement(reading, ctx, out: Collector<Reading>) {
        if ((ctx.timestamp() ?? 0) < ctx.currentWatermark()) ctx.drop('late', reading, 'time has passed it');
        else out.collect(reading);
      },
    });
  const dropped: Dropped<Reading>[] = kept(checked.getDropped<Reading>('late'));
  const good = kept(checked);
  const metric = await run(env);
  assert.deepEqual(
    dropped.map(({ value, error, timestamp }) => [value.at, error, timestamp]),
    [[7, 'time has passed it', 7]],
  );
  assert.equal(good.length, 3);
  assert.equal(metric('dropped.late'), 1);
});

test('what is dropped and nobody reads is counted and sampled all the same', async () => {
  const env = environment();
  env
    .fromCollection(late)
    .assignTimestampsAndWatermarks(EVERY)
    .process({ processElement: (reading, ctx) => ctx.drop('filtered', reading) })
    .sinkTo(discardSink());
  const client = await env.executeAsync();
  await client.result();
  const { dropped } = await client.metrics();
  assert.equal(dropped.length, late.length);
  assert.match(dropped[0]?.record ?? '', /key: "a"/);
});
