/** The options of a Kafka source, and their checked and complete form. */

import type { ConnectorWorld, OnUndecodable } from 'millstream';
import type { IsolationLevel, KafkaClient, TopicPartition } from './client.ts';
import {
  assertChoice,
  assertCount,
  connectionSettings,
  invalid,
  type ConnectionSettings,
  type KafkaConnectionOptions,
} from './connection-options.ts';
import type { KafkaDeserializer, ValueDeserializer } from './deserializer.ts';
import { OffsetsInitializer } from './offsets-initializer.ts';
import { PlatformClient } from './platform-client.ts';

/** What is read. One of these. */
export type KafkaSubscription =
  /** Topics by their names; each must exist when the job starts. */
  | { readonly topics: readonly string[]; readonly topicPattern?: never; readonly partitions?: never }
  /** All topics whose names match; internal ones are left out. */
  | { readonly topicPattern: RegExp; readonly topics?: never; readonly partitions?: never }
  /** These partitions; each must exist when the job starts. */
  | { readonly partitions: readonly TopicPartition[]; readonly topics?: never; readonly topicPattern?: never };

/** How records become values. One of these. */
export type KafkaDeserialization<T> =
  /** Only the value counts: a format such as `json()`, or a function. A record without a value cannot be decoded. */
  | { readonly value: ValueDeserializer<T>; readonly deserializer?: never }
  /** The whole record counts: key, value, headers, timestamp and place. */
  | { readonly deserializer: KafkaDeserializer<T>; readonly value?: never };

/** Options of `kafkaSource` beside topics and deserializer. */
export interface KafkaSourceSettings extends KafkaConnectionOptions {
  /** The consumer group: whose offsets are `committedOffsets`, and where offsets are committed. Nobody joins it. */
  readonly groupId?: string;
  /** Where reading begins when the job starts without a checkpoint. Default: the oldest records. */
  readonly startingOffsets?: OffsetsInitializer;
  /** Where reading stops; with it the source is bounded, and the job may run in BATCH mode. */
  readonly bounded?: OffsetsInitializer;
  /** Where reading stops, in a source that counts as unbounded all the same. */
  readonly unbounded?: OffsetsInitializer;
  /**
   * How often to look for new and lost partitions, in milliseconds; 0 for never. Default: every five minutes, and never
   * when the source is bounded.
   */
  readonly partitionDiscoveryIntervalMs?: number;
  /**
   * Which records are seen. Default `'read_committed'`: those of open and aborted transactions are not. (Kafka's own
   * default, and Flink's, is `'read_uncommitted'`.)
   */
  readonly isolationLevel?: IsolationLevel;
  /**
   * What to do when the next record has been deleted before it was read. Default `'fail'`; the others go on at the
   * oldest or behind the newest record, count it and say so.
   */
  readonly offsetReset?: 'fail' | 'earliest' | 'latest';
  /** Whether completed checkpoints commit offsets to the group, for monitoring. Default: when there is a `groupId`. */
  readonly commitOffsetsOnCheckpoint?: boolean;
  /** What to do with records that cannot be decoded. Default `'fail'`. */
  readonly onUndecodable?: OnUndecodable;
  /** Bytes of one answer of a broker. Default 16 MiB. */
  readonly fetchBytes?: number;
  /** Bytes of one partition in an answer, and the fill of its buffer above which no more is fetched. Default 1 MiB. */
  readonly partitionFetchBytes?: number;
  /** Bytes that one subtask buffers in all partitions before it stops fetching ahead. Default 64 MiB. */
  readonly bufferBytes?: number;
}

/** Options of `kafkaSource`. */
export type KafkaSourceOptions<T> = KafkaSourceSettings & KafkaSubscription & KafkaDeserialization<T>;

/** What is subscribed to, as one value. */
export type Subscription =
  | { readonly kind: 'topics'; readonly topics: readonly string[] }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }
  | { readonly kind: 'partitions'; readonly topics: readonly string[]; readonly partitions: readonly TopicPartition[] };

/** The options, checked and complete. */
export interface SourceSettings {
  readonly connection: ConnectionSettings;
  readonly subscription: Subscription;
  readonly groupId: string | undefined;
  readonly startingOffsets: OffsetsInitializer;
  readonly stoppingOffsets: OffsetsInitializer | undefined;
  readonly discoveryIntervalMs: number | undefined;
  readonly isolation: IsolationLevel;
  readonly offsetReset: 'fail' | 'earliest' | 'latest';
  readonly commitOffsetsOnCheckpoint: boolean;
  readonly onUndecodable: OnUndecodable;
  readonly fetchBytes: number;
  readonly partitionFetchBytes: number;
  readonly bufferBytes: number;
  connect(world: ConnectorWorld, part: string): KafkaClient;
}

export const OWNER = 'Kafka source';

/** Flink's `partition.discovery.interval.ms`. */
const DISCOVERY_INTERVAL_MS = 300_000;

export function sourceSettings(options: KafkaSourceSettings & KafkaSubscription): SourceSettings {
  const connection = connectionSettings(OWNER, options);
  if (options.bounded !== undefined && options.unbounded !== undefined)
    throw invalid(OWNER, 'it stops by `bounded` or by `unbounded`, not by both');
  const { groupId, startingOffsets = OffsetsInitializer.earliest() } = options;
  const stoppingOffsets = options.bounded ?? options.unbounded;
  for (const initializer of [startingOffsets, stoppingOffsets]) {
    if (initializer?.kind === 'committed' && groupId === undefined)
      throw invalid(OWNER, 'committedOffsets needs a `groupId`');
    if (initializer?.kind === 'timestamp') assertCount(OWNER, 'the timestamp of offsets', initializer.timestamp, 0);
  }
  const discovery = options.partitionDiscoveryIntervalMs ?? (options.bounded === undefined ? DISCOVERY_INTERVAL_MS : 0);
  assertCount(OWNER, 'partitionDiscoveryIntervalMs', discovery, 0);
  const settings: SourceSettings = {
    connection,
    subscription: subscriptionOf(options),
    groupId,
    startingOffsets,
    stoppingOffsets,
    discoveryIntervalMs: discovery === 0 ? undefined : discovery,
    isolation: options.isolationLevel ?? 'read_committed',
    offsetReset: options.offsetReset ?? 'fail',
    commitOffsetsOnCheckpoint: options.commitOffsetsOnCheckpoint ?? true,
    onUndecodable: options.onUndecodable ?? 'fail',
    fetchBytes: options.fetchBytes ?? 16 * 1024 * 1024,
    partitionFetchBytes: options.partitionFetchBytes ?? 1024 * 1024,
    bufferBytes: options.bufferBytes ?? 64 * 1024 * 1024,
    connect: (world, part) => {
      const clientId = `${connection.clientId}-${part}`;
      return connection.client?.(world, clientId) ?? new PlatformClient(connection, clientId);
    },
  };
  assertChoice(OWNER, 'isolationLevel', settings.isolation, ['read_committed', 'read_uncommitted']);
  assertChoice(OWNER, 'offsetReset', settings.offsetReset, ['fail', 'earliest', 'latest']);
  assertChoice(OWNER, 'onUndecodable', settings.onUndecodable, ['fail', 'side-output', 'skip']);
  assertCount(OWNER, 'fetchBytes', settings.fetchBytes, 1);
  assertCount(OWNER, 'partitionFetchBytes', settings.partitionFetchBytes, 1);
  assertCount(OWNER, 'bufferBytes', settings.bufferBytes, 1);
  return settings;
}

function subscriptionOf({ topics, topicPattern, partitions }: KafkaSubscription): Subscription {
  const given = [topics, topicPattern, partitions].filter((one) => one !== undefined).length;
  if (given !== 1) throw invalid(OWNER, 'it needs one of `topics`, `topicPattern` and `partitions`');
  if (topicPattern !== undefined) {
    // Without the flags that make a pattern remember where it matched last.
    return { kind: 'pattern', pattern: new RegExp(topicPattern.source, topicPattern.flags.replaceAll(/[gy]/g, '')) };
  }
  if (partitions !== undefined) {
    if (partitions.length === 0) throw invalid(OWNER, 'partitions must name at least one');
    for (const { partition } of partitions) assertCount(OWNER, 'a partition', partition, 0);
    return { kind: 'partitions', topics: [...new Set(partitions.map(({ topic }) => topic))], partitions };
  }
  const names: readonly string[] = topics ?? [];
  if (names.length === 0) throw invalid(OWNER, 'topics must name at least one');
  return { kind: 'topics', topics: [...new Set(names)] };
}
