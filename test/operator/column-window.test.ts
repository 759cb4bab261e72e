import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ColumnBatch } from '../../src/data/column-batch.ts';
import { keyGroup, keyGroupRange, mapKey } from '../../src/data/key.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import type { NamedAggregate } from '../../src/kernel/aggregates.ts';
import { columnWindow, type ColumnWindowOptions } from '../../src/operator/column-window.ts';
import { dropTag, type Dropped } from '../../src/operator/dropped.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import { anyShape, anyText, batchOf, PLAIN, type Row, type Shape, shown } from '../kernel/any-columns.ts';
import { aggregateNaively } from '../kernel/naive-aggregate.ts';
import { cut, joined, normalised, type Seen, seen, show, tortureColumns } from './column-torture.ts';

const SCHEMA = Schema.of({
  key: LogicalType.string(),
  value: LogicalType.bigint(),
  other: LogicalType.notNull(LogicalType.double()),
});
const AGGREGATES: readonly NamedAggregate[] = [
  { name: 'n', call: { function: 'count', input: undefined } },
  { name: 'sum', call: { function: 'sum', input: 1 } },
  { name: 'avg', call: { function: 'avg', input: 1 } },
  { name: 'most', call: { function: 'max', input: 2 } },
  { name: 'least', call: { function: 'min', input: 1 } },
];

interface Rows {
  readonly rows: readonly Row[];
  readonly times: readonly number[];
  readonly shape: Shape;
}

type Item = Rows | { readonly watermark: number };

const anyBig = fc.oneof(fc.bigInt({ min: -9n, max: 9n }), fc.constantFrom(2n ** 53n - 1n, 2n ** 62n));
const anyRows: fc.Arbitrary<Rows> = fc
  .array(
    fc.tuple(
      fc.option(anyText, { freq: 8 }),
      fc.option(anyBig, { freq: 5 }),
      fc.integer({ min: -5, max: 5 }),
      fc.integer({ min: 0, max: 60 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .chain((rows) =>
    anyShape.map((shape) => ({
      rows: rows.map(([key, value, other]) => [key, value, other]),
      times: rows.map((row) => row[3]),
      shape,
    })),
  );

/** Rows around a watermark that only ever rises. */
const anyItems: fc.Arbitrary<Item[]> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: anyRows },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 25 }).map((step) => ({ watermark: step })) },
    ),
    { maxLength: 10 },
  )
  .map((items) => {
    let watermark = -1;
    return items.map((item): Item => {
      if ('watermark' in item) return { watermark: (watermark += item.watermark) };
      return { ...item, times: item.times.map((time) => Math.max(0, watermark) + time - 20) };
    });
  });

const anyTimes = fc.constantFrom(
  { sizeMs: 10, slideMs: 10, offsetMs: 0 },
  { sizeMs: 10, slideMs: 10, offsetMs: 3 },
  { sizeMs: 20, slideMs: 5, offsetMs: 0 },
  { sizeMs: 10, slideMs: 4, offsetMs: 1 },
  { sizeMs: 5, slideMs: 12, offsetMs: 0 },
);

type Times = { readonly sizeMs: number; readonly slideMs: number; readonly offsetMs: number };

function options(times: Times): ColumnWindowOptions {
  return { schema: SCHEMA, keys: [0], aggregates: AGGREGATES, ...times };
}

function batch({ rows, times, shape }: Rows): ColumnBatch {
  return batchOf(SCHEMA, rows, shape, { timestamps: times });
}

/** Windows that a time lies in, by their starts. */
function startsOf(time: number, { sizeMs, slideMs, offsetMs }: Times): number[] {
  const starts: number[] = [];
  for (
    let start = Math.floor((time - offsetMs) / slideMs) * slideMs + offsetMs;
    start > time - sizeMs;
    start -= slideMs
  )
    starts.push(start);
  return starts;
}

/** The reference: every row in every window that it lies in. */
function naive(items: readonly Item[], times: Times): { readonly seen: Seen[]; readonly late: number } {
  const windows = new Map<number, Row[]>();
  const all: Seen[] = [];
  let watermark = -Infinity;
  let late = 0;
  for (const item of items) {
    if ('watermark' in item) {
      ({ watermark } = item);
      for (const [start, rows] of [...windows].sort(([a], [b]) => a - b)) {
        if (start + times.sizeMs - 1 > watermark) continue;
        windows.delete(start);
        all.push(...fired(start, start + times.sizeMs, rows));
      }
      all.push({ watermark });
      continue;
    }
    item.rows.forEach((row, i) => {
      const starts = startsOf(item.times[i] as number, times);
      const open = starts.filter((start) => start + times.sizeMs - 1 > watermark);
      if (open.length === 0 && (item.times[i] as number) <= watermark) late++;
      for (const start of open) windows.set(start, [...(windows.get(start) ?? []), row]);
    });
  }
  return { seen: all, late };
}

function fired(start: number, end: number, rows: readonly Row[]): string[] {
  const keys = [...new Set(rows.map((row) => row[0]))];
  const results = aggregateNaively(SCHEMA, [0], AGGREGATES, rows);
  return keys.map((key) => {
    const values = results.get(mapKey([shown(key as string)])) as unknown[];
    const named = Object.fromEntries(AGGREGATES.map(({ name }, i) => [name, values[i]]));
    return show({ key, window_start: start, window_end: end, ...named }, end - 1, 0);
  });
}

test('windows hold what the reference holds, and survive torture', () => {
  fc.assert(
    fc.property(anyItems, anyTimes, (items, times) => {
      const definition = columnWindow(options(times));
      const wanted = naive(items, times);
      const got = tortureColumns(
        { definition },
        items.map((item) => ('watermark' in item ? item : { batch: batch(item) })),
      );
      assert.deepEqual(normalised(got), normalised(wanted.seen));
    }),
    { numRuns: 150 },
  );
});

test('rows behind all their windows are counted as late, and come out where what is dropped is read', () => {
  fc.assert(
    fc.property(anyItems, anyTimes, (items, times) => {
      const harness = new OperatorHarness(columnWindow(options(times)), { sides: [dropTag('late')] });
      for (const item of items) {
        if ('watermark' in item) harness.watermark(item.watermark);
        else harness.element(batch(item));
      }
      const { late } = naive(items, times);
      assert.equal(harness.metric('dropped.late'), late);
      const sides = harness.output.flatMap((out) => (out.kind === 'side' ? [out.value as Dropped] : []));
      assert.equal(sides.length, late);
      for (const { reason, value, timestamp } of sides) {
        assert.equal(reason, 'late');
        assert.deepEqual(Object.keys(value as object), ['key', 'value', 'other']);
        assert.ok(timestamp !== undefined);
      }
    }),
    { numRuns: 100 },
  );
});

const SIMPLE: Times = { sizeMs: 10, slideMs: 10, offsetMs: 0 };
const HOP: Times = { sizeMs: 30, slideMs: 10, offsetMs: 0 };

function ofKeys(keys: number, time: number): ColumnBatch {
  return batchOf(
    SCHEMA,
    Array.from({ length: keys }, (_, key) => [`k${key}`, 1n, 0]),
    PLAIN,
    { timestamps: new Array<number>(keys).fill(time) },
  );
}

test('a burst of many keys is cut by the gate, and the watermark comes behind it', () => {
  const harness = new OperatorHarness(columnWindow(options(SIMPLE)), { stopAlways: true });
  harness.element(ofKeys(10_000, 5));
  harness.watermarkUntilStopped(9);
  assert.equal(harness.paused, true);
  assert.equal(harness.interruptible, true);
  const first = seen(harness.output).length;
  assert.ok(first > 0 && first < 10_000, `${first} of 10000 keys came out before the gate stopped`);
  harness.resume();
  const all = seen(harness.output);
  assert.equal(all.length, 10_001);
  assert.deepEqual(all.at(-1), { watermark: 9 });
});

test('a snapshot in the middle of a hopping burst is restored at another parallelism without loss or repetition', () => {
  const definition = columnWindow(options(HOP));
  const whole = new OperatorHarness(definition, { stopAlways: true });
  whole.element(ofKeys(5_000, 5));
  whole.element(ofKeys(5_000, 15));
  const snapshot = whole.watermarkInterrupted(9);
  const said = seen(whole.output);
  assert.ok(said.length > 0 && said.length < 5_000);
  const halves = [0, 1].map((subtask) => {
    const { start, end } = keyGroupRange(128, 2, subtask);
    return new OperatorHarness(definition, { parallelism: 2, subtask, restore: cut(snapshot, start, end) });
  });
  halves[0]?.watermark(9);
  halves[1]?.watermark(29);
  // One half is two windows ahead of the other when their state comes together.
  const again = new OperatorHarness(definition, { restore: joined(halves.map((half) => half.snapshot())) });
  again.watermark(100);
  const all = [...said, ...halves.flatMap((half) => seen(half.output)), ...seen(again.output)].filter(
    (one) => typeof one === 'string',
  );
  assert.equal(new Set(all).size, all.length, 'nothing came out twice');
  const wanted = naive(
    [
      { rows: rowsOfKeys(5_000), times: new Array<number>(5_000).fill(5), shape: PLAIN },
      { rows: rowsOfKeys(5_000), times: new Array<number>(5_000).fill(15), shape: PLAIN },
      { watermark: 100 },
    ],
    HOP,
  );
  assert.deepEqual(all.sort(), wanted.seen.filter((one) => typeof one === 'string').sort());
});

function rowsOfKeys(keys: number): Row[] {
  return Array.from({ length: keys }, (_, key) => [`k${key}`, 1n, 0]);
}

test('the end of time fires everything', () => {
  const harness = new OperatorHarness(columnWindow(options(HOP)));
  harness.element(ofKeys(1, 5));
  harness.watermark(Infinity);
  assert.equal(seen(harness.output).length, 4);
  assert.ok(keyGroup('k0', 128) >= 0);
});

test('rows without timestamps are refused', () => {
  const harness = new OperatorHarness(columnWindow(options(SIMPLE)));
  assert.throws(() => harness.element(batchOf(SCHEMA, [['a', 1n, 0]])), /TIMESTAMP_MISSING/);
  assert.throws(
    () => harness.element(batchOf(SCHEMA, [['a', 1n, 0]], PLAIN, { timestamps: [-Infinity] })),
    /TIMESTAMP_MISSING.*a row has no timestamp/,
  );
});

test('windows without a positive whole size or hop are refused', () => {
  for (const wrong of [{ sizeMs: 0 }, { slideMs: -1 }, { sizeMs: 1.5 }, { offsetMs: NaN }]) {
    assert.throws(() => columnWindow({ ...options(SIMPLE), ...wrong }), /WINDOW_INVALID/);
  }
});
