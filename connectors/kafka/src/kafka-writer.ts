/**
 * The writer of a Kafka sink: serialises records, chooses partitions, and hands them to its producer. When it writes
 * exactly once, everything between two checkpoints is one transaction, which ends up in the checkpoint as a committable.
 */

import { MillstreamError, type SinkWriter, type WriteContext, type WriterContext } from 'millstream';
import type { KafkaClient, TransactionIdentity } from './client.ts';
import { jobError } from './failure.ts';
import { partitionOfKey } from './partitioner.ts';
import { Producer } from './producer.ts';
import { retry } from './retry.ts';
import { timestampOf, type Outgoing, type Serializer } from './serializer.ts';
import type { SinkSettings } from './sink-settings.ts';
import type { KafkaCommittable } from './transaction.ts';
import { isFenced, TransactionPool, type KafkaWriterState } from './transaction-pool.ts';

/** How long a topic that was just made may be unknown to the brokers. */
const NEW_TOPIC_TIMEOUT_MS = 2_000;

/** How often the number of partitions is looked up anew. Kafka's `metadata.max.age.ms`. */
const PARTITIONS_AGE_MS_MAX = 300_000;

/** What the writer knows of a topic. */
interface TargetTopic {
  readonly name: string;
  partitions: number;
  /** Monotonic. */
  readAt: number;
  refreshing: boolean;
  /** Where records without a key go until their batch is full. */
  sticky: number;
}

export class KafkaWriter<T> implements SinkWriter<T, KafkaCommittable, KafkaWriterState> {
  readonly #context: WriterContext;
  readonly #settings: SinkSettings<T>;
  readonly #client: KafkaClient;
  readonly #producer: Producer;
  readonly #serialize: Serializer<T>;
  readonly #closing = new AbortController();
  readonly #topics = new Map<string, TargetTopic>();
  readonly #outgoing: Outgoing = {
    topic: '',
    key: null,
    value: null,
    headers: undefined,
    timestamp: 0,
    partition: undefined,
  };
  readonly #now: () => number;
  /** When the sink writes transactions. */
  readonly #pool: TransactionPool | undefined;
  /** Settles when what was left open is ended. */
  readonly #started: Promise<void>;
  /** The open transaction, or what will be it. */
  #transaction: Promise<TransactionIdentity> | undefined;
  /** The same, once it is known: at the latest when its first record has been written. */
  #identity: TransactionIdentity | undefined;
  #failure: MillstreamError | undefined;
  #fenced = false;

  constructor(
    context: WriterContext,
    settings: SinkSettings<T>,
    serialize: Serializer<T>,
    restored: readonly KafkaWriterState[],
  ) {
    this.#context = context;
    this.#settings = settings;
    this.#serialize = serialize;
    this.#now = () => context.now();
    this.#client = settings.connect(context.world, `writer-${context.subtask}`);
    const { unreachableTimeoutMs } = settings.connection;
    const metrics = context.metrics.group('KafkaProducer');
    this.#producer = new Producer({
      world: context.world,
      client: this.#client,
      metrics,
      batchBytes: settings.batchBytes,
      lingerMs: settings.lingerMs,
      bufferBytes: settings.bufferBytes,
      compression: settings.compression,
      deliveryTimeoutMs: unreachableTimeoutMs,
      fail: (error) => this.#fail(error),
    });
    const { transactionalIdPrefix: prefix } = settings;
    if (prefix === undefined) {
      this.#started = Promise.resolve();
      this.#producer.begin(this.#retry(() => this.#client.initProducer(undefined, 0)));
      return;
    }
    const pool = new TransactionPool(
      {
        context,
        client: this.#client,
        prefix,
        transactionTimeoutMs: settings.transactionTimeoutMs,
        unreachableTimeoutMs,
        onLostTransaction: settings.onLostTransaction,
        signal: this.#closing.signal,
      },
      restored,
    );
    this.#pool = pool;
    metrics.gauge('transactionalIds', () => pool.size);
    this.#started = pool.start();
    this.#started.catch((error: unknown) => this.#fail(error));
  }

  #retry<R>(work: () => Promise<R>): Promise<R> {
    const { unreachableTimeoutMs } = this.#settings.connection;
    const { signal } = this.#closing;
    return retry({ world: this.#context.world, client: this.#client, timeoutMs: unreachableTimeoutMs, signal }, work);
  }

  write(value: T, context: WriteContext): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const outgoing = this.#outgoing;
    this.#serialize(value, context, outgoing);
    const topic = this.#topics.get(outgoing.topic);
    if (topic === undefined) return this.#writeToNewTopic(value, { ...outgoing });
    return this.#append(value, outgoing, topic);
  }

  /** The input waits for the number of partitions; what the serializer gave away is its own copy meanwhile. */
  async #writeToNewTopic(value: T, outgoing: Outgoing): Promise<void> {
    const { topic: name, value: bytes } = outgoing;
    if (bytes instanceof Uint8Array) outgoing.value = Uint8Array.from(bytes);
    const partitions = await this.#partitionsOf(name);
    const sticky = Math.floor(this.#context.world.random.next() * partitions);
    const readAt = this.#context.world.clock.monotonic();
    const topic = { name, partitions, readAt, refreshing: false, sticky };
    this.#topics.set(name, topic);
    await this.#append(value, outgoing, topic);
  }

  async #partitionsOf(name: string): Promise<number> {
    const { world } = this.#context;
    const { signal } = this.#closing;
    const lookUp = async (): Promise<number> => {
      const [found] = await this.#retry(() => this.#client.describeTopics([name]));
      return found?.partitions.length ?? 0;
    };
    try {
      const giveUpAt = world.clock.monotonic() + NEW_TOPIC_TIMEOUT_MS;
      for (;;) {
        const partitions = await lookUp();
        if (partitions > 0) return partitions;
        if (world.clock.monotonic() >= giveUpAt || signal.aborted)
          throw new MillstreamError(
            'SINK_FAILED',
            `The Kafka sink cannot write to topic ${name}: it does not exist. Create it, or correct its name.`,
          );
        await new Promise<void>((resolve) => void world.clock.after(NEW_TOPIC_PAUSE_MS, resolve));
      }
    } catch (error) {
      throw jobError('sink', `cannot look up topic ${name}`, error);
    }
  }

  #append(value: T, outgoing: Outgoing, topic: TargetTopic): void | Promise<void> {
    this.#begin();
    this.#refresh(topic);
    const partition = this.#partitionFor(value, outgoing, topic);
    const timestamp = timestampOf(outgoing, this.#now);
    try {
      this.#producer.append(topic.name, partition, timestamp, outgoing.key, outgoing.value, outgoing.headers);
    } catch (error) {
      throw jobError('sink', `cannot write to topic ${topic.name}`, error);
    }
    if (this.#producer.full) return this.#room();
  }

  async #room(): Promise<void> {
    try {
      await this.#producer.room();
    } catch (error) {
      throw this.#failure ?? jobError('sink', 'cannot write', error);
    }
  }

  /** The first record after a checkpoint begins a transaction. */
  #begin(): void {
    if (this.#pool === undefined || this.#transaction !== undefined) return;
    const pool = this.#pool;
    this.#transaction = this.#started
      .then(() => pool.take())
      .then((identity) => {
        this.#identity = identity;
        return identity;
      });
    this.#producer.begin(this.#transaction);
  }

  #partitionFor(value: T, { partition, key }: Outgoing, topic: TargetTopic): number {
    const chosen = partition ?? this.#settings.partitioner?.(value, key, topic.name, topic.partitions);
    if (chosen !== undefined) {
      if (Number.isSafeInteger(chosen) && chosen >= 0 && chosen < topic.partitions) return chosen;
      throw new MillstreamError(
        'RECORD_UNENCODABLE',
        `A record cannot be written to partition ${String(chosen)} of topic ${topic.name}: it has the partitions 0 to ${topic.partitions - 1}.`,
      );
    }
    if (key !== null) return partitionOfKey(key, topic.partitions);
    if (this.#producer.wouldBeginBatch(topic.name, topic.sticky)) topic.sticky = (topic.sticky + 1) % topic.partitions;
    return topic.sticky;
  }

  /** Partitions may be added while the job runs. */
  #refresh(topic: TargetTopic): void {
    const { clock } = this.#context.world;
    if (topic.refreshing || clock.monotonic() - topic.readAt < PARTITIONS_AGE_MS_MAX) return;
    topic.refreshing = true;
    this.#client.describeTopics([topic.name]).then(
      ([found]) => {
        topic.partitions = Math.max(topic.partitions, found?.partitions.length ?? 0);
        topic.refreshing = false;
        topic.readAt = clock.monotonic();
      },
      () => {
        // The next look will do.
        topic.refreshing = false;
        topic.readAt = clock.monotonic();
      },
    );
  }

  async flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await this.#producer.flush();
    } catch (error) {
      throw this.#failure ?? jobError('sink', 'cannot write', error);
    }
  }

  async prepareCommit(): Promise<readonly KafkaCommittable[]> {
    const pool = this.#pool;
    if (pool === undefined) return [];
    const sealed = pool.takeSealed();
    if (this.#transaction === undefined) return sealed;
    const transaction = await this.#transaction;
    this.#transaction = undefined;
    this.#identity = undefined;
    pool.prepare(transaction);
    return [...sealed, this.#committable(transaction, pool)];
  }

  #committable(transaction: TransactionIdentity, pool: TransactionPool): KafkaCommittable {
    const { probe } = this.#producer;
    const { transactionalId, producerId, epoch } = transaction;
    const { timeoutMs } = pool;
    const committable = { transactionalId, producerId, epoch, preparedAt: this.#context.now(), timeoutMs };
    return probe === undefined ? committable : { ...committable, probe };
  }

  /**
   * A transaction that is still open here was not prepared: this is a savepoint. It is closed to what follows, so that
   * the savepoint can be restored at any time, and is committed by the next checkpoint.
   */
  snapshot(): readonly KafkaWriterState[] {
    const pool = this.#pool;
    if (pool === undefined) return [];
    if (this.#identity !== undefined) {
      pool.seal(this.#committable(this.#identity, pool));
      this.#transaction = undefined;
      this.#identity = undefined;
    }
    return [pool.snapshot()];
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#closing.signal.aborted) return;
    this.#fenced = isFenced(error);
    this.#failure = jobError('sink', 'cannot write', error);
    this.#context.fail(this.#failure);
  }

  /** What is not prepared is aborted, so that readers need not wait until it expires. */
  async close(): Promise<void> {
    const identity = this.#identity;
    this.#closing.abort();
    this.#producer.close();
    if (identity !== undefined && !this.#fenced) await this.#abort(identity);
    await this.#client.close();
  }

  /** One try, for a short time: the next attempt aborts it, or the broker when its time is up. */
  async #abort(identity: TransactionIdentity): Promise<void> {
    const { clock } = this.#context.world;
    await new Promise<void>((resolve) => {
      const timer = clock.after(ABORT_MS_MAX, resolve);
      const end = (): void => {
        timer.cancel();
        resolve();
      };
      this.#client.endTransaction(identity, 'abort').then(end, end);
    });
  }
}

/** Between two looks for a topic that was just made. */
const NEW_TOPIC_PAUSE_MS = 100;

/** How long a closing writer waits for the brokers. */
const ABORT_MS_MAX = 2_000;
