/**
 * Flink's mapRebalanceMapSink: longs, doubled, dealt out, doubled again. Two slot-sharing groups: every record goes
 * from one thread to the other. Parameters: records.
 */

import { job } from 'millstream';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import type { Parameters } from '../benchmark.ts';

const fold = (value: number): number => value | 0;

export default job('mapRebalanceMapSink', (env, parameters) => {
  env
    .fromSequence(0, Number(parameters['records']) - 1)
    .slotSharingGroup('source')
    .map((value) => value * 2)
    .rebalance()
    .map((value) => value * 2)
    .slotSharingGroup('sink')
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const sum = new ExpectedChecksum();
  for (let i = 0; i < Number(parameters['records']); i++) sum.add(fold(4 * i));
  return sum;
}
