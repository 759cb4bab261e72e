/**
 * Entries that come in any order and leave by key group: bytes in memory as long as they are few, in a file beside the
 * savepoint when they are many.
 *
 * An entry keeps the key that it came with beside the one that it has got, so that two that become one can be named.
 */

import { MillstreamError } from '../../base/error.ts';
import { describeRecord } from '../../data/describe-record.ts';
import { keyGroup, mapKey } from '../../data/key.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { PartBuffers, type WrittenPart } from '../../state/part-buffers.ts';
import type { KeyGroupPart, SnapshotFile, StateBytes } from '../../state/snapshot.ts';
import { holdsTimers } from '../../state/timers.ts';
import type { KeyedSource } from './canonical-state.ts';
import type { KeyedRow } from './keyed-columns.ts';
import { StoredRows, type ReadsSegments } from './stored-rows.ts';

/** When so much has come together it goes to the file. */
const BUFFERED_BYTES = 16 << 20;

/** In the store every state is one of single values, whatever it is in the end. */
const STORED_KIND = 'value';

/** Joins what two keys that have become one have stored; see `rewriteSavepoint`. */
export type MergeEntries = (kind: string, state: string, first: StoredEntry, second: StoredEntry) => unknown;

/** An entry on its way. */
export interface StoredEntry {
  /** The key that it came with. */
  readonly given: unknown;
  readonly key: unknown;
  readonly namespace: unknown;
  readonly version: number;
  /** In the form of snapshots. */
  readonly value: unknown;
}

export interface EntryStoreSettings {
  readonly operatorId: string;
  readonly maxParallelism: number;
  readonly types: TypeRegistry;
  /** Where entries wait that do not fit the memory. */
  readonly file: SnapshotFile;
  readonly reads: ReadsSegments;
  /** What is done about two entries of one key and namespace. Without it they are an error. */
  readonly merge?: MergeEntries | undefined;
}

export class EntryStore {
  readonly #settings: EntryStoreSettings;
  readonly #buffers: PartBuffers;
  readonly #states = new Map<string, { readonly name: string; readonly kind: string }>();
  readonly #parts: (Omit<WrittenPart, 'part'> & {
    readonly part: Omit<KeyGroupPart, 'bytes'>;
    readonly section: number;
  })[] = [];

  constructor(settings: EntryStoreSettings) {
    this.#settings = settings;
    this.#buffers = new PartBuffers(settings.operatorId, settings.types, () => true);
  }

  /** The state is there, even without an entry. */
  declare(name: string, kind: string): void {
    this.#states.set(`${kind} ${name}`, { name, kind });
  }

  /** Takes an entry; when it returns a promise that is to be awaited first. */
  add(name: string, kind: string, { given, key, namespace, version, value }: StoredEntry): Promise<void> | undefined {
    const { maxParallelism, types } = this.#settings;
    const id = `${kind} ${name}`;
    if (!this.#states.has(id)) this.declare(name, kind);
    const group = keyGroup(key, maxParallelism, types);
    this.#buffers.state(id, STORED_KIND, version).put(group, key, namespace, [given, value]);
    return this.#buffers.buffered < BUFFERED_BYTES ? undefined : this.#spill();
  }

  async #spill(): Promise<void> {
    const { file } = this.#settings;
    this.#buffers.drain(
      ({ part: { bytes, ...part }, ...of }) => {
        file.write(bytes);
        this.#parts.push({ ...of, part, section: file.endSection() });
      },
      () => true,
    );
    if (!file.ready) await file.drained();
  }

  /** Everything that was added, to be gone through by key group. */
  async sources(): Promise<KeyedSource[]> {
    const { file, reads, types } = this.#settings;
    await this.#spill();
    const sections = await file.finish();
    const rows = new StoredRows(reads, types);
    return Array.from(this.#states, ([id, { name, kind }]): KeyedSource => {
      const groups = new Map<number, KeyGroupPart[]>();
      for (const { name: of, group, part, section } of this.#parts) {
        if (of !== id) continue;
        const parts = groups.get(group) ?? [];
        groups.set(group, parts);
        parts.push({ ...part, bytes: sections[section] as StateBytes });
      }
      return {
        name,
        kind,
        groups: [...groups.keys()].sort((a, b) => a - b),
        rows: async (group) => {
          const parts = groups.get(group) ?? [];
          return this.#joined(name, kind, group, await rows.rows({ name: id, kind: STORED_KIND }, group, parts));
        },
      };
    });
  }

  /** Each key and namespace (and timestamp of a timer) once. */
  #joined(name: string, kind: string, group: number, rows: Iterable<KeyedRow>): Iterable<KeyedRow> {
    const { types } = this.#settings;
    const timers = holdsTimers(kind);
    const entries = new Map<unknown, StoredEntry>();
    for (const { key, namespace, version, value: stored } of rows) {
      const [given, value] = stored as readonly [unknown, unknown];
      const entry: StoredEntry = { given, key, namespace, version, value };
      const id = mapKey(timers ? [key, namespace, value] : [key, namespace], types);
      const before = entries.get(id);
      // Registering a timer twice is registering it once.
      if (before !== undefined && timers) continue;
      entries.set(id, before === undefined ? entry : this.#merged(name, kind, before, entry));
    }
    return Array.from(entries.values(), ({ key, namespace, version, value }) => ({
      keyGroup: group,
      key,
      namespace,
      version,
      value,
    }));
  }

  #merged(name: string, kind: string, first: StoredEntry, second: StoredEntry): StoredEntry {
    const { merge, operatorId } = this.#settings;
    const both = `${describeRecord(first.given)} and ${describeRecord(second.given)}`;
    const place = `the state "${name}" of the operator "${operatorId}"`;
    if (merge === undefined)
      throw new MillstreamError(
        'STATE_INCOMPATIBLE',
        `In ${place} the keys ${both} become one, ${describeRecord(second.key)}, and both have an entry. Give a merge function, or keep the keys apart.`,
        { details: { operator: operatorId, state: name } },
      );
    if (first.version !== second.version)
      throw new MillstreamError(
        'STATE_INCOMPATIBLE',
        `In ${place} the entries of the keys ${both} are to become one, but their values are of the versions ${first.version} and ${second.version}. Let a job migrate the state first.`,
        { details: { operator: operatorId, state: name } },
      );
    return { ...second, value: merge(kind, name, first, second) };
  }

  /** Removes what waits in a file. Never fails. */
  async close(): Promise<void> {
    await this.#settings.file.abort();
  }
}
