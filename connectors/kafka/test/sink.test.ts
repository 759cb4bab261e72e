/** The Kafka sink and the janitor against a broker, read by a second client. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { json, MillstreamError, type Sink } from 'millstream';
import { runSink, runSource, type SinkRun, type SinkRunOptions } from 'millstream/testing';
import {
  kafkaJanitor,
  kafkaSink,
  kafkaSource,
  OffsetsInitializer,
  type KafkaClient,
  type KafkaCommittable,
  type KafkaSinkSettings,
  type KafkaWriterState,
} from '@millstream/kafka';
import { KafkaCluster } from './broker/cluster.ts';
import { clientOf, freshTopic, patiently, read, readValues, until } from './fixture.ts';

let cluster: KafkaCluster;
before(async () => {
  cluster = await KafkaCluster.start();
});
after(() => cluster.stop());

type TextSink = Sink<string, KafkaCommittable, KafkaWriterState>;

function textSink(topic: string, options: Omit<KafkaSinkSettings, 'brokers'> = {}): TextSink {
  return kafkaSink<string>({ brokers: cluster.bootstrap, topic, value: (value) => value, ...options });
}

/** Exactly once; the prefix is the topic's name. */
function transactional(topic: string, options: Partial<KafkaSinkSettings> = {}): TextSink {
  return textSink(topic, { deliveryGuarantee: 'exactly-once', transactionalIdPrefix: topic, ...options });
}

async function newTopic(
  partitions = 1,
  name = 'sink',
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = freshTopic(name);
  await cluster.createTopic(topic, partitions, configs);
  return topic;
}

async function start(sink: TextSink, options: SinkRunOptions = {}): Promise<SinkRun<string>> {
  return await runSink(sink, options);
}

async function writeAll(run: SinkRun<string>, values: readonly string[], parallelism = 1): Promise<void> {
  for (const [index, value] of values.entries()) await run.write(value, { subtask: index % parallelism });
}

const count = (prefix: string, n: number): string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

test('at least once, all is written when a checkpoint is taken', async () => {
  const topic = await newTopic(3);
  const run = await start(textSink(topic), { parallelism: 2 });
  const values = count('v', 500);
  await writeAll(run, values, 2);
  const snapshot = await run.checkpoint();
  assert.deepEqual(snapshot.committables, []);
  assert.deepEqual(await readValues(cluster, topic, 500), values.toSorted());
  await run.close();
});

test('a record carries key, headers, time, topic and partition as the user says', async () => {
  const topic = await newTopic(4);
  const other = await newTopic(2);
  interface Row {
    readonly id: number;
    readonly user: string;
  }
  const sink = kafkaSink<Row>({
    brokers: cluster.bootstrap,
    topic: ({ id }) => (id < 3 ? topic : other),
    key: ({ user }) => user,
    value: json<Row>(),
    headers: ({ id }) => [
      ['id', String(id)],
      ['twice', 'a'],
    ],
    timestamp: ({ id }, { timestamp }) => timestamp + id,
    partitioner: (_row, _key, name) => (name === other ? 1 : undefined),
  });
  const run = await runSink(sink);
  await run.write({ id: 1, user: 'ada' }, { timestamp: 1_000 });
  await run.write({ id: 2, user: 'ada' }, { timestamp: 1_000 });
  await run.write({ id: 3, user: 'bob' }, { timestamp: 1_000 });
  await run.finish();
  await run.close();
  const [first, second] = await read(cluster, topic, 2);
  assert.equal(String(first?.value), '{"id":1,"user":"ada"}');
  assert.equal(String(first?.key), 'ada');
  assert.deepEqual(
    first?.headers.map(({ name, value }) => `${name}=${String(value)}`),
    ['id=1', 'twice=a'],
  );
  assert.deepEqual([first?.timestamp, second?.timestamp], [1_001, 1_002]);
  assert.equal(first?.partition, second?.partition);
  // The second client puts the key where the sink did.
  const producer = cluster.client().producer();
  await producer.connect();
  const [placed] = await producer.send({ topic, messages: [{ key: 'ada', value: 'x' }] });
  await producer.disconnect();
  assert.equal(placed?.partition, first?.partition);
  assert.equal((await read(cluster, other, 1))[0]?.partition, 1);
});

test('a serializer for the whole record may write tombstones and choose the partition', async () => {
  const topic = await newTopic(3);
  const sink = kafkaSink<number>({
    brokers: cluster.bootstrap,
    topic,
    serializer: (n) => ({ key: `k${n}`, value: n % 2 === 0 ? null : Buffer.from([n]), partition: n, timestamp: n }),
  });
  const run = await runSink(sink);
  for (const n of [0, 1, 2]) await run.write(n);
  await run.finish();
  await assert.rejects(run.write(3), /partition 3 of topic .*: it has the partitions 0 to 2/);
  await run.close();
  const written = await read(cluster, topic, 3);
  assert.deepEqual(
    written.map(({ partition, value }) => [partition, value]).toSorted(([a], [b]) => Number(a) - Number(b)),
    [
      [0, null],
      [1, Buffer.from([1])],
      [2, null],
    ],
  );
});

test('records with one key keep their order through many batches in flight', async () => {
  const topic = await newTopic(2);
  const sink = kafkaSink<string>({
    brokers: cluster.bootstrap,
    topic,
    key: (value) => value.slice(0, 1),
    value: (value) => value,
    batchBytes: 500,
    bufferBytes: 20_000,
  });
  const run = await runSink(sink);
  const sent: Record<string, string[]> = { a: [], b: [], c: [] };
  for (let i = 0; i < 3_000; i++) {
    const key = 'abc'[i % 3] as 'a' | 'b' | 'c';
    sent[key]?.push(`${key}${i}`);
    await run.write(`${key}${i}`);
  }
  await run.finish();
  await run.close();
  const seen: Record<string, string[]> = { a: [], b: [], c: [] };
  for (const { key, value } of await read(cluster, topic, 3_000)) seen[String(key)]?.push(String(value));
  assert.deepEqual(seen, sent);
});

test('every codec is read back, also when the broker has packed it anew', async () => {
  const values = count('some text that repeats itself, some text that repeats itself ', 200);
  for (const [compression, again] of [
    ['gzip', 'zstd'],
    ['snappy', 'lz4'],
    ['lz4', 'snappy'],
    ['zstd', 'gzip'],
    ['none', 'producer'],
  ] as const) {
    const topic = await newTopic(1, `codec-${compression}`, { 'compression.type': again });
    const run = await start(textSink(topic, { compression }));
    await writeAll(run, values);
    await run.finish();
    await run.close();
    const source = kafkaSource({
      brokers: cluster.bootstrap,
      topics: [topic],
      value: String,
      bounded: OffsetsInitializer.latest(),
    });
    const back = runSource(source);
    assert.deepEqual(await back.finish(), values, compression);
    await back.close();
  }
});

test('exactly once, nothing is visible before the commit, and committing again changes nothing', async () => {
  const topic = await newTopic(2);
  const run = await start(transactional(topic), { parallelism: 2 });
  await writeAll(run, ['a', 'b', 'c', 'd'], 2);
  const first = await run.checkpoint();
  assert.equal(first.committables.length, 2);
  assert.deepEqual(await readValues(cluster, topic, 0), []);
  assert.equal((await run.commit(first)).committed, 2);
  assert.deepEqual(await readValues(cluster, topic, 4), ['a', 'b', 'c', 'd']);
  await run.commit(first);
  await writeAll(run, ['e', 'f'], 2);
  const second = await run.checkpoint();
  await run.commit(second);
  // By now the first ids may be in use again: only the log can tell what became of the first transactions.
  await writeAll(run, ['g', 'h'], 2);
  const again = await run.commit(first);
  assert.equal(again.failed.length, 0);
  const third = await run.checkpoint();
  await run.commit(third);
  assert.equal((await run.commit(first)).already, 2);
  assert.deepEqual(await readValues(cluster, topic, 8), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
  await run.close();
});

test('transactional ids are used again once their transactions are committed', async () => {
  const topic = await newTopic();
  const run = await start(transactional(topic));
  const ids = new Set<string>();
  for (let round = 0; round < 8; round++) {
    await run.write(`r${round}`);
    const snapshot = await run.checkpoint();
    for (const committable of snapshot.committables) ids.add((committable as KafkaCommittable).transactionalId);
    await run.commit(snapshot);
  }
  assert.deepEqual([...ids].toSorted(), [`${topic}-0-0`, `${topic}-0-1`]);
  assert.deepEqual(await readValues(cluster, topic, 8), count('r', 8));
  await run.close();
});

test('a failure between prepare and commit loses nothing and repeats nothing, at any new parallelism', async () => {
  for (const parallelism of [1, 3]) {
    const topic = await newTopic(2);
    const before = await start(transactional(topic), { parallelism: 2 });
    await writeAll(before, ['a', 'b'], 2);
    await before.commit(await before.checkpoint());
    await writeAll(before, ['c', 'd'], 2);
    const snapshot = await before.checkpoint();
    // What comes behind the checkpoint is lost with the process, and comes again from the source.
    await writeAll(before, ['e', 'f'], 2);
    await before.checkpoint();
    await writeAll(before, ['g', 'h'], 2);

    // The process is gone, but nobody has closed it: its transactions are open.
    const rest = await start(transactional(topic), { parallelism, restore: snapshot });
    await writeAll(rest, ['e', 'f', 'g', 'h'], parallelism);
    await rest.commit(await rest.checkpoint());
    assert.deepEqual(await readValues(cluster, topic, 8), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
    const janitor = kafkaJanitor({ brokers: cluster.bootstrap, transactionalIdPrefix: topic });
    assert.deepEqual(await janitor.list(), []);
    await janitor.close();
    await rest.close();
    await before.close();
  }
});

test('a zombie that wakes up can neither write nor commit, and does not hurt its successor', async () => {
  const topic = await newTopic();
  const zombie = await start(transactional(topic));
  await zombie.write('a');
  const snapshot = await zombie.checkpoint();
  await zombie.write('lost with the zombie');
  const unknown = await zombie.checkpoint();

  const successor = await start(transactional(topic), { restore: snapshot });
  await successor.write('b');
  const next = await successor.checkpoint();

  // What nobody knows to be complete, it commits all the same: its transaction has been aborted.
  const report = await zombie.commit(unknown);
  assert.equal(report.failed.length, 1);
  await assert.rejects(async () => {
    for (let i = 0; i < 3; i++) {
      await zombie.write('from the grave');
      await zombie.commit(await zombie.checkpoint());
    }
  }, /Another producer has taken over the transactional id/);
  await zombie.close();
  await successor.commit(next);
  assert.deepEqual(await readValues(cluster, topic, 2), ['a', 'b']);
  await successor.close();
});

test('a zombie that wakes up while it makes identities does not end what its successor has prepared', async () => {
  const makesIdentity: Hold = (method, [id]) => method === 'initProducer' && !String(id).endsWith('-lease');
  let lists = 0;
  const moments: readonly { readonly hold: Hold; readonly lingering: boolean }[] = [
    // It is about to look for what others have left open, ...
    { hold: (method) => method === 'listTransactions' && ++lists === 2, lingering: false },
    // ... has found something and is about to fence it, ...
    { hold: makesIdentity, lingering: true },
    // ... or has found a name that is free.
    { hold: makesIdentity, lingering: false },
  ];
  for (const { hold, lingering } of moments) {
    const topic = await newTopic();
    const before = lingering ? await start(transactional(topic)) : undefined;
    await before?.write('lost');
    await before?.checkpoint();
    const asleep = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const zombie = await start(
      transactional(topic, {
        client: () =>
          held(clientOf(cluster), async (method, given) => {
            if (!hold(method, given)) return;
            asleep.resolve();
            await woken.promise;
          }),
      }),
    );
    await zombie.write('from the grave');
    await asleep.promise;

    const successor = await start(transactional(topic));
    await successor.write('a');
    const prepared = await successor.checkpoint();
    woken.resolve();
    await assert.rejects(zombie.checkpoint(), /Another producer has taken over the transactional id/);
    assert.deepEqual((await successor.commit(prepared)).failed, []);
    assert.deepEqual(await readValues(cluster, topic, 1), ['a']);
    await successor.write('b');
    await successor.commit(await successor.checkpoint());
    assert.deepEqual(await readValues(cluster, topic, 2), ['a', 'b']);
    for (const run of [zombie, successor, before]) await run?.close();
  }
});

type Hold = (method: string, given: readonly unknown[]) => boolean;

/** A client each of whose calls waits first. */
function held(client: KafkaClient, wait: (method: string, given: readonly unknown[]) => Promise<void>): KafkaClient {
  return new Proxy(client, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      if (name === 'forget') return method.bind(target);
      return async (...given: unknown[]): Promise<unknown> => {
        await wait(String(name), given);
        return await Reflect.apply(method, target, given);
      };
    },
  });
}

test('a savepoint commits nothing, and can be restored any time, twice, whatever the job did since', async () => {
  const topic = await newTopic();
  const run = await start(transactional(topic));
  await run.write('a');
  const savepoint = await run.savepoint();
  assert.deepEqual(savepoint.committables, []);
  assert.deepEqual(await readValues(cluster, topic, 0), []);
  await run.write('b');
  const checkpoint = await run.checkpoint();
  assert.equal(checkpoint.committables.length, 2);
  await run.commit(checkpoint);
  assert.deepEqual(await readValues(cluster, topic, 2), ['a', 'b']);
  await run.close();
  // Restored: its records are there already, and what follows is the new job's.
  for (const value of ['c', 'd']) {
    const restored = await start(transactional(topic), { restore: savepoint });
    await restored.write(value);
    await restored.commit(await restored.checkpoint());
    await restored.close();
  }
  assert.deepEqual(await readValues(cluster, topic, 4), ['a', 'b', 'c', 'd']);

  // Restored by a job that was stopped by nothing else: the savepoint's own records are committed then.
  const lone = await newTopic();
  const stopped = await start(transactional(lone));
  await stopped.write('x');
  const last = await stopped.savepoint();
  await stopped.close();
  const moved = await start(transactional(lone), { restore: last, parallelism: 2 });
  await moved.write('y', { subtask: 1 });
  await moved.commit(await moved.checkpoint());
  assert.deepEqual(await readValues(cluster, lone, 2), ['x', 'y']);
  await moved.close();
});

/** Waits until the broker has aborted a transaction. */
async function expired(id: string): Promise<void> {
  const client = clientOf(cluster);
  await until('the transaction expires', async () => {
    const [description] = await patiently(client, () => client.describeTransactions([id]));
    return description?.state === 'CompleteAbort';
  });
  await client.close();
}

test('a transaction that has expired is a loss with a name, one that was committed before is none', async () => {
  const topic = await newTopic();
  const run = await start(transactional(topic, { transactionTimeoutMs: 1_000 }));
  await run.write('a');
  const snapshot = await run.checkpoint();
  const id = `${topic}-0-0`;
  await expired(id);
  const report = await run.commit(snapshot);
  assert.equal(report.failed.length, 1);
  assert.match(
    report.failed[0]?.message ?? '',
    new RegExp(`transaction ${id} \\(producer \\d+, epoch 0\\) was aborted by the brokers before it was committed`),
  );
  await run.close();

  // A savepoint that is restored too late is as much of a loss.
  const late = await newTopic();
  const saved = await start(transactional(late, { transactionTimeoutMs: 500 }));
  await saved.write('a');
  const savepoint = await saved.savepoint();
  await expired(`${late}-0-0`);
  const restored = await start(transactional(late), { restore: savepoint });
  await assert.rejects(async () => {
    await restored.write('b');
    await restored.checkpoint();
  }, /SINK_DATA_LOST.*Data of a savepoint is lost: transaction .*-0-0 .* was aborted by the brokers/);
  await restored.close();
  await saved.close();

  // The way out: the job goes on without that data, and says so.
  const lenient = await start(transactional(topic, { onLostTransaction: 'ignore' }), { restore: snapshot });
  await lenient.write('b');
  await lenient.commit(await lenient.checkpoint());
  assert.deepEqual(await readValues(cluster, topic, 1), ['b']);
  await lenient.close();
});

test('timeouts that cannot hold are refused when the job starts', async () => {
  const topic = await newTopic();
  const tooLong = await start(transactional(topic, { transactionTimeoutMs: 100_000_000 }));
  await assert.rejects(
    async () => {
      await tooLong.write('a');
      await tooLong.checkpoint();
    },
    (error) => {
      assert.ok(error instanceof MillstreamError);
      assert.equal(error.code, 'OPTION_INVALID');
      assert.match(error.message, /transactionTimeoutMs = 100000000: the brokers allow 900000/);
      return true;
    },
  );
  await tooLong.close();
  const checkpointing = { intervalMs: 600_000, timeoutMs: 600_000 };
  const tooSlow = await start(transactional(topic), { checkpointing });
  await assert.rejects(async () => {
    await tooSlow.write('a');
    await tooSlow.checkpoint();
  }, /would lose data: the brokers abort a transaction after 900000 ms, and a checkpoint may take 1200000 ms/);
  await tooSlow.close();
});

test('a topic that does not exist, a record that is too large, and a value that cannot be written are named', async () => {
  const nowhere = await start(textSink('nowhere'));
  await assert.rejects(async () => await nowhere.write('a'), /cannot write to topic nowhere: it does not exist/);
  await nowhere.close();
  const topic = await newTopic();
  const large = await start(textSink(topic));
  await assert.rejects(async () => {
    await large.write('x'.repeat(2_000_000));
    await large.checkpoint();
  }, /SINK_FAILED.*(?:MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE)/);
  await large.close();
  const throwing = await runSink(
    kafkaSink<string>({
      brokers: cluster.bootstrap,
      topic,
      value: () => {
        throw new Error('no bytes for this');
      },
    }),
  );
  await assert.rejects(async () => await throwing.write('a'), /RECORD_UNENCODABLE.*no bytes for this/);
  await throwing.close();
});

test('the janitor lists what a dead job left open, and commits or aborts it', async () => {
  const topic = await newTopic();
  const other = await newTopic();
  const dead = await start(transactional(topic), { parallelism: 2 });
  await writeAll(dead, ['a', 'b'], 2);
  await dead.checkpoint();
  const neighbour = await start(transactional(other, { transactionalIdPrefix: `${topic}-other` }));
  await neighbour.write('n');
  await neighbour.checkpoint();

  const janitor = kafkaJanitor({ brokers: cluster.bootstrap, transactionalIdPrefix: topic });
  const open = await janitor.list();
  assert.deepEqual(open.map(({ transactionalId }) => transactionalId).toSorted(), [`${topic}-0-0`, `${topic}-1-0`]);
  assert.deepEqual(
    open.map(({ state, timeoutMs, partitions }) => [state, timeoutMs, partitions]),
    [
      ['Ongoing', 900_000, [{ topic, partition: 0 }]],
      ['Ongoing', 900_000, [{ topic, partition: 0 }]],
    ],
  );
  assert.deepEqual(await janitor.abort({ olderThanMs: 3_600_000 }), []);
  const committed = await janitor.commit({ transactionalIds: [`${topic}-0-0`] });
  assert.deepEqual(
    committed.map(({ transactionalId }) => transactionalId),
    [`${topic}-0-0`],
  );
  await until('one is left', async () => (await janitor.list()).length === 1);
  assert.equal((await janitor.abort()).length, 1);
  await until('none is left', async () => (await janitor.list()).length === 0);
  assert.equal((await janitor.list({ all: true })).length, 2);
  await janitor.close();
  assert.deepEqual(await readValues(cluster, topic, 1), ['a']);

  // The same as a program.
  const cli = (...args: string[]): { status: number | null; output: string } => {
    const program = join(import.meta.dirname, '../src/janitor-cli.ts');
    const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, program, ...args], {
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  };
  const where = ['--brokers', cluster.bootstrap, '--prefix', `${topic}-other`];
  const listed = cli('list', ...where);
  assert.equal(listed.status, 0, listed.output);
  assert.match(listed.output, new RegExp(`${topic}-other-0-0  Ongoing .*${other}-0\\n1 transaction\\n`));
  assert.match(cli('commit', ...where).output, /-0-0  committed .*\n1 transaction committed\n/s);
  assert.deepEqual(await readValues(cluster, other, 1), ['n']);
  assert.equal(cli('list', '--brokers', cluster.bootstrap).status, 2);
  await dead.close();
  await neighbour.close();
});

test('options that make no sense are refused when the sink is built', () => {
  const refused = (options: object, message: RegExp): void =>
    assert.throws(
      () => kafkaSink<string>({ brokers: 'localhost', topic: 't', value: String, ...options }),
      (error) => error instanceof MillstreamError && error.code === 'OPTION_INVALID' && message.test(error.message),
    );
  refused({ deliveryGuarantee: 'exactly-once' }, /needs a `transactionalIdPrefix`/);
  refused({ transactionalIdPrefix: 'x' }, /transactionalIdPrefix is of use only with/);
  refused({ deliveryGuarantee: 'at-most-once' }, /deliveryGuarantee must be one of at-least-once, exactly-once/);
  refused({ compression: 'brotli' }, /compression must be none, gzip, snappy, lz4 or zstd/);
  refused({ topic: '' }, /it needs a `topic`/);
  refused({ lingerMs: -1 }, /lingerMs must be a whole number of at least 0/);
  refused({ onLostTransaction: 'shrug' }, /onLostTransaction must be one of fail, ignore/);
  assert.throws(() => kafkaJanitor({ brokers: 'localhost', transactionalIdPrefix: '' }), /transactionalIdPrefix/);
});
