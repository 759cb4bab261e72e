/**
 * Flink's networkThroughput: longs from one task to another, nothing else. Parameters: records, and channel:
 * `same-thread` puts both tasks into one slot, the others into two.
 */

import { job } from 'millstream';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import type { Parameters } from '../benchmark.ts';

const fold = (value: number): number => value | 0;

export default job('networkThroughput', (env, parameters) => {
  const apart = parameters['channel'] !== 'same-thread';
  env
    .fromSequence(0, Number(parameters['records']) - 1)
    .slotSharingGroup('sender')
    .rebalance()
    .sinkTo(checksumSink(fold))
    .slotSharingGroup(apart ? 'receiver' : 'sender')
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const sum = new ExpectedChecksum();
  for (let i = 0; i < Number(parameters['records']); i++) sum.add(fold(i));
  return sum;
}
