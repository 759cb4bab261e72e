/** The records of Flink's window benchmarks: int keys in turn, a value that is also the event time in milliseconds. */

import { generatorSource, WatermarkStrategy, type KeyedStream, type StreamEnvironment } from 'millstream';
import { ExpectedChecksum, foldInteger, type Checksum } from './checksum-sink.ts';
import type { Parameters } from './benchmark.ts';

export interface KeyedValue {
  readonly key: number;
  readonly value: number;
}

/** From here on keys come scattered, so that state is touched in no order. */
const SCATTERED_KEYS = 100_000;

/** The key of the record with that index: in turn, and among many keys in an order that no cache foresees. */
export function keyOf(index: number, keys: number): number {
  return keys < SCATTERED_KEYS ? index % keys : (Math.imul(index, 0x9e37_79b1) >>> 0) % keys;
}

/** `records` records, keyed. */
export function keyedValues(
  env: StreamEnvironment,
  parameters: Readonly<Record<string, unknown>>,
): KeyedStream<number, KeyedValue> {
  const keys = Number(parameters['keys']);
  const count = Number(parameters['records']);
  env.setParallelism(Number(parameters['parallelism'] ?? 1));
  return env
    .fromSource(
      generatorSource((i): KeyedValue => ({ key: keyOf(i, keys), value: i }), { count }),
      WatermarkStrategy.forMonotonousTimestamps((record: KeyedValue) => record.value),
    )
    .keyBy((record) => record.key);
}

/** Adds up the values; makes a new record, as Flink's benchmarks do. */
export function sum(a: KeyedValue, b: KeyedValue): KeyedValue {
  return { key: a.key, value: a.value + b.value };
}

export function fold({ key, value }: KeyedValue): number {
  return (Math.imul(key, 0x85eb_ca6b) + Math.imul(foldInteger(value), 31)) | 0;
}

/**
 * What windows of `size` milliseconds that begin every `slide` must give: the values of each key and window, added up
 * in plain maps.
 */
export function expectedOfWindows({ records, keys }: Parameters, size: number, slide: number): Checksum {
  const expected = new ExpectedChecksum();
  const last = Number(records) - 1;
  for (let end = slide; end - size <= last; end += slide) {
    const sums = new Map<number, number>();
    for (let i = Math.max(0, end - size); i < Math.min(end, last + 1); i++) {
      const key = keyOf(i, Number(keys));
      sums.set(key, (sums.get(key) ?? 0) + i);
    }
    for (const [key, value] of sums) expected.add(fold({ key, value }));
  }
  return expected;
}
