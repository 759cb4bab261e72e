/**
 * State in the canonical format of savepoints: an Arrow file per operator and state, key group after key group, and one
 * per list. docs/internals/savepoints.md describes the directory.
 */

import { murmur3 } from '../../base/hash.ts';
import type { Clock } from '../../base/world.ts';
import { utf8Bytes } from '../../data/text.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import type { ArrowPlace, FileSegment, KeyGroupState, OperatorSnapshot } from '../../state/snapshot.ts';
import { SegmentReader } from '../storage/segment-reader.ts';
import { openAround, removeFiles } from '../storage/snapshot-location.ts';
import type { CheckpointStores } from '../storage/stores.ts';
import { loadArrow, type Arrow } from './arrow.ts';
import { columnsOf, rowValues, type InferredColumn, type KeyedRow } from './keyed-columns.ts';
import { ITEM, StoredRows, type StoredList, type StoredState } from './stored-rows.ts';
import { TableFile, TableShape } from './table-file.ts';

/** After so many rows others get a turn. */
const ROWS_A_TURN = 2048;

/** Longer names of files are cut. */
const NAME_MAX = 80;

export type Operators = ReadonlyMap<string, readonly OperatorSnapshot[]>;

/** What writing takes. */
export interface CanonicalWriting {
  readonly stores: CheckpointStores;
  readonly types: TypeRegistry;
  readonly clock: Pick<Clock, 'nextTurn'>;
  /** The time to live that a state is declared with, in milliseconds, where that is known. */
  timeToLive?(operatorId: string, state: string): number | undefined;
}

/** Keyed state that can be gone through twice, by key group. */
export interface KeyedSource {
  readonly name: string;
  readonly kind: string;
  /** Ascending. */
  readonly groups: readonly number[];
  /** Its entries, each key and namespace once. */
  rows(group: number): Promise<Iterable<KeyedRow>>;
}

/** A list of each subtask. */
export interface ListSource extends Pick<StoredList, 'name' | 'redistribution' | 'version'> {
  items(): Promise<readonly unknown[]>;
}

/** Writes the files of one savepoint. */
export class CanonicalWriter {
  readonly #writing: CanonicalWriting;
  readonly #directory: string;
  readonly #arrow: Arrow;
  readonly #names = new Set<string>();
  readonly #written: string[] = [];
  #rows = 0;

  private constructor(writing: CanonicalWriting, directory: string, arrow: Arrow) {
    this.#writing = writing;
    this.#directory = directory;
    this.#arrow = arrow;
  }

  /** @param directory the URL of the savepoint. */
  static async open(writing: CanonicalWriting, directory: string): Promise<CanonicalWriter> {
    openAround(writing.stores, directory);
    return new CanonicalWriter(writing, directory, await loadArrow());
  }

  /** Writes a state; without entries it needs no file. */
  async keyed(operatorId: string, source: KeyedSource): Promise<StoredState> {
    const { name, kind } = source;
    const timeToLive = this.#writing.timeToLive?.(operatorId, name);
    const shape = new TableShape<InferredColumn>(columnsOf(kind, timeToLive), this.#writing.types);
    for (const group of source.groups) {
      for (const row of await source.rows(group)) {
        shape.add(rowValues(kind, row, timeToLive));
        if (this.#isTurnOver()) await this.#nextTurn();
      }
    }
    const { key, value, timestamp } = Object.fromEntries(shape.shapes);
    const described = {
      key: String(key),
      value: String(value ?? timestamp),
      entries: shape.rows,
      opaque: shape.opaque,
    };
    if (shape.rows === 0) return { name, kind, groups: [], described };
    const file = this.#open(operatorId, name, kind, ['key_group', 'version'], shape);
    const groups = await this.#finished(file, () => this.#writeGroups(file, source, timeToLive));
    return { name, kind, groups, described: { ...described, file: file.url } };
  }

  async #writeGroups(
    file: TableFile<InferredColumn>,
    source: KeyedSource,
    timeToLive: number | undefined,
  ): Promise<KeyGroupState[]> {
    const stretches: Stretch[] = [];
    for (const group of source.groups) {
      // Each version of values is a stretch of its own; mostly there is one.
      const written = new Set<number>();
      for (let next = await firstVersion(source, group, written); next !== undefined;) {
        let count = 0;
        for (const row of await source.rows(group)) {
          if (row.version !== next) continue;
          count++;
          if (file.append([group, next], rowValues(source.kind, row, timeToLive))) await file.flush();
          if (this.#isTurnOver()) await this.#nextTurn();
        }
        stretches.push({ group, version: next, count, segment: await file.endStretch() });
        written.add(next);
        next = await firstVersion(source, group, written);
      }
    }
    const place = await file.finish();
    return groupsOf(stretches, place);
  }

  /** Writes the lists of one name of all subtasks; returns the list of each. */
  async lists(operatorId: string, sources: readonly ListSource[]): Promise<StoredList[]> {
    const items = await Promise.all(sources.map((source) => source.items()));
    const shape = new TableShape([ITEM], this.#writing.types);
    for (const item of items.flat()) shape.add({ [ITEM]: item });
    const bare = sources.map(({ name, redistribution, version }) => ({ name, redistribution, version }));
    const [first] = bare;
    if (first === undefined || shape.rows === 0) return bare.map((list) => ({ ...list, items: [] }));
    const file = this.#open(operatorId, first.name, `list-${first.redistribution}`, ['subtask'], shape);
    return await this.#finished(file, async () => {
      const segments: FileSegment[] = [];
      for (const [subtask, own] of items.entries()) {
        for (const item of own) if (file.append([subtask], { [ITEM]: item })) await file.flush();
        segments.push(await file.endStretch());
      }
      const place = await file.finish();
      return bare.map((list, subtask) => ({
        ...list,
        items: (items[subtask] as readonly unknown[]).map((_, row) => ({
          ...(segments[subtask] as FileSegment),
          arrow: { ...place, row },
        })),
      }));
    });
  }

  #open<Column extends string>(
    operatorId: string,
    name: string,
    kind: string,
    integers: readonly string[],
    shape: TableShape<Column>,
  ): TableFile<Column> {
    const { stores, types } = this.#writing;
    const url = `${this.#directory}/${this.#fileName(operatorId, name, kind)}`;
    const { store, key } = stores.find(url);
    this.#written.push(url);
    const metadata = { 'millstream.operator': operatorId, 'millstream.state': name, 'millstream.kind': kind };
    return new TableFile(this.#arrow, integers, shape, types, metadata, url, store.openWriter(key));
  }

  async #finished<T>(file: { abort(): Promise<void> }, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      await file.abort();
      throw error;
    }
  }

  /** A name that tells people what is in the file. */
  #fileName(operatorId: string, name: string, kind: string): string {
    const wanted = `${safeName(operatorId)}/${safeName(name)}.${safeName(kind.replace('+', '-'))}`;
    let free = wanted;
    for (let i = 2; this.#names.has(free.toLowerCase()); i++) free = `${wanted}-${i}`;
    this.#names.add(free.toLowerCase());
    return `${free}.arrow`;
  }

  #isTurnOver(): boolean {
    return ++this.#rows % ROWS_A_TURN === 0;
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#writing.clock.nextTurn(resolve));
  }

  /** Removes what was written: there will be no savepoint. Never fails. */
  async abort(): Promise<void> {
    await removeFiles(this.#writing.stores, this.#written).catch(() => {});
  }
}

/** Rows of one key group and version, one after the other. */
interface Stretch {
  readonly group: number;
  readonly version: number;
  readonly count: number;
  readonly segment: FileSegment;
}

/** The first version of values in a key group that is not among those that were written. */
async function firstVersion(
  source: KeyedSource,
  group: number,
  written: ReadonlySet<number>,
): Promise<number | undefined> {
  for (const { version } of await source.rows(group)) if (!written.has(version)) return version;
  return undefined;
}

function groupsOf(stretches: readonly Stretch[], arrow: ArrowPlace): KeyGroupState[] {
  const byGroup = Map.groupBy(stretches, ({ group }) => group);
  return Array.from(byGroup, ([group, own]) => ({
    group,
    parts: own.map(({ version, count, segment }) => ({
      kind: 'base' as const,
      encoding: 'arrow' as const,
      version,
      count,
      bytes: { ...segment, arrow },
    })),
  }));
}

/** Letters, digits, `_`, `-` and `.` stay; long names are cut, and told apart by a hash. */
function safeName(name: string): string {
  const safe = name.replaceAll(/[^\w.-]|^\./g, '_');
  if (safe === name && safe.length <= NAME_MAX) return safe;
  return `${safe.slice(0, NAME_MAX)}-${murmur3(utf8Bytes(name.toWellFormed()), 0).toString(16)}`;
}

/**
 * Writes the state of whole operators in the canonical format.
 *
 * @param operators Their snapshots, in whichever format; files may lie anywhere.
 * @param directory URL of the savepoint.
 * @returns The same state, in files below the directory.
 */
export async function canonicalOperators(
  writing: CanonicalWriting,
  operators: Operators,
  directory: string,
): Promise<{ readonly operators: Operators; readonly abort: () => Promise<void> }> {
  const writer = await CanonicalWriter.open(writing, directory);
  const rows = new StoredRows(new SegmentReader(writing.stores), writing.types);
  try {
    const written = new Map<string, readonly OperatorSnapshot[]>();
    for (const [id, snapshots] of operators) written.set(id, await canonicalSnapshots(writer, rows, id, snapshots));
    return { operators: written, abort: () => writer.abort() };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function canonicalSnapshots(
  writer: CanonicalWriter,
  rows: StoredRows,
  operatorId: string,
  snapshots: readonly OperatorSnapshot[],
): Promise<OperatorSnapshot[]> {
  const keyed: StoredState[] = [];
  for (const source of keyedSources(rows, snapshots)) keyed.push(await writer.keyed(operatorId, source));
  const lists = snapshots.map((): StoredList[] => []);
  for (const name of new Set(snapshots.flatMap((snapshot) => snapshot.lists.map((list) => list.name)))) {
    const own = snapshots.flatMap(({ lists: all }, subtask) =>
      all.filter((list) => list.name === name).map((list) => ({ list, subtask })),
    );
    const written = await writer.lists(
      operatorId,
      own.map(({ list }) => listSource(rows, list)),
    );
    for (const [i, { subtask }] of own.entries()) (lists[subtask] as StoredList[]).push(written[i] as StoredList);
  }
  // Keyed state is one file for all subtasks, and goes to each by its key groups.
  return snapshots.map(({ watermark }, subtask) => ({
    operatorId,
    ...(watermark === undefined ? {} : { watermark }),
    keyed: subtask === 0 ? keyed : [],
    lists: lists[subtask] ?? [],
  }));
}

export function listSource(rows: StoredRows, list: StoredList): ListSource {
  const { name, redistribution, version } = list;
  return { name, redistribution, version, items: () => rows.items(list) };
}

/** The keyed states of all subtasks, each once. */
export function keyedSources(rows: StoredRows, snapshots: readonly OperatorSnapshot[]): KeyedSource[] {
  const states = new Map<string, StoredState[]>();
  for (const state of snapshots.flatMap(({ keyed }) => keyed)) {
    const id = `${state.kind} ${state.name}`;
    states.set(id, [...(states.get(id) ?? []), state]);
  }
  return Array.from(states.values(), (parts): KeyedSource => {
    const { name, kind } = parts[0] as StoredState;
    const groups = new Map<number, KeyGroupState['parts']>();
    for (const { group, parts: own } of parts.flatMap((state) => state.groups))
      groups.set(group, [...(groups.get(group) ?? []), ...own]);
    return {
      name,
      kind,
      groups: [...groups.keys()].sort((a, b) => a - b),
      rows: (group) => rows.rows({ name, kind }, group, groups.get(group) ?? []),
    };
  });
}
