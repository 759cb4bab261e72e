/** Apache Kafka for Millstream. The entry of the package `@millstream/kafka`; every name in it is listed here. */

export { kafkaSource } from './kafka-source.ts';
export type {
  KafkaDeserialization,
  KafkaSourceOptions,
  KafkaSourceSettings,
  KafkaSubscription,
} from './source-settings.ts';
export { OffsetsInitializer, type OffsetReset, type OffsetsInitializers } from './offsets-initializer.ts';
export type { KafkaDeserializer, ValueDeserializer } from './deserializer.ts';
export { KafkaRecord, type KafkaHeader, type KafkaMessage, type TimestampType } from './kafka-record.ts';
export type { KafkaUndecodable } from './undecodable.ts';
export type { KafkaEnumeratorState } from './kafka-enumerator.ts';
export type { KafkaSplit } from './kafka-split.ts';

export { kafkaSink } from './kafka-sink.ts';
export type { DeliveryGuarantee, KafkaSinkOptions, KafkaSinkSettings } from './sink-settings.ts';
export type { KafkaOutput, KafkaSerialization, KafkaWholeSerialization } from './serializer.ts';
export type { KafkaPartitioner } from './partitioner.ts';
export type { Bytes, HeaderList } from './batch-builder.ts';
export type { Compression } from './compression.ts';
export type { KafkaCommittable } from './transaction.ts';
export type { KafkaWriterState } from './transaction-pool.ts';

export { kafkaJanitor, KafkaJanitor, type JanitorSelection, type KafkaJanitorOptions } from './janitor.ts';

export type { KafkaConnectionOptions, SaslOptions, TlsOptions } from './connection-options.ts';
export { KafkaFailure } from './client.ts';
export type {
  AbortedTransaction,
  FailureKind,
  FetchedPartition,
  FetchPartition,
  FetchRequest,
  IsolationLevel,
  KafkaClient,
  KafkaClientFactory,
  OffsetQuery,
  OffsetSpec,
  PartitionOffset,
  ProducedPartition,
  ProducePartition,
  ProduceRequest,
  ProducerIdentity,
  TopicDescription,
  TopicPartition,
  TransactionDescription,
  TransactionEnd,
  TransactionIdentity,
  TransactionState,
} from './client.ts';
