/** Whole jobs from Kafka to Kafka, run by the engine. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createEnvironment, TumblingEventTimeWindows, WatermarkStrategy } from 'millstream';
import { kafkaSink, kafkaSource, OffsetsInitializer } from '@millstream/kafka';
import { KafkaCluster } from './broker/cluster.ts';
import { freshTopic, readValues, write } from './fixture.ts';

let cluster: KafkaCluster;
before(async () => {
  cluster = await KafkaCluster.start();
});
after(() => cluster.stop());

test('a job that fails in the middle counts every record of Kafka once, and its results arrive once', async () => {
  const from = freshTopic('events');
  const to = freshTopic('counts');
  await cluster.createTopic(from, 2);
  await cluster.createTopic(to, 2);
  const count = 2_000;
  // Ten milliseconds of event time a record, in order in each partition.
  const events = Array.from({ length: count }, (_, i) => ({
    value: `k${i % 5}`,
    partition: i % 2,
    timestamp: String(1_000_000 + i * 10),
  }));
  await write(cluster, from, events);

  let failures = 0;
  const env = createEnvironment();
  env.set({
    parallelism: 2,
    checkpoint: { intervalMs: 40 },
    restart: { kind: 'fixed-delay', attempts: 5, delayMs: 10 },
  });
  const source = kafkaSource({
    brokers: cluster.bootstrap,
    topics: [from],
    groupId: `group-of-${from}`,
    value: String,
    bounded: OffsetsInitializer.latest(),
    partitionFetchBytes: 2_000,
  });
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<string>(0);
  env
    .fromSource(source, strategy, 'events')
    .process({
      processElement: (value, context, out) => {
        // Slow enough for some checkpoints; fails twice, on its way.
        const at = context.timestamp() ?? 0;
        if (at >= 1_007_000 && failures === 0) throw new Error(`failure ${++failures}`);
        if (at >= 1_015_000 && failures === 1) throw new Error(`failure ${++failures}`);
        out.collect(value);
      },
    })
    .keyBy((key) => key)
    .window(TumblingEventTimeWindows.of(1_000))
    .aggregate(
      {
        createAccumulator: () => 0,
        add: (_value: string, sum: number) => sum + 1,
        getResult: (sum: number) => sum,
        merge: (a: number, b: number) => a + b,
      },
      { process: (key: string, context, [sum], out) => out.collect(`${context.window().start} ${key} ${sum}`) },
    )
    .map((row) => String(row))
    .sinkTo(
      kafkaSink<string>({
        brokers: cluster.bootstrap,
        topic: to,
        key: (row) => row.split(' ')[1] ?? null,
        value: (row) => row,
        deliveryGuarantee: 'exactly-once',
        transactionalIdPrefix: to,
      }),
    );
  await env.execute('counts');
  assert.equal(failures, 2);

  const expected = new Map<string, number>();
  for (const { value, timestamp } of events) {
    const row = `${Math.floor(Number(timestamp) / 1_000) * 1_000} ${value}`;
    expected.set(row, (expected.get(row) ?? 0) + 1);
  }
  const rows = [...expected].map(([row, sum]) => `${row} ${sum}`).toSorted();
  assert.deepEqual(await readValues(cluster, to, rows.length), rows);
});

test('a partition that falls silent does not hold the windows of the others up', async () => {
  const from = freshTopic('idle');
  await cluster.createTopic(from, 2);
  await write(
    cluster,
    from,
    [1_000, 2_000, 3_000].map((time) => ({ value: 'x', partition: 0, timestamp: String(time) })),
  );
  const env = createEnvironment();
  env.set({ parallelism: 1, autoWatermarkIntervalMs: 10 });
  const source = kafkaSource({ brokers: cluster.bootstrap, topics: [from], value: String });
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<string>(0).withIdleness(100);
  const stream = env
    .fromSource(source, strategy, 'events')
    .keyBy((key) => key)
    .window(TumblingEventTimeWindows.of(1_000))
    .aggregate({
      createAccumulator: () => 0,
      add: (_value: string, sum: number) => sum + 1,
      getResult: (sum: number) => sum,
      merge: (a: number, b: number) => a + b,
    });
  const sums: number[] = [];
  for await (const sum of stream) {
    sums.push(sum);
    if (sums.length === 2) break;
  }
  assert.deepEqual(sums, [1, 1]);
});
