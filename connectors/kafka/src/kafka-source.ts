/** Reads topics of Kafka. */

import type { Source } from 'millstream';
import { invalid } from './connection-options.ts';
import { ofValue, type DeserializerFactory } from './deserializer.ts';
import { KafkaEnumerator, type KafkaEnumeratorState } from './kafka-enumerator.ts';
import { KafkaReader } from './kafka-reader.ts';
import { splitIdOf, type KafkaSplit } from './kafka-split.ts';
import { OWNER, sourceSettings, type KafkaDeserialization, type KafkaSourceOptions } from './source-settings.ts';

/**
 * A source that reads topics of Kafka, and goes on exactly where a checkpoint left off. Each partition is a split with a
 * watermark of its own; records carry the broker's timestamps. The source manages its offsets itself and joins no
 * consumer group.
 *
 * Fails with OPTION_INVALID for options that make no sense, SOURCE_MISSING for topics that do not exist,
 * SOURCE_UNREACHABLE when the cluster is out of reach for too long, SOURCE_PERMISSION, and RECORD_UNDECODABLE.
 *
 * @example
 * ```ts no-run
 * const env = createEnvironment();
 * const source = kafkaSource({
 *   brokers: 'localhost:9092',
 *   topics: ['orders'],
 *   groupId: 'shop',
 *   value: json<{ id: number; item: string }>(),
 * });
 * env.fromSource(source, WatermarkStrategy.forBoundedOutOfOrderness(5_000), 'orders').print();
 * await env.execute();
 * ```
 */
export function kafkaSource<T>(options: KafkaSourceOptions<T>): Source<T, KafkaSplit, KafkaEnumeratorState> {
  const settings = sourceSettings(options);
  const deserializer = deserializerOf(options);
  return {
    name: 'kafka',
    boundedness: options.bounded === undefined ? 'unbounded' : 'bounded',
    replayable: true,
    createEnumerator: (context, restored) => new KafkaEnumerator(context, settings, restored),
    createReader: (context) => new KafkaReader(context, settings, deserializer()),
    splitId: splitIdOf,
  };
}

function deserializerOf<T>(options: KafkaDeserialization<T>): DeserializerFactory<T> {
  const { deserializer, value } = options;
  if ((deserializer === undefined) === (value === undefined))
    throw invalid(OWNER, 'it needs one of `value` and `deserializer`');
  return deserializer === undefined ? ofValue(value) : () => deserializer;
}
