/** Brokers that ask who one is, and that encrypt. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MillstreamError } from 'millstream';
import { runSink, runSource } from 'millstream/testing';
import { kafkaSink, kafkaSource, OffsetsInitializer, type KafkaConnectionOptions } from '@millstream/kafka';
import { ALICE, BOB, KafkaCluster } from './broker/cluster.ts';
import { freshTopic } from './fixture.ts';
import { addScramUser } from './scram.ts';

let cluster: KafkaCluster;
before(async () => {
  cluster = await KafkaCluster.start({ security: true });
  await addScramUser(cluster, BOB);
});
after(() => cluster.stop());

/** Writes a record in a transaction and reads it back. */
async function roundTrip(connection: KafkaConnectionOptions): Promise<readonly string[]> {
  const topic = freshTopic();
  await cluster.createTopic(topic, 1);
  const sink = kafkaSink<string>({
    ...connection,
    topic,
    value: (value) => value,
    deliveryGuarantee: 'exactly-once',
    transactionalIdPrefix: topic,
  });
  const writing = await runSink(sink);
  try {
    await writing.write('secret');
    await writing.finish();
  } finally {
    await writing.close();
  }
  const reading = runSource(
    kafkaSource({
      ...connection,
      topics: [topic],
      value: String,
      bounded: OffsetsInitializer.offsets([{ topic, partition: 0, offset: 1 }]),
    }),
  );
  try {
    return await reading.finish();
  } finally {
    await reading.close();
  }
}

test('PLAIN and SCRAM, open and inside TLS, let in who knows the password', async () => {
  const plain = { mechanism: 'PLAIN', ...ALICE } as const;
  const scram256 = { mechanism: 'SCRAM-SHA-256', ...BOB } as const;
  const scram512 = { mechanism: 'SCRAM-SHA-512', ...BOB } as const;
  for (const sasl of [plain, scram256, scram512]) {
    assert.deepEqual(await roundTrip({ brokers: cluster.sasl, sasl }), ['secret'], sasl.mechanism);
    const tls = { ca: cluster.ca };
    assert.deepEqual(await roundTrip({ brokers: cluster.tls, sasl, tls }), ['secret'], `${sasl.mechanism} in TLS`);
  }
});

test('wrong passwords, unknown authorities and missing TLS fail the job for good, and no message tells a password', async () => {
  const password = 'not-the-password';
  const wrong: readonly (readonly [KafkaConnectionOptions, RegExp])[] = [
    [{ brokers: cluster.sasl, sasl: { mechanism: 'PLAIN', ...ALICE, password } }, /credentials|AUTHENTICATION/i],
    [{ brokers: cluster.sasl, sasl: { mechanism: 'SCRAM-SHA-512', ...BOB, password } }, /credentials|AUTHENTICATION/i],
    [{ brokers: cluster.tls, sasl: { mechanism: 'PLAIN', ...ALICE }, tls: true }, /certificate/],
  ];
  for (const [connection, message] of wrong) {
    await assert.rejects(roundTrip({ ...connection, unreachableTimeoutMs: 5_000 }), (error) => {
      assert.ok(error instanceof MillstreamError);
      assert.equal(error.code, 'SINK_PERMISSION', error.message);
      assert.ok(!error.restart);
      assert.match(error.message, message);
      assert.ok(!error.message.includes(password));
      return true;
    });
  }
});
