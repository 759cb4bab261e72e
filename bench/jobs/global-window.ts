/** Flink's globalWindow: the values of each key added up to the end of the stream. Parameters: records, keys. */

import { GlobalWindows, job } from 'millstream';
import { checksumSink, type Checksum } from '../checksum-sink.ts';
import { expectedOfWindows, fold, keyedValues, sum } from '../keyed-values.ts';
import type { Parameters } from '../benchmark.ts';

export default job('globalWindow', (env, parameters) => {
  keyedValues(env, parameters)
    .window(GlobalWindows.createWithEndOfStreamTrigger())
    .reduce(sum)
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const all = Number(parameters['records']);
  return expectedOfWindows(parameters, all, all);
}
