/** What a simulated client asks of a simulated broker, and how both put it into messages. */

import {
  KafkaFailure,
  type FailureKind,
  type FetchedPartition,
  type FetchRequest,
  type IsolationLevel,
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

/** The port of the broker with number 1; the others follow. */
const FIRST_PORT = 9092;

/** A simulated cluster has no more. */
export const BROKERS_MAX = 3;

export function portOf(node: number): number {
  return FIRST_PORT + node - 1;
}

/** What a broker knows of the cluster. */
export interface ClusterMetadata {
  readonly nodes: readonly number[];
  readonly topics: readonly TopicDescription[];
  /** In the order of the topics and their partitions. */
  readonly leaders: readonly (number | undefined)[];
}

/** A failure as it crosses the network. */
export interface FailureMessage {
  readonly kind: FailureKind;
  readonly message: string;
}

export type FetchedMessage = Omit<FetchedPartition, 'failure'> & { readonly failure: FailureMessage | undefined };
export type ProducedMessage = Omit<ProducedPartition, 'failure'> & { readonly failure: FailureMessage | undefined };

/** The requests of a broker. Each throws a {@link KafkaFailure} when it fails as a whole. */
export interface BrokerApi {
  metadata(): ClusterMetadata;
  coordinator(key: string): number;
  listOffsets(queries: readonly OffsetQuery[], isolation: IsolationLevel): readonly (number | undefined)[];
  committedOffsets(group: string, partitions: readonly TopicPartition[]): readonly (number | undefined)[];
  commitOffsets(group: string, offsets: readonly PartitionOffset[]): void;
  fetch(request: FetchRequest): Promise<readonly FetchedMessage[]>;
  produce(request: ProduceRequest): readonly ProducedMessage[];
  initProducer(
    transactionalId: string | undefined,
    transactionTimeoutMs: number,
    last: ProducerIdentity | undefined,
  ): ProducerIdentity;
  addPartitions(transaction: TransactionIdentity, partitions: readonly TopicPartition[]): void;
  endTransaction(transaction: TransactionIdentity, end: TransactionEnd): void;
  describeTransaction(transactionalId: string): TransactionDescription | undefined;
  listTransactions(): readonly string[];
  transactionTimeoutMaxMs(): number;
}

/** A request on its way. */
export interface RequestMessage {
  readonly api: keyof BrokerApi;
  readonly arguments: readonly unknown[];
}

/** Its answer. */
export type AnswerMessage = { readonly value: unknown } | { readonly failure: FailureMessage };

export function failureMessage({ kind, message }: KafkaFailure): FailureMessage {
  return { kind, message };
}

export function failureFrom(message: FailureMessage): KafkaFailure;
export function failureFrom(message: FailureMessage | undefined): KafkaFailure | undefined;
export function failureFrom(message: FailureMessage | undefined): KafkaFailure | undefined {
  return message === undefined ? undefined : new KafkaFailure(message.kind, message.message);
}

/** The key by which groups are coordinated; transactional ids are by themselves. */
export function groupKey(group: string): string {
  return `group ${group}`;
}
