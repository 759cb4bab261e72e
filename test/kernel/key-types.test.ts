import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { columnsFromRows, rowsOf } from '../../src/data/column-rows.ts';
import { keyHash, mapKey } from '../../src/data/key.ts';
import { LogicalType, Schema, storageOf } from '../../src/data/schema.ts';
import { AggregateKernels } from '../../src/kernel/aggregate-kernels.ts';
import { everyGroup } from '../../src/kernel/aggregate-segment.ts';
import { AggregateTable } from '../../src/kernel/aggregate-table.ts';
import { BatchMemory } from '../../src/kernel/batch-memory.ts';

const MAX_PARALLELISM = 16;
const RANGE = { keyGroups: { start: 0, end: MAX_PARALLELISM - 1 }, maxParallelism: MAX_PARALLELISM };

const TYPES: readonly LogicalType[] = [
  LogicalType.decimal(10, 2),
  LogicalType.decimal(38, 2),
  LogicalType.bytes(),
  LogicalType.boolean(),
  LogicalType.timestamp(9),
];

function anyKey(type: LogicalType): fc.Arbitrary<unknown> {
  const value: fc.Arbitrary<unknown> =
    type.kind === 'boolean'
      ? fc.boolean()
      : type.kind === 'varbinary'
        ? fc.uint8Array({ maxLength: 2, max: 1 })
        : type.kind === 'decimal' && type.precision > 18
          ? fc.constantFrom(0n, 1n, -1n, 2n ** 63n, 2n ** 70n, -(2n ** 70n))
          : fc.constantFrom<unknown>(0, 1, -1, 2n ** 60n, 2n ** 60n + 1n);
  return fc.option(value, { nil: null, freq: 2 });
}

test('NULLs, decimals of both storages, bytes, booleans and nanoseconds are keys', () => {
  const keys = fc.array(fc.constantFrom(...TYPES), { minLength: 1, maxLength: 2 }).chain((types) =>
    fc.tuple(
      fc.constant(types),
      fc.array(fc.array(fc.tuple(...types.map(anyKey)), { minLength: 1, maxLength: 8 }), {
        minLength: 1,
        maxLength: 3,
      }),
    ),
  );
  fc.assert(
    fc.property(keys, ([types, batches]) => {
      const schema = new Schema(types.map((type, i) => ({ name: `k${i}`, type })));
      const kernels = new AggregateKernels({
        schema,
        keys: types.map((_, i) => i),
        aggregates: [{ name: 'n', call: { function: 'count', input: undefined } }],
        tag: 'test',
      });
      const table = new AggregateTable(kernels, RANGE, 1 << 16);
      const counts = new Map<unknown, number>();
      for (const rows of batches) {
        const batch = columnsFromRows(
          schema,
          rows.map((row) => Object.fromEntries(row.map((value, i) => [`k${i}`, value]))),
        );
        const hashes = kernels.hash(batch);
        rows.forEach((row, i) => {
          const key = row.length === 1 ? row[0] : [...row];
          assert.equal((hashes[i] as number) >>> 0, keyHash(key));
          counts.set(mapKey(key), (counts.get(mapKey(key)) ?? 0) + 1);
        });
        table.add(batch, { order: undefined, from: 0, to: rows.length }, hashes);
      }
      const found = new Map<unknown, unknown>();
      const result = new Schema([...schema.fields, { name: 'n', type: LogicalType.notNull(LogicalType.bigint()) }]);
      for (const segment of table.segments) {
        const columns = segment.columns(everyGroup(segment.size), new BatchMemory());
        types.forEach((type, i) => {
          const storage = storageOf(type);
          if (storage === 'bytes' || storage === 'values') assert.equal(columns[i]?.kind, storage);
        });
        for (const row of rowsOf(new ColumnBatch({ schema: result, count: segment.size, columns }))) {
          const values = types.map((_, i) => row[`k${i}`]);
          found.set(mapKey(values.length === 1 ? values[0] : values), row['n']);
        }
      }
      assert.deepEqual(found, counts);
      table.release();
    }),
    { numRuns: 300 },
  );
});
