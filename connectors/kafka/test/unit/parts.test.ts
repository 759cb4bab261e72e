/** The small parts of the connector, without a broker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KafkaFailure, type KafkaClient } from '@millstream/kafka';
import { connectionSettings } from '../../src/connection-options.ts';
import { failureOf } from '../../src/client-failure.ts';
import { jobError, protocolFailure } from '../../src/failure.ts';
import { Outbox } from '../../src/outbox.ts';
import { murmur2, partitionOfKey } from '../../src/partitioner.ts';
import { retry } from '../../src/retry.ts';
import { leaseId, parseLeaseId, parseTransactionalId, transactionalId } from '../../src/transactional-id.ts';
import { WORLD } from '../fixture.ts';

test('keys are hashed as Kafka’s own clients hash them', () => {
  // The values of Kafka's own test of its hash.
  const known: readonly (readonly [string, number])[] = [
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ];
  for (const [key, hash] of known) assert.equal(murmur2(Buffer.from(key)), hash, key);
  assert.equal(partitionOfKey('abc', 7), 479_470_107 % 7);
});

test('a transactional id tells its parts to its own prefix only', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.nat(), fc.string(), (prefix, subtask, number, other) => {
      const id = transactionalId(prefix, { subtask, number });
      assert.deepEqual(parseTransactionalId(prefix, id), { subtask, number });
      if (other !== prefix) assert.equal(parseTransactionalId(other, id), undefined);
      const lease = leaseId(prefix, subtask);
      assert.equal(parseLeaseId(prefix, lease), subtask);
      assert.equal(parseTransactionalId(prefix, lease), undefined);
      assert.equal(parseLeaseId(prefix, id), undefined);
    }),
  );
});

test('what fails in passing is tried again, after a look around; what does not is final', async () => {
  let forgets = 0;
  const client = { forget: () => void forgets++ } as unknown as KafkaClient;
  const { signal } = new AbortController();
  const options = { world: WORLD, client, timeoutMs: 10_000, signal };
  const failures = [new KafkaFailure('stale', 'moved'), new KafkaFailure('busy', 'loading')];
  const result = await retry(options, async () => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return await Promise.resolve('done');
  });
  assert.equal(result, 'done');
  assert.equal(forgets, 1);
  let tries = 0;
  await assert.rejects(
    retry(options, async () => {
      tries++;
      await Promise.reject(new KafkaFailure('fenced', 'replaced'));
    }),
    /replaced/,
  );
  assert.equal(tries, 1);
  const late = retry({ ...options, timeoutMs: 0 }, () => Promise.reject(new KafkaFailure('busy', 'always')));
  await assert.rejects(late, /always/);
});

test('batches that came back are sent again in their order, also where sequence numbers begin anew', () => {
  const outbox = new Outbox('t', 0);
  for (let i = 0; i < 3; i++) {
    outbox.append(0, null, `v${i}`, undefined);
    outbox.seal();
  }
  const [first, second, third] = outbox.ready.splice(0);
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  outbox.returned.push(second, first);
  outbox.ready.push(third);
  outbox.putBack();
  assert.deepEqual(outbox.ready, [first, second, third]);
  assert.deepEqual(
    outbox.ready.map(({ baseSequence }) => baseSequence),
    [0, 1, 2],
  );
});

test('addresses may have names, numbers and no port', () => {
  const brokersOf = (brokers: string): unknown => connectionSettings('test', { brokers }).brokers;
  assert.deepEqual(brokersOf('a, b:1'), [
    { host: 'a', port: 9092 },
    { host: 'b', port: 1 },
  ]);
  assert.deepEqual(brokersOf('[::1]:9093,127.0.0.1:9094'), [
    { host: '::1', port: 9093 },
    { host: '127.0.0.1', port: 9094 },
  ]);
  assert.throws(() => brokersOf('a:99999'), /is none/);
});

test('what a broker says becomes what a user can act on', () => {
  const meant = (code: number, side: 'source' | 'sink'): string =>
    jobError(side, 'cannot go on', protocolFailure(code)).code;
  assert.equal(meant(29, 'source'), 'SOURCE_PERMISSION');
  assert.equal(meant(53, 'sink'), 'SINK_PERMISSION');
  assert.equal(meant(3, 'source'), 'SOURCE_MISSING');
  assert.equal(meant(50, 'sink'), 'OPTION_INVALID');
  assert.equal(meant(90, 'sink'), 'SINK_FAILED');
  assert.equal(meant(15, 'sink'), 'SINK_UNREACHABLE');
  assert.equal(meant(12_345, 'source'), 'SOURCE_FAILED');
  assert.equal(protocolFailure(0), undefined);
  assert.equal(failureOf(new Error('connect ECONNREFUSED'), 'a:1').kind, 'unreachable');
});
