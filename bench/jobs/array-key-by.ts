/**
 * Flink's arrayKeyBy: records with a string key and an array of ten numbers, dealt out by key, straight into the sink.
 * Half of them cross. Parameters: records, keys, parallelism.
 */

import { job } from 'millstream';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import type { Parameters } from '../benchmark.ts';

interface Measured {
  readonly key: string;
  readonly values: readonly number[];
}

/** All elements count, and their places; keys differ in their length or last characters. */
function fold({ key, values }: Measured): number {
  let sum = Math.imul(key.length, 131) + key.charCodeAt(key.length - 1);
  for (let i = 0; i < values.length; i++) sum = (Math.imul(sum, 31) + (values[i] as number)) | 0;
  return sum;
}

export default job('arrayKeyBy', (env, parameters) => {
  const keys = Array.from({ length: Number(parameters['keys']) }, (_, key) => `key-${key}`);
  const parallelism = Number(parameters['parallelism']);
  env.setParallelism(parallelism);
  env
    .fromGenerator(
      (i): Measured => ({
        key: keys[((i / parallelism) | 0) % keys.length] as string,
        values: [i, 1, 2, 3, 4, 5, 6, 7, 8, 9],
      }),
      { count: Number(parameters['records']) },
    )
    .keyBy((record) => record.key)
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const sum = new ExpectedChecksum();
  const { records, keys, parallelism } = parameters;
  for (let i = 0; i < Number(records); i++) {
    const key = `key-${Math.floor(i / Number(parallelism)) % Number(keys)}`;
    sum.add(fold({ key, values: [i, 1, 2, 3, 4, 5, 6, 7, 8, 9] }));
  }
  return sum;
}
