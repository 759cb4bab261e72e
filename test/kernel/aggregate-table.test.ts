import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { columnsFromRows, rowsOf } from '../../src/data/column-rows.ts';
import { keyGroup, mapKey } from '../../src/data/key.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { AggregateKernels } from '../../src/kernel/aggregate-kernels.ts';
import { BatchMemory } from '../../src/kernel/batch-memory.ts';
import { everyGroup } from '../../src/kernel/aggregate-segment.ts';
import { AggregateTable } from '../../src/kernel/aggregate-table.ts';
import type { AggregateFunction, NamedAggregate } from '../../src/kernel/aggregates.ts';
import { resultColumns } from '../../src/kernel/aggregate-results.ts';
import { anyRow, anyShape, batchOf, PLAIN, type Row, WIDE_SCHEMA } from './any-columns.ts';
import { aggregateNaively } from './naive-aggregate.ts';

const MAX_PARALLELISM = 16;
const RANGE = { keyGroups: { start: 0, end: MAX_PARALLELISM - 1 }, maxParallelism: MAX_PARALLELISM };

const NUMERIC = WIDE_SCHEMA.fields.flatMap((field, index) =>
  field.type.kind === 'boolean' || field.type.kind === 'varchar' ? [] : [index],
);
const ORDERED = WIDE_SCHEMA.fields.flatMap((field, index) => (field.type.kind === 'boolean' ? [] : [index]));

const anyCall = fc.oneof(
  fc.constant({ function: 'count' as AggregateFunction, input: undefined }),
  fc.record({
    function: fc.constant<AggregateFunction>('count'),
    input: fc.nat({ max: WIDE_SCHEMA.fields.length - 1 }),
  }),
  fc.record({ function: fc.constantFrom<AggregateFunction>('sum', 'avg'), input: fc.constantFrom(...NUMERIC) }),
  fc.record({ function: fc.constantFrom<AggregateFunction>('min', 'max'), input: fc.constantFrom(...ORDERED) }),
);
const anyAggregates: fc.Arbitrary<NamedAggregate[]> = fc
  .array(anyCall, { minLength: 1, maxLength: 4 })
  .map((calls) => calls.map((call, i) => ({ name: `a${i}`, call })));
const anyKeys = fc.uniqueArray(fc.nat({ max: WIDE_SCHEMA.fields.length - 1 }), { minLength: 1, maxLength: 3 });
const anyBatches = fc.array(fc.tuple(fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 15 }), anyShape), {
  minLength: 1,
  maxLength: 5,
});
/** Segments as soon as there are two groups, or never. */
const anySplit = fc.constantFrom(1, 3, 1 << 16);

interface Fixture {
  readonly kernels: AggregateKernels;
  readonly table: AggregateTable;
  add(batch: ColumnBatch): void;
}

function fixture(keys: readonly number[], aggregates: readonly NamedAggregate[], split: number): Fixture {
  const kernels = new AggregateKernels({ schema: WIDE_SCHEMA, keys, aggregates, tag: 'test' });
  const table = new AggregateTable(kernels, RANGE, split);
  return {
    kernels,
    table,
    add: (batch) => table.add(batch, { order: undefined, from: 0, to: batch.selected }, kernels.hash(batch)),
  };
}

/** Keys with their results, of all groups or of those that changed, by key. */
function contents(
  { kernels, table }: Fixture,
  groupsOf = (segment: AggregateTable['segments'][number]): Int32Array => everyGroup(segment.size),
): Map<unknown, unknown[]> {
  const found = new Map<unknown, unknown[]>();
  const schema = new Schema([
    ...kernels.keySchema.fields.map((field, i) => ({ ...field, name: `k${i}` })),
    ...kernels.plan.results.map(({ name, type }) => ({ name, type })),
  ]);
  for (const segment of table.segments) {
    const groups = groupsOf(segment);
    for (const row of rowsOf(
      new ColumnBatch({ schema, count: groups.length, columns: segment.columns(groups, new BatchMemory()) }),
    )) {
      const values = Object.values(row);
      const key = mapKey(values.slice(0, kernels.keySchema.fields.length));
      assert.ok(!found.has(key), 'a key has one group');
      found.set(key, values.slice(kernels.keySchema.fields.length));
    }
  }
  return found;
}

test('a table holds what the reference computes, for every type of key, aggregate and layout', () => {
  fc.assert(
    fc.property(anyKeys, anyAggregates, anyBatches, anySplit, (keys, aggregates, batches, split) => {
      const tested = fixture(keys, aggregates, split);
      const rows: Row[] = [];
      for (const [batch, shape] of batches) {
        tested.add(batchOf(WIDE_SCHEMA, batch, shape));
        rows.push(...batch);
        assert.deepEqual(contents(tested), aggregateNaively(WIDE_SCHEMA, keys, aggregates, rows));
      }
      tested.table.release();
    }),
    { numRuns: 600 },
  );
});

test('a table notes the keys that a batch changed, each once', () => {
  fc.assert(
    fc.property(anyKeys, anyAggregates, anyBatches, anySplit, (keys, aggregates, batches, split) => {
      const tested = fixture(keys, aggregates, split);
      const rows: Row[] = [];
      for (const [batch, shape] of batches) {
        tested.table.beginChanges();
        tested.add(batchOf(WIDE_SCHEMA, batch, shape));
        rows.push(...batch);
        const all = aggregateNaively(WIDE_SCHEMA, keys, aggregates, rows);
        const touched = aggregateNaively(WIDE_SCHEMA, keys, aggregates, batch);
        const wanted = new Map([...touched.keys()].map((key) => [key, all.get(key)]));
        assert.deepEqual(
          contents(tested, (segment) => segment.takeChanged()),
          wanted,
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('traces hold the results after each row', () => {
  fc.assert(
    fc.property(anyKeys, anyAggregates, anyBatches, anySplit, (keys, aggregates, batches, split) => {
      const { kernels, table } = fixture(keys, aggregates, split);
      const schema = new Schema(kernels.plan.results.map(({ name, type }) => ({ name, type })));
      const rows: Row[] = [];
      for (const [batchRows, shape] of batches) {
        const batch = batchOf(WIDE_SCHEMA, batchRows, shape);
        const memory = new BatchMemory();
        const traces = kernels.traces(batch.count, table.wide, memory);
        table.add(batch, { order: undefined, from: 0, to: batch.selected }, kernels.hash(batch), traces);
        const results = rowsOf(
          batch.withColumns(schema, resultColumns(kernels.plan.results, traces, batch.count, memory)),
        );
        batchRows.forEach((row, i) => {
          rows.push(row);
          const wanted = aggregateNaively(WIDE_SCHEMA, keys, aggregates, rows).get(
            mapKey(keys.map((index) => keyValue(row, index))),
          );
          assert.deepEqual(Object.values(results[i] as object), wanted);
        });
      }
    }),
    { numRuns: 300 },
  );
});

/** As a row object shows it. */
function keyValue(row: Row, index: number): unknown {
  const [shown] = rowsOf(batchOf(WIDE_SCHEMA, [row]));
  return shown?.[(WIDE_SCHEMA.fields[index] as { name: string }).name];
}

test('two tables merged hold what one table of all rows holds, but for the order of sums of doubles', () => {
  const exact = anyAggregates.filter((aggregates) =>
    aggregates.every(
      ({ call }) =>
        !['sum', 'avg'].includes(call.function) ||
        !['double', 'float'].includes(WIDE_SCHEMA.fields[call.input as number]?.type.kind as string),
    ),
  );
  fc.assert(
    fc.property(
      anyKeys,
      exact,
      anyBatches,
      anyBatches,
      anySplit,
      anySplit,
      (keys, aggregates, left, right, split, otherSplit) => {
        const into = fixture(keys, aggregates, split);
        for (const [rows, shape] of left) into.add(batchOf(WIDE_SCHEMA, rows, shape));
        const from = new AggregateTable(into.kernels, RANGE, otherSplit);
        for (const [rows, shape] of right) {
          const batch = batchOf(WIDE_SCHEMA, rows, shape);
          from.add(batch, { order: undefined, from: 0, to: batch.selected }, into.kernels.hash(batch));
        }
        into.table.merge(from);
        assert.deepEqual(
          contents(into),
          aggregateNaively(
            WIDE_SCHEMA,
            keys,
            aggregates,
            [...left, ...right].flatMap(([rows]) => rows),
          ),
        );
      },
    ),
    { numRuns: 400 },
  );
});

test('many keys end up in segments by key group, each key in its own', () => {
  const schema = Schema.of({
    key: LogicalType.notNull(LogicalType.int()),
    value: LogicalType.notNull(LogicalType.bigint()),
  });
  const kernels = new AggregateKernels({
    schema,
    keys: [0],
    aggregates: [{ name: 'n', call: { function: 'sum', input: 1 } }],
    tag: 'test',
  });
  const table = new AggregateTable(kernels, { keyGroups: { start: 4, end: 11 }, maxParallelism: MAX_PARALLELISM }, 100);
  const owned = Array.from({ length: 5000 }, (_, i) => i).filter(
    (key) => keyGroup(key, MAX_PARALLELISM) >= 4 && keyGroup(key, MAX_PARALLELISM) <= 11,
  );
  for (let from = 0; from < owned.length; from += 64) {
    const batch = columnsFromRows(
      schema,
      owned.slice(from, from + 64).map((key) => ({ key, value: key })),
    );
    table.add(batch, { order: undefined, from: 0, to: batch.selected }, kernels.hash(batch));
  }
  assert.equal(table.segments.length, 8);
  assert.equal(table.size, owned.length);
  for (const segment of table.segments) {
    const groups = new Set(
      Array.from(segment.groups.hashes.subarray(0, segment.size), (hash) => table.keyGroupOf(hash)),
    );
    assert.equal(groups.size, 1);
  }
});

test('an aggregate that is not defined for its input is refused', () => {
  const refuse = (call: NamedAggregate['call'], message: RegExp): void => {
    assert.throws(
      () => new AggregateKernels({ schema: WIDE_SCHEMA, keys: [0], aggregates: [{ name: 'x', call }], tag: 'test' }),
      message,
    );
  };
  refuse({ function: 'sum', input: 7 }, /GRAPH_INVALID.*SUM of "s", whose type is STRING NOT NULL/);
  refuse({ function: 'avg', input: 6 }, /AVG of "b", whose type is BOOLEAN/);
  refuse({ function: 'max', input: 6 }, /MAX of "b"/);
  refuse({ function: 'min', input: 99 }, /reads column 99/);
});

test('a sum passes 2^53 in the middle of a batch and stays exact', () => {
  const schema = Schema.of({
    key: LogicalType.notNull(LogicalType.int()),
    value: LogicalType.notNull(LogicalType.bigint()),
  });
  const kernels = new AggregateKernels({
    schema,
    keys: [0],
    aggregates: [{ name: 'n', call: { function: 'sum', input: 1 } }],
    tag: 'test',
  });
  const table = new AggregateTable(kernels, RANGE);
  const add = (rows: readonly Row[]): void => {
    const batch = batchOf(schema, rows, PLAIN);
    table.add(batch, { order: undefined, from: 0, to: batch.selected }, kernels.hash(batch));
  };
  const big = 2n ** 53n - 1n;
  add([
    [1, 5n],
    [2, big],
    [1, 7n],
    [2, 2n],
    [2, 3n],
    [1, -20n],
  ]);
  assert.equal(table.wide, true);
  const [segment] = table.segments;
  const columns = segment?.columns(everyGroup(2), new BatchMemory()) ?? [];
  assert.deepEqual(
    rowsOf(
      new ColumnBatch({ schema: Schema.of({ k: LogicalType.int(), n: LogicalType.bigint() }), count: 2, columns }),
    ),
    [
      { k: 1, n: -8 },
      { k: 2, n: big + 5n },
    ],
  );
});
