/**
 * Column batches in bytes: frames in which the columns stand as they stand in memory, so that a reader may use them
 * where they lie.
 *
 * Encoding gathers the rows that count, so that a frame has no selection. A frame can be read alone: its schema
 * stands in front, and both sides keep what they have seen, so that this costs a memory compare. The bytes are
 * described in docs/internals/frames.md.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { bitmapBytes, type Column, ColumnBatch } from './column-batch.ts';
import { ColumnGather } from './column-gather.ts';
import { addressOf, align8, FRAME_FULL, memoryOf, type FrameMemory, type FrameTarget } from './frame-target.ts';
import { Schema, type RowTypeField } from './schema.ts';
import { TypeRegistry } from './type-registry.ts';
import { ValueReader } from './value-reader.ts';
import { ValueWriter } from './value-writer.ts';

const VERSION = 1;
const FLAG_TIMESTAMPS = 1;
const FLAG_KINDS = 2;
/** Version, flags, columns, rows, bytes of the schema, and nothing. */
const FRAME_HEADER_BYTES = 16;
/** Kind, validity, bytes of the data, entries of the dictionary or elements, as 32-bit integers. */
const COLUMN_HEADER_BYTES = 16;

/** The kinds of columns by number; the order is part of the format. */
const KINDS: readonly Column['kind'][] = ['i32', 'f64', 'i64', 'bool', 'utf8', 'bytes', 'dictionary', 'values'];

/** Schemas that are remembered by their bytes. */
const SCHEMAS_MAX = 256;

const schemaBytes = new WeakMap<Schema, Uint8Array>();
const schemas = new Map<string, Schema>();
const NO_TYPES = new TypeRegistry();

/**
 * Writes the rows of a batch that count as one frame. Returns its bytes, a multiple of eight, or FRAME_FULL (-1) when
 * the target is too small: then nothing that was written counts.
 *
 * @throws VALUE_UNSUPPORTED when a column of JavaScript values holds one that cannot survive.
 */
export function encodeColumns(batch: ColumnBatch, target: FrameTarget, types: TypeRegistry = NO_TYPES): number {
  const start = addressOf(target);
  const end = start + target.capacity;
  const rows = batch.selected;
  const memory = memoryOf(target.bytes.buffer);
  const schema = bytesOfSchema(batch.schema);
  const { timestamps, kinds } = batch;
  const timesAt = align8(start + FRAME_HEADER_BYTES + schema.length);
  const kindsAt = timesAt + (timestamps === undefined ? 0 : rows * 8);
  let at = kindsAt + (kinds === undefined ? 0 : align8(rows));
  if (at > end) return FRAME_FULL;
  const gather = new ColumnGather(memory, batch.selection, rows, end);
  for (const column of batch.columns) {
    at = encodeColumn(column, gather, memory, at, end, types);
    if (at === FRAME_FULL) return FRAME_FULL;
  }
  if (timestamps !== undefined) gather.f64(timestamps, timesAt);
  if (kinds !== undefined) gather.u8(kinds, kindsAt);
  memory.u8[start] = VERSION;
  memory.u8[start + 1] = (timestamps === undefined ? 0 : FLAG_TIMESTAMPS) | (kinds === undefined ? 0 : FLAG_KINDS);
  memory.u16[start / 2 + 1] = batch.columns.length;
  memory.i32[start / 4 + 1] = rows;
  memory.i32[start / 4 + 2] = schema.length;
  memory.i32[start / 4 + 3] = 0;
  memory.u8.set(schema, start + FRAME_HEADER_BYTES);
  memory.u8.fill(0, start + FRAME_HEADER_BYTES + schema.length, timesAt);
  return at - start;
}

function encodeColumn(
  column: Column,
  gather: ColumnGather,
  memory: FrameMemory,
  position: number,
  end: number,
  types: TypeRegistry,
): number {
  const validityAt = position + COLUMN_HEADER_BYTES;
  const dataAt = validityAt + (column.validity === undefined ? 0 : align8(bitmapBytes(gather.rows)));
  if (dataAt > end) return FRAME_FULL;
  if (column.validity !== undefined) gather.bits(column.validity, validityAt);
  let entries = 0;
  let to: number;
  switch (column.kind) {
    case 'i32':
      to = gather.i32(column.values, dataAt);
      break;
    case 'f64':
      to = gather.f64(column.values, dataAt);
      break;
    case 'i64':
      to = gather.i64(column.values, dataAt);
      break;
    case 'bool':
      to = gather.bits(column.values, dataAt);
      break;
    case 'utf8':
    case 'bytes':
      to = gather.variable(column.offsets, column.bytes, dataAt);
      break;
    case 'dictionary': {
      const dictionary = gather.dictionary(column.codes, column.dictionary, column.validity, dataAt);
      to = dictionary.end;
      entries = dictionary.entries;
      break;
    }
    case 'values':
      to = encodeValues(column.values, gather, memory, dataAt, end, types);
      break;
  }
  if (to === FRAME_FULL) return FRAME_FULL;
  memory.i32[position / 4] = KINDS.indexOf(column.kind);
  memory.i32[position / 4 + 1] = column.validity === undefined ? 0 : 1;
  memory.i32[position / 4 + 2] = to - dataAt;
  memory.i32[position / 4 + 3] = entries;
  return to;
}

function encodeValues(
  values: readonly unknown[],
  gather: ColumnGather,
  memory: FrameMemory,
  position: number,
  end: number,
  types: TypeRegistry,
): number {
  const bytes = new ByteWriter();
  const writer = new ValueWriter(types);
  writer.begin(bytes);
  for (let i = 0; i < gather.rows; i++) writer.write(values[gather.row(i)]);
  const bytesEnd = position + bytes.length;
  const sectionEnd = align8(bytesEnd);
  if (sectionEnd > end) return FRAME_FULL;
  memory.u8.set(bytes.view(), position);
  memory.u8.fill(0, bytesEnd, sectionEnd);
  return sectionEnd;
}

/**
 * Reads a frame where it lies: the arrays of the batch are views, which mean something only as long as the memory of
 * the frame is left alone. The frame must begin at a multiple of eight bytes.
 *
 * @throws FRAME_CORRUPT when the bytes are no frame of this version.
 */
export function viewColumns(
  bytes: Uint8Array,
  offset: number,
  length: number,
  types: TypeRegistry = NO_TYPES,
): ColumnBatch {
  const start = bytes.byteOffset + offset;
  const end = start + length;
  const memory = memoryOf(bytes.buffer);
  if (start % 8 !== 0 || length < FRAME_HEADER_BYTES || memory.u8[start] !== VERSION)
    throw corrupt('has no header of this version');
  const flags = memory.u8[start + 1] as number;
  const columns = memory.u16[start / 2 + 1] as number;
  const rows = memory.i32[start / 4 + 1] as number;
  const schemaLength = memory.i32[start / 4 + 2] as number;
  const timesAt = align8(start + FRAME_HEADER_BYTES + schemaLength);
  const kindsAt = timesAt + ((flags & FLAG_TIMESTAMPS) === 0 ? 0 : rows * 8);
  const columnsAt = kindsAt + ((flags & FLAG_KINDS) === 0 ? 0 : align8(rows));
  if (rows < 0 || schemaLength < 0 || columnsAt > end) throw corrupt('is shorter than its rows');
  const schema = schemaAt(memory, start + FRAME_HEADER_BYTES, schemaLength);
  if (schema.fields.length !== columns) throw corrupt('has another number of columns than its schema');
  return new ColumnBatch({
    schema,
    count: rows,
    columns: readColumns(memory, columnsAt, end, columns, rows, types),
    timestamps: (flags & FLAG_TIMESTAMPS) === 0 ? undefined : new Float64Array(bytes.buffer, timesAt, rows),
    kinds: (flags & FLAG_KINDS) === 0 ? undefined : new Uint8Array(bytes.buffer, kindsAt, rows),
  });
}

function readColumns(
  memory: FrameMemory,
  position: number,
  end: number,
  count: number,
  rows: number,
  types: TypeRegistry,
): Column[] {
  const columns: Column[] = [];
  let at = position;
  for (let i = 0; i < count; i++) {
    if (at + COLUMN_HEADER_BYTES > end) throw corrupt('is cut off before a column');
    const kind = KINDS[memory.i32[at / 4] as number];
    const withValidity = memory.i32[at / 4 + 1] === 1;
    const dataLength = memory.i32[at / 4 + 2] as number;
    const entries = memory.i32[at / 4 + 3] as number;
    const validityAt = at + COLUMN_HEADER_BYTES;
    const dataAt = validityAt + (withValidity ? align8(bitmapBytes(rows)) : 0);
    at = dataAt + dataLength;
    if (kind === undefined || dataLength < 0 || entries < 0 || at > end) throw corrupt('has a damaged column');
    const validity = withValidity ? new Uint8Array(memory.u8.buffer, validityAt, bitmapBytes(rows)) : undefined;
    columns.push(readColumn(kind, memory, dataAt, at, rows, entries, validity, types));
  }
  return columns;
}

function readColumn(
  kind: Column['kind'],
  memory: FrameMemory,
  position: number,
  end: number,
  rows: number,
  entries: number,
  validity: Uint8Array | undefined,
  types: TypeRegistry,
): Column {
  const { buffer } = memory.u8;
  const room = (bytes: number): void => {
    if (position + bytes > end) throw corrupt('has a column that is shorter than its rows');
  };
  switch (kind) {
    case 'i32':
      room(rows * 4);
      return { kind, validity, values: new Int32Array(buffer, position, rows) };
    case 'f64':
      room(rows * 8);
      return { kind, validity, values: new Float64Array(buffer, position, rows) };
    case 'i64':
      room(rows * 8);
      return { kind, validity, values: new BigInt64Array(buffer, position, rows) };
    case 'bool':
      room(bitmapBytes(rows));
      return { kind, validity, values: new Uint8Array(buffer, position, bitmapBytes(rows)) };
    case 'utf8':
    case 'bytes':
      return { kind, validity, ...readVariable(memory, position, end, rows) };
    case 'dictionary': {
      room(rows * 4);
      const dictionary = readVariable(memory, position + align8(rows * 4), end, entries);
      return {
        kind,
        validity,
        codes: new Int32Array(buffer, position, rows),
        dictionary: { count: entries, ...dictionary },
      };
    }
    case 'values':
      return { kind, validity, values: readValues(memory, position, end, rows, types) };
  }
}

/** Offsets of `count` parts, and their bytes. */
function readVariable(
  memory: FrameMemory,
  position: number,
  end: number,
  count: number,
): { readonly offsets: Int32Array; readonly bytes: Uint8Array } {
  const bytesAt = position + align8((count + 1) * 4);
  if (bytesAt > end) throw corrupt('has a column that is shorter than its rows');
  const offsets = new Int32Array(memory.u8.buffer, position, count + 1);
  const bytes = offsets[count] as number;
  if (bytes < 0 || bytesAt + bytes > end) throw corrupt('has text that is shorter than its offsets');
  return { offsets, bytes: new Uint8Array(memory.u8.buffer, bytesAt, bytes) };
}

function readValues(memory: FrameMemory, position: number, end: number, rows: number, types: TypeRegistry): unknown[] {
  const reader = new ValueReader(types);
  reader.begin(new ByteReader(memory.u8, position, end));
  const values: unknown[] = [];
  for (let i = 0; i < rows; i++) values.push(reader.read());
  return values;
}

function bytesOfSchema(schema: Schema): Uint8Array {
  let bytes = schemaBytes.get(schema);
  if (bytes === undefined) {
    bytes = new TextEncoder().encode(JSON.stringify(schema));
    schemaBytes.set(schema, bytes);
  }
  return bytes;
}

/** The schema with these bytes: one object for all frames that carry it. */
function schemaAt(memory: FrameMemory, start: number, length: number): Schema {
  const text = memory.text.toString('latin1', start, start + length);
  let schema = schemas.get(text);
  if (schema === undefined) {
    schema = parseSchema(memory.text.toString('utf8', start, start + length));
    if (schemas.size >= SCHEMAS_MAX) schemas.clear();
    schemas.set(text, schema);
  }
  return schema;
}

function parseSchema(text: string): Schema {
  try {
    return new Schema(JSON.parse(text) as RowTypeField[]);
  } catch (error) {
    throw new MillstreamError('FRAME_CORRUPT', 'A frame of columns has a damaged schema.', { cause: error });
  }
}

function corrupt(what: string): MillstreamError {
  return new MillstreamError('FRAME_CORRUPT', `A frame of columns ${what}.`);
}
