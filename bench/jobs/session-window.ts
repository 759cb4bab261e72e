/** Flink's sessionWindow: the values of each key added up, session by session. Parameters: records, keys, gap in ms. */

import { EventTimeSessionWindows, job } from 'millstream';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import { fold, keyedValues, keyOf, sum } from '../keyed-values.ts';
import type { Parameters } from '../benchmark.ts';

export default job('sessionWindow', (env, parameters) => {
  keyedValues(env, parameters)
    .window(EventTimeSessionWindows.withGap(Number(parameters['gap'])))
    .reduce(sum)
    .sinkTo(checksumSink(fold))
    .uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const checksum = new ExpectedChecksum();
  const open = new Map<number, { last: number; value: number }>();
  for (let i = 0; i < Number(parameters['records']); i++) {
    const key = keyOf(i, Number(parameters['keys']));
    const session = open.get(key);
    if (session !== undefined && i - session.last <= Number(parameters['gap'])) {
      session.last = i;
      session.value += i;
      continue;
    }
    if (session !== undefined) checksum.add(fold({ key, value: session.value }));
    open.set(key, { last: i, value: i });
  }
  for (const [key, { value }] of open) checksum.add(fold({ key, value }));
  return checksum;
}
