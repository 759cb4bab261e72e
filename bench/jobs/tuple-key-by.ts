/**
 * Flink's tupleKeyBy: pairs [key, 1] of a few int keys, dealt out by key, straight into the sink. Both sources emit
 * every key equally often, so that with two subtasks half the records cross. Parameters: records, keys, parallelism.
 */

import { job } from 'millstream';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import type { Parameters } from '../benchmark.ts';

type Pair = readonly [number, number];

const fold = ([key, value]: Pair): number => Math.imul(key, 31) + value;

export default job('tupleKeyBy', (env, parameters) => {
  const keys = Number(parameters['keys']);
  const parallelism = Number(parameters['parallelism']);
  env.setParallelism(parallelism);
  env
    .fromGenerator((i): Pair => [((i / parallelism) | 0) % keys, 1], { count: Number(parameters['records']) })
    .keyBy((pair) => pair[0])
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const sum = new ExpectedChecksum();
  const { records, keys, parallelism } = parameters;
  for (let i = 0; i < Number(records); i++) {
    const key = Math.floor(i / Number(parallelism)) % Number(keys);
    sum.add(key * 31 + 1);
  }
  return sum;
}
