/** One broker of a simulated cluster: answers requests out of what all brokers know, while it runs. */

import type { ConnectorWorld } from 'millstream';
import type { StreamHandler } from 'millstream/testing';
import {
  failureMessage,
  groupKey,
  type AnswerMessage,
  type BrokerApi,
  type ClusterMetadata,
  type FetchedMessage,
  type ProducedMessage,
  type RequestMessage,
} from './broker-api.ts';
import {
  KafkaFailure,
  partitionName,
  type FetchPartition,
  type FetchRequest,
  type IsolationLevel,
  type OffsetQuery,
  type PartitionOffset,
  type ProducePartition,
  type ProduceRequest,
  type ProducerIdentity,
  type TopicPartition,
  type TransactionDescription,
  type TransactionEnd,
  type TransactionIdentity,
} from '../client.ts';
import { readBatchHeader, TRANSACTIONAL } from '../record-batch.ts';
import type { ClusterState } from './cluster-state.ts';
import { Frames } from './frames.ts';
import type { PartitionLog } from './partition-log.ts';

/** What becomes of a request: it is lost, refused, carried out without an answer, or answered. */
export type RequestFate = 'lost' | 'refused' | 'unanswered' | 'answered';

/** What a broker is made of. */
export interface BrokerOptions {
  readonly node: number;
  readonly cluster: ClusterState;
  readonly world: Pick<ConnectorWorld, 'clock'>;
  /** Decided anew for every request. */
  readonly fate: () => RequestFate;
}

export class SimulatedBroker implements BrokerApi {
  readonly #node: number;
  readonly #cluster: ClusterState;
  readonly #world: Pick<ConnectorWorld, 'clock'>;
  readonly #fate: () => RequestFate;

  constructor({ node, cluster, world, fate }: BrokerOptions) {
    this.#node = node;
    this.#cluster = cluster;
    this.#world = world;
    this.#fate = fate;
  }

  /** Answers the requests of a connection, one after the other. */
  readonly accept: StreamHandler = (stream) => {
    const frames = new Frames(stream);
    const end = (): void => frames.close();
    this.#serve(frames).then(end, end);
  };

  async #serve(frames: Frames): Promise<void> {
    for (let request = await frames.next(); request !== undefined; request = await frames.next()) {
      const fate = this.#fate();
      if (fate === 'lost') return;
      const answer =
        fate === 'refused'
          ? { failure: failureMessage(new KafkaFailure('busy', 'REQUEST_TIMED_OUT')) }
          : await this.#answer(request as RequestMessage);
      if (fate === 'unanswered') return;
      await frames.send(answer);
    }
  }

  async #answer({ api, arguments: given }: RequestMessage): Promise<AnswerMessage> {
    try {
      const call = this[api].bind(this) as (...args: readonly unknown[]) => unknown;
      return { value: await call(...given) };
    } catch (error) {
      if (error instanceof KafkaFailure) return { failure: failureMessage(error) };
      throw error;
    }
  }

  // Who is responsible.

  metadata(): ClusterMetadata {
    const { nodes, topics } = this.#cluster;
    return {
      nodes: [...nodes],
      topics: topics.map(([topic, logs]) => ({ topic, partitions: logs.map(({ partition }) => partition) })),
      leaders: topics.flatMap(([, logs]) => logs.map((log) => this.#cluster.leaderOf(log))),
    };
  }

  coordinator(key: string): number {
    const node = this.#cluster.namedCoordinatorOf(key);
    if (node === undefined) throw new KafkaFailure('stale', 'COORDINATOR_NOT_AVAILABLE');
    return node;
  }

  #asCoordinator(key: string): void {
    if (this.#cluster.namedCoordinatorOf(key) !== this.#node) throw new KafkaFailure('stale', 'NOT_COORDINATOR');
    if (this.#cluster.coordinatorOf(key) === undefined) throw new KafkaFailure('busy', 'COORDINATOR_LOAD_IN_PROGRESS');
  }

  #asLeader(partition: TopicPartition): PartitionLog {
    const log = this.#cluster.log(partition);
    if (log === undefined) throw new KafkaFailure('unknown-topic', 'UNKNOWN_TOPIC_OR_PARTITION');
    if (this.#cluster.leaderOf(partition) !== this.#node) throw new KafkaFailure('stale', 'NOT_LEADER_OR_FOLLOWER');
    return log;
  }

  // Reading.

  listOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): readonly (number | undefined)[] {
    return queries.map((query) => this.#asLeader(query).offsetAt(query.at, isolation));
  }

  committedOffsets(group: string, partitions: readonly TopicPartition[]): readonly (number | undefined)[] {
    this.#asCoordinator(groupKey(group));
    return partitions.map((partition) => this.#cluster.committed(group, partition));
  }

  commitOffsets(group: string, offsets: readonly PartitionOffset[]): void {
    this.#asCoordinator(groupKey(group));
    this.#cluster.commit(group, offsets);
  }

  async fetch(request: FetchRequest): Promise<readonly FetchedMessage[]> {
    const { clock } = this.#world;
    const until = clock.monotonic() + request.waitMs;
    for (;;) {
      const fetched = this.#fetchNow(request);
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0 || fetched.some(({ failure, batches }) => failure !== undefined || batches.length > 0))
        return fetched;
      await this.#change(leftMs);
    }
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#world.clock.after(withinMs, resolve);
      this.#cluster.onChange(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #fetchNow({ partitions, bytesMax, isolation }: FetchRequest): readonly FetchedMessage[] {
    let left = bytesMax;
    return partitions.map((partition) => {
      const fetched = this.#fetchOne(partition, Math.min(partition.bytesMax, left), isolation);
      left = Math.max(0, left - fetched.batches.length);
      return fetched;
    });
  }

  #fetchOne(wanted: FetchPartition, bytesMax: number, isolation: IsolationLevel): FetchedMessage {
    const { topic, partition, offset } = wanted;
    const place = { topic, partition };
    try {
      const log = this.#asLeader(wanted);
      const { startOffset: logStartOffset, endOffset: highWatermark, stableOffset: lastStableOffset } = log;
      if (offset < logStartOffset || offset > highWatermark)
        throw new KafkaFailure('offset-out-of-range', 'OFFSET_OUT_OF_RANGE');
      const batches = bytesMax === 0 ? Buffer.alloc(0) : log.read(offset, bytesMax, isolation);
      const aborted = isolation === 'read_committed' ? log.aborted(offset, log.limit(isolation)) : [];
      return { ...place, failure: undefined, highWatermark, lastStableOffset, logStartOffset, aborted, batches };
    } catch (error) {
      if (!(error instanceof KafkaFailure)) throw error;
      const nothing = { highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, aborted: [] };
      return { ...place, failure: failureMessage(error), ...nothing, batches: Buffer.alloc(0) };
    }
  }

  // Writing.

  produce({ partitions, transactionalId }: ProduceRequest): readonly ProducedMessage[] {
    return partitions.map((one) => {
      const { topic, partition } = one;
      try {
        return { topic, partition, failure: undefined, baseOffset: this.#append(one, transactionalId) };
      } catch (error) {
        if (!(error instanceof KafkaFailure)) throw error;
        return { topic, partition, failure: failureMessage(error), baseOffset: -1 };
      }
    });
  }

  #append({ topic, partition, batch }: ProducePartition, transactionalId: string | undefined): number {
    const log = this.#asLeader({ topic, partition });
    if (batch.length > this.#cluster.settings.messageBytesMax) throw new KafkaFailure('too-large', 'MESSAGE_TOO_LARGE');
    const header = readBatchHeader(batch, 0);
    if (header !== undefined && (header.attributes & TRANSACTIONAL) !== 0) {
      if (transactionalId === undefined) throw new KafkaFailure('transaction-state', 'INVALID_TXN_STATE');
      const { producerId, epoch } = header;
      if (!log.isOpen(producerId))
        this.#cluster.transactions.verify({ transactionalId, producerId, epoch }, { topic, partition });
    }
    const baseOffset = log.append(batch);
    this.#cluster.changed();
    return baseOffset;
  }

  initProducer(
    transactionalId: string | undefined,
    transactionTimeoutMs: number,
    last: ProducerIdentity | undefined,
  ): ProducerIdentity {
    if (transactionalId === undefined) return { producerId: this.#cluster.newProducerId(), epoch: 0 };
    this.#asCoordinator(transactionalId);
    return this.#cluster.transactions.init(transactionalId, transactionTimeoutMs, last);
  }

  addPartitions(transaction: TransactionIdentity, partitions: readonly TopicPartition[]): void {
    this.#asCoordinator(transaction.transactionalId);
    const unknown = partitions.find((partition) => this.#cluster.log(partition) === undefined);
    if (unknown !== undefined)
      throw new KafkaFailure('unknown-topic', `UNKNOWN_TOPIC_OR_PARTITION: ${partitionName(unknown)}`);
    this.#cluster.transactions.add(transaction, partitions);
  }

  endTransaction(transaction: TransactionIdentity, end: TransactionEnd): void {
    this.#asCoordinator(transaction.transactionalId);
    this.#cluster.transactions.end(transaction, end);
  }

  describeTransaction(transactionalId: string): TransactionDescription | undefined {
    this.#asCoordinator(transactionalId);
    return this.#cluster.transactions.describe(transactionalId);
  }

  /** Those that this broker coordinates. */
  listTransactions(): readonly string[] {
    return this.#cluster.transactions.list().filter((id) => this.#cluster.coordinatorOf(id) === this.#node);
  }

  transactionTimeoutMaxMs(): number {
    return this.#cluster.settings.transactionTimeoutMaxMs;
  }
}
