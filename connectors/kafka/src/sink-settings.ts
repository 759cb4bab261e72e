/** The options of a Kafka sink, and their checked and complete form. */

import type { ConnectorWorld } from 'millstream';
import type { KafkaClient } from './client.ts';
import { isCompression, type Compression } from './compression.ts';
import {
  assertChoice,
  assertCount,
  connectionSettings,
  invalid,
  type ConnectionSettings,
  type KafkaConnectionOptions,
} from './connection-options.ts';
import type { KafkaPartitioner } from './partitioner.ts';
import { PlatformClient } from './platform-client.ts';
import type { KafkaSerialization, KafkaWholeSerialization } from './serializer.ts';

/** What the sink promises when the job checkpoints. */
export type DeliveryGuarantee = 'at-least-once' | 'exactly-once';

/** Options of `kafkaSink` beside what becomes of a record. */
export interface KafkaSinkSettings extends KafkaConnectionOptions {
  /**
   * Default `'at-least-once'`: all is written when a checkpoint completes, and some of it again after a failure.
   * `'exactly-once'` writes a transaction for each checkpoint, which readers with `read_committed` see when the
   * checkpoint is complete. A job without checkpoints commits when its input ends.
   */
  readonly deliveryGuarantee?: DeliveryGuarantee;
  /** How the transactions of this sink are named; no other sink or job may use it. Needed for `'exactly-once'`. */
  readonly transactionalIdPrefix?: string;
  /**
   * After how many milliseconds the brokers abort a transaction that nobody has ended. It must outlive a checkpoint
   * and a restart of the job. Default: an hour, or as long as the brokers allow (transaction.max.timeout.ms, 15 minutes
   * unless they say otherwise).
   */
  readonly transactionTimeoutMs?: number;
  /**
   * What to do when a transaction of a checkpoint turns out to be aborted or forgotten by the brokers. Default `'fail'`:
   * the job fails and names it. `'ignore'` says so and goes on: the way out when the data cannot be had any more.
   */
  readonly onLostTransaction?: 'fail' | 'ignore';
  /** How batches are compressed. Default `'none'`. */
  readonly compression?: Compression;
  /** Bytes at which a batch leaves, before compression. Default 256 KiB; a topic's max.message.bytes is the limit. */
  readonly batchBytes?: number;
  /** How long a batch may wait for more records, in milliseconds. A checkpoint does not wait. Default 5, as in Kafka 4. */
  readonly lingerMs?: number;
  /** Bytes that one subtask buffers before its input has to wait. Default 32 MiB. */
  readonly bufferBytes?: number;
}

/** Options of `kafkaSink`. */
export type KafkaSinkOptions<T> = KafkaSinkSettings & (KafkaSerialization<T> | KafkaWholeSerialization<T>);

/** The options, checked and complete. */
export interface SinkSettings<T> {
  readonly connection: ConnectionSettings;
  /** `undefined` when the sink does not write transactions. */
  readonly transactionalIdPrefix: string | undefined;
  readonly transactionTimeoutMs: number | undefined;
  readonly onLostTransaction: 'fail' | 'ignore';
  readonly compression: Compression;
  readonly batchBytes: number;
  readonly lingerMs: number;
  readonly bufferBytes: number;
  readonly partitioner: KafkaPartitioner<T> | undefined;
  connect(world: ConnectorWorld, part: string): KafkaClient;
}

const OWNER = 'Kafka sink';

export function sinkSettings<T>(options: KafkaSinkOptions<T>): SinkSettings<T> {
  const connection = connectionSettings(OWNER, options);
  const { deliveryGuarantee = 'at-least-once', transactionalIdPrefix: prefix, transactionTimeoutMs } = options;
  assertChoice(OWNER, 'deliveryGuarantee', deliveryGuarantee, ['at-least-once', 'exactly-once']);
  const exactlyOnce = deliveryGuarantee === 'exactly-once';
  if (exactlyOnce && (typeof prefix !== 'string' || prefix === ''))
    throw invalid(OWNER, "deliveryGuarantee: 'exactly-once' needs a `transactionalIdPrefix`");
  if (!exactlyOnce && prefix !== undefined)
    throw invalid(OWNER, "transactionalIdPrefix is of use only with deliveryGuarantee: 'exactly-once'");
  if (transactionTimeoutMs !== undefined) assertCount(OWNER, 'transactionTimeoutMs', transactionTimeoutMs, 1);
  const settings: SinkSettings<T> = {
    connection,
    transactionalIdPrefix: exactlyOnce ? prefix : undefined,
    transactionTimeoutMs,
    onLostTransaction: options.onLostTransaction ?? 'fail',
    compression: options.compression ?? 'none',
    batchBytes: options.batchBytes ?? 256 * 1024,
    lingerMs: options.lingerMs ?? 5,
    bufferBytes: options.bufferBytes ?? 32 * 1024 * 1024,
    partitioner: options.partitioner,
    connect: (world, part) => {
      const clientId = `${connection.clientId}-${part}`;
      return connection.client?.(world, clientId) ?? new PlatformClient(connection, clientId);
    },
  };
  assertChoice(OWNER, 'onLostTransaction', settings.onLostTransaction, ['fail', 'ignore']);
  if (!isCompression(settings.compression))
    throw invalid(OWNER, `compression must be none, gzip, snappy, lz4 or zstd, and is ${String(settings.compression)}`);
  assertCount(OWNER, 'batchBytes', settings.batchBytes, 1);
  assertCount(OWNER, 'lingerMs', settings.lingerMs, 0);
  assertCount(OWNER, 'bufferBytes', settings.bufferBytes, 1);
  return settings;
}
