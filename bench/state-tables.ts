/**
 * Keyed state without a job around it: a table over columns, or a backend that keeps a value per record, filled with
 * values of 224 bytes that follow from their keys, with its snapshots in state files.
 */

import { keyGroup, keyGroupRange } from '../src/data/key.ts';
import { ColumnBatch, type F64Column } from '../src/data/column-batch.ts';
import { LogicalType, Schema } from '../src/data/schema.ts';
import { TypeRegistry } from '../src/data/type-registry.ts';
import { AggregateKernels } from '../src/kernel/aggregate-kernels.ts';
import { AggregateTable } from '../src/kernel/aggregate-table.ts';
import { BatchMemory } from '../src/kernel/batch-memory.ts';
import { tableTaker } from '../src/operator/column-state.ts';
import { ViewedTable } from '../src/operator/column-views.ts';
import { writeEpoch } from '../src/checkpoint/storage/epoch-record.ts';
import { StoredSnapshotFiles } from '../src/checkpoint/storage/stored-snapshot-files.ts';
import { CheckpointStores } from '../src/checkpoint/storage/stores.ts';
import { createDiskBackend } from '../src/state/disk/disk-backend.ts';
import { SlotMemory } from '../src/state/disk/slot-memory.ts';
import { valueState, type ValueState } from '../src/state/descriptor.ts';
import { fetchedBytes } from '../src/state/fetched-bytes.ts';
import type { KeyedBackend } from '../src/state/keyed-backend.ts';
import { KeyedSnapshots } from '../src/state/keyed-snapshots.ts';
import { createMemoryBackend, type MemoryBackendSettings } from '../src/state/memory-backend.ts';
import { streamParts } from '../src/state/restored-entries.ts';
import { createSnapshotWriter, inlineBytes, redistribute, restoredState } from '../src/state/snapshot-data.ts';
import type {
  OperatorSnapshot,
  PartTaker,
  RestoredKeyedState,
  RestoredState,
  SnapshotFiles,
} from '../src/state/snapshot.ts';
import type { ViewedState } from '../src/state/views.ts';
import { createRealWorld } from '../src/world/real-world.ts';

export type TableKind = 'columns' | 'records' | 'disk';

export interface TablePlace {
  readonly kind: TableKind;
  readonly parallelism: number;
  readonly subtask: number;
  /** Where state files go, and a directory for the backend on disk. */
  readonly directory: string;
}

const MAX_PARALLELISM = 128;
const ROWS = 4096;
/** With the key 28 words of 8 bytes. */
const COLUMNS = 27;
/** Of a value as a record, besides the text: about. */
const FIELDS_BYTES = 24;
const TEXT_BYTES = 224 - FIELDS_BYTES;
const DISK_MEMORY_BYTES = 512 * 1024 * 1024;
const OPERATOR = 'state';
const JOB = 'bench';
const EPOCH = 1;

const types = new TypeRegistry();
const world = createRealWorld();

/** Some state of one subtask. */
export interface StateTable {
  /** Adds one to what every key of this subtask in a batch of keys holds; the first time it makes it. */
  add(keys: Int32Array, count: number): void;
  /** What a key holds. Changes nothing that a later call would see. */
  read(key: number): number;
  readonly viewed: ViewedState;
  close(): void;
}

/** State files below a directory. */
export function filesAt(directory: string): StoredSnapshotFiles {
  const plan = {
    jobId: JOB,
    epoch: EPOCH,
    directory,
    inlineThresholdBytes: 20_000,
    compression: false,
    localDirectories: [],
  };
  return new StoredSnapshotFiles(plan, world, new CheckpointStores(world));
}

/** Begins the only attempt to write below a directory. */
export async function beginAttempt(directory: string): Promise<void> {
  const record = { epoch: EPOCH, checkpoints: [], ended: undefined, write: 'bench' };
  await writeEpoch(new CheckpointStores(world).at(directory), JOB, record, undefined);
}

/** A table with what snapshots hold for it. */
export async function restoredTable(place: TablePlace, snapshots: readonly OperatorSnapshot[]): Promise<StateTable> {
  const snapshot = redistribute(snapshots, MAX_PARALLELISM, place.parallelism, place.subtask);
  const files = filesAt(place.directory);
  if (place.kind === 'columns') {
    const table = new ColumnTable(place);
    for (const state of restoredState([snapshot], types).keyed)
      await streamParts(files, state, types, table.taker(state));
    return table;
  }
  const bytesOf = await fetchedBytes(files, [snapshot], () => false, []);
  return new RecordTable(place, restoredState([snapshot], types, bytesOf));
}

export function tableAt(place: TablePlace): StateTable {
  return place.kind === 'columns' ? new ColumnTable(place) : new RecordTable(place, undefined);
}

/** The snapshots of a table. */
export function snapshotsOf(table: StateTable, place: TablePlace, files: SnapshotFiles): KeyedSnapshots {
  const snapshots = new KeyedSnapshots({
    operatorId: OPERATOR,
    subtask: place.subtask,
    types,
    files,
    restored: undefined,
    bytesOf: inlineBytes,
    claimed: true,
  });
  snapshots.add(table.viewed);
  return snapshots;
}

/** What an operator without lists writes at once. */
export function nothingAtOnce(checkpoint: number): OperatorSnapshot {
  return createSnapshotWriter(checkpoint, 'checkpoint', OPERATOR, types).finish();
}

/** Every key from 0 on, once. */
export function fill(table: StateTable, keys: number): void {
  const batch = new Int32Array(ROWS);
  for (let from = 0; from < keys; from += ROWS) {
    const count = Math.min(ROWS, keys - from);
    for (let i = 0; i < count; i++) batch[i] = from + i;
    table.add(batch, count);
  }
}

class ColumnTable implements StateTable {
  #viewed: ViewedTable | undefined;
  #restored = false;
  readonly #table: AggregateTable;
  readonly #kernels: AggregateKernels;
  readonly #schema: Schema;
  readonly #memory = new BatchMemory();
  readonly #ones = new Float64Array(ROWS).fill(1);
  readonly #none = new Float64Array(1);
  readonly #range: { readonly start: number; readonly end: number };

  constructor({ parallelism, subtask }: TablePlace) {
    const names = Array.from({ length: COLUMNS }, (_, number) => `c${number}`);
    const double = LogicalType.notNull(LogicalType.double());
    this.#schema = Schema.of({
      key: LogicalType.notNull(LogicalType.int()),
      ...Object.fromEntries(names.map((name) => [name, double])),
    });
    this.#kernels = new AggregateKernels({
      schema: this.#schema,
      keys: [0],
      aggregates: names.map((name, number) => ({ name, call: { function: 'sum', input: number + 1 } })),
      tag: 'bench',
    });
    this.#range = keyGroupRange(MAX_PARALLELISM, parallelism, subtask);
    this.#table = new AggregateTable(this.#kernels, { keyGroups: this.#range, maxParallelism: MAX_PARALLELISM });
  }

  taker(state: RestoredKeyedState): PartTaker {
    this.#restored = true;
    return tableTaker(state, this.#kernels, this.#table);
  }

  get viewed(): ViewedTable {
    return (this.#viewed ??= new ViewedTable(OPERATOR, this.#table, types, this.#restored));
  }

  add(keys: Int32Array, count: number): void {
    this.#add(this.#batch(keys, count, this.#ones));
  }

  #batch(keys: Int32Array, count: number, values: Float64Array): ColumnBatch {
    const sums: F64Column = { kind: 'f64', validity: undefined, values };
    const columns = Array.from({ length: COLUMNS }, () => sums);
    return new ColumnBatch({
      schema: this.#schema,
      count,
      columns: [{ kind: 'i32', validity: undefined, values: keys }, ...columns],
    });
  }

  #add(batch: ColumnBatch): void {
    const hashes = this.#kernels.hash(batch);
    const own = new Int32Array(batch.count);
    let rows = 0;
    for (let row = 0; row < batch.count; row++) {
      const group = this.#table.keyGroupOf(hashes[row] as number);
      if (group >= this.#range.start && group <= this.#range.end) own[rows++] = row;
    }
    this.#table.add(batch, { order: own, from: 0, to: rows }, hashes);
  }

  read(key: number): number {
    const batch = this.#batch(Int32Array.of(key), 1, this.#none);
    const traces = this.#kernels.traces(1, this.#table.wide, this.#memory);
    this.#table.add(batch, { order: undefined, from: 0, to: 1 }, this.#kernels.hash(batch), traces);
    return traces[COLUMNS - 1]?.doubles[0] ?? NaN;
  }

  close(): void {
    this.#table.release();
  }
}

interface Held {
  count: number;
  readonly text: string;
}

class RecordTable implements StateTable {
  readonly viewed: KeyedBackend;
  readonly #state: ValueState<Held>;
  readonly #range: { readonly start: number; readonly end: number };

  constructor({ kind, parallelism, subtask, directory }: TablePlace, restored: RestoredState | undefined) {
    this.#range = keyGroupRange(MAX_PARALLELISM, parallelism, subtask);
    const settings: MemoryBackendSettings = {
      maxParallelism: MAX_PARALLELISM,
      keyGroups: this.#range,
      types,
      clock: () => 0,
      gate: { proceed: () => true, pause: () => {} },
      schedule: () => ({ cancel: () => {} }),
      restored,
    };
    this.viewed =
      kind === 'records'
        ? createMemoryBackend(settings)
        : createDiskBackend({
            ...settings,
            files: world.working,
            directory: `${directory}/work-${subtask}`,
            memory: new SlotMemory(DISK_MEMORY_BYTES),
          });
    this.#state = this.viewed.value(valueState<Held>(OPERATOR));
  }

  add(keys: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const key = keys[i] as number;
      const group = keyGroup(key, MAX_PARALLELISM, types);
      if (group < this.#range.start || group > this.#range.end) continue;
      this.viewed.setCurrentKey(key);
      const held = this.#state.value() ?? { count: 0, text: `${key}`.padEnd(TEXT_BYTES, '.') };
      held.count++;
      this.#state.update(held);
    }
  }

  read(key: number): number {
    this.viewed.setCurrentKey(key);
    return this.#state.value()?.count ?? 0;
  }

  close(): void {
    this.viewed.close();
  }
}

/** A key below `keys` that belongs to a subtask. */
export function keyOf({ parallelism, subtask }: TablePlace, keys: number): number {
  const { start, end } = keyGroupRange(MAX_PARALLELISM, parallelism, subtask);
  for (let key = keys >> 1; key < keys; key++) {
    const group = keyGroup(key, MAX_PARALLELISM, types);
    if (group >= start && group <= end) return key;
  }
  return 0;
}
