/**
 * Sums, counts and greatest prices by an int key in tumbling windows of event time, over four columns.
 * Parameters: records, keys, size in milliseconds, parallelism.
 */

import { job, TumblingEventTimeWindows } from 'millstream';
import { count, type ColumnBatch, type F64Column, type I32Column } from 'millstream/columns';
import type { Parameters } from '../benchmark.ts';
import { ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import { columnChecksumSink } from '../column-checksum-sink.ts';
import { keyOf, priceOf, TIMED, timedSource, valueOf } from '../columns.ts';

export default job('columnarTumblingWindow', (env, parameters) => {
  env.setParallelism(Number(parameters['parallelism']));
  env
    .fromColumnSource(timedSource(Number(parameters['records']), Number(parameters['keys'])), TIMED, {
      timestamp: 'at',
      maxOutOfOrdernessMs: 0,
    })
    .keyBy('key')
    .window(TumblingEventTimeWindows.of(Number(parameters['size'])))
    .aggregate((row) => ({ sum: row.value.sum(), highest: row.price.max(), last: row.at.max(), n: count() }))
    .uid('window')
    .sinkTo(columnChecksumSink(fold))
    .uid('sink');
});

function fold({ columns, selection, selected }: ColumnBatch): number {
  const key = (columns[0] as I32Column).values;
  const [start, end, sum, highest, last, n] = columns.slice(1).map((column) => (column as F64Column).values) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let folded = 0;
  for (let at = 0; at < selected; at++) {
    const row = selection === undefined ? at : (selection[at] as number);
    const size = (end[row] as number) - (start[row] as number);
    folded =
      (folded +
        foldRow(
          key[row] as number,
          (end[row] as number) / size,
          sum[row] as number,
          highest[row] as number,
          last[row] as number,
          n[row] as number,
        )) |
      0;
  }
  return folded;
}

function foldRow(key: number, window: number, sum: number, highest: number, last: number, n: number): number {
  return (
    (Math.imul(key, 31) +
      Math.imul(window | 0, 11) +
      Math.imul(sum | 0, 7) +
      Math.imul((highest * 4) | 0, 3) +
      (last | 0) +
      (n | 0)) |
    0
  );
}

export function expected(parameters: Parameters): Checksum {
  const checksum = new ExpectedChecksum();
  const [records, keys, size] = [Number(parameters['records']), Number(parameters['keys']), Number(parameters['size'])];
  const counts = new Int32Array(keys);
  const last = new Float64Array(keys);
  for (let start = 0; start < records; start += size) {
    counts.fill(0);
    for (let i = start; i < Math.min(records, start + size); i++) {
      const key = keyOf(i, keys);
      counts[key] = (counts[key] as number) + 1;
      last[key] = i;
    }
    for (let key = 0; key < keys; key++) {
      const n = counts[key] as number;
      if (n > 0) checksum.add(foldRow(key, start / size + 1, n * valueOf(key), priceOf(key), last[key] as number, n));
    }
  }
  return checksum;
}
