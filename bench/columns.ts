/**
 * The rows of the columnar benchmarks: four columns, made batch by batch. What a row holds depends on its key alone, but
 * for the time of those that have one.
 */

import { generatorSource, type Source } from 'millstream';
import { ColumnSchema, DataTypes, type ColumnBatch } from 'millstream/columns';

/** Rows with an event time. */
export const TIMED = ColumnSchema.of({
  key: DataTypes.INT().notNull(),
  value: DataTypes.BIGINT().notNull(),
  price: DataTypes.DOUBLE().notNull(),
  at: DataTypes.BIGINT().notNull(),
});

/** Rows without; sums of all columns behind a row are the same in whatever order the rows of its key came. */
export const WEIGHED = ColumnSchema.of({
  key: DataTypes.INT().notNull(),
  value: DataTypes.BIGINT().notNull(),
  price: DataTypes.DOUBLE().notNull(),
  weight: DataTypes.BIGINT().notNull(),
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

export function weightOf(key: number): number {
  return (key % 15) + 1;
}

/** `records` rows; row `i` has the event time `i`. */
export function timedSource(records: number, keys: number): Source<ColumnBatch, unknown, unknown> {
  return batches(records, (from, rows) => {
    fill(from, rows, keys);
    for (let row = 0; row < rows; row++) fourth[row] = from + row;
    return TIMED.batch({ ...filled(rows), at: fourth.subarray(0, rows) });
  });
}

export function weighedSource(records: number, keys: number): Source<ColumnBatch, unknown, unknown> {
  return batches(records, (from, rows) => {
    fill(from, rows, keys);
    for (let row = 0; row < rows; row++) fourth[row] = weightOf(key[row] as number);
    return WEIGHED.batch({ ...filled(rows), weight: fourth.subarray(0, rows) });
  });
}

function batches(
  records: number,
  batchAt: (from: number, rows: number) => ColumnBatch,
): Source<ColumnBatch, unknown, unknown> {
  return generatorSource((n: number) => batchAt(n * BATCH_ROWS, Math.min(BATCH_ROWS, records - n * BATCH_ROWS)), {
    count: Math.ceil(records / BATCH_ROWS),
  }) as Source<ColumnBatch, unknown, unknown>;
}

/** The columns of the batch that is on its way. A batch is the source's again when it asks for the next one. */
const key = new Int32Array(BATCH_ROWS);
const value = new Float64Array(BATCH_ROWS);
const price = new Float64Array(BATCH_ROWS);
const fourth = new Float64Array(BATCH_ROWS);

function fill(from: number, rows: number, keys: number): void {
  for (let row = 0; row < rows; row++) {
    const k = keyOf(from + row, keys);
    key[row] = k;
    value[row] = valueOf(k);
    price[row] = priceOf(k);
  }
}

function filled(rows: number) {
  return { key: key.subarray(0, rows), value: value.subarray(0, rows), price: price.subarray(0, rows) };
}
