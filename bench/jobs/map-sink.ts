/** Flink's mapSink: longs from a sequence, doubled. Parameters: records, parallelism. */

import { job } from 'millstream';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import type { Parameters } from '../benchmark.ts';

const fold = (value: number): number => value | 0;

export default job('mapSink', (env, parameters) => {
  env.setParallelism(Number(parameters['parallelism'] ?? 1));
  env
    .fromSequence(0, Number(parameters['records']) - 1)
    .map((value) => value * 2)
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const sum = new ExpectedChecksum();
  for (let i = 0; i < Number(parameters['records']); i++) sum.add(fold(2 * i));
  return sum;
}
