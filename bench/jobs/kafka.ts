/**
 * From Kafka to Kafka, exactly once: records of a hundred bytes, as texts, through a map; `parameters`: brokers, from, to,
 * parallelism, checkpointMs; `end`, the offset at which each partition ends, where it ends at all.
 */

import { job, WatermarkStrategy } from 'millstream';
import { kafkaSink, kafkaSource, OffsetsInitializer } from '@millstream/kafka';

export default job('kafka', (env, parameters) => {
  const brokers = String(parameters['brokers']);
  const from = String(parameters['from']);
  const parallelism = Number(parameters['parallelism']);
  const end = parameters['end'];
  env.set({ parallelism, checkpoint: { intervalMs: Number(parameters['checkpointMs']) } });
  const offsets = Array.from({ length: parallelism }, (_, partition) => ({
    topic: from,
    partition,
    offset: Number(end),
  }));
  env
    .fromSource(
      kafkaSource({
        brokers,
        topics: [from],
        value: (bytes) => bytes.toString('latin1'),
        ...(end === undefined ? {} : { bounded: OffsetsInitializer.offsets(offsets) }),
      }),
      WatermarkStrategy.noWatermarks<string>(),
      'source',
    )
    .map((text) => text)
    .sinkTo(
      kafkaSink<string>({
        brokers,
        topic: String(parameters['to']),
        value: (text) => text,
        deliveryGuarantee: 'exactly-once',
        transactionalIdPrefix: String(parameters['to']),
      }),
    );
});
