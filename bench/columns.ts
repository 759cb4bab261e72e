/** The rows of the columnar benchmarks: four columns, made batch by batch; what a row holds depends on its key alone. */

import { generatorSource, type Source } from 'millstream';
import { ColumnSchema, DataTypes, type ColumnBatch } from 'millstream/columns';

export const ROWS = ColumnSchema.of({
  key: DataTypes.INT().notNull(),
  value: DataTypes.BIGINT().notNull(),
  price: DataTypes.DOUBLE().notNull(),
  at: DataTypes.BIGINT().notNull(),
});

/** Rows of a batch. */
export const BATCH_ROWS = 4096;

/** The key of row `i`: as good as random, and every key as often as the others but for one. */
export function keyOf(i: number, keys: number): number {
  return Math.floor(((Math.imul(i, 0x9e37_79b1) >>> 0) / 2 ** 32) * keys);
}

export function valueOf(key: number): number {
  return (key & 63) + 1;
}

/** A multiple of a quarter, so that sums are exact. */
export function priceOf(key: number): number {
  return (key & 1023) / 4;
}

/** `records` rows; row `i` has the event time `i`. */
export function rowsSource(records: number, keys: number): Source<ColumnBatch, unknown, unknown> {
  return generatorSource((n: number) => batchAt(n * BATCH_ROWS, Math.min(BATCH_ROWS, records - n * BATCH_ROWS), keys), {
    count: Math.ceil(records / BATCH_ROWS),
  }) as Source<ColumnBatch, unknown, unknown>;
}

/** The columns of the batch that is on its way. A batch is the source's again when it asks for the next one. */
const key = new Int32Array(BATCH_ROWS);
const value = new Float64Array(BATCH_ROWS);
const price = new Float64Array(BATCH_ROWS);
const at = new Float64Array(BATCH_ROWS);

function batchAt(from: number, rows: number, keys: number): ColumnBatch {
  for (let row = 0; row < rows; row++) {
    const k = keyOf(from + row, keys);
    key[row] = k;
    value[row] = valueOf(k);
    price[row] = priceOf(k);
    at[row] = from + row;
  }
  return ROWS.batch({
    key: key.subarray(0, rows),
    value: value.subarray(0, rows),
    price: price.subarray(0, rows),
    at: at.subarray(0, rows),
  });
}
