/** What a snapshot holds of keyed state, row by row and key group by key group, in whichever format it was written. */

import { invariant } from '../../base/assert.ts';
import { ByteReader } from '../../base/bytes.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { readValue } from '../../data/structured-codec.ts';
import { restoredKeyedState } from '../../state/restored-entries.ts';
import {
  isFileSegment,
  type ArrowPlace,
  type FileSegment,
  type KeyGroupPart,
  type OperatorSnapshot,
  type StateBytes,
} from '../../state/snapshot.ts';
import type { Arrow } from './arrow.ts';
import { loadArrow } from './arrow.ts';
import { batchesOf, columnNamed, MAGIC_BYTES } from './arrow-file.ts';
import { columnReader, type ReadRow } from './column-values.ts';
import { entryValue, INFERRED, type KeyedRow, type RowValues } from './keyed-columns.ts';

export type StoredState = OperatorSnapshot['keyed'][number];
export type StoredList = OperatorSnapshot['lists'][number];

/** Reads stretches of files; checked by their sums. */
export interface ReadsSegments {
  read(bytes: readonly StateBytes[]): Promise<readonly Uint8Array[]>;
}

/** The column of the files of lists. */
export const ITEM = 'item';

/** Reads rows of snapshots, one key group in memory at a time. */
export class StoredRows {
  readonly #files: ReadsSegments;
  readonly #types: TypeRegistry;
  readonly #schemas = new Map<string, Uint8Array>();

  constructor(files: ReadsSegments, types: TypeRegistry) {
    this.#files = files;
    this.#types = types;
  }

  /** The entries of a state in a key group, each key and namespace once. */
  async rows(
    state: Pick<StoredState, 'name' | 'kind'>,
    group: number,
    parts: readonly KeyGroupPart[],
  ): Promise<Iterable<KeyedRow>> {
    if (parts.some(({ encoding }) => encoding === 'arrow')) return await this.#arrowRows(state.kind, group, parts);
    const read = await this.#files.read(parts.map(({ bytes }) => bytes));
    const byPart = new Map(parts.map(({ bytes }, i) => [bytes, read[i] as Uint8Array]));
    const bytesOf = (bytes: StateBytes): Uint8Array => byPart.get(bytes) as Uint8Array;
    return restoredKeyedState({ ...state, groups: [{ group, parts }] }, this.#types, bytesOf).entries();
  }

  async #arrowRows(kind: string, group: number, parts: readonly KeyGroupPart[]): Promise<Iterable<KeyedRow>> {
    const arrow = await loadArrow();
    const stretches = await Promise.all(parts.map(({ bytes }) => this.#stretch(bytes)));
    const types = this.#types;
    return (function* () {
      for (const [i, { schema, bytes }] of stretches.entries())
        yield* rowsOf(arrow, kind, group, (parts[i] as KeyGroupPart).version, schema, bytes, types);
    })();
  }

  /** The items of a list, of one subtask. */
  async items(list: StoredList): Promise<readonly unknown[]> {
    const [first] = list.items;
    if (first === undefined) return [];
    if (!isArrowSegment(first)) {
      const bytes = await this.#files.read(list.items);
      return bytes.map((item) => readValue(new ByteReader(item), this.#types));
    }
    const arrow = await loadArrow();
    const stretches = new Map<number, readonly unknown[]>();
    const items: unknown[] = [];
    for (const segment of list.items) {
      invariant(isArrowSegment(segment), 'the items of a list are stored in one way');
      let all = stretches.get(segment.offset);
      if (all === undefined) {
        const { schema, bytes } = await this.#stretch(segment);
        all = itemsOf(arrow, schema, bytes, this.#types);
        stretches.set(segment.offset, all);
      }
      items.push(all[segment.arrow.row as number]);
    }
    return items;
  }

  async #stretch(segment: StateBytes): Promise<{ readonly schema: Uint8Array; readonly bytes: Uint8Array }> {
    invariant(isArrowSegment(segment), 'columns lie in files');
    let schema = this.#schemas.get(segment.file);
    if (schema !== undefined) return { schema, bytes: (await this.#files.read([segment]))[0] as Uint8Array };
    const { schemaLength: length, schemaCrc: crc } = segment.arrow;
    const [first, bytes] = await this.#files.read([{ file: segment.file, offset: MAGIC_BYTES, length, crc }, segment]);
    // What is read together shares memory.
    schema = (first as Uint8Array).slice();
    this.#schemas.set(segment.file, schema);
    return { schema, bytes: bytes as Uint8Array };
  }
}

export function isArrowSegment(bytes: StateBytes): bytes is FileSegment & { readonly arrow: ArrowPlace } {
  return isFileSegment(bytes) && bytes.arrow !== undefined;
}

function* rowsOf(
  arrow: Arrow,
  kind: string,
  keyGroup: number,
  version: number,
  schema: Uint8Array,
  stretch: Uint8Array,
  types: TypeRegistry,
): Iterable<KeyedRow> {
  for (const batch of batchesOf(arrow, schema, stretch)) {
    const columns = INFERRED.flatMap((name): { readonly name: (typeof INFERRED)[number]; readonly read: ReadRow }[] => {
      const column = name === 'expiry' ? undefined : columnNamed(batch, name);
      return column === undefined ? [] : [{ name, read: columnReader(column.field, column.data, types) }];
    });
    for (let row = 0; row < batch.numRows; row++) {
      const cells: { [Name in keyof RowValues]: unknown } = {};
      for (const { name, read } of columns) cells[name] = read(row);
      const { key, namespace } = cells;
      yield { keyGroup, version, key, namespace, value: entryValue(kind, cells) };
    }
  }
}

function itemsOf(arrow: Arrow, schema: Uint8Array, stretch: Uint8Array, types: TypeRegistry): readonly unknown[] {
  return batchesOf(arrow, schema, stretch).flatMap((batch) => {
    const column = columnNamed(batch, ITEM);
    if (column === undefined) return [];
    const read = columnReader(column.field, column.data, types);
    return Array.from({ length: batch.numRows }, (_, row) => read(row));
  });
}
