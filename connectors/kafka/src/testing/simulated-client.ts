/** A {@link KafkaClient} over the simulated network. It remembers who is responsible, as a real one does. */

import type { ConnectorWorld } from 'millstream';
import {
  BROKERS_MAX,
  failureFrom,
  groupKey,
  portOf,
  type AnswerMessage,
  type BrokerApi,
  type ClusterMetadata,
  type RequestMessage,
} from './broker-api.ts';
import {
  KafkaFailure,
  partitionName,
  type FetchedPartition,
  type FetchRequest,
  type IsolationLevel,
  type KafkaClient,
  type KafkaClientFactory,
  type OffsetQuery,
  type PartitionOffset,
  type ProducedPartition,
  type ProduceRequest,
  type ProducerIdentity,
  type TopicDescription,
  type TopicPartition,
  type TransactionDescription,
  type TransactionEnd,
  type TransactionIdentity,
} from '../client.ts';
import { messageOf } from '../failure.ts';
import { REQUEST_TIMEOUT_MS } from '../limits.ts';
import { Frames } from './frames.ts';

/**
 * The way to the simulated cluster: the `client` of a Kafka source or sink whose job is simulated. `brokers` counts for
 * nothing then; there is one cluster in a simulation.
 *
 * @param world What the connector was given.
 * @returns A client of the cluster that a `SimulatedKafka` has made in the same simulation.
 *
 * @example
 * ```ts no-run
 * const source = kafkaSource({
 *   brokers: 'simulated',
 *   client: simulatedKafkaClient,
 *   topics: ['orders'],
 *   value: json<{ id: number }>(),
 * });
 * ```
 */
export const simulatedKafkaClient: KafkaClientFactory = (world) => new SimulatedClient(world);

/** Requests of different lanes do not wait for each other. */
type Lane = 'control' | 'fetch' | 'produce';

/** The host is of no importance in a simulation. */
const HOST = 'kafka';

type Call = <A extends keyof BrokerApi>(api: A, ...given: Parameters<BrokerApi[A]>) => Promise<Answer<A>>;
type Answer<A extends keyof BrokerApi> = Awaited<ReturnType<BrokerApi[A]>>;

class SimulatedClient implements KafkaClient {
  readonly #world: ConnectorWorld;
  readonly #connections = new Map<string, BrokerConnection>();
  readonly #coordinators = new Map<string, number>();
  #leaders: ReadonlyMap<string, number | undefined> | undefined;
  /** Which broker is asked first when any will do. */
  #turn = 0;
  #closed = false;

  constructor(world: ConnectorWorld) {
    this.#world = world;
  }

  #to(node: number, lane: Lane): Call {
    return async <A extends keyof BrokerApi>(api: A, ...given: Parameters<BrokerApi[A]>): Promise<Answer<A>> => {
      if (this.#closed) throw new KafkaFailure('closed', 'the connector was closed');
      const key = `${lane} ${node}`;
      let connection = this.#connections.get(key);
      if (connection === undefined || connection.broken) {
        connection = new BrokerConnection(this.#world, node);
        this.#connections.set(key, connection);
      }
      return (await connection.ask({ api, arguments: given })) as Answer<A>;
    };
  }

  /** Asks the brokers in turn until one answers. */
  async #any<A extends keyof BrokerApi>(api: A, ...given: Parameters<BrokerApi[A]>): Promise<Answer<A>> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#to(1 + (this.#turn % BROKERS_MAX), 'control')(api, ...given);
      } catch (error) {
        if (!(error instanceof KafkaFailure) || error.kind !== 'unreachable' || tries === BROKERS_MAX) throw error;
        this.#turn++;
      }
    }
  }

  // Who is responsible.

  forget(): void {
    this.#leaders = undefined;
    this.#coordinators.clear();
  }

  async #metadata(): Promise<ClusterMetadata> {
    const metadata = await this.#any('metadata');
    const names = metadata.topics.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => partitionName({ topic, partition })),
    );
    this.#leaders = new Map(names.map((name, index) => [name, metadata.leaders[index]]));
    return metadata;
  }

  async describeTopics(topics: readonly string[] | undefined): Promise<readonly TopicDescription[]> {
    const metadata = await this.#metadata();
    return metadata.topics.filter(({ topic }) => topics === undefined || topics.includes(topic));
  }

  async leaders(partitions: readonly TopicPartition[]): Promise<readonly (number | undefined)[]> {
    if (this.#leaders === undefined || partitions.some((one) => this.#leaders?.has(partitionName(one)) !== true))
      await this.#metadata();
    return partitions.map((partition) => this.#leaders?.get(partitionName(partition)));
  }

  async #coordinator<A extends keyof BrokerApi>(
    key: string,
    api: A,
    ...given: Parameters<BrokerApi[A]>
  ): Promise<Answer<A>> {
    let node = this.#coordinators.get(key);
    if (node === undefined) {
      node = await this.#any('coordinator', key);
      this.#coordinators.set(key, node);
    }
    return await this.#to(node, 'control')(api, ...given);
  }

  // Reading.

  async listOffsets(
    queries: readonly OffsetQuery[],
    isolation: IsolationLevel,
  ): Promise<readonly (number | undefined)[]> {
    const leaders = await this.leaders(queries);
    const groups = new Map<number, OffsetQuery[]>();
    for (const [index, query] of queries.entries()) {
      const leader = leaders[index];
      if (leader === undefined) {
        const kind = this.#leaders?.has(partitionName(query)) === true ? 'stale' : 'unknown-topic';
        throw new KafkaFailure(kind, `partition ${partitionName(query)} has no leader`);
      }
      const group = groups.get(leader);
      if (group === undefined) groups.set(leader, [query]);
      else group.push(query);
    }
    const found = new Map<string, number | undefined>();
    await Promise.all(
      [...groups].map(async ([node, group]) => {
        const offsets = await this.#to(node, 'control')('listOffsets', group, isolation);
        for (const [index, query] of group.entries()) found.set(partitionName(query), offsets[index]);
      }),
    );
    return queries.map((query) => found.get(partitionName(query)));
  }

  async committedOffsets(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly (number | undefined)[]> {
    return await this.#coordinator(groupKey(group), 'committedOffsets', group, partitions);
  }

  async commitOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#coordinator(groupKey(group), 'commitOffsets', group, offsets);
  }

  async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const fetched = await this.#to(request.node, 'fetch')('fetch', request);
    return fetched.map((one) => ({ ...one, failure: failureFrom(one.failure) }));
  }

  // Writing.

  async initProducer(
    transactionalId: string | undefined,
    transactionTimeoutMs: number,
    last?: ProducerIdentity,
  ): Promise<ProducerIdentity> {
    const identity = last === undefined ? undefined : { producerId: last.producerId, epoch: last.epoch };
    return transactionalId === undefined
      ? await this.#any('initProducer', transactionalId, transactionTimeoutMs, identity)
      : await this.#coordinator(transactionalId, 'initProducer', transactionalId, transactionTimeoutMs, identity);
  }

  async addPartitions(transaction: TransactionIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const places = partitions.map(({ topic, partition }) => ({ topic, partition }));
    await this.#coordinator(transaction.transactionalId, 'addPartitions', identityOf(transaction), places);
  }

  async produce(request: ProduceRequest): Promise<readonly ProducedPartition[]> {
    const produced = await this.#to(request.node, 'produce')('produce', request);
    return produced.map((one) => ({ ...one, failure: failureFrom(one.failure) }));
  }

  async endTransaction(transaction: TransactionIdentity, end: TransactionEnd): Promise<void> {
    await this.#coordinator(transaction.transactionalId, 'endTransaction', identityOf(transaction), end);
  }

  async describeTransactions(
    transactionalIds: readonly string[],
  ): Promise<readonly (TransactionDescription | undefined)[]> {
    return await Promise.all(transactionalIds.map((id) => this.#coordinator(id, 'describeTransaction', id)));
  }

  async listTransactions(prefix: string): Promise<readonly string[]> {
    const { nodes } = await this.#metadata();
    const lists = await Promise.all(nodes.map((node) => this.#to(node, 'control')('listTransactions')));
    return [...new Set(lists.flat())].filter((id) => id.startsWith(prefix)).toSorted();
  }

  async transactionTimeoutMaxMs(): Promise<number | undefined> {
    return await this.#any('transactionTimeoutMaxMs');
  }

  close(): Promise<void> {
    this.#closed = true;
    const closed = new KafkaFailure('closed', 'the connector was closed');
    for (const connection of this.#connections.values()) connection.breakOff(closed);
    this.#connections.clear();
    return Promise.resolve();
  }
}

/** Without what else its owner keeps beside it. */
function identityOf({ transactionalId, producerId, epoch }: TransactionIdentity): TransactionIdentity {
  return { transactionalId, producerId, epoch };
}

/** A connection to a broker, opened by its first request, which answers requests in their order. */
class BrokerConnection {
  readonly #world: ConnectorWorld;
  readonly #node: number;
  readonly #waiting: PromiseWithResolvers<unknown>[] = [];
  readonly #frames: Promise<Frames>;
  #failure: KafkaFailure | undefined;

  constructor(world: ConnectorWorld, node: number) {
    this.#world = world;
    this.#node = node;
    this.#frames = this.#open();
    this.#frames.catch(() => {});
  }

  get broken(): boolean {
    return this.#failure !== undefined;
  }

  async #open(): Promise<Frames> {
    try {
      const frames = new Frames(await this.#world.network.openStream(HOST, portOf(this.#node)));
      if (this.#failure === undefined) void this.#listen(frames);
      else frames.close();
      return frames;
    } catch (error) {
      const failure = this.#unreachable(messageOf(error));
      this.breakOff(failure);
      throw failure;
    }
  }

  #unreachable(why: string): KafkaFailure {
    return new KafkaFailure('unreachable', `broker ${this.#node}: ${why}`);
  }

  async #listen(frames: Frames): Promise<void> {
    try {
      for (let answer = await frames.next(); answer !== undefined; answer = await frames.next()) {
        const waiting = this.#waiting.shift();
        const told = answer as AnswerMessage;
        if ('failure' in told) waiting?.reject(failureFrom(told.failure));
        else waiting?.resolve(told.value);
      }
      this.breakOff(this.#unreachable('it has closed the connection'));
    } catch (error) {
      this.breakOff(this.#unreachable(messageOf(error)));
    }
  }

  async ask(request: RequestMessage): Promise<unknown> {
    const frames = await this.#frames;
    if (this.#failure !== undefined) throw this.#failure;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.push(waiting);
    frames.send(request).catch((error: unknown) => this.breakOff(this.#unreachable(messageOf(error))));
    const late = this.#world.clock.after(REQUEST_TIMEOUT_MS, () =>
      this.breakOff(this.#unreachable('it does not answer in time')),
    );
    try {
      return await waiting.promise;
    } finally {
      late.cancel();
    }
  }

  /** Whoever waits for an answer does not get it. */
  breakOff(failure: KafkaFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(failure);
    this.#frames.then(
      (frames) => frames.close(),
      () => {},
    );
  }
}
