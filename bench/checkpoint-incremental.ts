/**
 * What an incremental checkpoint costs: 1 GB of state of which 1 % of the entries, strewn over all, changed since the
 * last one. Rows go on coming in meanwhile, as in a task: a batch, then a slice of the snapshot, then whatever else waits.
 *
 * Figures: from the barrier until the state file is durable; by how much the throughput of the second from the barrier
 * on is below that of the second before; how long rows had to wait for the snapshot at a time.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { KeyedSnapshots, PendingSnapshot } from '../src/state/keyed-snapshots.ts';
import { median, scaled, type Extent, type Outcome } from './benchmark.ts';
import {
  beginAttempt,
  filesAt,
  fill,
  nothingAtOnce,
  snapshotsOf,
  tableAt,
  type StateTable,
  type TableKind,
} from './state-tables.ts';

const STATE_BYTES = 1e9;
const BYTES = 224;
const CHANGED = 0.01;
/** Checkpoints with as many changes in front: the one behind a busy second also writes whole what has become long. */
const SETTLING = 2;
/** Rows between two looks at what else there is to do. */
const ROWS = 256;
/** As in a task. */
const SLICE_MS = 1;
const SECOND_MS = 1000;
const PAUSES_QUANTILE = 0.99;

/** What one checkpoint gave. */
interface Run {
  readonly durableMs: number;
  /** Rows in the second before, and in the second from the barrier on. */
  readonly before: number;
  readonly after: number;
  readonly pauses: readonly number[];
}

export async function incrementalCheckpoint(extent: Extent): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const kind of ['columns', 'records'] as const) outcomes.push(...(await measured(kind, extent)));
  return outcomes;
}

async function measured(kind: TableKind, { scale, runs }: Extent): Promise<readonly Outcome[]> {
  const keys = scaled(STATE_BYTES / BYTES, scale);
  const windowMs = Math.max(SECOND_MS * scale, 1);
  const directory = await mkdtemp(join(tmpdir(), 'millstream-checkpoint-'));
  const place = { kind, parallelism: 1, subtask: 0, directory };
  const table = tableAt(place);
  try {
    await beginAttempt(directory);
    fill(table, keys);
    const task = new Task(table, snapshotsOf(table, place, filesAt(directory)), keys);
    await task.checkpoint(0);
    const all: Run[] = [];
    // The first one meets cold code.
    for (let run = -1; run < runs; run++) {
      const one = await task.run(windowMs);
      if (run >= 0) all.push(one);
    }
    return outcomesOf(kind, keys, all);
  } finally {
    table.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** The thread of a task: rows, and the snapshot under way. */
class Task {
  readonly #table: StateTable;
  readonly #snapshots: KeyedSnapshots;
  readonly #keys: number;
  readonly #rows = new Int32Array(ROWS);
  #seed = 1;
  #checkpoints = 0;

  constructor(table: StateTable, snapshots: KeyedSnapshots, keys: number) {
    this.#table = table;
    this.#snapshots = snapshots;
    this.#keys = keys;
  }

  /** Changes a share of the entries. */
  change(share: number): void {
    for (let left = Math.ceil(this.#keys * share); left > 0; left -= ROWS) this.#batch(this.#keys);
  }

  #batch(keys: number): void {
    for (let i = 0; i < ROWS; i++) {
      this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) | 0;
      this.#rows[i] = Math.floor(((this.#seed >>> 0) / 2 ** 32) * keys);
    }
    this.#table.add(this.#rows, ROWS);
  }

  /** Rows for a stretch of time, and a checkpoint if one is given; returns the rows. */
  async work(ms: number, snapshot?: () => Promise<void>): Promise<number> {
    const until = performance.now() + ms;
    const writing = snapshot?.();
    let rows = 0;
    while (performance.now() < until) {
      this.#batch(this.#keys);
      rows += ROWS;
      await setImmediate();
    }
    await writing;
    return rows;
  }

  async run(windowMs: number): Promise<Run> {
    const before = await this.work(windowMs);
    await this.checkpoint(0);
    for (let left = SETTLING; left > 0; left--) {
      this.change(CHANGED);
      await this.checkpoint(0);
    }
    this.change(CHANGED);
    let durableMs = 0;
    const pauses: number[] = [];
    const after = await this.work(windowMs, async () => {
      const start = performance.now();
      await this.checkpoint(SLICE_MS, (pause) => pauses.push(pause));
      durableMs = performance.now() - start;
    });
    return { durableMs, before, after, pauses };
  }

  /** A checkpoint in slices, or at once. */
  async checkpoint(sliceMs: number, paused: (ms: number) => void = () => {}): Promise<void> {
    const id = ++this.#checkpoints;
    const start = performance.now();
    const pending = this.#snapshots.begin(id, 'checkpoint', nothingAtOnce(id));
    paused(performance.now() - start);
    while ((await slice(pending, sliceMs, paused)) !== 'done') if (sliceMs > 0) await setImmediate();
    await pending.finish();
    this.#snapshots.completed(id);
  }
}

async function slice(pending: PendingSnapshot, sliceMs: number, paused: (ms: number) => void): Promise<unknown> {
  const start = performance.now();
  const state = pending.advance(() => sliceMs === 0 || performance.now() - start < sliceMs);
  paused(performance.now() - start);
  return await state;
}

function outcomesOf(kind: TableKind, keys: number, all: readonly Run[]): readonly Outcome[] {
  const pauses = all.flatMap((run) => run.pauses).toSorted((a, b) => a - b);
  const parameters = { variant: 'incremental', backend: kind, keys, bytes: BYTES, changed: CHANGED };
  const time = (figure: string, milliseconds: number, target: number): Outcome => ({
    figure: {
      benchmark: 'checkpoint',
      parameters: { ...parameters, figure },
      milliseconds,
      value: milliseconds,
      unit: 'ms',
      target,
    },
    target: { measure: 'milliseconds', value: target, atMost: true },
  });
  const ratio = median(
    all.map(({ before, after }) => Math.max(0, 1 - after / before)),
    (dip) => dip,
  );
  return [
    time('barrier to durable', median(all, (run) => run.durableMs).durableMs, 300),
    time('pause, p99', pauses[Math.ceil(pauses.length * PAUSES_QUANTILE) - 1] ?? 0, 5),
    {
      figure: {
        benchmark: 'checkpoint',
        parameters: { ...parameters, figure: 'throughput dip' },
        ratio,
        value: ratio,
        unit: 'share',
        target: 0.1,
      },
      target: { measure: 'ratio', value: 0.1, atMost: true },
    },
  ];
}
