/**
 * Flink's globalWindow: the values of each key added up, in one window per key. Parameters: records, keys, and trigger:
 * `count` fires and purges a key's window at every thousandth value, `end-of-stream` fires once, at the end.
 */

import { CountTrigger, GlobalWindows, job, PurgingTrigger } from 'millstream';
import { checksumSink, ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import { fold, keyedValues, keyOf, sum } from '../keyed-values.ts';
import type { Parameters } from '../benchmark.ts';

const COUNT = 1_000;

export default job('globalWindow', (env, parameters) => {
  const values = keyedValues(env, parameters);
  const windows =
    parameters['trigger'] === 'count'
      ? values.window(GlobalWindows.create()).trigger(PurgingTrigger.of(CountTrigger.of(COUNT)))
      : values.window(GlobalWindows.createWithEndOfStreamTrigger());
  windows.reduce(sum).sinkTo(checksumSink(fold)).uid('sink');
});

export function expected(parameters: Parameters): Checksum {
  const full = parameters['trigger'] === 'count' ? COUNT : Number.POSITIVE_INFINITY;
  const keys = Number(parameters['keys']);
  const checksum = new ExpectedChecksum();
  const open = new Map<number, { count: number; value: number }>();
  for (let i = 0; i < Number(parameters['records']); i++) {
    const key = keyOf(i, keys);
    const window = open.get(key) ?? { count: 0, value: 0 };
    window.count++;
    window.value += i;
    open.set(key, window);
    if (window.count < full) continue;
    checksum.add(fold({ key, value: window.value }));
    open.delete(key);
  }
  if (full === Number.POSITIVE_INFINITY) for (const [key, { value }] of open) checksum.add(fold({ key, value }));
  return checksum;
}
