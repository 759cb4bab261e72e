/**
 * Collects rows of several batches of one schema into one: where batches have been split into parts too small to be
 * worth a frame of their own.
 *
 * Text of dictionaries becomes plain text, as the parts of several batches have several dictionaries; 64-bit integers
 * are doubles until a part brings one that is not exact.
 */

import { invariant } from '../base/assert.ts';
import { bitmapBytes, type Column, type ColumnBatch, isSet, setBit } from '../data/column-batch.ts';
import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { type Schema, type Storage, storageOf } from '../data/schema.ts';
import { BufferPool } from './buffer-pool.ts';
import { OwnedColumnBatch } from './owned-batch.ts';

/** A batch of its own with the rows of another that count, in memory of the pool. */
export function copyColumns(batch: ColumnBatch, pool: BufferPool = new BufferPool()): OwnedColumnBatch {
  const collector = new ColumnCollector(batch.schema, Math.max(1, batch.selected), pool);
  collector.append(batch);
  return collector.take();
}

export class ColumnCollector {
  readonly schema: Schema;
  readonly capacity: number;
  readonly #memory: CollectedMemory;
  readonly #parts: readonly CollectedColumn[];
  #rows = 0;
  #kinds: Uint8Array | undefined;
  #timestamps: Float64Array | undefined;

  constructor(schema: Schema, capacity: number, pool: BufferPool = new BufferPool()) {
    this.schema = schema;
    this.capacity = capacity;
    this.#memory = new CollectedMemory(pool);
    this.#parts = schema.fields.map((field) => new CollectedColumn(storageOf(field.type), capacity, this.#memory));
  }

  get rows(): number {
    return this.#rows;
  }

  /** Appends the rows of a batch that count. There must be room for them. */
  append(batch: ColumnBatch): void {
    const at = this.#rows;
    const rows = batch.selected;
    invariant(at + rows <= this.capacity, 'collected rows fit the batch that they are collected in');
    this.#parts.forEach((part, i) => part.append(batch.columns[i] as Column, batch.selection, rows, at));
    this.#appendKinds(batch, at);
    this.#appendTimestamps(batch, at);
    this.#rows = at + rows;
  }

  #appendKinds(batch: ColumnBatch, at: number): void {
    if (batch.kinds === undefined && this.#kinds === undefined) return;
    const kinds = (this.#kinds ??= this.#memory.uint8(this.capacity).fill(0));
    for (let i = 0; i < batch.selected; i++) kinds[at + i] = batch.kinds?.[rowOf(batch.selection, i)] ?? 0;
  }

  #appendTimestamps(batch: ColumnBatch, at: number): void {
    const from = batch.timestamps;
    if (from === undefined && this.#timestamps === undefined) return;
    const timestamps = (this.#timestamps ??= this.#memory.float64(this.capacity).fill(NO_TIMESTAMP));
    for (let i = 0; i < batch.selected; i++)
      timestamps[at + i] = from === undefined ? NO_TIMESTAMP : (from[rowOf(batch.selection, i)] as number);
  }

  /** The batch of what was collected; the collector is empty afterwards. */
  take(): OwnedColumnBatch {
    const count = this.#rows;
    const content = {
      schema: this.schema,
      count,
      columns: this.#parts.map((part) => part.take(count)),
      kinds: this.#kinds,
      timestamps: this.#timestamps,
    };
    this.#rows = 0;
    this.#kinds = undefined;
    this.#timestamps = undefined;
    return new OwnedColumnBatch(content, this.#memory.handOver());
  }
}

/** The arrays of the batch that is being collected. */
class CollectedMemory {
  readonly #pool: BufferPool;
  #lent: ArrayBufferView<ArrayBuffer>[] = [];

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  int32(length: number): Int32Array<ArrayBuffer> {
    return this.#noted(this.#pool.int32(length));
  }

  float64(length: number): Float64Array<ArrayBuffer> {
    return this.#noted(this.#pool.float64(length));
  }

  bigInt64(length: number): BigInt64Array<ArrayBuffer> {
    return this.#noted(this.#pool.bigInt64(length));
  }

  uint8(length: number): Uint8Array<ArrayBuffer> {
    return this.#noted(this.#pool.uint8(length));
  }

  #noted<T extends ArrayBufferView<ArrayBuffer>>(array: T): T {
    this.#lent.push(array);
    return array;
  }

  /** The arrays go with a batch; returns what gives them back. */
  handOver(): () => void {
    const lent = this.#lent;
    this.#lent = [];
    return () => {
      for (const array of lent) this.#pool.release(array);
    };
  }
}

function rowOf(selection: Int32Array | undefined, i: number): number {
  return selection === undefined ? i : (selection[i] as number);
}

type Fixed = Int32Array | Float64Array | BigInt64Array;

class CollectedColumn {
  readonly #storage: Storage;
  readonly #capacity: number;
  readonly #memory: CollectedMemory;
  #validity: Uint8Array | undefined;
  #fixed: Fixed | undefined;
  #bits: Uint8Array | undefined;
  #offsets: Int32Array | undefined;
  #bytes = NO_BYTES;
  #values: unknown[] = [];

  constructor(storage: Storage, capacity: number, memory: CollectedMemory) {
    this.#storage = storage;
    this.#capacity = capacity;
    this.#memory = memory;
  }

  append(column: Column, selection: Int32Array | undefined, rows: number, at: number): void {
    this.#appendValidity(column.validity, selection, rows, at);
    switch (column.kind) {
      case 'i32':
        gatherI32(
          column.values,
          selection,
          rows,
          (this.#fixed ??= this.#memory.int32(this.#capacity)) as Int32Array,
          at,
        );
        return;
      case 'f64':
        this.#appendDoubles(column.values, selection, rows, at);
        return;
      case 'i64':
        gatherI64(column.values, selection, rows, this.#wide(at), at);
        return;
      case 'bool':
        this.#appendBits(column.values, selection, rows, at);
        return;
      case 'utf8':
      case 'bytes':
        this.#appendParts(column.offsets, column.bytes, rows, at, (i) => rowOf(selection, i));
        return;
      case 'dictionary': {
        const { codes, dictionary, validity } = column;
        // A row that is NULL has any code; it becomes the empty text of a row that is not there.
        this.#appendParts(dictionary.offsets, dictionary.bytes, rows, at, (i) =>
          isSet(validity, rowOf(selection, i)) ? (codes[rowOf(selection, i)] as number) : -1,
        );
        return;
      }
      case 'values':
        for (let i = 0; i < rows; i++) this.#values[at + i] = column.values[rowOf(selection, i)];
    }
  }

  #appendValidity(validity: Uint8Array | undefined, selection: Int32Array | undefined, rows: number, at: number): void {
    if (validity === undefined && this.#validity === undefined) return;
    const bits = (this.#validity ??= allSetUpTo(at, this.#bitmap()));
    for (let i = 0; i < rows; i++) if (isSet(validity, rowOf(selection, i))) setBit(bits, at + i);
  }

  #appendDoubles(values: Float64Array, selection: Int32Array | undefined, rows: number, at: number): void {
    if (!(this.#fixed instanceof BigInt64Array)) {
      gatherF64(values, selection, rows, (this.#fixed ??= this.#memory.float64(this.#capacity)) as Float64Array, at);
      return;
    }
    for (let i = 0; i < rows; i++) {
      const value = values[rowOf(selection, i)] as number;
      // What stands where a row is NULL may be no integer.
      this.#fixed[at + i] = Number.isSafeInteger(value) ? BigInt(value) : 0n;
    }
  }

  /** The 64-bit integers that are collected, widened with the first that needs it. */
  #wide(rows: number): BigInt64Array {
    if (this.#fixed instanceof BigInt64Array) return this.#fixed;
    const wide = this.#memory.bigInt64(this.#capacity);
    for (let i = 0; i < rows; i++) {
      const value = this.#fixed?.[i] as number;
      wide[i] = Number.isSafeInteger(value) ? BigInt(value) : 0n;
    }
    this.#fixed = wide;
    return wide;
  }

  #bitmap(): Uint8Array {
    return this.#memory.uint8(bitmapBytes(this.#capacity)).fill(0);
  }

  #appendBits(from: Uint8Array, selection: Int32Array | undefined, rows: number, at: number): void {
    const bits = (this.#bits ??= this.#bitmap());
    for (let i = 0; i < rows; i++) if (isSet(from, rowOf(selection, i))) setBit(bits, at + i);
  }

  #appendParts(offsets: Int32Array, bytes: Uint8Array, rows: number, at: number, partOf: (i: number) => number): void {
    const to = (this.#offsets ??= this.#memory.int32(this.#capacity + 1));
    if (at === 0) to[0] = 0;
    let end = to[at] as number;
    for (let i = 0; i < rows; i++) {
      const part = partOf(i);
      if (part >= 0) end = this.#appendBytes(bytes, offsets[part] as number, offsets[part + 1] as number, end);
      to[at + i + 1] = end;
    }
  }

  #appendBytes(from: Uint8Array, start: number, end: number, at: number): number {
    const after = at + end - start;
    if (after > this.#bytes.length) {
      const grown = this.#memory.uint8(Math.max(after, this.#bytes.length * 2, this.#capacity * 8));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    if (end - start > COPY_LOOP_MAX) this.#bytes.set(from.subarray(start, end), at);
    else for (let i = start, j = at; i < end; i++, j++) this.#bytes[j] = from[i] as number;
    return after;
  }

  /** The column of what was collected. Its memory is given away. */
  take(count: number): Column {
    const column = this.#column(count);
    this.#validity = undefined;
    this.#fixed = undefined;
    this.#bits = undefined;
    this.#offsets = undefined;
    this.#bytes = NO_BYTES;
    this.#values = [];
    return column;
  }

  #column(count: number): Column {
    const validity = this.#validity;
    switch (this.#storage) {
      case 'i32':
        return { kind: 'i32', validity, values: this.#fixed as Int32Array };
      case 'f64':
        return { kind: 'f64', validity, values: this.#fixed as Float64Array };
      case 'long': {
        const values = this.#fixed;
        return values instanceof BigInt64Array
          ? { kind: 'i64', validity, values }
          : { kind: 'f64', validity, values: values as Float64Array };
      }
      case 'bool':
        return { kind: 'bool', validity, values: this.#bits as Uint8Array };
      case 'utf8':
        return { kind: 'utf8', validity, offsets: this.#offsets as Int32Array, bytes: this.#bytes };
      case 'bytes':
        return { kind: 'bytes', validity, offsets: this.#offsets as Int32Array, bytes: this.#bytes };
      case 'values':
        return { kind: 'values', validity, values: this.#values.slice(0, count) };
    }
  }
}

/** Up to here a loop over the bytes beats a call. */
const COPY_LOOP_MAX = 24;

const NO_BYTES = new Uint8Array(0);

function allSetUpTo(rows: number, bits: Uint8Array): Uint8Array {
  for (let row = 0; row < rows; row++) setBit(bits, row);
  return bits;
}

function gatherI32(
  from: Int32Array,
  selection: Int32Array | undefined,
  rows: number,
  to: Int32Array,
  at: number,
): void {
  if (selection === undefined) to.set(from.subarray(0, rows), at);
  else for (let i = 0; i < rows; i++) to[at + i] = from[selection[i] as number] as number;
}

function gatherF64(
  from: Float64Array,
  selection: Int32Array | undefined,
  rows: number,
  to: Float64Array,
  at: number,
): void {
  if (selection === undefined) to.set(from.subarray(0, rows), at);
  else for (let i = 0; i < rows; i++) to[at + i] = from[selection[i] as number] as number;
}

function gatherI64(
  from: BigInt64Array,
  selection: Int32Array | undefined,
  rows: number,
  to: BigInt64Array,
  at: number,
): void {
  if (selection === undefined) to.set(from.subarray(0, rows), at);
  else for (let i = 0; i < rows; i++) to[at + i] = from[selection[i] as number] as bigint;
}
