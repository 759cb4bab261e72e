/** Savepoints outside of jobs: read, made, changed, removed. The entry `millstream/savepoints`; every name in it is listed here. */

import type { World } from './base/world.ts';
import { mappingLine, mappingReport, type MappingReport } from './checkpoint/savepoint/mapping-report.ts';
import { Offline, type SavepointClasses } from './checkpoint/savepoint/offline.ts';
import { rewrite, type SavepointRewrite } from './checkpoint/savepoint/rewrite.ts';
import { SavepointReader } from './checkpoint/savepoint/savepoint-reader.ts';
import { SavepointWriter, type OperatorRunner } from './checkpoint/savepoint/savepoint-writer.ts';
import { disposeSnapshot, findSnapshot } from './checkpoint/storage/snapshot-location.ts';
import type { JobProgram } from './graph/launch.ts';
import type { StreamGraph } from './graph/stream-graph.ts';
import { stateAfter } from './runtime/operator-run.ts';
import { createRealWorld } from './world/real-world.ts';

export { SavepointOperator, SavepointReader } from './checkpoint/savepoint/savepoint-reader.ts';
export type {
  KeyedStateEntry,
  KeyedTimer,
  StateSummary,
  StoredTimer,
  StoredValueOf,
} from './checkpoint/savepoint/savepoint-reader.ts';
export { SavepointWriter } from './checkpoint/savepoint/savepoint-writer.ts';
export type {
  AnyIterable,
  BootstrapElement,
  BootstrapEntry,
  EditedEntry,
  KeyChange,
} from './checkpoint/savepoint/savepoint-writer.ts';
export type { OperatorRewrite, SavepointRewrite } from './checkpoint/savepoint/rewrite.ts';
export type { MappingReport, StateFate, StateMapping } from './checkpoint/savepoint/mapping-report.ts';
export type { ClassRegistry, SavepointClasses } from './checkpoint/savepoint/offline.ts';

/** What a savepoint is made with. */
export interface CreateSavepointOptions extends SavepointClasses {
  /** Key groups of all operators, 1 to 32768: that of the job. Default 128, or what the base or the job has. */
  readonly maxParallelism?: number;
}

function runner(world: World): OperatorRunner {
  return (graph, uid, elements, maxParallelism) => stateAfter(world, graph, uid, elements, maxParallelism);
}

/**
 * Opens a savepoint, or a retained checkpoint, to read its state.
 *
 * @param path Path or URL of its directory.
 * @throws CHECKPOINT_MISSING, CHECKPOINT_VERSION, STATE_CORRUPT, CHECKPOINT_STORAGE.
 *
 * @example
 * ```ts
 * import { createSavepoint, readSavepoint } from 'millstream/savepoints';
 * const total = valueState<number>('total');
 * const path = await createSavepoint().keyed('totals', { total }, [{ key: 'Ann', state: { total: 12 } }]).write('totals-read');
 * await using savepoint = await readSavepoint(path);
 * for await (const { key, value } of savepoint.operator('totals').keyed(total)) console.log(key, value);
 * ```
 */
export async function readSavepoint(path: string, options: SavepointClasses = {}): Promise<SavepointReader> {
  const offline = new Offline(createRealWorld(), options);
  try {
    return new SavepointReader(await findSnapshot(offline.stores, path), offline);
  } catch (error) {
    await offline.close();
    throw error;
  }
}

/**
 * Begins a savepoint from nothing: state that a job starts from, made of data from anywhere.
 *
 * @example
 * ```ts
 * import { createSavepoint } from 'millstream/savepoints';
 * const seen = valueState<Date>('seen');
 * const users = [{ key: 'Ann', state: { seen: new Date(0) }, timers: [{ timestamp: 60_000 }] }];
 * console.log(await createSavepoint().keyed('users', { seen }, users).write('users-created'));
 * ```
 */
export function createSavepoint(options: CreateSavepointOptions = {}): SavepointWriter {
  const world = createRealWorld();
  return new SavepointWriter(new Offline(world, options), runner(world), undefined, options.maxParallelism);
}

/**
 * Begins a savepoint that is another one with changes. The other one is left as it is.
 *
 * @param path Path or URL of the savepoint that it is made of.
 * @throws CHECKPOINT_MISSING, CHECKPOINT_VERSION, STATE_CORRUPT, CHECKPOINT_STORAGE.
 *
 * @example
 * ```ts
 * import { createSavepoint, editSavepoint } from 'millstream/savepoints';
 * const total = valueState<number>('total');
 * const from = await createSavepoint().keyed('totals', { total }, [{ key: 'Ann', state: { total: 12 } }]).write('before');
 * const doubled = await editSavepoint(from);
 * await doubled.edit('totals', total, ({ value }) => value * 2).rename('totals', 'sums').write('after');
 * ```
 */
export async function editSavepoint(path: string, options: CreateSavepointOptions = {}): Promise<SavepointWriter> {
  const world = createRealWorld();
  const offline = new Offline(world, options);
  try {
    const { content } = await findSnapshot(offline.stores, path);
    return new SavepointWriter(offline, runner(world), content, options.maxParallelism);
  } catch (error) {
    await offline.close();
    throw error;
  }
}

/**
 * Writes a savepoint anew, with other keys, uids or key groups.
 *
 * @param options `from` and `to`: directories; `operators`: by uid, what becomes of them; `maxParallelism` of all.
 * @returns The URL of the new savepoint.
 * @throws STATE_INCOMPATIBLE when two keys become one and there is no merge function; it names both.
 *
 * @example
 * ```ts
 * import { createSavepoint, rewriteSavepoint } from 'millstream/savepoints';
 * const total = valueState<number>('total');
 * const entries = [{ key: 'ann', state: { total: 1 } }, { key: 'ANN', state: { total: 2 } }];
 * const from = await createSavepoint().keyed('totals', { total }, entries).write('mixed-case');
 * const keys = { migrate: (name: string) => name.toLowerCase(), merge: (a: number, b: number) => a + b };
 * await rewriteSavepoint({ from, to: 'lower-case', operators: { totals: { keys } }, maxParallelism: 256 });
 * ```
 */
export async function rewriteSavepoint(options: SavepointRewrite): Promise<string> {
  const world = createRealWorld();
  const offline = new Offline(world, options);
  try {
    return await rewrite(offline, runner(world), options);
  } finally {
    await offline.close();
  }
}

/**
 * Removes a savepoint, or a retained checkpoint of a job that does not run, with its files.
 *
 * @param path Path or URL of its directory.
 * @throws CHECKPOINT_MISSING when there is none, CHECKPOINT_STORAGE.
 *
 * @example
 * ```ts
 * import { createSavepoint, disposeSavepoint } from 'millstream/savepoints';
 * const path = await createSavepoint().list('source', 'offsets', [42]).write('short-lived');
 * await disposeSavepoint(path);
 * ```
 */
export async function disposeSavepoint(path: string): Promise<void> {
  const offline = new Offline(createRealWorld());
  try {
    await disposeSnapshot(offline.stores, path);
  } finally {
    await offline.close();
  }
}

/**
 * What would become of the state of a savepoint in a job: kept, migrated, new, dropped or incompatible, for each
 * operator and state. The same that a job finds before it starts.
 *
 * @param job What `job(…)` returns, or a graph.
 * @param path Path or URL of the savepoint.
 * @param parameters of the job.
 *
 * @example
 * ```ts
 * import { createSavepoint, savepointReport } from 'millstream/savepoints';
 * const path = await createSavepoint().list('gone', 'offsets', [42]).write('of-another-job');
 * const report = await savepointReport(job('new', (env) => { env.fromData(1).print(); }), path);
 * for (const { operator, state, fate } of report.states) console.log(operator, state, fate);
 * ```
 */
export async function savepointReport(
  job: JobProgram | StreamGraph,
  path: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<MappingReport & { /** One line for each state. */ readonly lines: readonly string[] }> {
  const graph = 'build' in job ? job.build(parameters, {}) : job;
  const offline = new Offline(createRealWorld());
  try {
    const { content } = await findSnapshot(offline.stores, path);
    const report = mappingReport(graph, content);
    return { ...report, lines: report.states.map(mappingLine) };
  } finally {
    await offline.close();
  }
}
