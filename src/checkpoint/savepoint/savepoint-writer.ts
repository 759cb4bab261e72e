/** Savepoints that are made, or changed, outside of any job. */

import { MillstreamError } from '../../base/error.ts';
import type { JobProgram } from '../../graph/launch.ts';
import { operatorId, type StreamGraph } from '../../graph/stream-graph.ts';
import type { AnyStateDescriptor } from '../../state/descriptor.ts';
import type { OperatorSnapshot } from '../../state/snapshot.ts';
import { holdsTimers, TIMER_KINDS, USER_TIMERS, type TimeDomain } from '../../state/timers.ts';
import type { CheckpointContent, OperatorFacts } from '../storage/metadata.ts';
import { writeSavepoint } from '../storage/savepoint-files.ts';
import { CanonicalWriter, keyedSources, listSource, type KeyedSource } from './canonical-state.ts';
import { operatorFacts } from './declared-state.ts';
import { EntryStore, type MergeEntries } from './entry-store.ts';
import { bareKind, logicalValue, storedValue, type KeyedRow } from './keyed-columns.ts';
import type { Offline } from './offline.ts';
import type { StoredValueOf } from './savepoint-reader.ts';
import { StoredRows, type StoredList, type StoredState } from './stored-rows.ts';

const MAX_PARALLELISM_DEFAULT = 128;

/** Plain data, from memory or from anywhere. */
export type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;

/** What a key is to have: state by the names under which it is declared, and timers. */
export interface BootstrapEntry<K, S extends Readonly<Record<string, AnyStateDescriptor>>> {
  readonly key: K;
  readonly state?: { readonly [Name in keyof S]?: StoredValueOf<S[Name]> };
  readonly timers?: readonly { readonly timestamp: number; readonly domain?: TimeDomain }[];
}

/** An entry that is edited. */
export interface EditedEntry<V> {
  readonly key: unknown;
  readonly namespace: unknown;
  readonly value: V;
}

/** An element that an operator is given; without a timestamp it has none. */
export interface BootstrapElement<T> {
  readonly value: T;
  readonly timestamp?: number;
  /** Of operators with two inputs: 0 or 1. */
  readonly input?: number;
}

/** Runs an operator of a graph over elements, and gives the state that it has then. */
export type OperatorRunner = (
  graph: StreamGraph,
  uid: string,
  elements: AnyIterable<BootstrapElement<unknown>>,
  maxParallelism: number,
) => Promise<OperatorSnapshot>;

/** How the keys of an operator change. */
export interface KeyChange<K = never> {
  /** The new key of an old one. */
  readonly migrate: (key: K) => unknown;
  /**
   * Joins the values of two keys that become one, of one state and namespace. Maps come as a Map, lists as an array.
   * Without it such keys are an error that names both.
   */
  readonly merge?: (a: never, b: never, place: { readonly state: string; readonly key: unknown }) => unknown;
}

/** What is to become of one operator. */
class Draft {
  uid: string;
  facts: OperatorFacts | undefined;
  readonly snapshots: readonly OperatorSnapshot[];
  readonly coordinator: { readonly state: unknown } | undefined;
  readonly feeds: ((store: EntryStore) => Promise<void>)[] = [];
  readonly edits = new Map<string, (entry: EditedEntry<never>) => unknown>();
  readonly lists = new Map<string, { readonly list: StoredList; readonly items: AnyIterable<unknown> }>();
  /** States that are given anew. */
  readonly replaced = new Set<string>();
  keys: KeyChange | undefined;

  constructor(
    uid: string,
    facts: OperatorFacts | undefined,
    snapshots: readonly OperatorSnapshot[],
    coordinator: { readonly state: unknown } | undefined,
  ) {
    this.uid = uid;
    this.facts = facts;
    this.snapshots = snapshots;
    this.coordinator = coordinator;
  }
}

/** What is known of the job whose savepoint it is. */
type About = Pick<CheckpointContent, 'jobId' | 'jobName' | 'checkpoint'>;

/**
 * A savepoint in the making. Made by `createSavepoint` from nothing, or by `editSavepoint` from another one, which is
 * left as it is. Nothing is read or written before `write`.
 *
 * @example
 * ```ts no-run
 * const total = valueState<number>('total');
 * const path = await createSavepoint()
 *   .keyed('totals', { total }, [{ key: 'Ann', state: { total: 12 } }])
 *   .write('/savepoints/from-nothing');
 * ```
 */
export class SavepointWriter {
  readonly #offline: Offline;
  readonly #run: OperatorRunner;
  readonly #about: About;
  /** Asked for; undefined: each operator keeps its own. */
  readonly #maxParallelism: number | undefined;
  readonly #drafts = new Map<string, Draft>();

  /** @internal */
  constructor(
    offline: Offline,
    run: OperatorRunner,
    base: CheckpointContent | undefined,
    maxParallelism: number | undefined,
  ) {
    if (base !== undefined && base.channels.length > 0)
      throw new MillstreamError(
        'STATE_INCOMPATIBLE',
        'The checkpoint holds records that were on their way between tasks, which fit the job that wrote it only. Take a savepoint and edit that.',
      );
    this.#offline = offline;
    this.#run = run;
    this.#about = base ?? { jobId: 'savepoint', jobName: 'savepoint', checkpoint: 0 };
    this.#maxParallelism = maxParallelism;
    for (const [uid, snapshots] of base?.operators ?? []) {
      const { coordinators, facts } = base as CheckpointContent;
      const coordinator = coordinators.has(uid) ? { state: coordinators.get(uid) } : undefined;
      this.#drafts.set(uid, new Draft(uid, facts?.get(uid), snapshots, coordinator));
    }
  }

  #draft(uid: string): Draft {
    let draft = this.#drafts.get(uid);
    if (draft === undefined) this.#drafts.set(uid, (draft = new Draft(uid, undefined, [], undefined)));
    return draft;
  }

  #known(uid: string): Draft {
    const draft = this.#drafts.get(uid);
    if (draft !== undefined) return draft;
    throw new MillstreamError(
      'STATE_INVALID',
      `The savepoint has no operator "${uid}". It has: ${[...this.#drafts.keys()].join(', ')}.`,
    );
  }

  /**
   * Gives an operator keyed state, and timers as its function would register them. States of these names that are there
   * are replaced; others stay.
   *
   * @param states The descriptors that the function declares.
   * @param entries One for each key, in any order; read once, while the savepoint is written.
   */
  keyed<K, S extends Readonly<Record<string, AnyStateDescriptor>>>(
    uid: string,
    states: S,
    entries: AnyIterable<BootstrapEntry<K, S>>,
  ): this {
    const draft = this.#draft(uid);
    for (const { name } of Object.values(states)) draft.replaced.add(name);
    const now = this.#offline.world.clock.now();
    draft.feeds.push(async (store) => {
      for (const { name, kind, ttl } of Object.values(states))
        store.declare(name, ttl === undefined ? kind : `${kind}+ttl`);
      for await (const { key, state = {}, timers = [] } of entries) {
        const add = async (name: string, kind: string, version: number, value: unknown): Promise<void> => {
          await store.add(name, kind, { given: key, key, namespace: undefined, version, value });
        };
        for (const [field, value] of Object.entries(state)) {
          const { kind, name, version, ttl } = this.#declared(states, field, uid);
          const full = ttl === undefined ? kind : `${kind}+ttl`;
          await add(name, full, version, stampedValue(full, value, now));
        }
        for (const { timestamp, domain = 'event' } of timers) await add(USER_TIMERS, TIMER_KINDS[domain], 1, timestamp);
      }
    });
    return this;
  }

  #declared(states: Readonly<Record<string, AnyStateDescriptor>>, field: string, uid: string): AnyStateDescriptor {
    const descriptor = states[field];
    if (descriptor !== undefined) return descriptor;
    throw new MillstreamError(
      'STATE_INVALID',
      `An entry for the operator "${uid}" has the state "${field}", which is not among those given: ${Object.keys(states).join(', ')}.`,
    );
  }

  /**
   * Gives an operator an operator list, instead of one of that name that is there.
   *
   * @param redistribution How a job deals it out: `split`, the default, item by item; `union`, all to everybody.
   */
  list(uid: string, name: string, items: AnyIterable<unknown>, redistribution: 'split' | 'union' = 'split'): this {
    this.#draft(uid).lists.set(name, { list: { name, redistribution, version: 1, items: [] }, items });
    return this;
  }

  /** Gives an operator a broadcast state, instead of one of that name that is there. */
  broadcast(uid: string, name: string, entries: AnyIterable<readonly [unknown, unknown]>): this {
    const list: StoredList = { name, redistribution: 'broadcast', version: 1, items: [] };
    this.#draft(uid).lists.set(name, { list, items: entries });
    return this;
  }

  /**
   * Changes the values of a keyed state of an operator: entry by entry, to what `change` returns; undefined removes the
   * entry. Applied to what the base holds.
   */
  edit<D extends AnyStateDescriptor>(
    uid: string,
    state: D,
    change: (entry: EditedEntry<StoredValueOf<D>>) => StoredValueOf<D> | undefined,
  ): this {
    this.#known(uid).edits.set(state.name, change);
    return this;
  }

  /**
   * Gives an operator the state that it has itself after these elements: windows, joins, whatever a graph can hold. The
   * operator runs on one thread with its state in memory, without watermarks, and what it emits is dropped. Replaces all
   * state of the operator.
   *
   * @param job The job that has the operator: what `job(…)` returns, or a graph.
   * @param parameters of the job.
   */
  async bootstrap(
    uid: string,
    job: JobProgram | StreamGraph,
    elements: AnyIterable<BootstrapElement<unknown>>,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<this> {
    const graph = 'build' in job ? job.build(parameters, {}) : job;
    const facts = operatorFacts(graph).get(uid);
    if (facts === undefined)
      throw new MillstreamError(
        'STATE_INVALID',
        `Job "${graph.jobName}" has no operator with the uid "${uid}". It has: ${graph.nodes.map(operatorId).join(', ')}.`,
      );
    const maxParallelism = this.#maxParallelism ?? facts.maxParallelism;
    const snapshot = await this.#run(graph, uid, elements, maxParallelism);
    this.#drafts.set(uid, new Draft(uid, { ...facts, parallelism: 1, maxParallelism }, [snapshot], undefined));
    return this;
  }

  /** Leaves an operator out. */
  remove(uid: string): this {
    this.#known(uid);
    this.#drafts.delete(uid);
    return this;
  }

  /** Gives the state of an operator another uid. */
  rename(uid: string, to: string): this {
    const draft = this.#known(uid);
    if (this.#drafts.has(to))
      throw new MillstreamError(
        'STATE_INVALID',
        `The savepoint has an operator "${to}" already; "${uid}" needs another uid.`,
      );
    this.#drafts.delete(uid);
    draft.uid = to;
    this.#drafts.set(to, draft);
    return this;
  }

  /** Gives the entries of an operator other keys, timers included. */
  migrateKeys<K>(uid: string, keys: KeyChange<K>): this {
    this.#known(uid).keys = keys;
    return this;
  }

  /**
   * Writes the savepoint, in the canonical format.
   *
   * @param path Directory, path or URL, in which no savepoint lies.
   * @returns The URL of the directory: what a job starts from.
   * @throws CHECKPOINT_FAILED when there is a savepoint, CHECKPOINT_STORAGE, STATE_INCOMPATIBLE.
   */
  async write(path: string): Promise<string> {
    const { stores, types, world, reads } = this.#offline;
    try {
      const url = await this.#offline.freshPlace(path);
      const writer = await CanonicalWriter.open({ stores, types, clock: world.clock }, url);
      const rows = new StoredRows(reads, types);
      try {
        const operators = new Map<string, readonly OperatorSnapshot[]>();
        for (const [uid, draft] of this.#drafts) operators.set(uid, await this.#written(draft, writer, rows, url));
        await writeSavepoint(stores, world.random, this.#content(operators), url);
        return url;
      } catch (error) {
        await writer.abort();
        throw error;
      }
    } finally {
      await this.#offline.close();
    }
  }

  #content(operators: CheckpointContent['operators']): CheckpointContent {
    const now = this.#offline.world.clock.now();
    const { jobId, jobName, checkpoint } = this.#about;
    const drafts = [...this.#drafts];
    return {
      kind: 'savepoint',
      jobId,
      jobName,
      checkpoint,
      epoch: 0,
      triggeredAt: now,
      completedAt: now,
      operators,
      coordinators: new Map(
        drafts.flatMap(([uid, { coordinator }]) => (coordinator ? [[uid, coordinator.state]] : [])),
      ),
      channels: [],
      facts: new Map(drafts.map(([uid, draft]) => [uid, this.#factsOf(draft)])),
    };
  }

  #factsOf({ uid, facts }: Draft): OperatorFacts {
    const { name = uid, parallelism = 1 } = facts ?? {};
    return {
      name,
      parallelism,
      maxParallelism: this.#maxParallelism ?? facts?.maxParallelism ?? MAX_PARALLELISM_DEFAULT,
    };
  }

  async #written(
    draft: Draft,
    writer: CanonicalWriter,
    rows: StoredRows,
    url: string,
  ): Promise<readonly OperatorSnapshot[]> {
    const { uid } = draft;
    const { maxParallelism } = this.#factsOf(draft);
    const standing = keyedSources(rows, draft.snapshots)
      .filter(({ name }) => !draft.replaced.has(name))
      .map((source) => edited(source, draft.edits.get(source.name)));
    const moves = draft.keys !== undefined || (draft.facts?.maxParallelism ?? maxParallelism) !== maxParallelism;
    const keyed: StoredState[] = [];
    if (!moves) for (const source of standing) keyed.push(await writer.keyed(uid, source));
    if (moves || draft.feeds.length > 0) {
      const store = new EntryStore({
        operatorId: uid,
        maxParallelism,
        types: this.#offline.types,
        file: this.#offline.scratchFile(uid, url),
        reads: this.#offline.reads,
        merge: mergeOf(draft.keys),
      });
      try {
        if (moves) for (const source of standing) await moved(source, draft.keys, store);
        for (const feed of draft.feeds) await feed(store);
        for (const source of await store.sources()) keyed.push(await writer.keyed(uid, source));
      } finally {
        await store.close();
      }
    }
    const lists = await this.#lists(draft, writer, rows);
    const subtasks = Math.max(1, draft.snapshots.length);
    return Array.from({ length: subtasks }, (_, subtask) => ({
      operatorId: uid,
      keyed: subtask === 0 ? keyed : [],
      lists: lists[subtask] ?? [],
    }));
  }

  /** By subtask. */
  async #lists({ uid, snapshots, lists }: Draft, writer: CanonicalWriter, rows: StoredRows): Promise<StoredList[][]> {
    const written: StoredList[][] = snapshots.map(() => []);
    const names = new Set(snapshots.flatMap((snapshot) => snapshot.lists.map(({ name }) => name)));
    for (const name of names) {
      if (lists.has(name)) continue;
      const own = snapshots.flatMap((snapshot, subtask) =>
        snapshot.lists.filter((list) => list.name === name).map((list) => ({ list, subtask })),
      );
      const sources = own.map(({ list }) => listSource(rows, list));
      const results = await writer.lists(uid, sources);
      for (const [i, { subtask }] of own.entries()) (written[subtask] as StoredList[]).push(results[i] as StoredList);
    }
    for (const { list, items } of lists.values()) {
      const all = await Array.fromAsync(items);
      // As a single subtask has it: what a job is started with deals it out.
      const [own] = await writer.lists(uid, [{ ...list, items: async () => all }]);
      (written[0] ??= []).push(own as StoredList);
    }
    return written;
  }
}

/** A value in the form of snapshots, written now. */
function stampedValue(kind: string, value: unknown, now: number): unknown {
  const bare = bareKind(kind);
  if (bare === kind) return storedValue(kind, { value, stamps: undefined });
  if (bare === 'list') return storedValue(kind, { value, stamps: (value as readonly unknown[]).map(() => now) });
  if (bare !== 'map') return storedValue(kind, { value, stamps: now });
  return storedValue(kind, { value, stamps: Array.from(value as ReadonlyMap<unknown, unknown>, () => now) });
}

function edited(source: KeyedSource, change: ((entry: EditedEntry<never>) => unknown) | undefined): KeyedSource {
  if (change === undefined || holdsTimers(source.kind)) return source;
  const { kind } = source;
  return {
    ...source,
    async rows(group) {
      const rows = await source.rows(group);
      return (function* (): Iterable<KeyedRow> {
        for (const row of rows) {
          const { key, namespace } = row;
          const { value, stamps } = logicalValue(kind, row.value);
          const next = change({ key, namespace, value: value as never });
          if (next !== undefined) yield { ...row, value: restamped(kind, next, stamps) };
        }
      })();
    },
  };
}

/** A value that has changed keeps the time of its last write; where there are several, the latest. */
function restamped(kind: string, value: unknown, stamps: number | readonly number[] | undefined): unknown {
  if (stamps === undefined) return storedValue(kind, { value, stamps });
  return stampedValue(kind, value, latest(stamps));
}

/** Takes all entries to their new keys and key groups. */
async function moved(source: KeyedSource, keys: KeyChange | undefined, store: EntryStore): Promise<void> {
  const { name, kind } = source;
  store.declare(name, kind);
  for (const group of source.groups) {
    for (const { key: given, namespace, version, value } of await source.rows(group)) {
      const key = keys === undefined ? given : keys.migrate(given as never);
      const full = store.add(name, kind, { given, key, namespace, version, value });
      if (full !== undefined) await full;
    }
  }
}

function mergeOf(keys: KeyChange | undefined): MergeEntries | undefined {
  const merge = keys?.merge;
  if (merge === undefined) return undefined;
  return (kind, state, first, second) => {
    const [a, b] = [logicalValue(kind, first.value), logicalValue(kind, second.value)];
    const value = merge(a.value as never, b.value as never, { state, key: second.key });
    return stampedValue(kind, value, Math.max(latest(a.stamps ?? 0), latest(b.stamps ?? 0)));
  };
}

function latest(stamps: number | readonly number[]): number {
  return typeof stamps === 'number' ? stamps : stamps.reduce((most, stamp) => Math.max(most, stamp), 0);
}
