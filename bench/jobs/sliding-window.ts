/** Flink's slidingWindow: the values of each key added up. Parameters: records, keys, size and slide in ms. */

import { job, SlidingEventTimeWindows } from 'millstream';
import { checksumSink, type Checksum } from '../checksum-sink.ts';
import { expectedOfWindows, fold, keyedValues, sum } from '../keyed-values.ts';
import type { Parameters } from '../benchmark.ts';

export default job('slidingWindow', (env, parameters) => {
  keyedValues(env, parameters)
    .window(SlidingEventTimeWindows.of(Number(parameters['size']), Number(parameters['slide'])))
    .reduce(sum, { associative: true })
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  return expectedOfWindows(parameters, Number(parameters['size']), Number(parameters['slide']));
}
