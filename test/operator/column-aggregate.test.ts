import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { type Row as RowObject, rowsOf } from '../../src/data/column-rows.ts';
import { keyGroup, keyGroupRange, mapKey } from '../../src/data/key.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import type { NamedAggregate } from '../../src/kernel/aggregates.ts';
import { columnAggregate, type ColumnAggregateOptions } from '../../src/operator/column-aggregate.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import { anyRow, anyShape, batchOf, PLAIN, type Row, shown, WIDE_SCHEMA } from '../kernel/any-columns.ts';
import { aggregateNaively } from '../kernel/naive-aggregate.ts';
import { cut, joined, seen, show, tortureColumns } from './column-torture.ts';

const AGGREGATES: readonly NamedAggregate[] = [
  { name: 'n', call: { function: 'count', input: undefined } },
  { name: 'sumLong', call: { function: 'sum', input: 3 } },
  { name: 'sumInt', call: { function: 'sum', input: 0 } },
  { name: 'avgTiny', call: { function: 'avg', input: 9 } },
  { name: 'minText', call: { function: 'min', input: 8 } },
  { name: 'maxDouble', call: { function: 'max', input: 5 } },
];

const anyKeys = fc.uniqueArray(fc.constantFrom(1, 3, 6, 8), { minLength: 1, maxLength: 2 });
const anyBatches = fc.array(fc.tuple(fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 8 }), anyShape), {
  minLength: 1,
  maxLength: 4,
});

function options(keys: readonly number[], emission: ColumnAggregateOptions['emission']): ColumnAggregateOptions {
  return { schema: WIDE_SCHEMA, keys, aggregates: AGGREGATES, emission };
}

/** What comes out after a row: its key, and the results over all rows of the key so far. */
function resultRow(keys: readonly number[], row: Row, before: readonly Row[]): string {
  const values = keys.map((index) => shown(row[index] as never));
  const results = aggregateNaively(WIDE_SCHEMA, keys, AGGREGATES, before).get(mapKey(values)) as unknown[];
  const fields = [
    ...keys.map((index, i) => [WIDE_SCHEMA.fields[index]?.name as string, values[i]] as const),
    ...AGGREGATES.map(({ name }, i) => [name, results[i]] as const),
  ];
  return show(Object.fromEntries(fields), -Infinity, 0);
}

test('every update comes out behind its row, and survives torture', () => {
  fc.assert(
    fc.property(anyKeys, anyBatches, (keys, batches) => {
      const all = batches.flatMap(([rows]) => rows);
      const wanted = all.map((row, i) => resultRow(keys, row, all.slice(0, i + 1)));
      const got = tortureColumns(
        { definition: columnAggregate(options(keys, 'every-update')) },
        batches.map(([rows, shape]) => ({ batch: batchOf(WIDE_SCHEMA, rows, shape) })),
      );
      assert.deepEqual(got, wanted);
    }),
    { numRuns: 100 },
  );
});

test('per batch, each key that changed comes out once with its last results', () => {
  fc.assert(
    fc.property(anyKeys, anyBatches, (keys, batches) => {
      const before: Row[] = [];
      const wanted = batches.flatMap(([rows]) => {
        before.push(...rows);
        return [...new Set(rows.map((row) => resultRow(keys, row, before)))];
      });
      const got = tortureColumns(
        { definition: columnAggregate(options(keys, 'per-batch')), recut: false },
        batches.map(([rows, shape]) => ({ batch: batchOf(WIDE_SCHEMA, rows, shape) })),
      );
      assert.deepEqual(got, wanted);
    }),
    { numRuns: 100 },
  );
});

const COUNTS = Schema.of({
  key: LogicalType.notNull(LogicalType.int()),
  value: LogicalType.notNull(LogicalType.bigint()),
});
const COUNT_OPTIONS: ColumnAggregateOptions = {
  schema: COUNTS,
  keys: [0],
  aggregates: [
    { name: 'sum', call: { function: 'sum', input: 1 } },
    { name: 'n', call: { function: 'count', input: undefined } },
  ],
  emission: 'per-batch',
};

function counts(rows: readonly (readonly [number, bigint])[]): ColumnBatch {
  return batchOf(COUNTS, rows, PLAIN);
}

test('state is dealt out by key group when the parallelism changes, and comes together again', () => {
  const keys = Array.from({ length: 500 }, (_, i) => i);
  const whole = new OperatorHarness(columnAggregate(COUNT_OPTIONS));
  whole.element(counts(keys.map((key) => [key, BigInt(key)])));
  const snapshot = whole.snapshot();
  const halves = [0, 1].map((subtask) => {
    const { start, end } = keyGroupRange(128, 2, subtask);
    const half = new OperatorHarness(columnAggregate(COUNT_OPTIONS), {
      parallelism: 2,
      subtask,
      restore: cut(snapshot, start, end),
    });
    const own = keys.filter((key) => keyGroup(key, 128) >= start && keyGroup(key, 128) <= end);
    half.element(counts(own.map((key) => [key, 1n])));
    assert.deepEqual(
      seen(half.output),
      own.map((key) => show({ key, sum: key + 1, n: 2 }, -Infinity, 0)),
    );
    return half.snapshot();
  });
  const again = new OperatorHarness(columnAggregate(COUNT_OPTIONS), { restore: joined(halves) });
  again.element(counts(keys.map((key) => [key, 0n])));
  assert.deepEqual(
    seen(again.output),
    keys.map((key) => show({ key, sum: key + 1, n: 3 }, -Infinity, 0)),
  );
});

test('a wide sum survives a restore exactly', () => {
  const first = new OperatorHarness(columnAggregate(COUNT_OPTIONS));
  first.element(
    counts([
      [1, 2n ** 62n],
      [2, 5n],
    ]),
  );
  const second = new OperatorHarness(columnAggregate(COUNT_OPTIONS), { restore: first.snapshot() });
  second.element(
    counts([
      [1, 1n],
      [2, 1n],
    ]),
  );
  assert.deepEqual(seen(second.output), [
    show({ key: 1, sum: 2n ** 62n + 1n, n: 2 }, -Infinity, 0),
    show({ key: 2, sum: 6, n: 2 }, -Infinity, 0),
  ]);
});

test('many keys pass through segments, per batch and per update, with a snapshot in between', () => {
  const keys = 90_000;
  for (const emission of ['per-batch', 'every-update'] as const) {
    const definition = columnAggregate({ ...COUNT_OPTIONS, emission });
    let harness = new OperatorHarness(definition);
    for (let round = 1; round <= 2; round++) {
      for (let from = 0; from < keys; from += 5_000)
        harness.element(counts(Array.from({ length: 5_000 }, (_, i) => [from + i, 1n])));
      const rows = harness.values.flatMap((batch) => rowsOf(batch as ColumnBatch)) as { key: number; n: number }[];
      assert.equal(rows.length, keys);
      assert.equal(new Set(rows.map((row) => row.key)).size, keys);
      assert.ok(rows.every((row) => row.n === round));
      if (round === 1) harness = new OperatorHarness(definition, { restore: harness.snapshot() });
    }
  }
});

test('an update comes out with the timestamp of its row', () => {
  const harness = new OperatorHarness(columnAggregate({ ...COUNT_OPTIONS, emission: 'every-update' }));
  const batch = batchOf(
    COUNTS,
    [
      [1, 5n],
      [2, 6n],
    ],
    { ...PLAIN, selection: true },
    { timestamps: [100, 200] },
  );
  harness.element(batch);
  assert.deepEqual(seen(harness.output), [
    show({ key: 1, sum: 5, n: 1 }, 100, 0),
    show({ key: 2, sum: 6, n: 1 }, 200, 0),
  ]);
});

test('other aggregates than those that wrote the state are refused by name', () => {
  const harness = new OperatorHarness(columnAggregate(COUNT_OPTIONS));
  harness.element(counts([[1, 1n]]));
  const other = columnAggregate({
    ...COUNT_OPTIONS,
    aggregates: [{ name: 'max', call: { function: 'max', input: 1 } }],
  });
  assert.throws(
    () => new OperatorHarness(other, { restore: harness.snapshot() }),
    /STATE_INCOMPATIBLE.*holds sum\(1\) bigint, count\(\*\) bigint, and the job aggregates max\(1\) bigint/,
  );
});

test('rows that update or delete are refused', () => {
  const harness = new OperatorHarness(columnAggregate(COUNT_OPTIONS));
  const batch = counts([[1, 1n]]);
  assert.throws(
    () =>
      harness.element(new ColumnBatch({ schema: COUNTS, count: 1, columns: batch.columns, kinds: Uint8Array.of(3) })),
    /inserted rows only/,
  );
  harness.element(new ColumnBatch({ schema: COUNTS, count: 1, columns: batch.columns, kinds: Uint8Array.of(0) }));
  assert.equal(seen(harness.output).length, 1);
});

test('keys that JavaScript tells apart and SQL does not are one', () => {
  const schema = Schema.of({ key: LogicalType.double() });
  const definition = columnAggregate({
    schema,
    keys: [0],
    aggregates: [{ name: 'n', call: { function: 'count', input: undefined } }],
    emission: 'per-batch',
  });
  const harness = new OperatorHarness(definition);
  harness.element(batchOf(schema, [[NaN], [-0], [0], [NaN], [null], [null]]));
  const rows = harness.values.flatMap((batch) => rowsOf(batch as ColumnBatch)) as RowObject[];
  assert.deepEqual(rows, [
    { key: NaN, n: 2 },
    { key: 0, n: 2 },
    { key: null, n: 2 },
  ]);
});
