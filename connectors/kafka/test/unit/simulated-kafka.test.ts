/** The simulated cluster by itself; what it has in common with a real one is in `contract.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulation } from 'millstream/testing';
import type { KafkaClient } from '@millstream/kafka';
import { SimulatedKafka, simulatedKafkaClient } from '@millstream/kafka/testing';
import { retry } from '../../src/retry.ts';

const COMMITS = 60;

/** Commits offsets one after the other while everything goes wrong; tells how it went. */
async function disturbed(seed: number): Promise<{ hash: string; committed: number | undefined; refusals: number }> {
  const simulation = createSimulation(seed);
  const kafka = new SimulatedKafka(simulation);
  kafka.createTopic('topic');
  kafka.disturb({ withinMs: 2_000, outages: 4, moves: 6, troubledRequests: 0.2 });
  const world = simulation.world('client');
  const client = simulatedKafkaClient(world, 'test');
  const { signal } = new AbortController();
  const place = { topic: 'topic', partition: 0 };
  let refusals = 0;
  const patiently = <T>(work: () => Promise<T>): Promise<T> =>
    retry({ world, client, timeoutMs: 60_000, signal }, () =>
      work().catch((error: unknown) => {
        refusals++;
        throw error;
      }),
    );
  const work = async (): Promise<number | undefined> => {
    for (let offset = 1; offset <= COMMITS; offset++)
      await patiently(() => client.commitOffsets('group', [{ ...place, offset }]));
    const [committed] = await patiently(() => client.committedOffsets('group', [place]));
    return committed;
  };
  const committed = await simulation.settle(work());
  const hash = simulation.traceHash;
  simulation.close();
  return { hash, committed, refusals };
}

test('whatever goes wrong with brokers and requests, who tries again gets through, the same way every time', async () => {
  let refusals = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const first = await disturbed(seed);
    assert.equal(first.committed, COMMITS);
    assert.deepEqual(await disturbed(seed), first);
    refusals += first.refusals;
  }
  assert.ok(refusals > 10, `${refusals} refusals`);
});

test('records that a test writes are read, until retention deletes them', () => {
  const kafka = new SimulatedKafka(createSimulation(1), { brokers: 1 });
  kafka.createTopic('topic', 2);
  kafka.write('topic', [{ key: 'k', value: 'a' }, { value: 'b', partition: 1, timestamp: 7 }, { value: 'c' }]);
  const seen = (): unknown[] =>
    kafka.committed('topic').map(({ partition, offset, value }) => [partition, offset, String(value)]);
  assert.deepEqual(seen(), [
    [0, 0, 'a'],
    [0, 1, 'c'],
    [1, 0, 'b'],
  ]);
  kafka.deleteRecords('topic', 0, 1);
  assert.deepEqual(seen(), [
    [0, 1, 'c'],
    [1, 0, 'b'],
  ]);
  assert.throws(() => kafka.deleteRecords('topic', 0, 5), RangeError);
  assert.throws(() => kafka.write('nowhere', [{ value: 'a' }]), /there is no partition nowhere-0/);
});

test('with one broker away the others serve, with all away nobody does', async () => {
  const simulation = createSimulation(5);
  const kafka = new SimulatedKafka(simulation);
  kafka.createTopic('topic', 3);
  const client: KafkaClient = simulatedKafkaClient(simulation.world('client'), 'test');
  const partitions = [0, 1, 2].map((partition) => ({ topic: 'topic', partition }));
  const leaders = async (): Promise<readonly (number | undefined)[]> => {
    client.forget();
    return await simulation.settle(client.leaders(partitions));
  };
  kafka.kill(2);
  await simulation.settle(new Promise<void>((resolve) => void simulation.after(100, resolve)));
  for (const leader of await leaders()) assert.ok(leader === 1 || leader === 3, String(leader));
  kafka.kill(1);
  kafka.kill(3);
  await assert.rejects(leaders(), { kind: 'unreachable' });
  kafka.restart(2);
  await simulation.settle(new Promise<void>((resolve) => void simulation.after(100, resolve)));
  assert.deepEqual(await leaders(), [2, 2, 2]);
  simulation.close();
});

test('a cluster has one to three brokers', () => {
  assert.throws(() => new SimulatedKafka(createSimulation(1), { brokers: 4 }), RangeError);
});
