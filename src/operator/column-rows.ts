/** Rows of an aggregate table on their way into a snapshot, and out of one, by copying memory. */

import type { TypeRegistry } from '../data/type-registry.ts';
import type { AggregateSegment } from '../kernel/aggregate-segment.ts';
import type { KeyPart } from '../kernel/key-parts.ts';
import type { StoredColumn, StoredGroups } from '../kernel/stored-groups.ts';
import { ColumnKind, encodeColumnRows, type ColumnRows, type PartColumn } from '../state/column-parts.ts';
import type { StatePartWriter } from '../state/views.ts';

/** Rows that fit at first: a checkpoint may have a few of every key group. */
const ROWS_LEAST = 16;
/** From here on rows become a part: what is copied at once must not stop the task for long. */
const PART_BYTES = 1 << 19;
const WORD_BYTES = 8;

/** Groups of a segment that come together to parts of one key group. */
class RowsOfGroup {
  readonly #segment: AggregateSegment;
  readonly #rowsMax: number;
  #places = new Int32Array(ROWS_LEAST);
  #words: Float64Array<ArrayBuffer>;
  /** By accumulator, where it is no word. */
  #beside: unknown[][] | undefined;
  #wide: boolean;
  count = 0;

  constructor(segment: AggregateSegment) {
    this.#segment = segment;
    this.#wide = segment.wide;
    this.#rowsMax = Math.max(ROWS_LEAST, Math.floor(PART_BYTES / (segment.stride * WORD_BYTES)));
    this.#words = new Float64Array(ROWS_LEAST * segment.stride);
  }

  /** Whether the group has no place among these rows any more. */
  get full(): boolean {
    return this.count > 0 && (this.count === this.#rowsMax || this.#wide !== this.#segment.wide);
  }

  add(group: number): void {
    const segment = this.#segment;
    const { stride, records, accumulators } = segment;
    const { count } = this;
    if (count === 0) this.#begin();
    if (count === this.#places.length) this.#grow();
    this.#places[count] = group;
    const words = this.#words;
    for (let from = group * stride, to = count * stride, end = to + stride; to < end; from++, to++)
      words[to] = records[from] as number;
    if (this.#beside !== undefined)
      for (let number = 0; number < accumulators.length; number++)
        (this.#beside[number] as unknown[])[count] = accumulators[number]?.get(segment, group);
    this.count = count + 1;
  }

  #begin(): void {
    const { accumulators, wide } = this.#segment;
    this.#wide = wide;
    this.#beside = accumulators.some(({ kind }) => kind !== 'word') ? accumulators.map(() => []) : undefined;
  }

  #grow(): void {
    const rows = Math.min(this.#rowsMax, this.#places.length * 2);
    const places = new Int32Array(rows);
    places.set(this.#places);
    this.#places = places;
    const words = new Float64Array(rows * this.#segment.stride);
    words.set(this.#words);
    this.#words = words;
  }

  /** The rows as bytes; it is empty then. */
  take(namespace: unknown, types: TypeRegistry): Uint8Array {
    const { groups } = this.#segment;
    const { count } = this;
    const places = this.#places.subarray(0, count);
    const hashes = new Int32Array(count);
    for (let i = 0; i < count; i++) hashes[i] = groups.hashes[places[i] as number] as number;
    const keys = groups.parts.map((part) => keyColumn(part, places));
    const accumulators = this.#accumulators();
    [...keys, ...accumulators].forEach(({ beside }, number) => {
      if (beside !== undefined) this.#clear(number);
    });
    const rows: ColumnRows = {
      count,
      namespace,
      keys,
      accumulators,
      hashes,
      nulls: nullsOf(groups.nullBits, places),
      words: new Uint8Array(this.#words.buffer, 0, count * this.#segment.stride * WORD_BYTES),
    };
    this.count = 0;
    return encodeColumnRows(rows, types);
  }

  #accumulators(): PartColumn[] {
    const { accumulators } = this.#segment;
    const { count } = this;
    return accumulators.map(({ accumulator }, number): PartColumn => {
      const values = this.#beside?.[number]?.slice(0, count);
      if (values === undefined) return WORDS;
      if (accumulator.storage === 'text')
        return { kind: ColumnKind.VALUES, beside: { kind: ColumnKind.VALUES, values } };
      if (accumulator.storage !== 'long' || !this.#wide) return WORDS;
      return {
        kind: ColumnKind.LONG,
        beside: { kind: ColumnKind.LONG, longs: BigInt64Array.from(values as bigint[]) },
      };
    });
  }

  /** What lies in the words of a column that is not there depends on who had the memory before. */
  #clear(column: number): void {
    const { stride } = this.#segment;
    for (let row = 0; row < this.count; row++) this.#words[row * stride + column] = 0;
  }
}

const WORDS: PartColumn = { kind: ColumnKind.DOUBLE, beside: undefined };

const WORD_KINDS = { i32: ColumnKind.INT, long: ColumnKind.INTEGER, double: ColumnKind.DOUBLE, bool: ColumnKind.BOOL };

function keyColumn(part: KeyPart, places: Int32Array): PartColumn {
  switch (part.kind) {
    case 'wide': {
      const longs = new BigInt64Array(places.length);
      for (let i = 0; i < places.length; i++) longs[i] = part.longs[places[i] as number] as bigint;
      return { kind: ColumnKind.LONG, beside: { kind: ColumnKind.LONG, longs } };
    }
    case 'text': {
      const { bytes } = part.heap.gather(part.starts, part.lengths, places, places.length);
      const lengths = places.map((place) => part.lengths[place] as number);
      return { kind: ColumnKind.TEXT, beside: { kind: ColumnKind.TEXT, lengths, bytes } };
    }
    case 'any': {
      const values = Array.from(places, (place) => part.values[place]);
      return { kind: ColumnKind.VALUES, beside: { kind: ColumnKind.VALUES, values } };
    }
    default:
      return { kind: WORD_KINDS[part.kind], beside: undefined };
  }
}

function nullsOf(nullBits: Int32Array | undefined, places: Int32Array): Int32Array | undefined {
  return nullBits === undefined ? undefined : places.map((place) => nullBits[place] as number);
}

/** Writes groups of a segment as rows. */
export class RowsWriter {
  readonly #to: StatePartWriter;
  readonly #segment: AggregateSegment;
  readonly #namespace: unknown;
  readonly #types: TypeRegistry;
  readonly #groups: (RowsOfGroup | undefined)[] = [];

  constructor(to: StatePartWriter, segment: AggregateSegment, namespace: unknown, types: TypeRegistry) {
    this.#to = to;
    this.#segment = segment;
    this.#namespace = namespace;
    this.#types = types;
  }

  write(keyGroup: number, group: number): void {
    const rows = (this.#groups[keyGroup] ??= new RowsOfGroup(this.#segment));
    if (rows.full) this.#flush(keyGroup, rows);
    rows.add(group);
  }

  #flush(keyGroup: number, rows: RowsOfGroup): void {
    const { count } = rows;
    this.#to.putColumns(keyGroup, count, rows.take(this.#namespace, this.#types));
  }

  /** Writes what has come together. */
  end(): void {
    this.#groups.forEach((rows, keyGroup) => {
      if (rows !== undefined && rows.count > 0) this.#flush(keyGroup, rows);
    });
  }
}

/** Rows of a snapshot as a table takes them in; undefined where keys are not what columns of such types are. */
export function storedGroups(rows: ColumnRows, keyKinds: readonly string[]): StoredGroups | undefined {
  const fits =
    rows.keys.length === keyKinds.length &&
    rows.keys.every(({ kind }, part) => KINDS_OF[kind].includes(keyKinds[part] as string));
  if (!fits) return undefined;
  const { count, hashes, nulls, words } = rows;
  const keys = rows.keys.map(storedColumn);
  return { count, hashes, nulls, words, keys, accumulators: rows.accumulators.map(storedColumn) };
}

/** Kinds of key parts (`kernel/key-parts.ts`) by the kind of column that holds them. */
const KINDS_OF: Readonly<Record<number, readonly string[]>> & Record<PartColumn['kind'], readonly string[]> = {
  [ColumnKind.DOUBLE]: ['double'],
  [ColumnKind.INT]: ['i32'],
  [ColumnKind.INTEGER]: ['long'],
  [ColumnKind.BOOL]: ['bool'],
  [ColumnKind.LONG]: ['long'],
  [ColumnKind.TEXT]: ['text'],
  [ColumnKind.VALUES]: ['any'],
};

function storedColumn({ beside }: PartColumn): StoredColumn {
  switch (beside?.kind) {
    case ColumnKind.LONG:
      return { longs: beside.longs };
    case ColumnKind.TEXT:
      return { lengths: beside.lengths, texts: beside.bytes };
    case ColumnKind.VALUES:
      return { values: beside.values };
    case undefined:
      return {};
  }
}
