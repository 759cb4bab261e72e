import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ColumnBatch } from '../../src/data/column-batch.ts';
import { type Row as RowObject, rowsOf } from '../../src/data/column-rows.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { RowWriter } from '../../src/kernel/row-writer.ts';
import { columnCalc } from '../../src/operator/column-calc.ts';
import { columnTimestamps } from '../../src/operator/column-timestamps.ts';
import { toColumns, type ToColumnsOptions } from '../../src/operator/to-columns.ts';
import { toRows } from '../../src/operator/to-rows.ts';
import type { InputOperator } from '../../src/operator/operator.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import { anyRow, anyShape, batchOf, PLAIN, shown, WIDE_SCHEMA } from '../kernel/any-columns.ts';
import { seen, show, tortureColumns } from './column-torture.ts';

const anyBatches = fc.array(fc.tuple(fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 8 }), anyShape), {
  minLength: 1,
  maxLength: 4,
});

test('rows come out as the columns hold them, at any pace of the gate and across restores', () => {
  fc.assert(
    fc.property(anyBatches, (batches) => {
      const items = batches.map(([rows, shape], i) => ({
        batch: batchOf(WIDE_SCHEMA, rows, shape, { timestamps: rows.map((_, row) => i * 100 + row) }),
      }));
      const wanted = items.flatMap(({ batch }, i) => rowsOf(batch).map((row, at) => show(row, i * 100 + at, 0)));
      assert.deepEqual(tortureColumns({ definition: toRows(WIDE_SCHEMA) }, items), wanted);
    }),
    { numRuns: 150 },
  );
});

/** An instance whose gate says stop after every row, with a list state that outlives it. */
function slowRows(
  schema: Schema,
  stored: { items: readonly unknown[] },
): { readonly operator: InputOperator<ColumnBatch>; readonly out: unknown[]; paused: number } {
  const operator = toRows(schema).create?.() as InputOperator<ColumnBatch>;
  const slow = { operator, out: [] as unknown[], paused: 0 };
  const list = {
    get items() {
      return stored.items;
    },
    update: (items: readonly unknown[]) => void (stored.items = [...items]),
  };
  operator.open({
    output: {
      emit: (row: unknown) => void slow.out.push(row),
      watermark: (timestamp: number) => void slow.out.push({ watermark: timestamp }),
    },
    gate: { proceed: () => false, pause: () => void slow.paused++ },
    operatorState: { list: () => list },
  } as never);
  return slow;
}

test('rows that had not left at a barrier leave after the restore, before anything new', () => {
  const schema = Schema.of({ n: LogicalType.notNull(LogicalType.int()) });
  const rows = (from: number, to: number): ColumnBatch =>
    batchOf(
      schema,
      Array.from({ length: to - from }, (_, i) => [from + i]),
    );
  const stored = { items: [] as readonly unknown[] };
  const first = slowRows(schema, stored);
  first.operator.element?.(rows(0, 3) as never, 0, 0);
  first.operator.element?.(rows(3, 5) as never, 0, 0);
  first.operator.watermark(7);
  assert.deepEqual(first.out, [{ n: 0 }], 'what comes behind a batch that waits, waits too');
  first.operator.resume();
  assert.equal(first.operator.interruptible, true);
  first.operator.snapshot(undefined as never);
  const second = slowRows(schema, stored);
  assert.equal(second.paused, 1, 'a restored instance asks to be resumed');
  second.operator.element?.(rows(5, 7) as never, 0, 0);
  second.operator.watermark(8);
  assert.deepEqual(second.out, []);
  for (let turn = 0; turn < 5; turn++) second.operator.resume();
  assert.deepEqual([...first.out, ...second.out], [...Array.from({ length: 7 }, (_, n) => ({ n })), { watermark: 8 }]);
  assert.equal(second.paused, 5, 'it asks again as long as rows are left');
});

test('all rows are objects with the columns in order, also under names that mean something to JavaScript', () => {
  const schema = Schema.of({ constructor: LogicalType.int(), 'a b': LogicalType.int(), '': LogicalType.int() });
  const harness = new OperatorHarness(toRows(schema));
  harness.element(batchOf(schema, [[1, null, 3]]));
  assert.deepEqual(harness.values, [{ constructor: 1, 'a b': null, '': 3 }]);
  assert.deepEqual(Object.keys(harness.values[0] as object), ['constructor', 'a b', '']);
});

// toColumns.

const ALWAYS: ToColumnsOptions = { schema: WIDE_SCHEMA, batchRows: 3, latencyMs: -1 };

function objectOf(row: readonly unknown[]): RowObject {
  return Object.fromEntries(WIDE_SCHEMA.fields.map((field, i) => [field.name, row[i]]));
}

test('records become columns and columns records without a change', () => {
  fc.assert(
    fc.property(fc.array(anyRow(WIDE_SCHEMA), { maxLength: 20 }), (rows) => {
      const harness = new OperatorHarness(toColumns(ALWAYS));
      harness.batch(rows.map((row, i) => [objectOf(row), i * 10]));
      harness.finish();
      const wanted = rows.map((row, i) => show(objectOf(row.map(shown)), i * 10, 0));
      assert.deepEqual(seen(harness.output), wanted);
      assert.deepEqual(
        harness.values.map((batch) => (batch as ColumnBatch).selected),
        Array.from({ length: Math.ceil(rows.length / 3) }, (_, i) => Math.min(3, rows.length - i * 3)),
      );
    }),
    { numRuns: 300 },
  );
});

test('nothing overtakes the rows that wait: watermarks, barriers and idleness flush them', () => {
  const harness = new OperatorHarness(toColumns(ALWAYS));
  const row = objectOf([1, 1, 1, 1, 1, 1, true, 'a', 'b', 1, 1, 1]);
  harness.element(row, 5);
  harness.watermark(4);
  harness.element(row, 6, 3);
  harness.snapshot();
  harness.element(row, 7);
  harness.status(true);
  assert.deepEqual(seen(harness.output), [show(row, 5, 0), { watermark: 4 }, show(row, 6, 3), show(row, 7, 0)]);
});

test('rows wait no longer than their latency budget, and not at all when it is zero', () => {
  const schema = Schema.of({ n: LogicalType.int() });
  const patient = new OperatorHarness(toColumns({ schema, batchRows: 100, latencyMs: 20 }));
  patient.element({ n: 1 });
  patient.processingTime(15);
  patient.element({ n: 2 });
  assert.equal(patient.values.length, 0);
  patient.processingTime(20);
  assert.deepEqual(
    patient.values.map((batch) => rowsOf(batch as ColumnBatch)),
    [[{ n: 1 }, { n: 2 }]],
  );
  patient.element({ n: 3 });
  patient.processingTime(39);
  assert.equal(patient.values.length, 1);
  patient.processingTime(40);
  assert.equal(patient.values.length, 2);
  const hasty = new OperatorHarness(toColumns({ schema, batchRows: 100, latencyMs: 0 }));
  hasty.element({ n: 1 });
  assert.equal(hasty.values.length, 1);
});

test('a value that is not of its column’s type is refused by name', () => {
  const schema = Schema.of({ tiny: LogicalType.tinyint(), text: LogicalType.notNull(LogicalType.string()) });
  const refused = (record: unknown, message: RegExp): void => {
    const harness = new OperatorHarness(toColumns({ schema, batchRows: 10, latencyMs: -1 }));
    assert.throws(() => harness.element(record), message);
  };
  refused({ tiny: 128, text: '' }, /VALUE_UNSUPPORTED.*column "tiny" has the type TINYINT, and a record has 128/);
  refused({ tiny: 1.5, text: '' }, /has 1.5 there/);
  refused({ tiny: 1 }, /column "text" has the type STRING NOT NULL, and a record has NULL/);
  refused({ text: 7 }, /and a record has 7 there/);
});

test('without a schema it is inferred from the first batch', () => {
  const harness = new OperatorHarness(toColumns({ batchRows: 2, latencyMs: -1 }));
  const records = [
    { n: 1, d: 1, s: 'x', b: true, at: new Date(5), bytes: Uint8Array.of(1), list: [1] },
    { n: 2 ** 53, d: 0.5, s: null, b: false, at: new Date(6), bytes: Uint8Array.of(2), list: [] },
  ];
  for (const record of records) harness.element(record);
  const [batch] = harness.values as [ColumnBatch];
  assert.equal(
    batch.schema.describe(),
    '(n DOUBLE NOT NULL, d DOUBLE NOT NULL, s STRING, b BOOLEAN NOT NULL, at TIMESTAMP_LTZ(3) NOT NULL, bytes BYTES NOT NULL, list RAW NOT NULL)',
  );
  assert.deepEqual(
    rowsOf(batch),
    records.map((record) => ({ ...record, at: record.at.getTime() })),
  );
  const clash = new OperatorHarness(toColumns({ batchRows: 2, latencyMs: -1 }));
  clash.element({ x: 1 });
  assert.throws(() => clash.element({ x: 'a' }), /"x" is BIGINT in one record and STRING in another/);
  const none = new OperatorHarness(toColumns({ batchRows: 1, latencyMs: -1 }));
  assert.throws(() => none.element(7), /made of objects, but a record is 7/);
});

test('a writer takes the memory of a batch back with the next row', () => {
  const schema = Schema.of({ n: LogicalType.bigint(), s: LogicalType.string() });
  const writer = new RowWriter(schema, 2, 'test');
  writer.append({ n: 2n ** 60n, s: 'a' }, -Infinity, 0);
  writer.append({ n: null, s: 'b' }, 5, 0);
  const first = writer.take();
  assert.deepEqual(rowsOf(first), [
    { n: 2n ** 60n, s: 'a' },
    { n: null, s: 'b' },
  ]);
  assert.deepEqual([...(first.timestamps ?? [])], [-Infinity, 5]);
  writer.append({ n: 1, s: null }, -Infinity, 0);
  const second = writer.take();
  assert.deepEqual(rowsOf(second), [{ n: 1, s: null }]);
  assert.equal(second.timestamps, undefined);
  assert.equal(second.columns[0]?.kind, 'f64');
});

// filter, select and timestamps in a chain.

test('a calc in a chain lets nothing through when no row is left', () => {
  const schema = Schema.of({ n: LogicalType.notNull(LogicalType.int()) });
  const calc = columnCalc({
    schema,
    condition: {
      kind: 'comparison',
      operator: '>',
      left: { kind: 'column', index: 0 },
      right: { kind: 'literal', value: 1, type: LogicalType.int() },
    },
    outputs: [
      {
        name: 'twice',
        expression: {
          kind: 'arithmetic',
          operator: '*',
          left: { kind: 'column', index: 0 },
          right: { kind: 'literal', value: 2, type: LogicalType.int() },
        },
      },
    ],
  });
  assert.equal(calc.schema.describe(), '(twice INT NOT NULL)');
  assert.deepEqual(calc.describe, { where: '(n > 1)', select: '(n * 2) AS twice' });
  const harness = new OperatorHarness(calc);
  harness.element(batchOf(schema, [[0], [2], [3]], { ...PLAIN, selection: true }));
  harness.element(batchOf(schema, [[0], [1]]));
  harness.watermark(1);
  assert.deepEqual(seen(harness.output), [
    show({ twice: 4 }, -Infinity, 0),
    show({ twice: 6 }, -Infinity, 0),
    { watermark: 1 },
  ]);
});

test('timestamps come from a column, whatever it counts', () => {
  const schema = Schema.of({ ms: LogicalType.bigint(), micro: LogicalType.timestamp(6), text: LogicalType.string() });
  const stampOf = (column: number, wide: boolean): unknown => {
    const harness = new OperatorHarness(columnTimestamps(schema, column));
    harness.element(batchOf(schema, [[1_500n, -1_001n, 'a']], { ...PLAIN, wide }));
    return Array.from((harness.values[0] as ColumnBatch).timestamps ?? []);
  };
  assert.deepEqual(
    [stampOf(0, false), stampOf(0, true), stampOf(1, false), stampOf(1, true)],
    [[1_500], [1_500], [-2], [-2]],
  );
  assert.throws(() => columnTimestamps(schema, 2), /Event time cannot come from "text", whose type is STRING/);
  const missing = new OperatorHarness(columnTimestamps(schema, 0));
  assert.throws(() => missing.element(batchOf(schema, [[null, 1n, 'a']])), /TIMESTAMP_MISSING.*NULL in "ms"/);
});
