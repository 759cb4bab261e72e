/** Three brokers of which one is killed: leaders and coordinators move, and nothing is lost or doubled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sink, Source } from 'millstream';
import { kafkaJanitor, kafkaSink, kafkaSource, OffsetsInitializer } from '@millstream/kafka';
import { KafkaCluster } from './broker/cluster.ts';
import { clientOf, patiently, readValues, write } from './fixture.ts';
import { runPipeline } from './pipeline.ts';

const COUNT = 3_000;
const PARTITIONS = 3;
const VALUES = Array.from({ length: COUNT }, (_, i) => `v${String(i).padStart(4, '0')}`);

test('the job goes on while leaders and coordinators move from broker to broker', { timeout: 120_000 }, async () => {
  const cluster = await KafkaCluster.start({ brokers: 3 });
  try {
    await cluster.createTopic('from', PARTITIONS);
    await cluster.createTopic('to', PARTITIONS);
    await write(
      cluster,
      'from',
      VALUES.map((value, i) => ({ value, partition: i % PARTITIONS })),
    );
    const client = clientOf(cluster);
    const source = (): Source<string> =>
      kafkaSource({
        brokers: cluster.bootstrap,
        topics: ['from'],
        groupId: 'movers',
        value: String,
        partitionFetchBytes: 4_000,
        bounded: OffsetsInitializer.offsets(
          Array.from({ length: PARTITIONS }, (_, partition) => ({
            topic: 'from',
            partition,
            offset: COUNT / PARTITIONS,
          })),
        ),
      }) as Source<string>;
    const sink = (): Sink<string> =>
      kafkaSink<string>({
        brokers: cluster.bootstrap,
        topic: 'to',
        value: (value) => value,
        batchBytes: 1_000,
        deliveryGuarantee: 'exactly-once',
        transactionalIdPrefix: 'mover',
      }) as unknown as Sink<string>;
    const leadersBefore = await patiently(client, () => client.leaders([{ topic: 'to', partition: 0 }]));
    const restarts = await runPipeline({
      source,
      sink,
      parallelism: 2,
      recordsPerCheckpoint: 500,
      meddle: async (moment) => {
        // While a transaction is prepared, the broker that leads, and with it some coordinators, goes …
        const victim = (leadersBefore[0] as number) - 1;
        if (moment === 6) await cluster.kill(victim);
        // … and comes back later, while records are written.
        if (moment === 13) cluster.restart(victim);
      },
    });
    assert.ok(restarts <= 1, `${restarts} restarts`);
    assert.deepEqual(await readValues(cluster, 'to', COUNT), VALUES);
    const janitor = kafkaJanitor({ brokers: cluster.bootstrap, transactionalIdPrefix: 'mover' });
    assert.deepEqual(await janitor.list(), []);
    await janitor.close();
    await client.close();
  } finally {
    await cluster.stop();
  }
});
