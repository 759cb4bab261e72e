/** Writes to topics of Kafka. */

import type { Sink } from 'millstream';
import { KafkaCommitter } from './kafka-committer.ts';
import { KafkaWriter } from './kafka-writer.ts';
import { serializers } from './serializer.ts';
import { sinkSettings, type KafkaSinkOptions } from './sink-settings.ts';
import type { KafkaCommittable } from './transaction.ts';
import type { KafkaWriterState } from './transaction-pool.ts';

/**
 * A sink that writes to topics of Kafka: at least once, or exactly once by a transaction for each checkpoint.
 *
 * Fails with OPTION_INVALID for options that make no sense or that the brokers refuse, SINK_UNREACHABLE when the cluster
 * is out of reach for too long, SINK_PERMISSION, RECORD_UNENCODABLE, SINK_DATA_LOST when a transaction of a checkpoint is
 * gone, and SINK_FAILED.
 *
 * @example
 * ```ts no-run
 * const env = createEnvironment();
 * env.set({ checkpoint: { intervalMs: 1_000 } });
 * env
 *   .fromData({ user: 'ada', clicks: 3 }, { user: 'bob', clicks: 5 })
 *   .sinkTo(
 *     kafkaSink({
 *       brokers: 'localhost:9092',
 *       topic: 'clicks',
 *       key: (row) => row.user,
 *       value: json<{ user: string; clicks: number }>(),
 *       deliveryGuarantee: 'exactly-once',
 *       transactionalIdPrefix: 'clicks-by-user',
 *     }),
 *   );
 * await env.execute();
 * ```
 */
export function kafkaSink<T>(options: KafkaSinkOptions<T>): Sink<T, KafkaCommittable, KafkaWriterState> {
  const settings = sinkSettings(options);
  const serializer = serializers(options);
  const exactlyOnce = settings.transactionalIdPrefix !== undefined;
  const sink: Sink<T, KafkaCommittable, KafkaWriterState> = {
    name: 'kafka',
    guarantee: exactlyOnce ? 'exactly-once' : 'at-least-once',
    // A writer has to know what the committers of all others may still have to commit.
    writerState: 'union',
    createWriter: (context, restored) => new KafkaWriter(context, settings, serializer(), restored),
  };
  if (!exactlyOnce) return sink;
  return { ...sink, createCommitter: (world) => new KafkaCommitter(world, settings) };
}
