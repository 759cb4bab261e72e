/**
 * The parts of a table over columns as bytes: the rows of one key group and one namespace side by side, so that they
 * are written and read by copying memory.
 *
 * | part | bytes |
 * |---|---|
 * | version | 1: 1 |
 * | flags | 1: 1 = a namespace follows, 2 = there are NULLs |
 * | namespace | its canonical encoding (`data/key.ts`) |
 * | kinds | varint: columns of the key, a byte for each; varint: accumulators, a byte for each; see {@link ColumnKind} |
 * | hashes | 4 for each row: the hash of its key |
 * | NULLs | 4 for each row, where there are any: a bit for each column of the key |
 * | words | a double for each row, column of the key and accumulator, row by row; 0 for what lies beside them |
 * | beside | for each `LONG`, 8 for each row; for each `TEXT`, 4 for each row, its length, then all texts in UTF-8; for each `VALUES`, varint: bytes, then an array by the structured codec |
 *
 * Numbers are little-endian. A removal is version, flags, namespace and no columns: all that is under the namespace.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { bitmapBytes, setBit, type Column } from '../data/column-batch.ts';
import { valueAt } from '../data/column-rows.ts';
import { decodeKey, encodeKey } from '../data/key.ts';
import { readValue, writeValue } from '../data/structured-codec.ts';
import { latin1Text } from '../data/text.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { corruptState, damaged, encodeStandalone, NO_ENTRY, NO_INDEX } from './part-entries.ts';
import type { KeyGroupPart, RestoredPart } from './snapshot.ts';

/** How the values of a column lie in a part. */
export const ColumnKind = {
  /** Doubles; so are accumulators that are numbers. */
  DOUBLE: 0,
  /** Doubles that are integers of 32 bits. */
  INT: 1,
  /** Doubles that are integers up to 2^53. */
  INTEGER: 2,
  /** Doubles that are 0 or 1. */
  BOOL: 3,
  /** 64-bit integers, beside the words; so are those below. */
  LONG: 4,
  TEXT: 5,
  /** Anything. */
  VALUES: 6,
} as const;

export type ColumnKindCode = (typeof ColumnKind)[keyof typeof ColumnKind];

/** The values of a column that are no words. */
export type BesideColumn =
  | { readonly kind: typeof ColumnKind.LONG; readonly longs: BigInt64Array }
  | { readonly kind: typeof ColumnKind.TEXT; readonly lengths: Int32Array; readonly bytes: Uint8Array }
  | { readonly kind: typeof ColumnKind.VALUES; readonly values: readonly unknown[] };

export interface PartColumn {
  readonly kind: ColumnKindCode;
  readonly beside: BesideColumn | undefined;
}

/** Rows as they are written and read. */
export interface ColumnRows {
  readonly count: number;
  readonly namespace: unknown;
  readonly keys: readonly PartColumn[];
  readonly accumulators: readonly PartColumn[];
  readonly hashes: Int32Array;
  readonly nulls: Int32Array | undefined;
  /** `count` rows of doubles, one for each of `keys` and `accumulators`, as bytes. */
  readonly words: Uint8Array;
}

const VERSION = 1;
const NAMESPACE = 1;
const NULLS = 2;
const WORD_BYTES = 8;
const INT_BYTES = 4;

export function encodeColumnRows(rows: ColumnRows, types: TypeRegistry): Uint8Array {
  const head = headOf(rows.namespace, rows.nulls !== undefined, types);
  for (const columns of [rows.keys, rows.accumulators]) {
    head.varint(columns.length);
    for (const { kind } of columns) head.u8(kind);
  }
  const pieces: Uint8Array[] = [head.take(), bytesOf(rows.hashes)];
  if (rows.nulls !== undefined) pieces.push(bytesOf(rows.nulls));
  pieces.push(rows.words);
  for (const { beside } of [...rows.keys, ...rows.accumulators])
    if (beside !== undefined) pieces.push(...piecesOf(beside, types));
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** That nothing is left under a namespace. */
export function encodeNamespaceRemoval(namespace: unknown, types: TypeRegistry): Uint8Array {
  return headOf(namespace, false, types).take();
}

function headOf(namespace: unknown, nulls: boolean, types: TypeRegistry): ByteWriter {
  const head = new ByteWriter();
  head.u8(VERSION);
  head.u8((namespace === undefined ? 0 : NAMESPACE) | (nulls ? NULLS : 0));
  if (namespace !== undefined) encodeKey(namespace, head, types);
  return head;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function piecesOf(beside: BesideColumn, types: TypeRegistry): Uint8Array[] {
  switch (beside.kind) {
    case ColumnKind.LONG:
      return [bytesOf(beside.longs)];
    case ColumnKind.TEXT:
      return [bytesOf(beside.lengths), beside.bytes];
    case ColumnKind.VALUES: {
      const values = new ByteWriter();
      writeValue(beside.values, values, types);
      const length = new ByteWriter();
      length.varint(values.length);
      return [length.take(), values.take()];
    }
  }
}

/**
 * The rows of a part; `words` shares memory with it.
 *
 * @throws STATE_CORRUPT for bytes that make no sense.
 */
function decodeColumnRows(
  state: string,
  group: number,
  { count }: Pick<KeyGroupPart, 'count'>,
  bytes: Uint8Array,
  types: TypeRegistry,
): ColumnRows {
  const place = `the columns of key group ${group}`;
  try {
    const reader = new RowsReader(bytes, types);
    const rows = reader.rows(count);
    if (reader.left > 0) throw corruptState(state, `${place} go on after their end`);
    return rows;
  } catch (error) {
    throw error instanceof RangeError ? corruptState(state, place, error) : damaged(error, state, place);
  }
}

/** The namespace of a part of columns: of rows, or of a removal. */
function namespaceOfColumns(bytes: Uint8Array, types: TypeRegistry): unknown {
  return new RowsReader(bytes, types).namespace;
}

class RowsReader {
  readonly #types: TypeRegistry;
  readonly #reader: ByteReader;
  readonly #nulls: boolean;
  readonly namespace: unknown;

  constructor(bytes: Uint8Array, types: TypeRegistry) {
    this.#types = types;
    this.#reader = new ByteReader(bytes);
    if (this.#reader.u8() !== VERSION) throw new RangeError('the version of the columns is not known');
    const flags = this.#reader.u8();
    this.#nulls = (flags & NULLS) !== 0;
    this.namespace = flags & NAMESPACE ? decodeKey(this.#reader, types) : undefined;
  }

  get left(): number {
    return this.#reader.remaining;
  }

  rows(count: number): ColumnRows {
    const keyKinds = this.#kinds();
    const accumulatorKinds = this.#kinds();
    const hashes = this.#ints(count);
    const nulls = this.#nulls ? this.#ints(count) : undefined;
    const words = this.#take(count * (keyKinds.length + accumulatorKinds.length) * WORD_BYTES);
    const keys = keyKinds.map((kind) => ({ kind, beside: this.#beside(kind, count) }));
    const accumulators = accumulatorKinds.map((kind) => ({ kind, beside: this.#beside(kind, count) }));
    return { count, namespace: this.namespace, keys, accumulators, hashes, nulls, words };
  }

  #kinds(): ColumnKindCode[] {
    const kinds = Array.from({ length: this.#reader.varint() }, () => this.#reader.u8());
    if (kinds.some((kind) => kind > ColumnKind.VALUES)) throw new RangeError('a kind of column is not known');
    return kinds as ColumnKindCode[];
  }

  #take(length: number): Uint8Array {
    return this.#reader.raw(length);
  }

  #ints(count: number): Int32Array {
    return new Int32Array(aligned(this.#take(count * INT_BYTES)), 0, count);
  }

  #beside(kind: ColumnKindCode, count: number): BesideColumn | undefined {
    switch (kind) {
      case ColumnKind.LONG:
        return { kind, longs: new BigInt64Array(aligned(this.#take(count * WORD_BYTES)), 0, count) };
      case ColumnKind.TEXT: {
        const lengths = this.#ints(count);
        let total = 0;
        for (const length of lengths) {
          if (length < 0) throw new RangeError('a text has no length');
          total += length;
        }
        return { kind, lengths, bytes: this.#take(total) };
      }
      case ColumnKind.VALUES: {
        const values = readValue(new ByteReader(this.#take(this.#reader.varint())), this.#types);
        if (!Array.isArray(values) || values.length !== count) throw new RangeError('values are missing');
        return { kind, values: values as readonly unknown[] };
      }
      default:
        return undefined;
    }
  }
}

/** A copy at the beginning of its memory. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer;
}

/** The words of rows as doubles. */
export function doublesOf(rows: ColumnRows): Float64Array {
  return new Float64Array(aligned(rows.words));
}

/** The columns of the keys. */
export function keyColumnsOf(rows: ColumnRows, doubles: Float64Array): Column[] {
  const { count, keys, nulls } = rows;
  const stride = keys.length + rows.accumulators.length;
  return keys.map(({ kind, beside }, part): Column => {
    const validity = nulls === undefined ? undefined : validityOf(nulls, part);
    switch (beside?.kind) {
      case ColumnKind.LONG:
        return { kind: 'i64', validity, values: beside.longs };
      case ColumnKind.TEXT:
        return { kind: 'utf8', validity, offsets: offsetsOf(beside.lengths), bytes: beside.bytes };
      case ColumnKind.VALUES:
        return { kind: 'values', validity, values: [...beside.values] };
      case undefined: {
        const values = new Float64Array(count);
        for (let row = 0; row < count; row++) values[row] = doubles[row * stride + part] as number;
        if (kind === ColumnKind.BOOL) return { kind: 'bool', validity, values: bitsOf(values) };
        if (kind === ColumnKind.INT) return { kind: 'i32', validity, values: Int32Array.from(values) };
        return { kind: 'f64', validity, values };
      }
    }
  });
}

function validityOf(nulls: Int32Array, part: number): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(nulls.length));
  for (let row = 0; row < nulls.length; row++) if (((nulls[row] as number) & (1 << part)) === 0) setBit(bits, row);
  return bits;
}

function bitsOf(values: Float64Array): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(values.length));
  for (let row = 0; row < values.length; row++) if (values[row] === 1) setBit(bits, row);
  return bits;
}

function offsetsOf(lengths: Int32Array): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  for (let row = 0; row < lengths.length; row++) offsets[row + 1] = (offsets[row] as number) + (lengths[row] as number);
  return offsets;
}

/** The accumulators of a row, as a table over columns gives them. */
function accumulatorsOf(rows: ColumnRows, doubles: Float64Array, row: number): unknown[] {
  const { keys, accumulators } = rows;
  const first = row * (keys.length + accumulators.length) + keys.length;
  return accumulators.map(({ beside }, number) => {
    switch (beside?.kind) {
      case ColumnKind.LONG:
        return beside.longs[row];
      case ColumnKind.VALUES:
        return beside.values[row];
      case ColumnKind.TEXT:
        throw new RangeError('texts of accumulators lie among values');
      case undefined:
        return doubles[first + number];
    }
  });
}

/** Goes through the rows of a part of columns as if they were entries: see {@link PartReader} (`part-entries.ts`). */
export class ColumnPartReader implements RestoredPart {
  readonly group: number;
  readonly part: KeyGroupPart;
  readonly entryKey = NO_ENTRY;
  readonly index = NO_INDEX;
  readonly standalone = true;
  key: unknown = undefined;
  value: unknown = undefined;
  readonly #state: string;
  readonly #bytes: Uint8Array;
  readonly #types: TypeRegistry;
  /** Decoded when it is read first. */
  #rows: ColumnRows | undefined;
  #doubles: Float64Array = new Float64Array(0);
  #keys: readonly Column[] = [];
  #at = -1;

  constructor(state: string, group: number, part: KeyGroupPart, bytes: Uint8Array, types: TypeRegistry) {
    this.#state = state;
    this.group = group;
    this.part = part;
    this.#bytes = bytes;
    this.#types = types;
  }

  get namespace(): unknown {
    return this.#rows === undefined ? namespaceOfColumns(this.#bytes, this.#types) : this.#rows.namespace;
  }

  /** All rows at once. */
  rows(): ColumnRows {
    return decodeColumnRows(this.#state, this.group, this.part, this.#bytes, this.#types);
  }

  /** Of a removal there is nothing to go through: it is about its namespace. */
  next(): boolean {
    if (this.part.kind === 'removals') return false;
    const rows = (this.#rows ??= this.#open());
    if (++this.#at >= rows.count) return false;
    const [only] = this.#keys;
    this.key =
      this.#keys.length === 1
        ? valueAt(only as Column, this.#at)
        : this.#keys.map((column) => valueAt(column, this.#at));
    this.value = accumulatorsOf(rows, this.#doubles, this.#at);
    return true;
  }

  #open(): ColumnRows {
    const rows = this.rows();
    this.#doubles = doublesOf(rows);
    this.#keys = keyColumnsOf(rows, this.#doubles);
    return rows;
  }

  get encoded(): Uint8Array {
    return encodeStandalone(this.key, this.namespace, NO_ENTRY, NO_INDEX, this.value, this.#state, this.#types);
  }

  get cellIdentity(): string {
    const identity = new ByteWriter();
    identity.u8(this.namespace === undefined ? 0 : 1);
    encodeKey(this.key, identity, this.#types);
    if (this.namespace !== undefined) encodeKey(this.namespace, identity, this.#types);
    return latin1Text(identity.view());
  }

  get entryIdentity(): string {
    return '';
  }
}
