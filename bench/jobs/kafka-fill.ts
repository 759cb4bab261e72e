/** Fills a topic with numbered records of a hundred bytes, dealt out to its partitions in turn; `parameters`: brokers, to, records, parallelism. */

import { job } from 'millstream';
import { kafkaSink } from '@millstream/kafka';

const RECORD_BYTES = 100;

export default job('kafka-fill', (env, parameters) => {
  const parallelism = Number(parameters['parallelism']);
  env.set({ parallelism });
  env.fromSequence(0, Number(parameters['records']) - 1).sinkTo(
    kafkaSink<number>({
      brokers: String(parameters['brokers']),
      topic: String(parameters['to']),
      value: (number) => String(number).padStart(RECORD_BYTES, '0'),
      partitioner: (number) => number % parallelism,
    }),
  );
});
