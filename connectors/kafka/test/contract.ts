/**
 * What source, sink and janitor count on when they ask a cluster, as tests that run against a real broker and against
 * the simulated one alike.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectorWorld } from 'millstream';
import {
  KafkaFailure,
  type FailureKind,
  type FetchedPartition,
  type IsolationLevel,
  type KafkaClient,
  type ProducerIdentity,
  type TransactionIdentity,
} from '@millstream/kafka';
import { BatchBuilder } from '../src/batch-builder.ts';
import { BatchCursor } from '../src/batch-cursor.ts';
import { KafkaRecord } from '../src/kafka-record.ts';
import { readBatchHeader } from '../src/record-batch.ts';
import { retry } from '../src/retry.ts';

/** A cluster of one broker, whose transactions may take at most {@link TIMEOUT_MAX_MS}. */
export interface ContractSubject {
  readonly world: ConnectorWorld;
  connect(): KafkaClient;
  createTopic(topic: string, partitions: number): Promise<void>;
  deleteRecords(topic: string, partition: number, before: number): Promise<void>;
  /** Kills the broker and starts it again. */
  restart(): Promise<void>;
  /** Awaits what needs the cluster to go on. */
  settle<T>(promise: Promise<T>): Promise<T>;
}

export const TIMEOUT_MAX_MS = 60_000;

const PATIENCE_MS = 30_000;

let names = 0;

/** Registers the tests. */
export function contractTests(name: string, subjectOf: () => ContractSubject): void {
  const contract = (what: string, body: (cluster: Contract) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const subject = subjectOf();
      const cluster = new Contract(subject);
      await subject.settle(run(body, cluster));
    });
  };

  contract('topics are described by name or all together, and unknown ones are left out', async (cluster) => {
    const topic = await cluster.topic(3);
    const { client } = cluster;
    assert.deepEqual(await client.describeTopics([topic, 'nowhere']), [{ topic, partitions: [0, 1, 2] }]);
    const all = await client.describeTopics(undefined);
    assert.deepEqual(all.find((one) => one.topic === topic)?.partitions, [0, 1, 2]);
    const [known, unknown, beyond] = await client.leaders([
      { topic, partition: 2 },
      { topic: 'nowhere', partition: 0 },
      { topic, partition: 3 },
    ]);
    assert.deepEqual([known, unknown, beyond], [1, undefined, undefined]);
  });

  contract('places in a partition are found by name and by timestamp', async (cluster) => {
    const topic = await cluster.topic();
    const producer = await cluster.producer();
    assert.deepEqual(await cluster.offsets(topic), [0, 0]);
    const now = cluster.subject.world.clock.now();
    await cluster.write(topic, producer, ['a', 'b', 'c'], { timestamp: now });
    await cluster.write(topic, producer, ['d'], { sequence: 3, timestamp: now + 100 });
    assert.deepEqual(await cluster.offsets(topic), [0, 4]);
    const after = async (ms: number): Promise<number | undefined> => {
      const query = { topic, partition: 0, at: { timestamp: now + ms } };
      const [found] = await cluster.client.listOffsets([query], 'read_committed');
      return found;
    };
    assert.equal(await after(-1_000), 0);
    assert.equal(await after(2), 2);
    assert.equal(await after(3), 3);
    assert.equal(await after(101), undefined);
    await cluster.fails('unknown-topic', () =>
      cluster.client.listOffsets([{ topic, partition: 7, at: 'earliest' }], 'read_committed'),
    );
  });

  contract('batches of a producer are written once and in order', async (cluster) => {
    const topic = await cluster.topic();
    const producer = await cluster.producer();
    const other = await cluster.producer();
    assert.notEqual(other.producerId, producer.producerId);
    assert.equal(await cluster.write(topic, producer, ['a', 'b']), 0);
    assert.equal(await cluster.write(topic, producer, ['c'], { sequence: 2 }), 2);
    // Again, as after an answer that was lost.
    assert.equal(await cluster.write(topic, producer, ['a', 'b']), 0);
    assert.equal(await cluster.write(topic, producer, ['c'], { sequence: 2 }), 2);
    await cluster.fails('out-of-order', () => cluster.write(topic, producer, ['e'], { sequence: 4 }));
    // A producer that the partition does not know may begin anywhere.
    assert.equal(await cluster.write(topic, other, ['x'], { sequence: 9 }), 3);
    assert.deepEqual(await cluster.read(topic), ['a', 'b', 'c', 'x']);
  });

  contract('a batch that was written long ago is not written again', async (cluster) => {
    const topic = await cluster.topic();
    const producer = await cluster.producer();
    for (let sequence = 0; sequence < 7; sequence++)
      await cluster.write(topic, producer, [`v${sequence}`], { sequence });
    assert.equal(await cluster.write(topic, producer, ['v2'], { sequence: 2 }), 2);
    await assert.rejects(
      cluster.write(topic, producer, ['v0'], { sequence: 0 }),
      (error) => error instanceof KafkaFailure && ['duplicate', 'out-of-order'].includes(error.kind),
    );
    assert.equal((await cluster.read(topic)).length, 7);
  });

  contract('a broker refuses what is damaged or too large', async (cluster) => {
    const topic = await cluster.topic();
    const producer = await cluster.producer();
    const damaged = batchOf(producer, ['a'], {});
    damaged[damaged.length - 2] = 255 - (damaged[damaged.length - 2] as number);
    const [answer] = await cluster.produce(topic, damaged);
    assert.equal(answer?.failure?.kind, 'busy');
    await cluster.fails('too-large', () => cluster.write(topic, producer, ['x'.repeat(1_100_000)]));
    await cluster.fails('unknown-topic', () => cluster.write('nowhere', producer, ['a']));
  });

  contract('a fetch brings whole batches from the one that holds the offset', async (cluster) => {
    const topic = await cluster.topic();
    const producer = await cluster.producer();
    await cluster.write(topic, producer, ['a', 'b', 'c']);
    await cluster.write(topic, producer, ['d', 'e'], { sequence: 3 });
    const fetched = await cluster.fetch(topic, 1);
    assert.deepEqual([fetched.highWatermark, fetched.lastStableOffset, fetched.logStartOffset], [5, 5, 0]);
    assert.equal(readBatchHeader(fetched.batches, 0)?.baseOffset, 0);
    assert.deepEqual(valuesOf(fetched, 1), ['b', 'c', 'd', 'e']);
    assert.deepEqual(valuesOf(await cluster.fetch(topic, 3), 3), ['d', 'e']);
    // The first batch comes whole, however little was asked for; what follows is cut.
    assert.deepEqual(valuesOf(await cluster.fetch(topic, 0, { bytesMax: 1 }), 0), ['a', 'b', 'c']);
    assert.equal((await cluster.fetch(topic, 5)).batches.length, 0);
    assert.equal((await cluster.fetch(topic, 6)).failure?.kind, 'offset-out-of-range');
    assert.equal((await cluster.fetch(topic, 0, { partition: 4 })).failure?.kind, 'unknown-topic');
  });

  contract('a fetch waits for records', async (cluster) => {
    const topic = await cluster.topic();
    const producer = await cluster.producer();
    const fetching = cluster.fetch(topic, 0, { waitMs: 20_000 });
    await cluster.write(topic, producer, ['late']);
    assert.deepEqual(valuesOf(await fetching, 0), ['late']);
  });

  contract('what retention has deleted is out of range', async (cluster) => {
    const topic = await cluster.topic();
    const producer = await cluster.producer();
    await cluster.write(topic, producer, ['a', 'b', 'c']);
    await cluster.write(topic, producer, ['d'], { sequence: 3 });
    await cluster.deleteRecords(topic, 2);
    assert.deepEqual(await cluster.offsets(topic), [2, 4]);
    assert.equal((await cluster.fetch(topic, 1)).failure?.kind, 'offset-out-of-range');
    const fetched = await cluster.fetch(topic, 2);
    assert.equal(fetched.logStartOffset, 2);
    assert.deepEqual(valuesOf(fetched, 2), ['c', 'd']);
  });

  contract('a group’s offsets are those that were committed last', async (cluster) => {
    const topic = await cluster.topic(2);
    const [first, second] = [0, 1].map((partition) => ({ topic, partition })) as [TopicAt, TopicAt];
    const { client } = cluster;
    const group = `group of ${topic}`;
    assert.deepEqual(await cluster.patiently(() => client.committedOffsets(group, [first, second])), [
      undefined,
      undefined,
    ]);
    await cluster.patiently(() => client.commitOffsets(group, [{ ...second, offset: 4 }]));
    await cluster.patiently(() => client.commitOffsets(group, [{ ...second, offset: 3 }]));
    assert.deepEqual(await client.committedOffsets(group, [second, first]), [3, undefined]);
    assert.deepEqual(await client.committedOffsets(`another ${group}`, [second]), [undefined]);
  });

  contract('records of a transaction are seen when it is committed', async (cluster) => {
    const topic = await cluster.topic();
    const plain = await cluster.producer();
    await cluster.write(topic, plain, ['before']);
    const transaction = await cluster.begin(topic);
    assert.equal(await cluster.write(topic, transaction, ['a', 'b']), 1);
    await cluster.write(topic, plain, ['behind'], { sequence: 1 });
    assert.deepEqual(await cluster.offsets(topic), [0, 1]);
    assert.deepEqual(await cluster.offsets(topic, 'read_uncommitted'), [0, 4]);
    const open = await cluster.fetch(topic, 0);
    assert.deepEqual([open.highWatermark, open.lastStableOffset], [4, 1]);
    assert.deepEqual(valuesOf(open, 0), ['before']);
    assert.deepEqual(await cluster.read(topic, 'read_uncommitted'), ['before', 'a', 'b', 'behind']);
    await cluster.end(transaction, 'commit');
    // The marker has an offset of its own.
    assert.deepEqual(await cluster.offsets(topic), [0, 5]);
    assert.deepEqual(await cluster.read(topic), ['before', 'a', 'b', 'behind']);
  });

  contract('records of a transaction that was aborted are named to readers of committed ones', async (cluster) => {
    const topic = await cluster.topic();
    const transaction = await cluster.begin(topic);
    await cluster.write(topic, transaction, ['a']);
    await cluster.write(topic, transaction, ['b'], { sequence: 1 });
    await cluster.end(transaction, 'abort');
    const plain = await cluster.producer();
    await cluster.write(topic, plain, ['c']);
    const fetched = await cluster.fetch(topic, 0);
    assert.deepEqual(fetched.aborted, [{ producerId: transaction.producerId, firstOffset: 0 }]);
    assert.deepEqual(valuesOf(fetched, 0), ['c']);
    // One that begins in the middle of it has to know as well, one behind it has not.
    assert.deepEqual((await cluster.fetch(topic, 1)).aborted, fetched.aborted);
    assert.deepEqual((await cluster.fetch(topic, 3)).aborted, []);
    assert.deepEqual((await cluster.fetch(topic, 0, { isolation: 'read_uncommitted' })).aborted, []);
    assert.deepEqual(await cluster.read(topic, 'read_uncommitted'), ['a', 'b', 'c']);
  });

  contract('an end may be repeated, and not changed', async (cluster) => {
    const topic = await cluster.topic();
    const committed = await cluster.begin(topic);
    await cluster.write(topic, committed, ['a']);
    await cluster.end(committed, 'commit');
    await cluster.end(committed, 'commit');
    await cluster.fails('transaction-state', () => cluster.client.endTransaction(committed, 'abort'));
    const aborted = await cluster.begin(topic);
    await cluster.end(aborted, 'abort');
    await cluster.end(aborted, 'abort');
    await cluster.fails('transaction-state', () => cluster.client.endTransaction(aborted, 'commit'));
  });

  contract('nobody ends a transaction that has not begun, or that is somebody else’s', async (cluster) => {
    const idle = await cluster.transactional();
    await cluster.fails('transaction-state', () => cluster.client.endTransaction(idle, 'commit'));
    const stranger = { ...idle, producerId: idle.producerId + 1_000_000 };
    await cluster.fails('transaction-unknown', () => cluster.client.endTransaction(stranger, 'commit'));
    const nobody = { ...idle, transactionalId: `not ${idle.transactionalId}` };
    await cluster.fails('transaction-unknown', () => cluster.client.endTransaction(nobody, 'commit'));
  });

  contract('batches of a transaction need a partition that was added to it', async (cluster) => {
    const topic = await cluster.topic(2);
    const transaction = await cluster.begin(topic);
    await assert.rejects(cluster.write(topic, transaction, ['a'], { partition: 1 }), KafkaFailure);
    await cluster.fails('unknown-topic', () =>
      cluster.client.addPartitions(transaction, [{ topic: 'nowhere', partition: 0 }]),
    );
    await cluster.write(topic, transaction, ['b']);
    await cluster.end(transaction, 'commit');
    assert.deepEqual(await cluster.read(topic), ['b']);
    // It is over: what comes late is refused.
    await assert.rejects(cluster.write(topic, transaction, ['late'], { sequence: 1 }), KafkaFailure);
  });

  contract('a new identity aborts what is open under its id, and fences who had it', async (cluster) => {
    const topic = await cluster.topic();
    const zombie = await cluster.begin(topic);
    await cluster.write(topic, zombie, ['zombie']);
    const heir = await cluster.transactional(zombie.transactionalId);
    assert.equal(heir.producerId, zombie.producerId);
    assert.ok(heir.epoch > zombie.epoch);
    await cluster.fails('fenced', () => cluster.write(topic, zombie, ['more'], { sequence: 1 }));
    await cluster.fails('fenced', () => cluster.client.addPartitions(zombie, [{ topic, partition: 0 }]));
    await cluster.fails('fenced', () => cluster.client.endTransaction(zombie, 'commit'));
    await cluster.fails('fenced', () => cluster.client.initProducer(zombie.transactionalId, 10_000, zombie));
    await cluster.add(heir, topic);
    await cluster.write(topic, heir, ['heir']);
    await cluster.end(heir, 'commit');
    assert.deepEqual(await cluster.read(topic), ['heir']);
  });

  contract('who names the identity that it had gets the next one, and the same when it asks again', async (cluster) => {
    const first = await cluster.transactional();
    const again = (): Promise<ProducerIdentity> =>
      cluster.patiently(() => cluster.client.initProducer(first.transactionalId, 10_000, first));
    const second = await again();
    assert.deepEqual(second, { producerId: first.producerId, epoch: first.epoch + 1 });
    assert.deepEqual(await again(), second);
  });

  contract(
    'who names an identity of another id gets one for an id that is new, and none for one that is not',
    async (cluster) => {
      const topic = await cluster.topic();
      const stranger = await cluster.transactional();
      const { client } = cluster;
      const fresh = `${stranger.transactionalId}-fresh`;
      const made = await cluster.patiently(() => client.initProducer(fresh, 10_000, stranger));
      assert.notEqual(made.producerId, stranger.producerId);
      await cluster.fails('fenced', () => client.initProducer(fresh, 10_000, stranger));
      // That aborts nothing.
      const owner = { transactionalId: fresh, ...made };
      await cluster.add(owner, topic);
      await cluster.write(topic, owner, ['a']);
      await cluster.fails('fenced', () => client.initProducer(fresh, 10_000, stranger));
      await cluster.end(owner, 'commit');
      assert.deepEqual(await cluster.read(topic), ['a']);
    },
  );

  contract('a transaction is described, and forgotten by nobody when it is over', async (cluster) => {
    const topic = await cluster.topic(2);
    const idle = await cluster.transactional();
    const { transactionalId: id } = idle;
    const [empty, unknown] = await cluster.patiently(() => cluster.client.describeTransactions([id, `no ${id}`]));
    assert.equal(empty?.state, 'Empty');
    assert.equal(unknown, undefined);
    await cluster.add(idle, topic, 1);
    const [ongoing] = await cluster.client.describeTransactions([id]);
    assert.deepEqual(
      [ongoing?.state, ongoing?.producerId, ongoing?.epoch, ongoing?.timeoutMs, ongoing?.partitions],
      ['Ongoing', idle.producerId, idle.epoch, 10_000, [{ topic, partition: 1 }]],
    );
    assert.ok((ongoing?.startedAt ?? 0) > 0);
    await cluster.write(topic, idle, ['a'], { partition: 1 });
    await cluster.end(idle, 'commit');
    const [complete] = await cluster.client.describeTransactions([id]);
    assert.deepEqual([complete?.state, complete?.epoch], ['CompleteCommit', idle.epoch]);
    assert.deepEqual(await cluster.patiently(() => cluster.client.listTransactions(id)), [id]);
    assert.deepEqual(await cluster.client.listTransactions(`no ${id}`), []);
  });

  contract('a transaction whose time is up is aborted', async (cluster) => {
    const topic = await cluster.topic();
    const transaction = await cluster.begin(topic, 1_000);
    await cluster.write(topic, transaction, ['late']);
    await cluster.until(async () => {
      const [found] = await cluster.client.describeTransactions([transaction.transactionalId]);
      return found?.state === 'CompleteAbort';
    });
    await assert.rejects(
      cluster.client.endTransaction(transaction, 'commit'),
      (error) => error instanceof KafkaFailure && !error.passes,
    );
    assert.deepEqual(await cluster.read(topic), []);
    assert.deepEqual(await cluster.offsets(topic), [0, 2]);
  });

  contract('a timeout above the limit is refused', async (cluster) => {
    assert.equal(await cluster.client.transactionTimeoutMaxMs(), TIMEOUT_MAX_MS);
    await cluster.fails('transaction-timeout', () => cluster.client.initProducer('too long', TIMEOUT_MAX_MS + 1));
  });

  contract('a client that was closed refuses', async (cluster) => {
    const client = cluster.subject.connect();
    await client.describeTopics([]);
    await client.close();
    await cluster.fails('closed', () => client.describeTopics([]));
  });

  contract('what a broker has acknowledged is there when it was killed and is back', async (cluster) => {
    const topic = await cluster.topic();
    const plain = await cluster.producer();
    await cluster.write(topic, plain, ['a']);
    const transaction = await cluster.begin(topic, TIMEOUT_MAX_MS);
    await cluster.write(topic, transaction, ['b']);
    await cluster.subject.restart();
    // Written again, as by one who has not heard.
    assert.equal(await cluster.write(topic, plain, ['a']), 0);
    assert.equal(await cluster.write(topic, transaction, ['b']), 1);
    await cluster.write(topic, transaction, ['c'], { sequence: 1 });
    assert.deepEqual(await cluster.offsets(topic), [0, 1]);
    await cluster.end(transaction, 'commit');
    assert.deepEqual(await cluster.read(topic), ['a', 'b', 'c']);
  });
}

async function run(body: (cluster: Contract) => Promise<void>, cluster: Contract): Promise<void> {
  try {
    await body(cluster);
  } finally {
    await cluster.client.close();
  }
}

interface TopicAt {
  readonly topic: string;
  readonly partition: number;
}

interface BatchOptions {
  readonly sequence?: number;
  /** Of the first record; each is a millisecond later. */
  readonly timestamp?: number;
  readonly partition?: number;
}

/** The cluster, as a test asks it. */
class Contract {
  readonly subject: ContractSubject;
  readonly client: KafkaClient;

  constructor(subject: ContractSubject) {
    this.subject = subject;
    this.client = subject.connect();
  }

  async topic(partitions = 1): Promise<string> {
    const topic = `contract-${++names}`;
    await this.subject.createTopic(topic, partitions);
    return topic;
  }

  patiently<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = new AbortController();
    return retry({ world: this.subject.world, client: this.client, timeoutMs: PATIENCE_MS, signal }, work);
  }

  async fails(kind: FailureKind, work: () => Promise<unknown>): Promise<void> {
    await assert.rejects(
      this.patiently(work),
      (error) => error instanceof KafkaFailure && (assert.equal(error.kind, kind, error.message), true),
    );
  }

  async until(condition: () => Promise<boolean>): Promise<void> {
    await this.patiently(async () => {
      if (!(await condition())) throw new KafkaFailure('busy', 'not yet');
    });
  }

  producer(): Promise<ProducerIdentity> {
    return this.patiently(() => this.client.initProducer(undefined, 0));
  }

  async transactional(transactionalId = `contract-id-${++names}`, timeoutMs = 10_000): Promise<TransactionIdentity> {
    const identity = await this.patiently(() => this.client.initProducer(transactionalId, timeoutMs));
    return { transactionalId, ...identity };
  }

  /** A transaction that may write to the first partition. */
  async begin(topic: string, timeoutMs?: number): Promise<TransactionIdentity> {
    const transaction = await this.transactional(undefined, timeoutMs);
    await this.add(transaction, topic);
    return transaction;
  }

  async add(transaction: TransactionIdentity, topic: string, partition = 0): Promise<void> {
    await this.patiently(() => this.client.addPartitions(transaction, [{ topic, partition }]));
  }

  /** Resolves when it is over, and readers see it. */
  async end(transaction: TransactionIdentity, end: 'commit' | 'abort'): Promise<void> {
    await this.patiently(() => this.client.endTransaction(transaction, end));
    await this.until(async () => {
      const [found] = await this.client.describeTransactions([transaction.transactionalId]);
      return found?.state === (end === 'commit' ? 'CompleteCommit' : 'CompleteAbort');
    });
  }

  /** Returns the offset of the first record. */
  async write(
    topic: string,
    producer: ProducerIdentity | TransactionIdentity,
    values: readonly string[],
    options: BatchOptions = {},
  ): Promise<number> {
    const timestamp = this.subject.world.clock.now();
    const batch = batchOf(producer, values, { timestamp, ...options });
    // A topic that was just made may have no leader yet.
    return await this.patiently(async () => {
      const [answer] = await this.produce(topic, batch, producer, options.partition);
      assert.ok(answer !== undefined);
      if (answer.failure !== undefined) throw answer.failure;
      return answer.baseOffset;
    });
  }

  async produce(
    topic: string,
    batch: Buffer,
    producer: ProducerIdentity | TransactionIdentity = { producerId: -1, epoch: -1 },
    partition = 0,
  ): ReturnType<KafkaClient['produce']> {
    const transactionalId = 'transactionalId' in producer ? producer.transactionalId : undefined;
    const [node = 1] = await this.client.leaders([{ topic, partition }]);
    return await this.client.produce({
      node,
      partitions: [{ topic, partition, batch }],
      transactionalId,
      timeoutMs: 10_000,
    });
  }

  async fetch(
    topic: string,
    offset: number,
    options: {
      readonly partition?: number;
      readonly bytesMax?: number;
      readonly waitMs?: number;
      readonly isolation?: IsolationLevel;
    } = {},
  ): Promise<FetchedPartition> {
    const { partition = 0, bytesMax = 100_000, waitMs = 0, isolation = 'read_committed' } = options;
    const [fetched] = await this.patiently(() =>
      this.client.fetch({
        node: 1,
        partitions: [{ topic, partition, offset, bytesMax }],
        waitMs,
        bytesMax,
        isolation,
      }),
    );
    assert.ok(fetched !== undefined);
    return fetched;
  }

  async read(topic: string, isolation: IsolationLevel = 'read_committed'): Promise<string[]> {
    return valuesOf(await this.fetch(topic, 0, { isolation }), 0);
  }

  /** The first and the last offset. */
  async offsets(topic: string, isolation: IsolationLevel = 'read_committed'): Promise<readonly (number | undefined)[]> {
    const place = { topic, partition: 0 };
    const [earliest] = await this.patiently(() => this.client.listOffsets([{ ...place, at: 'earliest' }], isolation));
    const [latest] = await this.patiently(() => this.client.listOffsets([{ ...place, at: 'latest' }], isolation));
    return [earliest, latest];
  }

  async deleteRecords(topic: string, before: number): Promise<void> {
    await this.subject.deleteRecords(topic, 0, before);
  }
}

function batchOf(
  producer: ProducerIdentity | TransactionIdentity,
  values: readonly string[],
  { sequence = 0, timestamp = 0 }: BatchOptions,
): Buffer {
  const builder = new BatchBuilder();
  for (const [index, value] of values.entries()) builder.append(timestamp + index, null, value, undefined);
  const transactional = 'transactionalId' in producer;
  return builder.finish({ producer, baseSequence: sequence, transactional, compression: 'none' });
}

/** What a reader emits that begins at `from`. */
function valuesOf({ failure, batches, aborted }: FetchedPartition, from: number): string[] {
  if (failure !== undefined) throw failure;
  const values: string[] = [];
  const record = new KafkaRecord();
  const cursor = new BatchCursor(batches, from, aborted);
  while (cursor.next(record)) values.push(String(record.value));
  return values;
}
