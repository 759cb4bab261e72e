/** A Kafka cluster in a simulation: what a test makes, disturbs and looks into. */

import type { Simulation } from 'millstream/testing';
import { BatchBuilder, type Bytes, type HeaderList } from '../batch-builder.ts';
import { BROKERS_MAX, portOf } from './broker-api.ts';
import { ClusterState } from './cluster-state.ts';
import type { KafkaMessage } from '../kafka-record.ts';
import { partitionName, type TopicPartition, type TransactionDescription } from '../client.ts';
import { SimulatedBroker, type RequestFate } from './simulated-broker.ts';

/** How a simulated cluster is made. */
export interface SimulatedKafkaOptions {
  /** One to three. Default 3. */
  readonly brokers?: number;
  /** The brokers' `transaction.max.timeout.ms`. Default 900000, as theirs. */
  readonly transactionTimeoutMaxMs?: number;
  /** The largest batch that is taken: `max.message.bytes`. Default 1048588, as theirs. */
  readonly messageBytesMax?: number;
}

/** A record that a test puts into a topic. */
export interface SimulatedRecord {
  readonly key?: Bytes;
  readonly value: Bytes;
  readonly headers?: HeaderList;
  /** Milliseconds since the epoch. Default: now. */
  readonly timestamp?: number;
  /** Default 0. */
  readonly partition?: number;
}

/** What goes wrong with a cluster: how often at most, each time as the seed decides. */
export interface SimulatedKafkaFaults {
  /** Faults come within so many virtual milliseconds from now. Default 1000. */
  readonly withinMs?: number;
  /** Brokers that are killed, and come back a while later. Default 2. */
  readonly outages?: number;
  /** How long a broker is away at most, in milliseconds. Default 300. */
  readonly outageMsMax?: number;
  /** Brokers that stop for a while, as if by SIGSTOP. Default 1. */
  readonly hangs?: number;
  /** Times that some partitions and coordinators move to other brokers. Default 2. */
  readonly moves?: number;
  /** The share of requests that are lost, or refused, or carried out without an answer, meanwhile. Default 0.02. */
  readonly troubledRequests?: number;
}

const TRANSACTION_TIMEOUT_MS_MAX = 900_000;
const MESSAGE_BYTES_MAX = 1_048_588;

const FAULTS_WITHIN_MS = 1_000;
const OUTAGE_MS_MAX = 300;
const HUNG_MS_MAX = 200;
const TROUBLED_REQUESTS = 0.02;

/** The share of all places that move at once. */
const MOVING = 0.3;

const TROUBLES: readonly RequestFate[] = ['lost', 'refused', 'unanswered', 'unanswered'];

/**
 * A Kafka cluster in a simulation. It behaves towards source, sink and janitor as a real one: the tests of its contract
 * run against both. Its brokers are processes of the simulation, named `kafka-1` and so on, and what they hold outlives
 * them. A job reaches it by `client: simulatedKafkaClient`.
 *
 * @example
 * ```ts no-run
 * const simulation = createSimulation(42);
 * const kafka = new SimulatedKafka(simulation);
 * kafka.createTopic('orders', 2);
 * kafka.write('orders', [{ value: '{"id":1}' }]);
 * kafka.disturb();
 * const client = simulatedKafkaClient(simulation.world('shop'), 'shop');
 * console.log(await simulation.settle(client.describeTopics(['orders'])));
 * simulation.close();
 * ```
 */
export class SimulatedKafka {
  readonly #simulation: Simulation;
  readonly #cluster: ClusterState;
  readonly #nodes: readonly number[];
  readonly #random: ReturnType<Simulation['random']>;
  readonly #now: () => number;
  #troubled = 0;

  constructor(simulation: Simulation, options: SimulatedKafkaOptions = {}) {
    const { brokers = BROKERS_MAX } = options;
    if (!Number.isInteger(brokers) || brokers < 1 || brokers > BROKERS_MAX)
      throw new RangeError(`a simulated cluster has 1 to ${BROKERS_MAX} brokers, not ${brokers}`);
    this.#simulation = simulation;
    this.#random = simulation.random('kafka faults');
    this.#nodes = Array.from({ length: brokers }, (_, index) => index + 1);
    // All processes have the same idea of the time.
    const { clock } = simulation.world(processOf(1));
    const settings = {
      transactionTimeoutMaxMs: options.transactionTimeoutMaxMs ?? TRANSACTION_TIMEOUT_MS_MAX,
      messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
    };
    this.#now = () => clock.now();
    this.#cluster = new ClusterState(simulation, settings, this.#now);
    for (const node of this.#nodes) this.restart(node);
    this.#cluster.electAll();
  }

  /** Makes a topic, or gives one that exists more partitions. */
  createTopic(topic: string, partitions = 1): void {
    this.#cluster.createTopic(topic, partitions);
  }

  /** Appends records, each partition's in one batch, without any delay. */
  write(topic: string, records: readonly SimulatedRecord[]): void {
    const now = this.#now();
    const builders = new Map<number, BatchBuilder>();
    for (const { key = null, value, headers, timestamp = now, partition = 0 } of records) {
      const builder = builders.get(partition) ?? new BatchBuilder();
      builders.set(partition, builder);
      builder.append(timestamp, key, value, headers);
    }
    const producer = { producerId: -1, epoch: -1 };
    for (const [partition, builder] of builders)
      this.#log({ topic, partition }).append(
        builder.finish({ producer, baseSequence: -1, transactional: false, compression: 'none' }),
      );
    this.#cluster.changed();
  }

  #log(place: TopicPartition): ReturnType<ClusterState['logs']>[number] {
    const log = this.#cluster.log(place);
    if (log === undefined) throw new RangeError(`there is no partition ${partitionName(place)}`);
    return log;
  }

  /** Carries out at once what is decided of transactions, as brokers do a little later. For a look at the end of a run. */
  settle(): void {
    this.#cluster.electAll();
    this.#cluster.transactions.settle();
  }

  /** What a reader of committed records sees now, partition by partition. */
  committed(topic: string): readonly KafkaMessage[] {
    return this.#cluster.logs(topic).flatMap((log) => log.committed());
  }

  /** What the brokers know of all transactional ids. */
  transactions(): readonly TransactionDescription[] {
    const { transactions } = this.#cluster;
    return transactions.list().map((id) => transactions.describe(id) as TransactionDescription);
  }

  /** Retention: the records before `offset` are gone. */
  deleteRecords(topic: string, partition: number, offset: number): void {
    this.#log({ topic, partition }).deleteBefore(offset);
  }

  // What goes wrong.

  /** A broker ends at once; others take over what it led, if there are any. */
  kill(broker: number): void {
    this.#simulation.crash(processOf(broker));
    this.#cluster.left(broker);
  }

  /** A broker that was killed comes back. */
  restart(broker: number): void {
    if (this.#cluster.nodes.has(broker)) return;
    const world = this.#simulation.world(processOf(broker));
    const served = new SimulatedBroker({
      node: broker,
      cluster: this.#cluster,
      world,
      fate: () => this.#fate(),
    });
    this.#simulation.serve(processOf(broker), portOf(broker), served.accept);
    this.#cluster.joined(broker);
  }

  #fate(): RequestFate {
    if (this.#random.next() >= this.#troubled) return 'answered';
    return TROUBLES[Math.floor(this.#random.next() * TROUBLES.length)] as RequestFate;
  }

  /** Some partitions and coordinators move to other brokers. */
  moveLeaders(): void {
    this.#cluster.moveSome(MOVING);
  }

  /** Plans what goes wrong from now on. */
  disturb(faults: SimulatedKafkaFaults = {}): void {
    const { withinMs = FAULTS_WITHIN_MS, outages = 2, outageMsMax = OUTAGE_MS_MAX, hangs = 1, moves = 2 } = faults;
    const next = (): number => this.#random.next();
    const plan = (most: number, fault: () => void): void => {
      const count = Math.floor(next() * (most + 1));
      for (let i = 0; i < count; i++) this.#simulation.after(next() * withinMs, fault);
    };
    const anyNode = (): number => this.#nodes[Math.floor(next() * this.#nodes.length)] as number;
    plan(outages, () => {
      const broker = anyNode();
      this.kill(broker);
      this.#simulation.after(next() * outageMsMax, () => this.restart(broker));
    });
    plan(hangs, () => {
      const process = processOf(anyNode());
      this.#simulation.hang(process);
      this.#simulation.after(next() * HUNG_MS_MAX, () => this.#simulation.wake(process));
    });
    plan(moves, () => this.moveLeaders());
    this.#troubled = next() * 2 * (faults.troubledRequests ?? TROUBLED_REQUESTS);
    this.#simulation.after(withinMs, () => {
      this.#troubled = 0;
    });
  }
}

function processOf(broker: number): string {
  return `kafka-${broker}`;
}
