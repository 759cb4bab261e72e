/**
 * Sums and a count by an int key behind every row. Rows of four columns, all of which are used, are dealt out by key:
 * with two subtasks half of them cross.
 * Parameters: records, keys, parallelism.
 */

import { job } from 'millstream';
import { count, type ColumnBatch, type F64Column, type I32Column } from 'millstream/columns';
import type { Parameters } from '../benchmark.ts';
import { ExpectedChecksum, type Checksum } from '../checksum-sink.ts';
import { columnChecksumSink } from '../column-checksum-sink.ts';
import { keyOf, priceOf, valueOf, weighedSource, WEIGHED, weightOf } from '../columns.ts';

export default job('columnarKeyBy', (env, parameters) => {
  env.setParallelism(Number(parameters['parallelism']));
  env
    .fromColumnSource(weighedSource(Number(parameters['records']), Number(parameters['keys'])), WEIGHED)
    .keyBy('key')
    .aggregate((row) => ({ sum: row.value.sum(), turnover: row.price.sum(), load: row.weight.sum(), n: count() }))
    .uid('aggregate')
    .sinkTo(columnChecksumSink(fold))
    .uid('sink');
});

function fold({ columns, selection, selected }: ColumnBatch): number {
  const key = (columns[0] as I32Column).values;
  const [sum, turnover, load, n] = columns.slice(1).map((column) => (column as F64Column).values) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let folded = 0;
  for (let at = 0; at < selected; at++) {
    const row = selection === undefined ? at : (selection[at] as number);
    folded =
      (folded +
        foldRow(
          key[row] as number,
          sum[row] as number,
          turnover[row] as number,
          load[row] as number,
          n[row] as number,
        )) |
      0;
  }
  return folded;
}

function foldRow(key: number, sum: number, turnover: number, load: number, n: number): number {
  return (
    (Math.imul(key, 31) + Math.imul(sum | 0, 7) + Math.imul((turnover * 4) | 0, 3) + Math.imul(load | 0, 5) + (n | 0)) |
    0
  );
}

export function expected(parameters: Parameters): Checksum {
  const checksum = new ExpectedChecksum();
  const keys = Number(parameters['keys']);
  const counts = new Int32Array(keys);
  for (let i = 0; i < Number(parameters['records']); i++) {
    const key = keyOf(i, keys);
    const n = (counts[key] as number) + 1;
    counts[key] = n;
    checksum.add(foldRow(key, n * valueOf(key), n * priceOf(key), n * weightOf(key), n));
  }
  return checksum;
}
