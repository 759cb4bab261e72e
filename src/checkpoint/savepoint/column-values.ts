/** Columns of Arrow as the values that they were made of: the other half of `value-columns.ts`. */

import type { Data, DataType, Field } from 'apache-arrow';
import { ByteReader } from '../../base/bytes.ts';
import { MillstreamError } from '../../base/error.ts';
import { readValue } from '../../data/structured-codec.ts';
import { utf8Text } from '../../data/text.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { VIEWS } from '../../data/value-tags.ts';
import { KIND_KEY, NULL_KEY } from './value-columns.ts';
import { isFields, MISSING, OPAQUE } from './value-shape.ts';

/** The value in a row. */
export type ReadRow = (row: number) => unknown;

/** What a null stands for, by the metadata of its field. */
const ABSENT: Readonly<Record<string, unknown>> = { null: null, undefined, missing: MISSING };

const MAKE_VIEW = new Map(
  VIEWS.map(({ prototype, make }) => [(prototype as { constructor: { name: string } }).constructor.name, make]),
);

/**
 * Reads the rows of a column.
 *
 * @throws STATE_CORRUPT for a column of another type than its metadata says.
 */
export function columnReader(field: Field, data: Data, types: TypeRegistry): ReadRow {
  const kind = field.metadata.get(KIND_KEY);
  const absent = ABSENT[field.metadata.get(NULL_KEY) ?? 'null'];
  if (kind === undefined) {
    if (data.children.length > 0 && data.typeIds !== undefined) return unionReader(field, data, types);
    return () => absent;
  }
  const read = kindReader(kind, field, data, types);
  if (data.nullCount === 0) return read;
  const bits = data.nullBitmap;
  const { offset } = data;
  return (row) => (((bits[(offset + row) >> 3] as number) >> ((offset + row) & 7)) & 1 ? read(row) : absent);
}

function unionReader(field: Field, data: Data, types: TypeRegistry): ReadRow {
  const fields = childFields(field);
  const children = fields.map((child, i) => columnReader(child, data.children[i] as Data, types));
  const ids = data.typeIds as Int8Array;
  const offsets = data.valueOffsets as Int32Array;
  return (row) => (children[ids[row] as number] as ReadRow)(offsets[row] as number);
}

function childFields(field: Field): readonly Field[] {
  return (field.type as DataType & { readonly children: readonly Field[] }).children;
}

function childReader(field: Field, data: Data, index: number, types: TypeRegistry): ReadRow {
  return columnReader(childFields(field)[index] as Field, data.children[index] as Data, types);
}

function kindReader(kind: string, field: Field, data: Data, types: TypeRegistry): ReadRow {
  if (isFields(kind))
    return isMap(field) ? tableReader(kind, field, data, types) : fieldsReader(kind, field, data, types);
  if (kind.startsWith('bytes:')) return bytesReader(kind.slice('bytes:'.length), data);
  if (kind.startsWith('numbers:')) return typedArrayReader(kind.slice('numbers:'.length), data);
  if (kind.startsWith('coded:')) return codedReader(kind.slice('coded:'.length), field, data, types);
  switch (kind) {
    case 'number':
      return numberReader(data);
    case 'bigint': {
      const values = data.values as BigInt64Array;
      return (row) => values[row];
    }
    case 'big': {
      const text = textReader(data);
      return (row) => BigInt(text(row));
    }
    case 'string':
      return textReader(data);
    case 'boolean': {
      const bits = data.values as Uint8Array;
      const { offset } = data;
      return (row) => (((bits[(offset + row) >> 3] as number) >> ((offset + row) & 7)) & 1) === 1;
    }
    case 'date': {
      const time = integerReader(data.values as BigInt64Array);
      return (row) => new Date(time(row));
    }
    case 'array':
      return listReader(data, childReader(field, data, 0, types), (items) => items);
    case 'set':
      return listReader(data, childReader(field, data, 0, types), (items) => new Set(items));
    case 'map':
      return mapReader(field, data, types);
    case OPAQUE: {
      const bytes = binaryReader(data);
      return (row) => readValue(new ByteReader(bytes(row)), types);
    }
    default:
      throw new MillstreamError(
        'STATE_CORRUPT',
        `The column "${field.name}" holds values of the unknown kind "${kind}". It was written by a later version, or changed by hand.`,
      );
  }
}

function isMap(field: Field): boolean {
  const [entries] = childFields(field);
  return entries?.name === 'entries';
}

/** Numbers come in the type that held all of them. */
function numberReader(data: Data): ReadRow {
  const values = data.values as Int32Array | Float64Array | BigInt64Array;
  if (values instanceof BigInt64Array) return integerReader(values);
  return (row) => values[row];
}

/** Safe integers of 64 bits, without a bigint. */
function integerReader(values: BigInt64Array): (row: number) => number {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  return (row) => (halves[2 * row + 1] as number) * 2 ** 32 + ((halves[2 * row] as number) >>> 0);
}

function binaryReader(data: Data): (row: number) => Uint8Array {
  const values = data.values as Uint8Array;
  const offsets = data.valueOffsets as Int32Array;
  return (row) => values.subarray(offsets[row], offsets[row + 1]);
}

function textReader(data: Data): (row: number) => string {
  const bytes = binaryReader(data);
  return (row) => utf8Text(bytes(row));
}

function copied(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}

function bytesReader(name: string, data: Data): ReadRow {
  const bytes = binaryReader(data);
  const make = MAKE_VIEW.get(name);
  return make === undefined ? (row) => copied(bytes(row)) : (row) => make(copied(bytes(row)));
}

function typedArrayReader(name: string, data: Data): ReadRow {
  const make = MAKE_VIEW.get(name) as (buffer: ArrayBuffer) => ArrayBufferView;
  const offsets = data.valueOffsets as Int32Array;
  const values = (data.children[0] as Data).values as Uint8Array | Uint16Array | Float64Array;
  const size = values.BYTES_PER_ELEMENT;
  return (row) => {
    const start = offsets[row] as number;
    const length = (offsets[row + 1] as number) - start;
    return make(copied(new Uint8Array(values.buffer, values.byteOffset + start * size, length * size)));
  };
}

function listReader(data: Data, item: ReadRow, made: (items: unknown[]) => unknown): ReadRow {
  const offsets = data.valueOffsets as Int32Array;
  return (row) => {
    const items: unknown[] = [];
    const end = offsets[row + 1] as number;
    for (let i = offsets[row] as number; i < end; i++) items.push(item(i));
    return made(items);
  };
}

/** The entries of a map: readers of its keys and values. */
function entryReaders(field: Field, data: Data, types: TypeRegistry): readonly [ReadRow, ReadRow] {
  const entries = childFields(field)[0] as Field;
  const struct = data.children[0] as Data;
  return [childReader(entries, struct, 0, types), childReader(entries, struct, 1, types)];
}

function mapReader(field: Field, data: Data, types: TypeRegistry): ReadRow {
  const [key, value] = entryReaders(field, data, types);
  const entry = (i: number): readonly [unknown, unknown] => [key(i), value(i)];
  return listReader(data, entry, (entries) => new Map(entries as [unknown, unknown][]));
}

function emptyObject(kind: string, types: TypeRegistry): () => Record<string, unknown> {
  if (kind === 'object') return () => ({});
  const prototype = kind === 'bare' ? null : types.forName(kind.slice('instance:'.length)).prototype;
  return () => Object.create(prototype) as Record<string, unknown>;
}

/** Where the prototype has something of that name, assigning would meet it. */
function setField(object: Record<string, unknown>, name: string, value: unknown): void {
  if (!(name in object)) object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function fieldsReader(kind: string, field: Field, data: Data, types: TypeRegistry): ReadRow {
  const make = emptyObject(kind, types);
  // The library reads an empty name as null.
  const nameOf = ({ name }: { readonly name: string | null }): string => name ?? '';
  const fields = childFields(field).map((part, i) => ({
    name: nameOf(part),
    read: childReader(field, data, i, types),
  }));
  return (row) => {
    const object = make();
    for (const { name, read } of fields) {
      const value = read(row);
      if (value !== MISSING) setField(object, name, value);
    }
    return object;
  };
}

function tableReader(kind: string, field: Field, data: Data, types: TypeRegistry): ReadRow {
  const make = emptyObject(kind, types);
  const entries = childFields(field)[0] as Field;
  const struct = data.children[0] as Data;
  const name = textReader(struct.children[0] as Data);
  const value = childReader(entries, struct, 1, types);
  const offsets = data.valueOffsets as Int32Array;
  return (row) => {
    const object = make();
    const end = offsets[row + 1] as number;
    for (let i = offsets[row] as number; i < end; i++) setField(object, JSON.parse(`"${name(i)}"`) as string, value(i));
    return object;
  };
}

function codedReader(name: string, field: Field, data: Data, types: TypeRegistry): ReadRow {
  const { codec } = types.forName(name);
  if (codec === undefined)
    throw new MillstreamError(
      'VALUE_UNSUPPORTED',
      `The column "${field.name}" holds instances of "${name}" as a codec encoded them, but the type is registered without a codec here. Register it with the same codec everywhere.`,
    );
  const encoded = childReader(field, data, 0, types);
  return (row) => codec.decode(encoded(row));
}
