/**
 * A batch of columns in Apache Arrow's memory layout: typed arrays of fixed width, text as offsets and UTF-8 bytes or
 * as codes of a dictionary, validity and booleans as bits (lowest bit first).
 *
 * All columns have `count` rows. A filter does not move them: it narrows the `selection`, the ascending numbers of the
 * rows that count; columns are gathered by it when the batch is encoded. Row kinds and timestamps are parallel to the
 * rows, not to the selection. The arrays may be longer than `count` and may be views of pooled or shared memory that
 * serves other batches as soon as the call that brought the batch is over: who keeps anything of it copies it.
 */

import type { Schema } from './schema.ts';

interface ColumnBase<Kind extends string> {
  readonly kind: Kind;
  /** A bit per row, set where there is a value; undefined while no row is NULL. */
  readonly validity: Uint8Array | undefined;
}

/** Whole numbers of at most 32 bits, dates and times among them. */
export interface I32Column extends ColumnBase<'i32'> {
  readonly values: Int32Array;
}

/**
 * Doubles. Where the type of the column is an integer of 64 bits (`long` in `storageOf`), this kind is the promise
 * that every value is an integer below 2^53 in magnitude, so that arithmetic on it is exact until a result leaves
 * that range; otherwise such a column is an {@link I64Column}.
 */
export interface F64Column extends ColumnBase<'f64'> {
  readonly values: Float64Array;
}

/** Whole numbers of 64 bits that do not fit a double. */
export interface I64Column extends ColumnBase<'i64'> {
  readonly values: BigInt64Array;
}

/** Truth values, one bit each. */
export interface BoolColumn extends ColumnBase<'bool'> {
  /** A bit per row. */
  readonly values: Uint8Array;
}

/** Text: row `i` is `bytes[offsets[i], offsets[i + 1])`. */
export interface Utf8Column extends ColumnBase<'utf8'> {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** Byte strings, end to end, with their offsets. */
export interface BytesColumn extends ColumnBase<'bytes'> {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** The distinct texts of a column, as a column of text. */
export interface Utf8Dictionary {
  readonly count: number;
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** Text as codes into a dictionary. */
export interface DictionaryColumn extends ColumnBase<'dictionary'> {
  /** The number of each row's text in the dictionary; anything where the row is NULL. */
  readonly codes: Int32Array;
  readonly dictionary: Utf8Dictionary;
}

/** JavaScript values; null where the row is NULL, and then the validity says so too. */
export interface ValuesColumn extends ColumnBase<'values'> {
  readonly values: readonly unknown[];
}

/** A column of any kind; its `kind` says which arrays it has. */
export type Column =
  | I32Column
  | F64Column
  | I64Column
  | BoolColumn
  | Utf8Column
  | BytesColumn
  | DictionaryColumn
  | ValuesColumn;

export interface ColumnBatchContent {
  readonly schema: Schema;
  /** Rows that the columns hold. */
  readonly count: number;
  /** In the order of the schema. */
  readonly columns: readonly Column[];
  /** Ascending row numbers; absent when every row counts. */
  readonly selection?: Int32Array | undefined;
  /** How many entries of the selection count. */
  readonly selected?: number | undefined;
  /** Row kind codes; absent when every row is an insert. */
  readonly kinds?: Uint8Array | undefined;
  /** Event times in milliseconds; absent when no row has one. */
  readonly timestamps?: Float64Array | undefined;
}

/**
 * Rows as columns: typed arrays in Arrow's layout, with a selection of the rows that count. It may view memory that is
 * used again; what is kept of it is copied.
 *
 * @example
 * ```ts
 * import { ColumnBatch, rowsOf } from 'millstream/columns';
 * const describe = (batch: ColumnBatch): string => `${batch.count} rows, ${rowsOf(batch).length} of them count`;
 * console.log(typeof describe);
 * ```
 */
export class ColumnBatch {
  readonly schema: Schema;
  readonly count: number;
  readonly columns: readonly Column[];
  readonly selection: Int32Array | undefined;
  /** Rows that count: those of the selection, or all. */
  readonly selected: number;
  readonly kinds: Uint8Array | undefined;
  readonly timestamps: Float64Array | undefined;

  constructor(content: ColumnBatchContent) {
    this.schema = content.schema;
    this.count = content.count;
    this.columns = content.columns;
    this.selection = content.selection;
    this.selected = content.selection === undefined ? content.count : (content.selected ?? content.selection.length);
    this.kinds = content.kinds;
    this.timestamps = content.timestamps;
  }

  /** The same columns with fewer rows that count. */
  select(selection: Int32Array, selected: number): ColumnBatch {
    return new ColumnBatch({ ...this.#content, selection, selected });
  }

  /** Other columns with the same rows, selection, kinds and timestamps. */
  withColumns(schema: Schema, columns: readonly Column[]): ColumnBatch {
    return new ColumnBatch({ ...this.#content, schema, columns });
  }

  get #content(): ColumnBatchContent {
    const { schema, count, columns, selection, selected, kinds, timestamps } = this;
    return { schema, count, columns, selection, selected, kinds, timestamps };
  }
}

/** Whether the bit of a row is set; an absent bitmap has all bits set. */
export function isSet(bits: Uint8Array | undefined, row: number): boolean {
  return bits === undefined || ((bits[row >>> 3] as number) & (1 << (row & 7))) !== 0;
}

export function setBit(bits: Uint8Array, row: number): void {
  bits[row >>> 3] = (bits[row >>> 3] as number) | (1 << (row & 7));
}

/** Bytes of a bitmap for `rows` rows. */
export function bitmapBytes(rows: number): number {
  return (rows + 7) >>> 3;
}
