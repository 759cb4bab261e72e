/** The Kafka source against a broker, written to by a second client. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { json, MillstreamError, UNDECODABLE_TAG, type PollResult, type ReaderOutput } from 'millstream';
import { assertReplays, runSource } from 'millstream/testing';
import {
  kafkaSource,
  OffsetsInitializer,
  type KafkaMessage,
  type KafkaRecord,
  type KafkaSourceSettings,
  type KafkaSplit,
  type PartitionOffset,
} from '@millstream/kafka';
import { KafkaCluster } from './broker/cluster.ts';
import {
  clientOf,
  freshTopic,
  Metrics,
  patiently,
  readValues,
  until,
  WORLD,
  write,
  writeTransactions,
} from './fixture.ts';

let cluster: KafkaCluster;
before(async () => {
  cluster = await KafkaCluster.start();
});
after(() => cluster.stop());

const text = (value: Buffer): string => value.toString();

type Bounds = Omit<KafkaSourceSettings, 'brokers'>;

/** Reads a topic to its end: `partition:value`, sorted. */
async function readAll(topic: string, options: Bounds = {}): Promise<string[]> {
  const source = kafkaSource({
    brokers: cluster.bootstrap,
    topics: [topic],
    deserializer: ({ partition, value }) => `${partition}:${String(value)}`,
    bounded: OffsetsInitializer.latest(),
    ...options,
  });
  const run = runSource(source);
  try {
    return [...(await run.finish())].toSorted();
  } finally {
    await run.close();
  }
}

/** A topic of two partitions: 0 holds a0 … a4 at the times 1000 … 1004, 1 holds b0 … b2 at 2000 … 2002. */
async function lettersTopic(): Promise<string> {
  const topic = freshTopic('letters');
  await cluster.createTopic(topic, 2);
  const a = [0, 1, 2, 3, 4].map((i) => ({ value: `a${i}`, partition: 0, timestamp: String(1000 + i) }));
  const b = [0, 1, 2].map((i) => ({ value: `b${i}`, partition: 1, timestamp: String(2000 + i) }));
  await write(cluster, topic, [...a, ...b]);
  return topic;
}

/** What a group has committed, as if it had members. */
async function commit(groupId: string, offsets: readonly PartitionOffset[]): Promise<void> {
  const client = clientOf(cluster);
  await patiently(client, () => client.commitOffsets(groupId, offsets));
  await client.close();
}

test('a record comes with its key, headers, time and place', async () => {
  const topic = freshTopic();
  await cluster.createTopic(topic, 1);
  await write(cluster, topic, [
    { key: 'k', value: 'v', timestamp: '1234', headers: { a: 'x', b: 'é' } },
    { key: null, value: null, timestamp: '5' },
    { key: '', value: '' },
  ]);
  const source = kafkaSource({
    brokers: cluster.bootstrap,
    topics: [topic],
    deserializer: (record: KafkaRecord): KafkaMessage => record.copy(),
    bounded: OffsetsInitializer.latest(),
  });
  const run = runSource(source);
  const [first, second, third] = await run.finish();
  await run.close();
  assert.deepEqual(first, {
    topic,
    partition: 0,
    offset: 0,
    timestamp: 1234,
    timestampType: 'create-time',
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: [
      { name: 'a', value: Buffer.from('x') },
      { name: 'b', value: Buffer.from('é') },
    ],
  });
  assert.deepEqual([second?.key, second?.value, second?.offset], [null, null, 1]);
  assert.deepEqual([third?.key, third?.value], [Buffer.alloc(0), Buffer.alloc(0)]);
  assert.deepEqual(run.records.map(({ timestamp, split }) => [timestamp, split]).slice(0, 2), [
    [1234, `${topic}-0`],
    [5, `${topic}-0`],
  ]);
  assert.deepEqual(run.released, [`${topic}-0`]);
});

test('the time of a topic with log-append time is the broker’s', async () => {
  const topic = freshTopic();
  await cluster.createTopic(topic, 1, { 'message.timestamp.type': 'LogAppendTime' });
  const earliest = Date.now() - 60_000;
  await write(cluster, topic, [{ value: 'v', timestamp: '1234' }]);
  const source = kafkaSource({
    brokers: cluster.bootstrap,
    topics: [topic],
    deserializer: ({ timestamp, timestampType }) => ({ timestamp, timestampType }),
    bounded: OffsetsInitializer.latest(),
  });
  const run = runSource(source);
  const [record] = await run.finish();
  await run.close();
  assert.equal(record?.timestampType, 'log-append-time');
  assert.ok((record?.timestamp ?? 0) > earliest);
});

test('reading begins where the user says', async () => {
  const topic = await lettersTopic();
  const groupId = `group-of-${topic}`;
  await commit(groupId, [{ topic, partition: 0, offset: 3 }]);
  const all = ['0:a0', '0:a1', '0:a2', '0:a3', '0:a4', '1:b0', '1:b1', '1:b2'];
  assert.deepEqual(await readAll(topic), all);
  assert.deepEqual(await readAll(topic, { startingOffsets: OffsetsInitializer.earliest() }), all);
  assert.deepEqual(await readAll(topic, { startingOffsets: OffsetsInitializer.latest() }), []);
  assert.deepEqual(await readAll(topic, { startingOffsets: OffsetsInitializer.timestamp(1003) }), [
    '0:a3',
    '0:a4',
    ...all.slice(5),
  ]);
  assert.deepEqual(await readAll(topic, { startingOffsets: OffsetsInitializer.timestamp(2002) }), ['1:b2']);
  assert.deepEqual(
    await readAll(topic, { startingOffsets: OffsetsInitializer.offsets([{ topic, partition: 0, offset: 4 }]) }),
    ['0:a4', ...all.slice(5)],
  );
  const offsets = [{ topic, partition: 1, offset: 2 }];
  assert.deepEqual(await readAll(topic, { startingOffsets: OffsetsInitializer.offsets(offsets, 'latest') }), ['1:b2']);
  const committed = OffsetsInitializer.committedOffsets;
  assert.deepEqual(await readAll(topic, { groupId, startingOffsets: committed('earliest') }), all.slice(3));
  assert.deepEqual(await readAll(topic, { groupId, startingOffsets: committed('latest') }), ['0:a3', '0:a4']);
  await assert.rejects(readAll(topic, { groupId, startingOffsets: committed() }), (error) => {
    assert.ok(error instanceof MillstreamError);
    assert.match(error.message, new RegExp(`partition ${topic}-1: group ${groupId} has committed no offset`));
    return true;
  });
});

test('reading stops where the user says', async () => {
  const topic = await lettersTopic();
  const groupId = `group-of-${topic}`;
  await commit(groupId, [
    { topic, partition: 0, offset: 2 },
    { topic, partition: 1, offset: 0 },
  ]);
  const bounds = { groupId };
  assert.deepEqual(await readAll(topic, { ...bounds, bounded: OffsetsInitializer.timestamp(1002) }), ['0:a0', '0:a1']);
  assert.deepEqual(await readAll(topic, { ...bounds, bounded: OffsetsInitializer.committedOffsets() }), [
    '0:a0',
    '0:a1',
  ]);
  const offsets = [
    { topic, partition: 0, offset: 1 },
    { topic, partition: 1, offset: 2 },
  ];
  assert.deepEqual(await readAll(topic, { ...bounds, bounded: OffsetsInitializer.offsets(offsets) }), [
    '0:a0',
    '1:b0',
    '1:b1',
  ]);
  assert.deepEqual(await readAll(topic, { ...bounds, bounded: OffsetsInitializer.earliest() }), []);
  // A source that counts as unbounded stops all the same.
  const unbounded = kafkaSource({
    brokers: cluster.bootstrap,
    topics: [topic],
    value: text,
    unbounded: OffsetsInitializer.offsets(offsets),
    partitionDiscoveryIntervalMs: 0,
  });
  assert.equal(unbounded.boundedness, 'unbounded');
  const run = runSource(unbounded);
  assert.deepEqual([...(await run.finish())].toSorted(), ['a0', 'b0', 'b1']);
  await run.close();
});

test('a source that is interrupted anywhere goes on exactly there, at any parallelism', async () => {
  const topic = await lettersTopic();
  const make = (): ReturnType<typeof kafkaSource<string>> =>
    kafkaSource({
      brokers: cluster.bootstrap,
      topics: [topic],
      value: text,
      bounded: OffsetsInitializer.latest(),
    });
  await assertReplays(make, { parallelism: 1, restoredParallelism: 2 });
  await assertReplays(make, { parallelism: 3, restoredParallelism: 1, cuts: [0, 3, 7] });
});

test('topics are found by a pattern, and single partitions by their numbers', async () => {
  const topic = freshTopic('pattern');
  for (const suffix of ['x1', 'x2', 'y']) {
    await cluster.createTopic(`${topic}.${suffix}`, 2);
    await write(cluster, `${topic}.${suffix}`, [
      { value: `${suffix}.0`, partition: 0 },
      { value: `${suffix}.1`, partition: 1 },
    ]);
  }
  const common = { brokers: cluster.bootstrap, value: text, bounded: OffsetsInitializer.latest() };
  const byPattern = runSource(kafkaSource({ ...common, topicPattern: new RegExp(`^${topic}\\.x`, 'g') }));
  assert.deepEqual([...(await byPattern.finish())].toSorted(), ['x1.0', 'x1.1', 'x2.0', 'x2.1']);
  await byPattern.close();
  const partitions = [
    { topic: `${topic}.x1`, partition: 1 },
    { topic: `${topic}.y`, partition: 0 },
  ];
  const byNumber = runSource(kafkaSource({ ...common, partitions }), { parallelism: 2 });
  assert.deepEqual([...(await byNumber.finish())].toSorted(), ['x1.1', 'y.0']);
  await byNumber.close();
});

test('a topic or partition that does not exist fails the job, which names it', async () => {
  const topic = freshTopic();
  await cluster.createTopic(topic, 1);
  const missing = async (what: object): Promise<string> => {
    const run = runSource(kafkaSource({ brokers: cluster.bootstrap, value: text, ...(what as { topics: string[] }) }));
    try {
      await run.take(1);
      return 'read';
    } catch (error) {
      assert.ok(error instanceof MillstreamError);
      return `${error.code} ${error.message}`;
    } finally {
      await run.close();
    }
  };
  assert.match(await missing({ topics: [topic, 'nowhere'] }), /^SOURCE_MISSING .*Topic nowhere does not exist/);
  assert.match(
    await missing({ partitions: [{ topic, partition: 7 }] }),
    new RegExp(`SOURCE_MISSING .*Partition ${topic}-7 does not exist`),
  );
});

test('partitions and topics that come while the source runs are read from their first record', async () => {
  const topic = freshTopic('growing');
  await cluster.createTopic(`${topic}.a`, 1);
  await write(cluster, `${topic}.a`, [{ value: 'old' }]);
  const source = kafkaSource({
    brokers: cluster.bootstrap,
    topicPattern: new RegExp(`^${topic}`),
    value: text,
    startingOffsets: OffsetsInitializer.latest(),
    partitionDiscoveryIntervalMs: 100,
  });
  const run = runSource(source, { parallelism: 2 });
  const admin = cluster.client().admin();
  await admin.connect();
  await until('the first look', () => {
    run.poll();
    return (run.snapshot().enumerator as { discovered: boolean }).discovered;
  });
  await admin.createPartitions({ topicPartitions: [{ topic: `${topic}.a`, count: 2 }] });
  await cluster.createTopic(`${topic}.b`, 1);
  await until('the new partition can be written', async () => {
    try {
      await write(cluster, `${topic}.a`, [{ value: 'a1', partition: 1 }]);
      return true;
    } catch {
      return false;
    }
  });
  await write(cluster, `${topic}.b`, [{ value: 'b0' }]);
  const found = await run.take(2);
  assert.deepEqual(found.map(({ value }) => value).toSorted(), ['a1', 'b0']);

  // What is restored knows them, and does not read them again.
  const snapshot = run.snapshot();
  await run.close();
  await write(cluster, `${topic}.b`, [{ value: 'b1' }]);
  const restored = runSource(source, { parallelism: 1, restore: snapshot });
  assert.deepEqual(
    (await restored.take(1)).map(({ value }) => value),
    ['b1'],
  );

  // A topic that is deleted is given up; the others are read on.
  await admin.deleteTopics({ topics: [`${topic}.b`] });
  await until('the partition is released', () => {
    restored.poll();
    return restored.released.includes(`${topic}.b-0`);
  });
  await write(cluster, `${topic}.a`, [{ value: 'a2', partition: 0 }]);
  assert.deepEqual(
    (await restored.take(1)).map(({ value }) => value),
    ['a2'],
  );
  await restored.close();
  await admin.disconnect();
});

test('aborted records are never seen, wherever fetches cut', async () => {
  const topic = freshTopic('aborted');
  await cluster.createTopic(topic, 1);
  const long = 'x'.repeat(200);
  await writeTransactions(cluster, topic, [
    { values: ['c1'], end: 'commit' },
    { values: [`A1${long}`, `A2${long}`, `A3${long}`], end: 'abort' },
    { values: ['A4'], end: 'abort' },
    { values: ['c2', `c3${long}`], end: 'commit' },
    { values: ['A5'], end: 'abort' },
  ]);
  await write(cluster, topic, [{ value: 'plain' }]);
  const committed = ['0:c1', '0:c2', `0:c3${long}`, '0:plain'].toSorted();
  assert.deepEqual(await readAll(topic), committed);
  assert.deepEqual(
    committed.map((value) => value.slice(2)),
    await readValues(cluster, topic, 4),
  );
  // A batch at a time: the marker is never in the same answer as what it aborts.
  assert.deepEqual(await readAll(topic, { partitionFetchBytes: 1, fetchBytes: 1 }), committed);
  assert.deepEqual(await readAll(topic, { partitionFetchBytes: 400 }), committed);
  const all = await readAll(topic, { isolationLevel: 'read_uncommitted' });
  assert.deepEqual(
    all.map((value) => value.slice(2, 4)),
    ['A1', 'A2', 'A3', 'A4', 'A5', 'c1', 'c2', 'c3', 'pl'],
  );
  await assertReplays(
    () =>
      kafkaSource({ brokers: cluster.bootstrap, topics: [topic], value: text, bounded: OffsetsInitializer.latest() }),
    { cuts: [1, 2, 3] },
  );
});

test('an open transaction is waited for, and what follows it, too', async () => {
  const topic = freshTopic('open');
  await cluster.createTopic(topic, 1);
  const producer = cluster.client().producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  await write(cluster, topic, [{ value: 'before' }]);
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ value: 'inside' }] });
  await write(cluster, topic, [{ value: 'behind' }]);
  const run = runSource(kafkaSource({ brokers: cluster.bootstrap, topics: [topic], value: text }));
  assert.deepEqual(
    (await run.take(1)).map(({ value }) => value),
    ['before'],
  );
  // Bounded by the latest stable offset: the open transaction is not waited for.
  assert.deepEqual(await readAll(topic), ['0:before']);
  await transaction.commit();
  assert.deepEqual(
    (await run.take(2)).map(({ value }) => value),
    ['inside', 'behind'],
  );
  await run.close();
  await producer.disconnect();
});

test('completed checkpoints commit offsets to the group, which nobody joins', async () => {
  const topic = await lettersTopic();
  const groupId = `group-of-${topic}`;
  const source = kafkaSource({ brokers: cluster.bootstrap, topics: [topic], groupId, value: text });
  const run = runSource(source);
  await run.take(8);
  const early = run.snapshot();
  await write(cluster, topic, [{ value: 'a5', partition: 0 }]);
  await run.take(1);
  const late = run.snapshot();
  const admin = cluster.client().admin();
  await admin.connect();
  const offsets = async (): Promise<Record<number, number>> => {
    const [ofTopic] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return Object.fromEntries((ofTopic?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]));
  };
  assert.deepEqual(await offsets(), { 0: -1, 1: -1 });
  run.complete(early);
  await until('the first commit', async () => (await offsets())[0] === 5);
  run.complete(late);
  await until('the second commit', async () => (await offsets())[0] === 6);
  assert.deepEqual(await offsets(), { 0: 6, 1: 3 });
  const { groups } = await admin.describeGroups([groupId]);
  assert.deepEqual(groups[0]?.members, []);
  await run.close();
  await admin.disconnect();
});

test('a record that cannot be decoded fails the job, is left out, or goes to the side', async () => {
  const topic = freshTopic('undecodable');
  await cluster.createTopic(topic, 1);
  await write(cluster, topic, [
    { value: '{"id":1}' },
    { key: 'k', value: '{nonsense' },
    { value: null },
    { value: '{"id":4}' },
  ]);
  const source = (onUndecodable?: 'skip' | 'side-output'): ReturnType<typeof kafkaSource<{ id: number }>> =>
    kafkaSource({
      brokers: cluster.bootstrap,
      topics: [topic],
      value: json<{ id: number }>(),
      bounded: OffsetsInitializer.latest(),
      ...(onUndecodable === undefined ? {} : { onUndecodable }),
    });
  const failing = runSource(source());
  await assert.rejects(failing.finish(), (error) => {
    assert.ok(error instanceof MillstreamError);
    assert.equal(error.code, 'RECORD_UNDECODABLE');
    assert.match(error.message, new RegExp(`offset 1 of partition 0 of topic ${topic} .*"\\{nonsense"`));
    return true;
  });
  await failing.close();

  const skipping = runSource(source('skip'));
  assert.deepEqual(await skipping.finish(), [{ id: 1 }, { id: 4 }]);
  assert.equal(skipping.dropped.length, 2);
  await skipping.close();

  const aside = runSource(source('side-output'));
  assert.deepEqual(await aside.finish(), [{ id: 1 }, { id: 4 }]);
  await aside.close();
  const [nonsense, tombstone] = aside.sides.map(({ tag, value }) => {
    assert.equal(tag, UNDECODABLE_TAG);
    return value as KafkaMessage & { error: string };
  });
  assert.deepEqual(
    [nonsense?.topic, nonsense?.offset, nonsense?.key, String(nonsense?.value)],
    [topic, 1, Buffer.from('k'), '{nonsense'],
  );
  assert.equal(tombstone?.error, 'its value is null');
});

test('records that were deleted before they were read fail the job, unless it may leap', async () => {
  const topic = await lettersTopic();
  const start = OffsetsInitializer.offsets([{ topic, partition: 0, offset: 1 }]);
  await cluster.deleteRecords(topic, 0, 3);
  await assert.rejects(readAll(topic, { startingOffsets: start }), /from offset 1: it holds 3 to 5\. What lies before/);
  const rest = await readAll(topic, { startingOffsets: start, offsetReset: 'earliest' });
  assert.deepEqual(rest, ['0:a3', '0:a4', '1:b0', '1:b1', '1:b2']);
});

/** A reader that is driven without an enumerator, with its metrics. */
function readerOf(
  topic: string,
  options: Bounds,
): {
  readonly metrics: Metrics;
  readonly seen: string[];
  poll(records: number): PollResult;
  available(): Promise<void>;
  close(): void | Promise<void>;
  pauseOrResume(pause: readonly string[], resume: readonly string[]): void;
} {
  const metrics = new Metrics();
  const seen: string[] = [];
  const source = kafkaSource({ brokers: cluster.bootstrap, topics: [topic], value: text, ...options });
  const reader = source.createReader({
    subtask: 0,
    parallelism: 1,
    requestSplit: () => {},
    toEnumerator: () => {},
    now: () => Date.now(),
    after: () => {},
    metrics,
    world: WORLD,
  });
  reader.start();
  const splits: KafkaSplit[] = [0, 1].map((partition) => ({ topic, partition, offset: 0 }));
  reader.addSplits(splits);
  return {
    metrics,
    seen,
    poll: (records) => {
      const end = seen.length + records;
      const output: ReaderOutput<string> = {
        collect: (value) => void seen.push(value),
        proceed: () => seen.length < end,
        forSplit: () => output,
        releaseSplit: () => {},
        side: () => {},
        dropped: () => {},
      };
      return reader.poll(output);
    },
    available: () => reader.available(),
    close: () => reader.close(),
    pauseOrResume: (pause, resume) => reader.pauseOrResumeSplits?.(pause, resume),
  };
}

test('a slow job bounds what is fetched ahead, and metrics tell the lag', async () => {
  const topic = freshTopic('slow');
  await cluster.createTopic(topic, 2);
  const value = 'x'.repeat(1_000);
  const producer = cluster.client().producer();
  await producer.connect();
  for (let round = 0; round < 20; round++) {
    const messages = Array.from({ length: 50 }, (_, i) => ({ value, partition: i % 2 }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
  const reader = readerOf(topic, { partitionFetchBytes: 40_000, bufferBytes: 60_000 });
  await reader.available();
  let most = 0;
  while (reader.seen.length < 1_000) {
    const result = reader.poll(7);
    most = Math.max(most, reader.metrics.value('KafkaSourceReader.bufferedBytes'));
    if (result === 'waiting') await reader.available();
    else await new Promise((resolve) => setImmediate(resolve));
    if (reader.seen.length === 7) assert.ok(reader.metrics.value('KafkaSourceReader.recordsLag') >= 400);
  }
  // A fetch of each partition may be under way when the bounds are reached.
  assert.ok(most > 0 && most < 200_000, `${most} bytes were buffered`);
  assert.equal(reader.metrics.value('KafkaSourceReader.recordsConsumed'), 1_000);
  assert.equal(reader.metrics.value('KafkaSourceReader.recordsLag'), 0);
  assert.equal(reader.metrics.value(`KafkaSourceReader.topic.${topic}.partition.1.currentOffset`), 499);
  await reader.close();
});

test('a partition that is paused is not read, and goes on where it stopped', async () => {
  const topic = await lettersTopic();
  const reader = readerOf(topic, {});
  reader.pauseOrResume([`${topic}-0`], []);
  while (reader.seen.length < 3) {
    if (reader.poll(100) === 'waiting') await reader.available();
  }
  assert.deepEqual(reader.seen, ['b0', 'b1', 'b2']);
  reader.pauseOrResume([], [`${topic}-0`]);
  while (reader.seen.length < 8) {
    if (reader.poll(100) === 'waiting') await reader.available();
  }
  assert.deepEqual(reader.seen.slice(3), ['a0', 'a1', 'a2', 'a3', 'a4']);
  await reader.close();
});

test('options that make no sense are refused when the source is built', () => {
  const brokers = 'localhost:9092';
  const refused = (options: object, message: RegExp): void =>
    assert.throws(
      () => kafkaSource({ brokers, topics: ['t'], value: text, ...options }),
      (error) => error instanceof MillstreamError && error.code === 'OPTION_INVALID' && message.test(error.message),
    );
  refused({ brokers: '' }, /brokers must be addresses/);
  refused({ brokers: [] }, /brokers must name at least one/);
  refused({ brokers: 'localhost:http' }, /'localhost:9092', and "localhost:http" is none/);
  refused({ topics: [] }, /topics must name at least one/);
  refused({ topicPattern: /x/ }, /one of `topics`, `topicPattern` and `partitions`/);
  refused({ deserializer: () => 1 }, /one of `value` and `deserializer`/);
  refused({ startingOffsets: OffsetsInitializer.committedOffsets() }, /committedOffsets needs a `groupId`/);
  refused({ bounded: OffsetsInitializer.latest(), unbounded: OffsetsInitializer.latest() }, /not by both/);
  refused({ isolationLevel: 'serializable' }, /isolationLevel must be one of read_committed/);
  refused({ sasl: { mechanism: 'GSSAPI', username: 'a', password: 'b' } }, /sasl.mechanism must be one of PLAIN/);
  refused({ bufferBytes: 0 }, /bufferBytes must be a whole number of at least 1/);
});
