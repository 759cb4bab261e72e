/**
 * How long a change of the parallelism takes, from a snapshot that is there (in the page cache of the system) to the
 * backend open and its first correct read: 10 million keys with 224 bytes each, from two subtasks to one and back. Every
 * subtask has a thread of its own; the last to have read counts.
 */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { OperatorSnapshot } from '../src/state/snapshot.ts';
import { median, scaled, WrongResult, type Benchmark, type Extent, type Outcome } from './benchmark.ts';
import type { RescaleAnswer, RescaleRequest } from './rescale-task.ts';
import {
  beginAttempt,
  filesAt,
  fill,
  nothingAtOnce,
  snapshotsOf,
  tableAt,
  type TableKind,
  type TablePlace,
} from './state-tables.ts';

interface Variant {
  readonly kind: TableKind;
  readonly keys: number;
  /** Milliseconds. */
  readonly target?: number;
}

const VARIANTS: readonly Variant[] = [
  { kind: 'columns', keys: 10e6, target: 3000 },
  { kind: 'disk', keys: 10e6, target: 6000 },
  // Ten million objects are more than a process of the usual size holds.
  { kind: 'records', keys: 1e6 },
];

const CHANGES = [
  { from: 2, to: 1 },
  { from: 1, to: 2 },
] as const;

/** The heap of records that are restored. */
const HEAP_MEGABYTES = 4096;

export const rescale: Benchmark = {
  name: 'rescale',
  run: async (extent) => {
    const outcomes: Outcome[] = [];
    for (const variant of VARIANTS)
      for (const change of CHANGES) outcomes.push(await measured(variant, change.from, change.to, extent));
    return outcomes;
  },
};

async function measured(variant: Variant, from: number, to: number, extent: Extent): Promise<Outcome> {
  const keys = scaled(variant.keys, extent.scale);
  const directory = await mkdtemp(join(tmpdir(), 'millstream-rescale-'));
  try {
    await beginAttempt(directory);
    const snapshots: OperatorSnapshot[] = [];
    for (let subtask = 0; subtask < from; subtask++)
      snapshots.push(await written({ kind: variant.kind, parallelism: from, subtask, directory }, keys));
    const times: number[] = [];
    for (let run = 0; run < extent.runs; run++)
      times.push(await restored(variant.kind, snapshots, to, directory, keys));
    const milliseconds = median(times, (time) => time);
    const figure = {
      benchmark: 'rescale',
      parameters: { backend: variant.kind, from, to, keys, bytes: 224 },
      milliseconds,
      value: milliseconds,
      unit: 'ms',
    };
    if (variant.target === undefined) return { figure };
    return {
      figure: { ...figure, target: variant.target },
      target: { measure: 'milliseconds', value: variant.target, atMost: true },
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The snapshot of a subtask with its share of the keys. */
async function written(place: TablePlace, keys: number): Promise<OperatorSnapshot> {
  const table = tableAt(place);
  fill(table, keys);
  const snapshots = snapshotsOf(table, place, filesAt(place.directory));
  const pending = snapshots.begin(1, 'checkpoint', nothingAtOnce(1));
  for (;;) {
    const state = pending.advance(() => true);
    if (state === 'done') break;
    await state;
  }
  const { snapshot } = await pending.finish();
  table.close();
  return snapshot;
}

async function restored(
  kind: TableKind,
  snapshots: readonly OperatorSnapshot[],
  parallelism: number,
  directory: string,
  keys: number,
): Promise<number> {
  const workers = Array.from(
    { length: parallelism },
    () =>
      new Worker(new URL('./rescale-task.ts', import.meta.url), {
        resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
      }),
  );
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const start = performance.now();
    const answers = workers.map(async (worker, subtask) => {
      const request: RescaleRequest = { place: { kind, parallelism, subtask, directory }, snapshots, keys };
      worker.postMessage(request);
      const [answer] = (await once(worker, 'message')) as [RescaleAnswer];
      return answer;
    });
    for (const { read } of await Promise.all(answers))
      if (read !== 1) throw new WrongResult(`rescale: a key held 1, and after the change of the parallelism ${read}.`);
    return performance.now() - start;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
