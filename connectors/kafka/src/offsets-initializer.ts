/** Where reading begins and where it stops: places in partitions, found when the job starts for the first time. */

import { MillstreamError } from 'millstream';
import {
  partitionName,
  type IsolationLevel,
  type KafkaClient,
  type OffsetSpec,
  type PartitionOffset,
  type TopicPartition,
} from './client.ts';

/** What to do where a group has committed nothing for a partition. */
export type OffsetReset = 'earliest' | 'latest' | 'none';

/** Places in partitions. Frozen data, made by the functions of {@link OffsetsInitializer}. */
export type OffsetsInitializer =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'committed'; readonly reset: OffsetReset }
  | { readonly kind: 'timestamp'; readonly timestamp: number }
  | { readonly kind: 'offsets'; readonly offsets: readonly PartitionOffset[]; readonly reset: OffsetReset };

/**
 * The places where a source begins or stops. Flink's `OffsetsInitializer`.
 *
 * @example
 * ```ts no-run
 * const source = kafkaSource({
 *   brokers: 'localhost:9092',
 *   topics: ['orders'],
 *   groupId: 'shop',
 *   value: json<{ id: number }>(),
 *   startingOffsets: OffsetsInitializer.committedOffsets('earliest'),
 *   bounded: OffsetsInitializer.latest(),
 * });
 * ```
 */
export const OffsetsInitializer: OffsetsInitializers = Object.freeze({
  earliest: (): OffsetsInitializer => ({ kind: 'earliest' }),
  latest: (): OffsetsInitializer => ({ kind: 'latest' }),
  committedOffsets: (reset: OffsetReset = 'none'): OffsetsInitializer => ({ kind: 'committed', reset }),
  timestamp: (timestamp: number): OffsetsInitializer => ({ kind: 'timestamp', timestamp }),
  offsets: (offsets: readonly PartitionOffset[], reset: OffsetReset = 'earliest'): OffsetsInitializer => ({
    kind: 'offsets',
    offsets: [...offsets],
    reset,
  }),
});

/** The functions of {@link OffsetsInitializer}. */
export interface OffsetsInitializers {
  /** The oldest record that is kept. */
  earliest(): OffsetsInitializer;
  /** The end as it is when the job starts; under `read_committed`, before the first open transaction. */
  latest(): OffsetsInitializer;
  /** What the group has committed. `reset` says what to do where it has not; default `'none'`, which fails the job. */
  committedOffsets(reset?: OffsetReset): OffsetsInitializer;
  /** The first record with this timestamp, in milliseconds since the epoch, or a later one; else the end. */
  timestamp(timestamp: number): OffsetsInitializer;
  /** Exactly these. `reset` says what to do with partitions that are not named; default `'earliest'`. */
  offsets(offsets: readonly PartitionOffset[], reset?: OffsetReset): OffsetsInitializer;
}

/** Who asks, and how. */
export interface ResolveOptions {
  readonly client: KafkaClient;
  readonly groupId: string | undefined;
  readonly isolation: IsolationLevel;
}

/** The offsets that the initializer stands for, in the order of the partitions. */
export async function resolveOffsets(
  initializer: OffsetsInitializer,
  partitions: readonly TopicPartition[],
  options: ResolveOptions,
): Promise<readonly number[]> {
  if (partitions.length === 0) return [];
  switch (initializer.kind) {
    case 'earliest':
    case 'latest':
      return await lookUp(initializer.kind, partitions, options);
    case 'timestamp': {
      const found = await options.client.listOffsets(
        partitions.map((partition) => ({ ...partition, at: { timestamp: initializer.timestamp } })),
        options.isolation,
      );
      return await fill(found, 'latest', partitions, options, 'no record is so young');
    }
    case 'committed': {
      const found = await options.client.committedOffsets(options.groupId ?? '', partitions);
      const why = `group ${options.groupId ?? ''} has committed no offset`;
      return await fill(found, initializer.reset, partitions, options, why);
    }
    case 'offsets': {
      const given = new Map(initializer.offsets.map((offset) => [partitionName(offset), offset.offset]));
      const found = partitions.map((partition) => given.get(partitionName(partition)));
      return await fill(found, initializer.reset, partitions, options, 'the initializer gives no offset');
    }
  }
}

async function lookUp(
  at: OffsetSpec,
  partitions: readonly TopicPartition[],
  { client, isolation }: ResolveOptions,
): Promise<readonly number[]> {
  const found = await client.listOffsets(
    partitions.map((partition) => ({ ...partition, at })),
    isolation,
  );
  return found.map((offset) => offset ?? 0);
}

/** The offsets that were found, and those of `reset` for the others. */
async function fill(
  found: readonly (number | undefined)[],
  reset: OffsetReset,
  partitions: readonly TopicPartition[],
  options: ResolveOptions,
  why: string,
): Promise<readonly number[]> {
  const missing = partitions.filter((_, index) => found[index] === undefined);
  const [first] = missing;
  if (first === undefined) return found as readonly number[];
  if (reset === 'none') {
    throw new MillstreamError(
      'SOURCE_FAILED',
      `The Kafka source does not know where to begin in partition ${partitionName(first)}: ${why}. Commit one, or choose a reset: 'earliest' or 'latest'.`,
      { details: { topic: first.topic, partition: first.partition } },
    );
  }
  const rest = await lookUp(reset, missing, options);
  let next = 0;
  return found.map((offset) => offset ?? (rest[next++] as number));
}
