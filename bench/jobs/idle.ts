/**
 * A job with nothing to do: one record from each of two sources, then silence, under watermarks every 200 ms.
 * Parameters: none.
 */

import { generatorSource, job, WatermarkStrategy } from 'millstream';
import { checksumSink } from '../checksum-sink.ts';

/** The next record is due after three years. */
const ALMOST_NEVER = 1e-8;

export default job('idle', (env) => {
  env.setParallelism(2).setAutoWatermarkInterval(200);
  env
    .fromSource(
      generatorSource((index) => index, { recordsPerSecond: ALMOST_NEVER }),
      WatermarkStrategy.forMonotonousTimestamps((index: number) => index),
    )
    .keyBy((index) => index)
    .sinkTo(checksumSink((value: number) => value | 0))
    .uid('sink');
});
