/** Flink's tumblingWindow: the values of each key added up. Parameters: records, keys, size in ms, parallelism. */

import { job, TumblingEventTimeWindows } from 'millstream';
import { checksumSink, type Checksum } from '../checksum-sink.ts';
import { expectedOfWindows, fold, keyedValues, sum } from '../keyed-values.ts';
import type { Parameters } from '../benchmark.ts';

export default job('tumblingWindow', (env, parameters) => {
  keyedValues(env, parameters)
    .window(TumblingEventTimeWindows.of(Number(parameters['size'])))
    .reduce(sum)
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  return expectedOfWindows(parameters, Number(parameters['size']), Number(parameters['size']));
}
