import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Gate } from '../../src/base/gate.ts';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { rowsOf } from '../../src/data/column-rows.ts';
import { keyGroup, subtaskOfKeyGroup } from '../../src/data/key.ts';
import { RecordBatch } from '../../src/data/record-batch.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { EdgeWriter } from '../../src/exchange/edge-writer.ts';
import { LocalChannel } from '../../src/exchange/local-channel.ts';
import type { OwnedColumnBatch } from '../../src/kernel/owned-batch.ts';
import type { Partitioning } from '../../src/graph/stream-graph.ts';
import { ManualClock } from '../../src/testing/manual-world.ts';

const SCHEMA = Schema.of({ key: LogicalType.notNull(LogicalType.int()), n: LogicalType.notNull(LogicalType.int()) });
const GROUPS = 16;

function batchOf(rows: readonly (readonly [key: number, n: number])[]): ColumnBatch {
  return new ColumnBatch({
    schema: SCHEMA,
    count: rows.length,
    columns: [0, 1].map((column) => ({
      kind: 'i32',
      validity: undefined,
      values: Int32Array.from(rows, (row) => row[column] as number),
    })),
  });
}

interface Edge {
  readonly writer: EdgeWriter;
  /** What each channel holds: numbers of rows in the data, and other elements by kind. */
  taken(): (ColumnBatch | string)[][];
}

function edge(partitioning: Partitioning, channels: number): Edge {
  const ends = Array.from({ length: channels }, () => new LocalChannel({ wakeReader: () => {}, wakeWriter: () => {} }));
  const writer = new EdgeWriter({
    channels: ends.map((end) => end.writer),
    gate: new Gate(new ManualClock(0), new Int32Array(1)),
    random: { next: () => 0.5 } as never,
    maxParallelism: GROUPS,
    channelOfGroup: Int32Array.from({ length: GROUPS }, (_, group) => subtaskOfKeyGroup(group, GROUPS, channels)),
    partitioning,
    types: new TypeRegistry(),
    operator: 'test',
  });
  const taken = (): (ColumnBatch | string)[][] =>
    ends.map((end) => {
      const elements: (ColumnBatch | string)[] = [];
      for (let element = end.reader.poll(); element !== undefined; element = end.reader.poll()) {
        assert.ok(!(element instanceof RecordBatch));
        elements.push(element instanceof ColumnBatch ? element : element.kind);
      }
      return elements;
    });
  return { writer, taken };
}

function rows(elements: readonly (ColumnBatch | string)[]): unknown[] {
  return elements.flatMap((element) => (typeof element === 'string' ? [] : rowsOf(element)));
}

function sizes(elements: readonly (ColumnBatch | string)[]): (number | string)[] {
  return elements.map((element) => (typeof element === 'string' ? element : element.selected));
}

test('rows of a column edge reach the owner of their key group, in order, however batches are cut', () => {
  const anyBatch = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat()), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(anyBatch, { maxLength: 20 }), fc.integer({ min: 1, max: 4 }), (batches, channels) => {
      const { writer, taken } = edge({ kind: 'hash-columns', columns: [0] }, channels);
      for (const batch of batches) writer.columns(batchOf(batch));
      writer.flush();
      const wanted = Array.from({ length: channels }, (_, channel) =>
        batches
          .flat()
          .filter(([key]) => subtaskOfKeyGroup(keyGroup(key, GROUPS), GROUPS, channels) === channel)
          .map(([key, n]) => ({ key, n })),
      );
      assert.deepEqual(taken().map(rows), wanted);
    }),
    { numRuns: 200 },
  );
});

test('small parts leave together, and control stays behind what came before it', () => {
  const { writer, taken } = edge({ kind: 'hash-columns', columns: [0] }, 1);
  for (let i = 0; i < 5; i++)
    writer.columns(
      batchOf([
        [1, i],
        [2, i],
      ]),
    );
  assert.deepEqual(taken().map(sizes), [[]]);
  writer.watermark(7);
  writer.columns(batchOf([[3, 3]]));
  writer.flush();
  assert.deepEqual(taken().map(sizes), [[10, 'watermark', 1]]);
});

test('a large part passes as it is, behind the small ones before it', () => {
  const { writer, taken } = edge({ kind: 'forward' }, 1);
  writer.columns(batchOf([[1, 1]]));
  writer.columns(batchOf(Array.from({ length: 1500 }, (_, i) => [i, i])));
  const [elements] = taken();
  assert.deepEqual(sizes(elements ?? []), [1, 1500]);
});

test('collected parts leave when they fill a batch', () => {
  const { writer, taken } = edge({ kind: 'forward' }, 1);
  for (let i = 0; i < 5; i++) writer.columns(batchOf(Array.from({ length: 900 }, (_, n) => [i, n])));
  assert.deepEqual(taken().map(sizes), [[1800, 1800]]);
  writer.flush();
  assert.deepEqual(taken().map(sizes), [[900]]);
});

test('rebalance hands out batches in turn, broadcast to all, global to the first', () => {
  const flushed = (kind: 'rebalance' | 'rescale' | 'broadcast' | 'global' | 'shuffle'): (number | string)[][] => {
    const { writer, taken } = edge({ kind }, 3);
    for (let i = 1; i <= 3; i++) writer.columns(batchOf(Array.from({ length: i }, (_, n) => [n, n])));
    writer.flush();
    return taken().map(sizes);
  };
  assert.deepEqual(flushed('rebalance').flat().sort(), [1, 2, 3]);
  assert.deepEqual(flushed('rescale').flat().sort(), [1, 2, 3]);
  assert.deepEqual(flushed('broadcast'), [[6], [6], [6]]);
  assert.deepEqual(flushed('global'), [[6], [], []]);
  assert.deepEqual(flushed('shuffle'), [[], [6], []]);
});

test('batches of another schema are not put together with the ones before', () => {
  const { writer, taken } = edge({ kind: 'forward' }, 1);
  const other = Schema.of({ n: LogicalType.int() });
  writer.columns(batchOf([[1, 1]]));
  writer.columns(
    new ColumnBatch({
      schema: other,
      count: 1,
      columns: [{ kind: 'i32', validity: undefined, values: Int32Array.of(9) }],
    }),
  );
  writer.flush();
  assert.deepEqual(taken().map(rows), [[{ key: 1, n: 1 }, { n: 9 }]]);
});

test('an empty batch is not sent', () => {
  const { writer, taken } = edge({ kind: 'forward' }, 1);
  writer.columns(batchOf([]));
  writer.flush();
  assert.deepEqual(taken(), [[]]);
});

test('what was sent is the sender’s again, and what arrived is the reader’s until it is released', () => {
  const { writer, taken } = edge({ kind: 'forward' }, 1);
  const reused = Int32Array.from({ length: 1500 }, (_, i) => i);
  const batch = new ColumnBatch({
    schema: SCHEMA,
    count: 1500,
    columns: [0, 1].map(() => ({ kind: 'i32', validity: undefined, values: reused })),
  });
  const arrived: ColumnBatch[] = [];
  for (let round = 0; round < 5; round++) {
    reused.fill(round);
    writer.columns(batch);
    reused.fill(-1);
    arrived.push(...(taken()[0] as ColumnBatch[]));
  }
  assert.deepEqual(
    arrived.map((one) => (one.columns[0] as { values: Int32Array }).values[7]),
    [0, 1, 2, 3, 4],
  );
  const [first] = arrived as [OwnedColumnBatch];
  const memory = (first.columns[0] as { values: Int32Array }).values.buffer;
  first.release();
  first.release();
  writer.columns(batch);
  writer.columns(batch);
  const next = (taken()[0] as ColumnBatch[]).flatMap((one) =>
    one.columns.map((column) => (column as { values: Int32Array }).values.buffer),
  );
  assert.equal(next.filter((buffer) => buffer === memory).length, 1, 'its memory serves one other column, once');
});

test('a batch that arrived can be sent on as it is, and released', () => {
  const { writer, taken } = edge({ kind: 'broadcast' }, 2);
  writer.columns(batchOf(Array.from({ length: 1500 }, (_, i) => [i, 1])));
  const [[first], [second]] = taken() as [[OwnedColumnBatch], [OwnedColumnBatch]];
  const onwards = edge({ kind: 'broadcast' }, 2);
  onwards.writer.columns(first);
  first.release();
  // Memory of what was released is written again.
  for (let round = 0; round < 3; round++) writer.columns(batchOf(Array.from({ length: 1500 }, (_, i) => [-i, -1])));
  for (const elements of onwards.taken()) assert.deepEqual(rows(elements), rowsOf(second));
});
