/** The split of a Kafka source: a partition, where to go on in it, and where to stop. Plain data. */

import { partitionName, type TopicPartition } from './client.ts';

/** What a reader is given, and what a checkpoint holds of it. */
export interface KafkaSplit extends TopicPartition {
  /** The offset of the next record. */
  readonly offset: number;
  /** The offset before which reading ends; absent where it does not. */
  readonly stopAt?: number;
}

/** `topic-partition`, as Flink names splits. */
export function splitIdOf(split: TopicPartition): string {
  return partitionName(split);
}
