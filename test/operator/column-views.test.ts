/** Checkpoints of aggregate tables that are written while rows come in and segments are split. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import { LogicalType, Schema } from '../../src/data/schema.ts';
import { AggregateKernels } from '../../src/kernel/aggregate-kernels.ts';
import { AggregateTable } from '../../src/kernel/aggregate-table.ts';
import { restoreTables } from '../../src/operator/column-state.ts';
import { ViewedTable } from '../../src/operator/column-views.ts';
import { KeyedSnapshots, type PendingSnapshot } from '../../src/state/keyed-snapshots.ts';
import { createSnapshotWriter, inlineBytes, restoredState } from '../../src/state/snapshot-data.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import { batchOf, PLAIN } from '../kernel/any-columns.ts';

const MAX_PARALLELISM = 16;
const SCHEMA = Schema.of({
  key: LogicalType.notNull(LogicalType.int()),
  value: LogicalType.notNull(LogicalType.bigint()),
});
const types = new TypeRegistry();
const atOnce = createSnapshotWriter(0, 'checkpoint', 'operator', types).finish();

/** A table with its snapshots, and the sums that it should have. */
class Fixture {
  readonly table: AggregateTable;
  readonly snapshots: KeyedSnapshots;
  readonly #kernels: AggregateKernels;

  constructor(splitAbove: number, from: OperatorSnapshot | undefined) {
    this.#kernels = new AggregateKernels({
      schema: SCHEMA,
      keys: [0],
      aggregates: [{ name: 'sum', call: { function: 'sum', input: 1 } }],
      tag: 'test',
    });
    const range = { keyGroups: { start: 0, end: MAX_PARALLELISM - 1 }, maxParallelism: MAX_PARALLELISM };
    this.table = new AggregateTable(this.#kernels, range, splitAbove);
    if (from !== undefined) restoreTables(restoredState([from], types), 'sums', this.#kernels, () => this.table);
    this.snapshots = new KeyedSnapshots({
      operatorId: 'operator',
      subtask: 0,
      types,
      files: undefined,
      restored: from,
      bytesOf: inlineBytes,
      claimed: true,
    });
    this.snapshots.add(new ViewedTable('sums', this.table, types, from !== undefined));
  }

  add(rows: readonly (readonly [number, number])[]): void {
    const batch = batchOf(
      SCHEMA,
      rows.map(([key, value]) => [key, BigInt(value)]),
      PLAIN,
    );
    this.table.add(batch, { order: undefined, from: 0, to: batch.selected }, this.#kernels.hash(batch));
  }
}

function sumsOf(snapshot: OperatorSnapshot): Map<unknown, string> {
  const sums = new Map<unknown, string>();
  for (const state of restoredState([snapshot], types).keyed)
    for (const { key, value } of state.entries()) {
      assert.ok(!sums.has(key), 'a key stands once');
      sums.set(key, String((value as unknown[])[0]));
    }
  return new Map([...sums].toSorted(([a], [b]) => Number(a) - Number(b)));
}

const rows = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: -5, max: 5 })), { minLength: 1, maxLength: 8 });
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ rows }) },
    { weight: 2, arbitrary: fc.record({ begin: fc.constant(true) }) },
    { weight: 3, arbitrary: fc.record({ write: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ complete: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ restore: fc.constant(true) }) },
  ),
  { maxLength: 60, size: 'max' },
);

test('a checkpoint of a table over columns holds the sums at its barrier, whatever comes while it is written', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(4, 12, 1 << 16), (given, splitAbove) => {
      let fixture = new Fixture(splitAbove, undefined);
      let sums = new Map<number, number>();
      let pending: { id: number; snapshot: PendingSnapshot; sums: Map<number, number> } | undefined;
      let latest: { snapshot: OperatorSnapshot; sums: Map<number, number> } | undefined;
      let ids = 0;
      for (const step of given) {
        if ('rows' in step) {
          fixture.add(step.rows);
          for (const [key, value] of step.rows) sums.set(key, (sums.get(key) ?? 0) + value);
        } else if ('begin' in step) {
          if (pending !== undefined) continue;
          const id = ++ids;
          pending = { id, snapshot: fixture.snapshots.begin(id, 'checkpoint', atOnce), sums: new Map(sums) };
        } else if ('write' in step) {
          let left = step.write;
          void pending?.snapshot.advance(() => --left > 0);
        } else if ('complete' in step && pending !== undefined) {
          if (step.complete) {
            while (pending.snapshot.advance(() => true) !== 'done');
            latest = { snapshot: pending.snapshot.finishInMemory().snapshot, sums: pending.sums };
            const wanted = [...pending.sums].toSorted(([a], [b]) => a - b);
            assert.deepEqual(
              [...sumsOf(latest.snapshot)],
              wanted.map(([key, sum]) => [key, String(sum)]),
            );
            fixture.snapshots.completed(pending.id);
          } else fixture.snapshots.aborted(pending.id);
          pending = undefined;
        } else if ('restore' in step && latest !== undefined) {
          fixture.snapshots.close();
          fixture.table.release();
          fixture = new Fixture(splitAbove, latest.snapshot);
          sums = new Map(latest.sums);
          pending = undefined;
        }
      }
      fixture.snapshots.close();
      fixture.table.release();
    }),
    { numRuns: 300 },
  );
});

test('what did not change is not written again', () => {
  const fixture = new Fixture(1 << 16, undefined);
  fixture.add(Array.from({ length: 1000 }, (_, key) => [key, 1]));
  const write = (id: number): number => {
    const pending = fixture.snapshots.begin(id, 'checkpoint', atOnce);
    while (pending.advance(() => true) !== 'done');
    const { written } = pending.finishInMemory();
    fixture.snapshots.completed(id);
    return written;
  };
  const base = write(1);
  fixture.add([[7, 1]]);
  assert.ok(write(2) <= (2 * base) / 1000);
  assert.equal(write(3), 0);
});
