import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { type Row as RowObject, rowsOf } from '../../src/data/column-rows.ts';
import { keyGroup, keyHash, subtaskOfKeyGroup } from '../../src/data/key.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { ColumnCollector } from '../../src/kernel/column-collector.ts';
import { KeyHasher } from '../../src/kernel/key-hash.ts';
import { ColumnPartitioner } from '../../src/kernel/partition.ts';
import { anyRow, anyShape, anyText, batchOf, PLAIN, type Row, WIDE_SCHEMA } from './any-columns.ts';

const anyKeyColumns = fc.uniqueArray(fc.nat({ max: WIDE_SCHEMA.fields.length - 1 }), { minLength: 1, maxLength: 3 });

/** The key of a row, as a key selector over records would give it. */
function keyOf(row: RowObject, columns: readonly number[]): unknown {
  const values = columns.map((index) => row[(WIDE_SCHEMA.fields[index] as { name: string }).name]);
  return values.length === 1 ? values[0] : values;
}

test('the hash of a key in columns is its canonical hash, for every type and layout', () => {
  fc.assert(
    fc.property(
      anyKeyColumns,
      fc.array(fc.tuple(fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 10 }), anyShape), {
        minLength: 1,
        maxLength: 2,
      }),
      (columns, batches) => {
        const hasher = new KeyHasher(WIDE_SCHEMA, columns, 'test');
        for (const [rows, shape] of batches) {
          const batch = batchOf(WIDE_SCHEMA, rows, shape);
          const hashes = new Int32Array(rows.length);
          hasher.hash(batch, hashes);
          assert.deepEqual(
            Array.from(hashes, (hash) => hash >>> 0),
            rowsOf(batch).map((row) => keyHash(keyOf(row, columns))),
          );
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('1 has one hash as INT, BIGINT, DOUBLE and in both forms of 64-bit integers', () => {
  const schema = Schema.of({
    i: LogicalType.int(),
    l: LogicalType.bigint(),
    d: LogicalType.double(),
    f: LogicalType.float(),
  });
  const hashes = new Set<number>();
  for (const wide of [false, true]) {
    for (const column of [0, 1, 2, 3]) {
      const out = new Int32Array(1);
      new KeyHasher(schema, [column], 'test').hash(batchOf(schema, [[1, 1n, 1, 1]], { ...PLAIN, wide }), out);
      hashes.add((out[0] as number) >>> 0);
    }
  }
  assert.deepEqual([...hashes], [keyHash(1)]);
});

test('every row goes to the channel that owns its key group, in order, and none is lost', () => {
  fc.assert(
    fc.property(
      anyKeyColumns,
      fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 40 }),
      anyShape,
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(128, 100, 5),
      (columns, rows, shape, channels, maxParallelism) => {
        const channelOfGroup = Int32Array.from({ length: maxParallelism }, (_, group) =>
          subtaskOfKeyGroup(group, maxParallelism, channels),
        );
        const partitioner = new ColumnPartitioner({ columns, channelOfGroup, maxParallelism, channels, tag: 'test' });
        const batch = batchOf(WIDE_SCHEMA, rows, shape);
        const parts = partitioner.split(batch);
        const wanted = Array.from({ length: channels }, (_, channel) =>
          rowsOf(batch).filter((row) => channelOfGroup[keyGroup(keyOf(row, columns), maxParallelism)] === channel),
        );
        assert.deepEqual(
          parts.map((part) => (part === undefined ? [] : rowsOf(part))),
          wanted,
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('an empty batch has no part', () => {
  const channelOfGroup = Int32Array.from({ length: 8 }, (_, group) => group % 2);
  const empty = batchOf(WIDE_SCHEMA, []);
  for (const channels of [1, 2]) {
    const partitioner = new ColumnPartitioner({
      columns: [0],
      channelOfGroup,
      maxParallelism: 8,
      channels,
      tag: 'test',
    });
    assert.deepEqual(partitioner.split(empty), new Array(channels).fill(undefined));
  }
});

test('a collector puts parts of any layout together in order, with kinds and timestamps', () => {
  const anyPart = fc.tuple(
    fc.array(anyRow(WIDE_SCHEMA), { minLength: 1, maxLength: 8 }),
    anyShape,
    fc.boolean(),
    fc.boolean(),
  );
  fc.assert(
    fc.property(fc.array(anyPart, { minLength: 1, maxLength: 4 }), (parts) => {
      const collector = new ColumnCollector(WIDE_SCHEMA, 40);
      for (let round = 0; round < 2; round++) {
        const wanted: (readonly [RowObject, number, number])[] = [];
        for (const [rows, shape, withTimes, withKinds] of parts) {
          const batch = decorated(rows, shape, withTimes, withKinds);
          collector.append(batch);
          wanted.push(...rowsWith(batch));
        }
        assert.equal(collector.rows, wanted.length);
        const collected = collector.take();
        assert.equal(collected.selection, undefined);
        assert.deepEqual(rowsWith(collected), wanted);
        assert.equal(collector.rows, 0);
      }
    }),
    { numRuns: 300 },
  );
});

function decorated(rows: readonly Row[], shape: typeof PLAIN, withTimes: boolean, withKinds: boolean): ColumnBatch {
  const batch = batchOf(WIDE_SCHEMA, rows, shape, withTimes ? { timestamps: rows.map((_, i) => i * 10) } : {});
  return new ColumnBatch({
    ...batch,
    selected: batch.selected,
    kinds: withKinds ? Uint8Array.from({ length: batch.count }, (_, i) => i % 4) : undefined,
  });
}

function rowsWith(batch: ColumnBatch): (readonly [RowObject, number, number])[] {
  return rowsOf(batch).map((row, i) => {
    const at = batch.selection === undefined ? i : (batch.selection[i] as number);
    return [row, batch.timestamps?.[at] ?? -Infinity, batch.kinds?.[at] ?? 0];
  });
}

test('texts of a dictionary hash as texts do, more than once', () => {
  const schema = Schema.of({ s: LogicalType.string() });
  fc.assert(
    fc.property(fc.array(anyText, { minLength: 1, maxLength: 10 }), (texts) => {
      const hasher = new KeyHasher(schema, [0], 'test');
      const batch = batchOf(
        schema,
        texts.map((text) => [text]),
        { ...PLAIN, dictionary: true },
      );
      for (let i = 0; i < 2; i++) {
        const hashes = new Int32Array(texts.length);
        hasher.hash(batch, hashes);
        assert.deepEqual(
          Array.from(hashes, (hash) => hash >>> 0),
          texts.map((text) => keyHash(text)),
        );
      }
    }),
  );
});
