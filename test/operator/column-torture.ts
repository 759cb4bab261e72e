/**
 * Runs an operator over column batches in several ways, all of which must give the same: as the batches come, row by
 * row, with a snapshot after every item from which a new instance goes on, with a gate that closes after every output,
 * and with a snapshot in the middle of every burst.
 *
 * What comes out between two watermarks is compared without its order across rows, as that of a restored table is its
 * own; `ordered` compares the order too, where nothing was restored.
 */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ColumnBatch } from '../../src/data/column-batch.ts';
import { rowsOf } from '../../src/data/column-rows.ts';
import { TypeRegistry } from '../../src/data/type-registry.ts';
import type { OperatorDefinition } from '../../src/operator/operator.ts';
import { restoredState } from '../../src/state/snapshot-data.ts';
import type { OperatorSnapshot } from '../../src/state/snapshot.ts';
import { OperatorHarness, type HarnessOptions, type HarnessOutput } from '../../src/testing/operator-harness.ts';

export type ColumnItem = { readonly batch: ColumnBatch } | { readonly watermark: number };

/** Rows as text with their timestamps and kinds, and watermarks. */
export type Seen = string | { readonly watermark: number };

export function seen(outputs: readonly HarnessOutput[]): Seen[] {
  return outputs.flatMap((output): Seen[] => {
    if (output.kind === 'watermark') return [{ watermark: output.timestamp }];
    if (output.kind !== 'element') return [];
    if (!(output.value instanceof ColumnBatch)) return [show(output.value, output.timestamp, output.rowKind)];
    const { timestamps, kinds, selection } = output.value;
    return rowsOf(output.value).map((row, i) => {
      const at = selection === undefined ? i : (selection[i] as number);
      return show(row, timestamps?.[at] ?? -Infinity, kinds?.[at] ?? 0);
    });
  });
}

export function show(row: unknown, timestamp: number, kind: number): string {
  const text = JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'bigint'
      ? `${value}n`
      : typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
        ? Object.is(value, -0)
          ? '-0'
          : String(value)
        : value,
  );
  return `${text} @${timestamp} ${kind}`;
}

/** Rows between watermarks in one order for all. */
export function normalised(all: readonly Seen[]): Seen[] {
  const result: Seen[] = [];
  let rows: string[] = [];
  for (const one of all) {
    if (typeof one === 'string') rows.push(one);
    else {
      result.push(...rows.sort(), one);
      rows = [];
    }
  }
  return [...result, ...rows.sort()];
}

/** A batch of one row. */
function rowAlone(batch: ColumnBatch, place: number): ColumnBatch {
  const row = batch.selection === undefined ? place : (batch.selection[place] as number);
  return batch.select(Int32Array.of(row), 1);
}

export interface ColumnTorture {
  readonly definition: OperatorDefinition;
  readonly options?: HarnessOptions;
  /** False where cutting batches changes what comes out. */
  readonly recut?: boolean;
}

/** Returns what came out the plain way, after comparing the others with it. */
export function tortureColumns(
  { definition, options = {}, recut = true }: ColumnTorture,
  items: readonly ColumnItem[],
): Seen[] {
  const plain = run(definition, options, items);
  const single = items.flatMap((item): ColumnItem[] =>
    'batch' in item
      ? Array.from({ length: item.batch.selected }, (_, i) => ({ batch: rowAlone(item.batch, i) }))
      : [item],
  );
  if (recut) assert.deepEqual(normalised(run(definition, options, single)), normalised(plain), 'row by row');
  assert.deepEqual(run(definition, { ...options, stopAlways: true }, items), plain, 'with a gate that closes');
  assert.deepEqual(
    normalised(runRestoring(definition, options, items)),
    normalised(plain),
    'with a restore after every item',
  );
  assert.deepEqual(
    normalised(runInterrupted(definition, { ...options, stopAlways: true }, items)),
    normalised(plain),
    'with a snapshot in every burst',
  );
  assert.deepEqual(
    normalised(runWithCheckpoints(definition, options, items)),
    normalised(plain),
    'with checkpoints that are written while it goes on',
  );
  return plain;
}

/** The entries of a snapshot, as text. */
function entriesOf(snapshot: OperatorSnapshot): string[] {
  const { keyed } = restoredState([snapshot], new TypeRegistry());
  return keyed
    .flatMap((state) =>
      Array.from(state.entries(), ({ value, ...entry }) => {
        const plain = Array.isArray(value) ? value.map(unwidened) : value;
        return `${state.name} ${inspect({ ...entry, value: plain }, { depth: null })}`;
      }),
    )
    .toSorted();
}

/** An accumulator as it is while its table holds no 64-bit integers: the table may have widened since. */
function unwidened(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  if (value === 2n ** 63n - 1n) return Infinity;
  if (value === -(2n ** 63n)) return -Infinity;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** Checkpoints hold what was there at their barriers; they complete, are given up, and sometimes one is gone on from. */
function runWithCheckpoints(
  definition: OperatorDefinition,
  options: HarnessOptions,
  items: readonly ColumnItem[],
): Seen[] {
  const all: Seen[] = [];
  let harness = new OperatorHarness(definition, options);
  let watermark = -Infinity;
  for (const [i, item] of items.entries()) {
    const wanted = entriesOf(harness.snapshot('savepoint'));
    const late = harness.snapshotLater();
    late.write(i % 3);
    give(harness, item);
    if ('watermark' in item) watermark = item.watermark;
    if (i % 3 === 1) late.abort();
    else {
      assert.deepEqual(entriesOf(late.finish()), wanted, 'a checkpoint holds what was there at its barrier');
      late.complete();
    }
    if (i % 4 !== 3) continue;
    const snapshot = harness.snapshot();
    all.push(...seen(harness.output));
    harness = restored(definition, options, snapshot, watermark);
    harness.output.length = 0;
  }
  return [...all, ...seen(harness.output)];
}

function run(definition: OperatorDefinition, options: HarnessOptions, items: readonly ColumnItem[]): Seen[] {
  const harness = new OperatorHarness(definition, options);
  for (const item of items) give(harness, item);
  return seen(harness.output);
}

function give(harness: OperatorHarness, item: ColumnItem): void {
  if ('batch' in item) harness.element(item.batch);
  else harness.watermark(item.watermark);
}

/** A new instance that has seen the watermark before it goes on. */
function restored(
  definition: OperatorDefinition,
  options: HarnessOptions,
  snapshot: OperatorSnapshot,
  watermark: number,
): OperatorHarness {
  const harness = new OperatorHarness(definition, { ...options, restore: snapshot });
  if (watermark > -Infinity) harness.watermark(watermark);
  return harness;
}

function runRestoring(definition: OperatorDefinition, options: HarnessOptions, items: readonly ColumnItem[]): Seen[] {
  const all: Seen[] = [];
  let harness = new OperatorHarness(definition, options);
  let watermark = -Infinity;
  for (const item of items) {
    give(harness, item);
    if ('watermark' in item) watermark = item.watermark;
    const snapshot = harness.snapshot();
    all.push(...seen(harness.output));
    harness = restored(definition, options, snapshot, watermark);
    // The watermark that was seen before does not come out for the first time.
    assert.deepEqual(
      seen(harness.output).filter((one) => typeof one === 'string'),
      [],
      'a restored instance says nothing that was said before',
    );
    harness.output.length = 0;
  }
  return all;
}

function runInterrupted(definition: OperatorDefinition, options: HarnessOptions, items: readonly ColumnItem[]): Seen[] {
  const all: Seen[] = [];
  let harness = new OperatorHarness(definition, options);
  for (const item of items) {
    if ('batch' in item) {
      give(harness, item);
      continue;
    }
    all.push(...seen(harness.output));
    harness.output.length = 0;
    const snapshot = harness.watermarkInterrupted(item.watermark);
    // The watermark comes out again, behind what is left of the burst.
    all.push(...seen(harness.output).filter((one) => typeof one === 'string'));
    harness = new OperatorHarness(definition, { ...options, restore: snapshot });
    harness.watermark(item.watermark);
  }
  return [...all, ...seen(harness.output)];
}

/** The part of a snapshot that belongs to a range of key groups; lists go to all. */
export function cut(snapshot: OperatorSnapshot, start: number, end: number): OperatorSnapshot {
  return {
    ...snapshot,
    keyed: snapshot.keyed.map((state) => ({
      ...state,
      groups: state.groups.filter(({ group }) => group >= start && group <= end),
    })),
  };
}

/** Snapshots of several subtasks as one. */
export function joined(snapshots: readonly OperatorSnapshot[]): OperatorSnapshot {
  const [first] = snapshots as [OperatorSnapshot];
  const names = [...new Set(snapshots.flatMap((snapshot) => snapshot.keyed.map((state) => state.name)))];
  return {
    ...first,
    keyed: names.map((name) => {
      const parts = snapshots.flatMap((snapshot) => snapshot.keyed.filter((state) => state.name === name));
      return { ...(parts[0] as OperatorSnapshot['keyed'][number]), groups: parts.flatMap((part) => part.groups) };
    }),
  };
}
