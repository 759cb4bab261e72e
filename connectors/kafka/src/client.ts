/**
 * The seam between this package and a Kafka cluster: everything that source, sink and janitor ask of one.
 *
 * Each method is one attempt at one thing. It finds the broker that is responsible by itself, and rejects with a
 * {@link KafkaFailure} when the attempt failed; whoever called decides whether to try again (`retry.ts`), after
 * {@link KafkaClient.forget} where the failure says that the cluster looks different from what the client knows.
 *
 * Offsets, producer ids and times are numbers: 2^53 of them are enough. Record batches cross the seam as the bytes
 * that Kafka stores (`record-batch.ts`), so that a model of a cluster behind it exercises the same code.
 */

import type { ConnectorWorld } from 'millstream';

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition, and a place in it. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** A topic, as the cluster describes it. */
export interface TopicDescription {
  readonly topic: string;
  /** The numbers of its partitions, ascending. */
  readonly partitions: readonly number[];
}

/** Which records a reader may see: those of committed transactions and those without one, or all. */
export type IsolationLevel = 'read_committed' | 'read_uncommitted';

/**
 * A place in a partition that the broker knows. `latest` is the last stable offset under `read_committed`; a timestamp
 * stands for the first record at or after it.
 */
export type OffsetSpec = 'earliest' | 'latest' | { readonly timestamp: number };

/** What is asked about one partition. */
export interface OffsetQuery extends TopicPartition {
  readonly at: OffsetSpec;
}

/** What is fetched of one partition. */
export interface FetchPartition extends PartitionOffset {
  readonly bytesMax: number;
}

/** A fetch from one broker. */
export interface FetchRequest {
  /** The leader of all the partitions, as `leaders` named it. */
  readonly node: number;
  readonly partitions: readonly FetchPartition[];
  /** How long the broker may wait for a first byte. */
  readonly waitMs: number;
  /** For the whole answer; a single batch may be larger. */
  readonly bytesMax: number;
  readonly isolation: IsolationLevel;
}

/** A transaction that was aborted: its producer's transactional batches from `firstOffset` up to the abort marker. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** What came of one partition. */
export interface FetchedPartition extends TopicPartition {
  /** Why nothing came, if so. */
  readonly failure: KafkaFailure | undefined;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches one after the other; the last may be cut short. */
  readonly batches: Buffer;
}

/** One batch for one partition. */
export interface ProducePartition extends TopicPartition {
  readonly batch: Buffer;
}

/** Batches for one broker, at most one for each partition. */
export interface ProduceRequest {
  readonly node: number;
  readonly partitions: readonly ProducePartition[];
  readonly transactionalId: string | undefined;
  /** How long the leader may wait for its followers. */
  readonly timeoutMs: number;
}

/** What became of one batch. */
export interface ProducedPartition extends TopicPartition {
  readonly failure: KafkaFailure | undefined;
  /** The offset of the first record. -1 where the broker does not know it any more. */
  readonly baseOffset: number;
}

/** Who writes: a broker takes a batch from the newest epoch of a producer id only. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly epoch: number;
}

/** A producer that writes transactions: this is all one needs to know to end the open one. */
export interface TransactionIdentity extends ProducerIdentity {
  readonly transactionalId: string;
}

/** The states that a broker knows of a transaction. */
export type TransactionState =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'
  | 'Dead'
  | 'PrepareEpochFence';

/** What a broker says of the last transaction of a transactional id. */
export interface TransactionDescription extends TransactionIdentity {
  readonly state: TransactionState;
  readonly timeoutMs: number;
  /** Milliseconds since the epoch; -1 where none has begun. */
  readonly startedAt: number;
  readonly partitions: readonly TopicPartition[];
}

/** How a transaction ends. */
export type TransactionEnd = 'commit' | 'abort';

/** A Kafka cluster. The contract stands on top of this file. */
export interface KafkaClient {
  /** The topics of these names, or all; those that do not exist are left out. */
  describeTopics(topics: readonly string[] | undefined): Promise<readonly TopicDescription[]>;
  /** The brokers that lead the partitions, in their order; `undefined` for one that has no leader now. */
  leaders(partitions: readonly TopicPartition[]): Promise<readonly (number | undefined)[]>;
  /** Forgets which brokers lead and coordinate: the next call asks anew. */
  forget(): void;

  /** Where these places are, in their order; `undefined` where no record is so young. */
  listOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): Promise<readonly (number | undefined)[]>;
  /** What a group has committed, in the order of the partitions. */
  committedOffsets(group: string, partitions: readonly TopicPartition[]): Promise<readonly (number | undefined)[]>;
  /** Commits offsets for a group without members. */
  commitOffsets(group: string, offsets: readonly PartitionOffset[]): Promise<void>;
  /** Fails as a whole when the broker cannot be asked; failures of single partitions are in the answer. */
  fetch(request: FetchRequest): Promise<readonly FetchedPartition[]>;

  /**
   * An identity for a producer. With a transactional id, its epoch is newer than all before it, and the transaction that
   * an earlier one has open is aborted. `last` is the identity that the caller had: where another has come after it,
   * this fails as `fenced` instead.
   */
  initProducer(
    transactionalId: string | undefined,
    transactionTimeoutMs: number,
    last?: ProducerIdentity,
  ): Promise<ProducerIdentity>;
  /** Must precede the first batch of a transaction for a partition. */
  addPartitions(transaction: TransactionIdentity, partitions: readonly TopicPartition[]): Promise<void>;
  /** Requests to one broker arrive in the order of the calls. Failures of single batches are in the answer. */
  produce(request: ProduceRequest): Promise<readonly ProducedPartition[]>;
  /** Idempotent. */
  endTransaction(transaction: TransactionIdentity, end: TransactionEnd): Promise<void>;
  /** In the order of the ids; `undefined` for one that no broker knows. */
  describeTransactions(transactionalIds: readonly string[]): Promise<readonly (TransactionDescription | undefined)[]>;
  /** The ids that begin with `prefix`, in whatever state. */
  listTransactions(prefix: string): Promise<readonly string[]>;
  /** The brokers' `transaction.max.timeout.ms`; `undefined` where it may not be read. */
  transactionTimeoutMaxMs(): Promise<number | undefined>;

  /** Ends what is under way, which rejects. */
  close(): Promise<void>;
}

/** Makes a client for one user of it: an enumerator, a reader, a writer, a committer. */
export type KafkaClientFactory = (world: ConnectorWorld, clientId: string) => KafkaClient;

/**
 * What is wrong, as far as it changes what to do:
 *
 * - `unreachable`: no broker answered; `stale`: another broker is responsible now, or will be soon; `busy`: try again.
 *   These three pass.
 * - `unknown-topic`: passes when the topic has just been made, or is being made.
 * - `offset-out-of-range`: the log does not hold that offset (any more).
 * - `fenced`: another producer has come after this one. `transaction-state`: there is no such open transaction.
 *   `transaction-unknown`: the broker does not know the transactional id. `transaction-timeout`: above the limit.
 * - `duplicate`: the batch was written before. `out-of-order`: a batch before it is missing.
 * - `too-large`: a batch or record above the limit of the topic. `invalid`: the broker refuses the content.
 * - `denied`: no permission. `unauthenticated`: wrong or missing credentials, or certificates that do not fit.
 * - `unsupported`: the broker is too old. `closed`: the client was closed. `other`: see the message.
 */
export type FailureKind =
  | 'unreachable'
  | 'stale'
  | 'busy'
  | 'unknown-topic'
  | 'offset-out-of-range'
  | 'fenced'
  | 'transaction-state'
  | 'transaction-unknown'
  | 'transaction-timeout'
  | 'duplicate'
  | 'out-of-order'
  | 'too-large'
  | 'invalid'
  | 'denied'
  | 'unauthenticated'
  | 'unsupported'
  | 'closed'
  | 'other';

/**
 * Why an attempt failed.
 *
 * @example
 * ```ts
 * const failure = new KafkaFailure('stale', 'another broker leads the partition now');
 * console.log(failure.passes); // true
 * ```
 */
export class KafkaFailure extends Error {
  override readonly name = 'KafkaFailure';
  readonly kind: FailureKind;

  /** `message` is a clause: it is put behind a colon. */
  constructor(kind: FailureKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }

  /** Whether the same attempt may succeed later. */
  get passes(): boolean {
    return this.kind === 'unreachable' || this.kind === 'stale' || this.kind === 'busy';
  }
}

/** How a partition is written in messages and as the id of a split: `topic-3`. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
