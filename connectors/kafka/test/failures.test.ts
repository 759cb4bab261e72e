/** Sockets that are cut, a network that is down, a broker that is killed: nothing is lost, nothing is doubled. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillstreamError, type Sink, type Source } from 'millstream';
import { runSource } from 'millstream/testing';
import { kafkaSink, kafkaSource, OffsetsInitializer, type KafkaSinkSettings } from '@millstream/kafka';
import { KafkaCluster } from './broker/cluster.ts';
import { freshTopic, readValues, write } from './fixture.ts';
import { Crash, runPipeline } from './pipeline.ts';
import { Proxy } from './proxy.ts';

let proxy: Proxy;
let cluster: KafkaCluster;
before(async () => {
  proxy = await Proxy.start();
  cluster = await KafkaCluster.start({ proxy });
});
after(async () => {
  await proxy.stop();
  await cluster.stop();
});

const COUNT = 2_000;
const VALUES = Array.from({ length: COUNT }, (_, i) => `v${String(i).padStart(4, '0')}`);

/** Two topics of two partitions; the first holds the values. */
async function topics(name: string): Promise<{ from: string; to: string }> {
  const from = freshTopic(`${name}-from`);
  const to = freshTopic(`${name}-to`);
  await cluster.createTopic(from, 2);
  await cluster.createTopic(to, 2);
  await write(
    cluster,
    from,
    VALUES.map((value, i) => ({ value, partition: i % 2 })),
  );
  return { from, to };
}

function sourceOf(topic: string): Source<string> {
  return kafkaSource({
    brokers: cluster.bootstrap,
    topics: [topic],
    value: String,
    bounded: OffsetsInitializer.offsets([0, 1].map((partition) => ({ topic, partition, offset: COUNT / 2 }))),
    partitionFetchBytes: 4_000,
    bufferBytes: 8_000,
  }) as Source<string>;
}

function sinkOf(topic: string, options: Partial<KafkaSinkSettings> = {}): Sink<string> {
  return kafkaSink<string>({
    brokers: cluster.bootstrap,
    topic,
    value: (value) => value,
    batchBytes: 1_000,
    deliveryGuarantee: 'exactly-once',
    transactionalIdPrefix: topic,
    ...options,
  }) as unknown as Sink<string>;
}

test('sockets that are cut again and again cost neither records nor restarts', async () => {
  const { from, to } = await topics('cut');
  const cutting = new AbortController();
  const knife = (async () => {
    while (!cutting.signal.aborted) {
      await sleep(40);
      proxy.cut();
    }
  })();
  const restarts = await runPipeline({
    source: () => sourceOf(from),
    sink: () => sinkOf(to),
    parallelism: 2,
    recordsPerCheckpoint: 250,
    meddle: async () => await sleep(20),
  });
  cutting.abort();
  await knife;
  assert.equal(restarts, 0);
  assert.deepEqual(await readValues(cluster, to, COUNT), VALUES);
});

test('at least once over sockets that are cut, the idempotent producer doubles nothing either', async () => {
  const { from, to } = await topics('cut-once');
  let moments = 0;
  await runPipeline({
    source: () => sourceOf(from),
    sink: () =>
      kafkaSink<string>({
        brokers: cluster.bootstrap,
        topic: to,
        value: (value) => value,
        batchBytes: 500,
      }) as unknown as Sink<string>,
    recordsPerCheckpoint: 400,
    meddle: () => {
      moments++;
      setTimeout(() => proxy.cut(), 3);
      proxy.cut();
    },
  });
  assert.ok(moments > 10);
  assert.deepEqual(await readValues(cluster, to, COUNT), VALUES);
});

test('a job that crashes at every moment in turn writes each record once', async () => {
  const { from, to } = await topics('crash');
  let crashes = 0;
  const restarts = await runPipeline({
    source: () => sourceOf(from),
    sink: () => sinkOf(to),
    parallelism: 2,
    recordsPerCheckpoint: 500,
    meddle: (moment, phase) => {
      // Each phase is hit; two crashes follow each other while the job recovers.
      if (moment % 5 < 3 || crashes >= 8) return;
      crashes++;
      throw new Crash(phase);
    },
  });
  assert.equal(restarts, 8);
  assert.deepEqual(await readValues(cluster, to, COUNT), VALUES);
});

test('a broker that is killed and started again in the middle of everything loses and doubles nothing', async () => {
  const { from, to } = await topics('killed');
  // Between prepare and commit, and while records are written.
  const kills = new Set([2, 9]);
  const restarts = await runPipeline({
    source: () => sourceOf(from),
    sink: () => sinkOf(to),
    recordsPerCheckpoint: 500,
    meddle: async (moment) => {
      if (!kills.has(moment)) return;
      await cluster.kill();
      proxy.cut();
      // The job goes on; the broker comes back while it tries.
      cluster.restart();
    },
  });
  assert.ok(restarts <= 2);
  await cluster.ready();
  assert.deepEqual(await readValues(cluster, to, COUNT), VALUES);
});

test('a cluster that is out of reach for too long fails the job, which may restart', async () => {
  const { from, to } = await topics('down');
  proxy.down = true;
  try {
    const source = kafkaSource({
      brokers: `127.0.0.1:${proxy.port}`,
      topics: [from],
      value: String,
      unreachableTimeoutMs: 300,
    });
    const run = runSource(source);
    await assert.rejects(run.take(1), (error) => {
      assert.ok(error instanceof MillstreamError);
      assert.equal(error.code, 'SOURCE_UNREACHABLE');
      assert.ok(error.restart);
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${proxy.port}`));
      return true;
    });
    await run.close();
    await assert.rejects(
      runPipeline({
        source: () => sourceOf(from),
        sink: () => sinkOf(to, { brokers: `127.0.0.1:${proxy.port}`, unreachableTimeoutMs: 300 }),
        recordsPerCheckpoint: 1,
        meddle: () => {
          throw new Crash();
        },
      }),
    );
  } finally {
    proxy.down = false;
  }
});
