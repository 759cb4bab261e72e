/**
 * A batch of records on its way through an edge: values with their timestamps and row kinds, in channel order.
 *
 * Batches are filled by an edge's writer, travel whole (by reference on one thread, encoded between threads), and are
 * consumed by one reader, which may stop at any row and come back: `cursor` is the next row to read.
 */

/**
 * The timestamp of a record that has none. Below every real timestamp, so comparisons need no special case.
 *
 * @example
 * ```ts
 * console.log(NO_TIMESTAMP < 0);
 * ```
 */
export const NO_TIMESTAMP = -Infinity;

/** Rows of a batch when nothing else is asked for. Flat between 512 and 4,096 in every measurement (see docs/internals/performance.md). */
export const BATCH_ROWS = 512;

/** Of batches that have been abandoned. */
const NO_VALUES: unknown[] = [];

export class RecordBatch {
  /** Replaced only by `adopt`, as are the other columns. */
  values: unknown[];
  /** Parallel to `values`; `NO_TIMESTAMP` where a record has none. */
  timestamps: Float64Array;
  /** Row kind codes parallel to `values`, absent while every record is an insert. */
  kinds: Uint8Array | undefined;
  /** Rows that it has room for. */
  capacity: number;
  count = 0;
  cursor = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.values = new Array<unknown>(capacity);
    this.timestamps = new Float64Array(capacity);
    this.kinds = undefined;
  }

  push(value: unknown, timestamp: number, kind: number): void {
    const row = this.count;
    this.values[row] = value;
    this.timestamps[row] = timestamp;
    if (kind !== 0 || this.kinds !== undefined) this.#setKind(row, kind);
    this.count = row + 1;
  }

  #setKind(row: number, kind: number): void {
    this.kinds ??= new Uint8Array(this.timestamps.length);
    this.kinds[row] = kind;
  }

  /**
   * Fills an empty batch with columns that a decoder made; they belong to the batch from then on. Without
   * `timestamps` no record has one, without `kinds` all are inserts.
   */
  adopt(values: unknown[], timestamps: Float64Array | undefined, kinds: Uint8Array | undefined, count: number): void {
    this.values = values;
    if (timestamps !== undefined) this.timestamps = timestamps;
    else if (this.timestamps.length < count) this.timestamps = new Float64Array(count).fill(NO_TIMESTAMP);
    else this.timestamps.fill(NO_TIMESTAMP, 0, count);
    this.kinds = kinds;
    this.capacity = this.timestamps.length;
    this.count = count;
    this.cursor = 0;
  }

  /**
   * Empties the batch and lets go of its values, so that a pooled batch keeps nothing alive. A new array costs less than
   * emptying the old one, and as long as it is young, the values that are put into it need no write barrier.
   */
  clear(): void {
    this.values = new Array<unknown>(this.capacity);
    this.#empty();
  }

  /** The same for a batch that is only ever filled by `adopt`. */
  abandon(): void {
    this.values = NO_VALUES;
    this.#empty();
  }

  #empty(): void {
    this.kinds = undefined;
    this.count = 0;
    this.cursor = 0;
  }
}
