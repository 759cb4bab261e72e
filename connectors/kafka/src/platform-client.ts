/** A {@link KafkaClient} over connections to real brokers. The protocol is spoken by `@platformatic/kafka`. */

import {
  addPartitionsToTxnV3,
  describeConfigsV4,
  describeTransactionsV0,
  endTxnV3,
  findCoordinatorV4,
  initProducerIdV4,
  listOffsetsV7,
  listTransactionsV0,
  metadataV12,
  offsetCommitV8,
  offsetFetchV8,
  type Connection,
} from '@platformatic/kafka';
import {
  KafkaFailure,
  partitionName,
  type FetchedPartition,
  type FetchRequest,
  type IsolationLevel,
  type KafkaClient,
  type OffsetQuery,
  type OffsetSpec,
  type PartitionOffset,
  type ProducedPartition,
  type ProduceRequest,
  type ProducerIdentity,
  type TopicDescription,
  type TopicPartition,
  type TransactionDescription,
  type TransactionEnd,
  type TransactionIdentity,
  type TransactionState,
} from './client.ts';
import { failureOf } from './client-failure.ts';
import type { ConnectionSettings } from './connection-options.ts';
import { Connections, type BrokerAddress, type Lane } from './connections.ts';
import { protocolFailure } from './failure.ts';
import { byTopic, sendFetch, sendProduce } from './record-requests.ts';

type MetadataResponse = Awaited<ReturnType<typeof metadataV12.api.async>>;

/** What the protocol calls a coordinator's key. */
const GROUP_KEY = 0;
const TRANSACTION_KEY = 1;

/** The protocol's numbers for places and resources. */
const EARLIEST = -2n;
const LATEST = -1n;
const BROKER_RESOURCE = 4 as const;

/** A topic as the last metadata showed it. */
interface KnownTopic {
  /** The leader of each partition; -1 for none. */
  readonly leaders: ReadonlyMap<number, number>;
}

export class PlatformClient implements KafkaClient {
  readonly #settings: ConnectionSettings;
  readonly #connections: Connections;
  readonly #brokers = new Map<number, BrokerAddress>();
  readonly #topics = new Map<string, KnownTopic>();
  readonly #coordinators = new Map<string, BrokerAddress>();
  /** Which of the brokers that are known is asked first. */
  #turn = 0;

  constructor(settings: ConnectionSettings, clientId: string) {
    this.#settings = settings;
    this.#connections = new Connections(settings, clientId);
  }

  // Who is responsible.

  forget(): void {
    this.#topics.clear();
    this.#coordinators.clear();
  }

  async describeTopics(topics: readonly string[] | undefined): Promise<readonly TopicDescription[]> {
    const metadata = await this.#metadata(topics);
    const described: TopicDescription[] = [];
    for (const { name, errorCode, isInternal, partitions } of metadata.topics) {
      const failure = protocolFailure(errorCode);
      if (failure?.kind === 'unknown-topic' || (topics === undefined && isInternal)) continue;
      if (failure !== undefined) throw new KafkaFailure(failure.kind, `topic ${name ?? ''}: ${failure.message}`);
      const numbers = partitions.map((partition) => partition.partitionIndex).toSorted((a, b) => a - b);
      described.push({ topic: name ?? '', partitions: numbers });
    }
    return described;
  }

  async #metadata(topics: readonly string[] | undefined): Promise<MetadataResponse> {
    const wanted = topics === undefined ? null : [...topics];
    const metadata = await this.#any((connection) =>
      withAnswer(metadataV12.api.async(connection, wanted, false, false)),
    );
    for (const { nodeId, host, port } of metadata.brokers) this.#brokers.set(nodeId, { host, port });
    for (const { name, errorCode, partitions } of metadata.topics) {
      if (name === null || name === undefined || errorCode !== 0) continue;
      const leaders = new Map(partitions.map(({ partitionIndex, leaderId }) => [partitionIndex, leaderId]));
      this.#topics.set(name, { leaders });
    }
    return metadata;
  }

  async leaders(partitions: readonly TopicPartition[]): Promise<readonly (number | undefined)[]> {
    const unknown = new Set(partitions.filter(({ topic }) => !this.#topics.has(topic)).map(({ topic }) => topic));
    if (unknown.size > 0) await this.#metadata([...unknown]);
    return partitions.map(({ topic, partition }) => {
      const leader = this.#topics.get(topic)?.leaders.get(partition);
      return leader === undefined || leader < 0 ? undefined : leader;
    });
  }

  /** The partitions by their leaders; fails when one has none. */
  async #byLeader<P extends TopicPartition>(partitions: readonly P[]): Promise<Map<number, P[]>> {
    const leaders = await this.leaders(partitions);
    const groups = new Map<number, P[]>();
    for (const [index, partition] of partitions.entries()) {
      const leader = leaders[index];
      if (leader === undefined) {
        const known = this.#topics.get(partition.topic)?.leaders.has(partition.partition) === true;
        const kind = known ? 'stale' : 'unknown-topic';
        throw new KafkaFailure(kind, `partition ${partitionName(partition)} has no leader`);
      }
      const group = groups.get(leader);
      if (group === undefined) groups.set(leader, [partition]);
      else group.push(partition);
    }
    return groups;
  }

  /** Asks the brokers in turn, those that are known and those that were named, until one answers. */
  async #any<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    const addresses = [...this.#settings.brokers, ...this.#brokers.values()];
    let last: KafkaFailure | undefined;
    for (let tries = 0; tries < addresses.length; tries++) {
      const address = addresses[this.#turn % addresses.length] as BrokerAddress;
      try {
        return await this.#ask(address, 'control', ask);
      } catch (error) {
        last = error as KafkaFailure;
        if (last.kind !== 'unreachable') throw last;
        this.#turn++;
      }
    }
    throw last ?? new KafkaFailure('unreachable', 'there is no broker to ask');
  }

  async #ask<T>(address: BrokerAddress, lane: Lane, ask: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#connections.to(address, lane);
    try {
      return await ask(connection);
    } catch (error) {
      throw failureOf(error, `${address.host}:${address.port}`);
    }
  }

  async #address(node: number): Promise<BrokerAddress> {
    const known = this.#brokers.get(node);
    if (known !== undefined) return known;
    await this.#metadata([]);
    const found = this.#brokers.get(node);
    if (found === undefined) throw new KafkaFailure('stale', `broker ${node} is not known`);
    return found;
  }

  async #node<T>(node: number, lane: Lane, ask: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#ask(await this.#address(node), lane, ask);
  }

  async #coordinator<T>(keyType: number, key: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
    const name = `${keyType} ${key}`;
    let address = this.#coordinators.get(name);
    if (address === undefined) {
      const found = await this.#any((connection) => findCoordinatorV4.api.async(connection, keyType, [key]));
      const [coordinator] = found.coordinators;
      if (coordinator === undefined) throw new KafkaFailure('stale', `${key} has no coordinator`);
      address = { host: coordinator.host, port: coordinator.port };
      this.#coordinators.set(name, address);
    }
    return await this.#ask(address, 'control', ask);
  }

  // Reading.

  async listOffsets(
    queries: readonly OffsetQuery[],
    isolation: IsolationLevel,
  ): Promise<readonly (number | undefined)[]> {
    const found = new Map<string, number | undefined>();
    const level = isolation === 'read_committed' ? 1 : 0;
    const ask = async ([node, group]: [number, OffsetQuery[]]): Promise<void> => {
      const topics = [...byTopic(group)].map(([name, ofTopic]) => ({
        name,
        partitions: ofTopic.map(({ partition, at }) => ({
          partitionIndex: partition,
          currentLeaderEpoch: -1,
          timestamp: protocolTimestamp(at),
        })),
      }));
      const answer = await this.#node(node, 'control', (to) => listOffsetsV7.api.async(to, -1, level, topics));
      for (const { name, partitions } of answer.topics) {
        for (const { partitionIndex, offset } of partitions) {
          const place = partitionName({ topic: name, partition: partitionIndex });
          found.set(place, offset < 0n ? undefined : Number(offset));
        }
      }
    };
    await Promise.all([...(await this.#byLeader(queries))].map(ask));
    return queries.map((query) => found.get(partitionName(query)));
  }

  async committedOffsets(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly (number | undefined)[]> {
    const topics = [...byTopic(partitions)].map(([name, ofTopic]) => ({
      name,
      partitionIndexes: ofTopic.map(({ partition }) => partition),
    }));
    const answer = await this.#coordinator(GROUP_KEY, group, (connection) =>
      offsetFetchV8.api.async(connection, [{ groupId: group, memberEpoch: -1, topics }], true),
    );
    const found = new Map<string, number | undefined>();
    for (const { name, partitions: ofTopic } of answer.groups[0]?.topics ?? []) {
      for (const { partitionIndex, committedOffset } of ofTopic) {
        const offset = committedOffset < 0n ? undefined : Number(committedOffset);
        found.set(partitionName({ topic: name, partition: partitionIndex }), offset);
      }
    }
    return partitions.map((partition) => found.get(partitionName(partition)));
  }

  async commitOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    const topics = [...byTopic(offsets)].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: '',
      })),
    }));
    await this.#coordinator(GROUP_KEY, group, (connection) =>
      offsetCommitV8.api.async(connection, group, -1, '', null, topics),
    );
  }

  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const address = await this.#address(request.node);
    return await this.#ask(address, 'fetch', (connection) =>
      sendFetch(connection, `${address.host}:${address.port}`, request),
    );
  }

  // Writing.

  async initProducer(
    transactionalId: string | undefined,
    transactionTimeoutMs: number,
    last?: ProducerIdentity,
  ): Promise<ProducerIdentity> {
    const init = (connection: Connection): ReturnType<typeof initProducerIdV4.api.async> =>
      initProducerIdV4.api.async(
        connection,
        transactionalId ?? null,
        transactionTimeoutMs,
        BigInt(last?.producerId ?? -1),
        last?.epoch ?? -1,
      );
    const { producerId, producerEpoch } =
      transactionalId === undefined
        ? await this.#any(init)
        : await this.#coordinator(TRANSACTION_KEY, transactionalId, init);
    return { producerId: Number(producerId), epoch: producerEpoch };
  }

  async addPartitions(transaction: TransactionIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const { transactionalId, producerId, epoch } = transaction;
    const topics = [...byTopic(partitions)].map(([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition }) => partition),
    }));
    const request = {
      transactionalId,
      producerId: BigInt(producerId),
      producerEpoch: epoch,
      verifyOnly: false,
      topics,
    };
    await this.#coordinator(TRANSACTION_KEY, transactionalId, (connection) =>
      addPartitionsToTxnV3.api.async(connection, [request]),
    );
  }

  async produce(request: ProduceRequest): Promise<readonly ProducedPartition[]> {
    const address = await this.#address(request.node);
    return await this.#ask(address, 'produce', (connection) =>
      sendProduce(connection, `${address.host}:${address.port}`, request),
    );
  }

  async endTransaction(transaction: TransactionIdentity, end: TransactionEnd): Promise<void> {
    const { transactionalId, producerId, epoch } = transaction;
    await this.#coordinator(TRANSACTION_KEY, transactionalId, (connection) =>
      endTxnV3.api.async(connection, transactionalId, BigInt(producerId), epoch, end === 'commit'),
    );
  }

  async describeTransactions(
    transactionalIds: readonly string[],
  ): Promise<readonly (TransactionDescription | undefined)[]> {
    return await Promise.all(transactionalIds.map((transactionalId) => this.#describe(transactionalId)));
  }

  async #describe(transactionalId: string): Promise<TransactionDescription | undefined> {
    try {
      const { transactionStates } = await this.#coordinator(TRANSACTION_KEY, transactionalId, (connection) =>
        describeTransactionsV0.api.async(connection, [transactionalId]),
      );
      const [found] = transactionStates;
      if (found === undefined) return undefined;
      return {
        transactionalId,
        producerId: Number(found.producerId),
        epoch: found.producerEpoch,
        state: found.transactionState as TransactionState,
        timeoutMs: found.transactionTimeoutMs,
        startedAt: Number(found.transactionStartTimeMs),
        partitions: found.topics.flatMap(({ topic, partitions }) =>
          partitions.map((partition) => ({ topic, partition })),
        ),
      };
    } catch (error) {
      if (error instanceof KafkaFailure && error.kind === 'transaction-unknown') return undefined;
      throw error;
    }
  }

  async listTransactions(prefix: string): Promise<readonly string[]> {
    // Each broker coordinates some.
    const { brokers } = await this.#metadata([]);
    const lists = await Promise.all(
      brokers.map(({ nodeId }) =>
        this.#node(nodeId, 'control', (connection) => listTransactionsV0.api.async(connection, [], [], -1n, null)),
      ),
    );
    const ids = lists.flatMap((list) => list.transactionStates.map((transaction) => transaction.transactionalId));
    return [...new Set(ids)].filter((id) => id.startsWith(prefix)).toSorted();
  }

  async transactionTimeoutMaxMs(): Promise<number | undefined> {
    const { brokers } = await this.#metadata([]);
    const [broker] = brokers;
    if (broker === undefined) return undefined;
    const resource = {
      resourceType: BROKER_RESOURCE,
      resourceName: String(broker.nodeId),
      configurationKeys: ['transaction.max.timeout.ms'],
    };
    try {
      const answer = await this.#node(broker.nodeId, 'control', (connection) =>
        describeConfigsV4.api.async(connection, [resource], false, false),
      );
      const value = Number(answer.results[0]?.configs[0]?.value ?? Number.NaN);
      return Number.isSafeInteger(value) ? value : undefined;
    } catch (error) {
      if (error instanceof KafkaFailure && error.kind === 'denied') return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}

function protocolTimestamp(at: OffsetSpec): bigint {
  if (at === 'earliest') return EARLIEST;
  return at === 'latest' ? LATEST : BigInt(at.timestamp);
}

/** The library throws an answer that has an error in any part of it; here the other parts count as well. */
async function withAnswer<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const { response } = error as { response?: T };
    if (response === undefined) throw error;
    return response;
  }
}
