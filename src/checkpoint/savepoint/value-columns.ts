/**
 * Values as columns of Arrow, by their shape. The metadata of every field says what its values were in JavaScript, so
 * that they come back exactly (`column-values.ts`); other readers need not look at it.
 *
 * | values | column | `millstream.kind` |
 * |---|---|---|
 * | numbers | int32, int64 or float64, whichever holds all | `number` |
 * | bigints | int64; text where one is longer | `bigint`, `big` |
 * | text, booleans | utf8, bool | `string`, `boolean` |
 * | Date | timestamp in milliseconds, UTC | `date` |
 * | Uint8Array, Buffer, ArrayBuffer, … | binary | `bytes:Uint8Array` |
 * | other typed arrays | list of their numbers | `numbers:Float64Array` |
 * | arrays, sets | list | `array`, `set` |
 * | maps | map; list of structs where keys can be absent or of several kinds | `map` |
 * | objects, instances | struct of their fields | `object`, `bare`, `instance:Name` |
 * | objects of many names | map from name to value | the same |
 * | instances with a codec | what it encodes them as | `coded:Name` |
 * | anything else | binary, by the structured codec | `opaque` |
 *
 * A column of several kinds is a dense union of them. `millstream.null` says what a null is: `null`, `undefined`, or
 * `missing` for a field that is not there.
 */

import type { DataType, Field } from 'apache-arrow';
import { ByteWriter } from '../../base/bytes.ts';
import { writeValue } from '../../data/structured-codec.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import type { Arrow } from './arrow.ts';
import {
  BoolBuilder,
  BytesBuilder,
  ListBuilder,
  NullBuilder,
  NumberBuilder,
  StructBuilder,
  UnionBuilder,
  type ColumnBuilder,
  type Weight,
} from './column-builders.ts';
import {
  absenceOf,
  alternativeOf,
  encodedInstance,
  isFields,
  isTree,
  MISSING,
  OPAQUE,
  type Absence,
  type Alternative,
  type ValueShape,
} from './value-shape.ts';

export const KIND_KEY = 'millstream.kind';
export const NULL_KEY = 'millstream.null';

/** A builder with the field that describes it. */
export interface ValueColumn {
  readonly field: Field;
  readonly builder: ColumnBuilder;
}

interface Making {
  readonly arrow: Arrow;
  readonly types: TypeRegistry;
  readonly weight: Weight;
}

/** A column for values of a shape that has seen all of them. */
export function valueColumn(
  name: string,
  shape: ValueShape,
  arrow: Arrow,
  types: TypeRegistry,
  weight: Weight,
): ValueColumn {
  const making = { arrow, types, weight };
  // Only whole values are looked at for what no column can hold; parts of a tree are trees.
  const choose = (value: unknown): string => (isTree(value, types) ? alternativeOf(value, types, 0) : OPAQUE);
  return columnOf(name, shape, making, 0, choose);
}

function columnOf(
  name: string,
  shape: ValueShape,
  making: Making,
  depth: number,
  choose: (value: unknown) => string = (value) => alternativeOf(value, making.types, depth),
): ValueColumn {
  const absences = [...shape.absences];
  const alternatives = [...shape.alternatives.values()];
  const [first] = alternatives;
  if (absences.length > 1 || alternatives.length > 1)
    return unionColumn(name, absences, alternatives, making, depth, choose);
  const [absence] = absences;
  if (first === undefined) return nullColumn(name, absence ?? 'null', making);
  const { kind, builder } = alternativeColumn(first, making, depth);
  const metadata = new Map([[KIND_KEY, kind]]);
  if (absence !== undefined) metadata.set(NULL_KEY, absence);
  const field = new making.arrow.Field(name, builder.type, true, metadata);
  return { field, builder: absence === undefined ? builder : new OrNothing(builder) };
}

function nullColumn(name: string, absence: Absence, { arrow }: Making): ValueColumn {
  const builder = new NullBuilder(arrow);
  return { field: new arrow.Field(name, builder.type, true, new Map([[NULL_KEY, absence]])), builder };
}

function unionColumn(
  name: string,
  absences: readonly Absence[],
  alternatives: readonly Alternative[],
  making: Making,
  depth: number,
  choose: (value: unknown) => string,
): ValueColumn {
  const columns = [
    ...absences.map((absence) => nullColumn(absence, absence, making)),
    ...alternatives.map((alternative): ValueColumn => {
      const { kind, builder } = alternativeColumn(alternative, making, depth);
      const field = new making.arrow.Field(kind, builder.type, true, new Map([[KIND_KEY, kind]]));
      return { field, builder };
    }),
  ];
  const numbers = new Map<string, number>([...absences, ...alternatives.map(({ id }) => id)].map((id, i) => [id, i]));
  const builder = new UnionBuilder(
    making.arrow,
    making.weight,
    columns.map((column) => column.field),
    columns.map((column) => column.builder),
    (value) => numbers.get(absenceOf(value) ?? choose(value)) as number,
  );
  return { field: new making.arrow.Field(name, builder.type, true), builder };
}

/** A column in which nulls stand for one kind of absence. */
class OrNothing implements ColumnBuilder {
  readonly type: DataType;
  readonly #of: ColumnBuilder;

  constructor(of: ColumnBuilder) {
    this.#of = of;
    this.type = of.type;
  }

  get length(): number {
    return this.#of.length;
  }

  append(value: unknown): void {
    if (absenceOf(value) === undefined) this.#of.append(value);
    else this.#of.appendNothing();
  }

  appendNothing(): void {
    this.#of.appendNothing();
  }

  take(): ReturnType<ColumnBuilder['take']> {
    return this.#of.take();
  }
}

/** The column of one alternative, without nulls. */
function alternativeColumn(
  alternative: Alternative,
  making: Making,
  depth: number,
): { readonly kind: string; readonly builder: ColumnBuilder } {
  const { id } = alternative;
  return { kind: id, builder: builderOf(alternative, making, depth) };
}

function builderOf(alternative: Alternative, making: Making, depth: number): ColumnBuilder {
  const { arrow, types, weight } = making;
  const { id } = alternative;
  if (isFields(id)) return fieldsBuilder(alternative, making, depth);
  if (id.startsWith('numbers:')) return typedArrayBuilder(id.slice('numbers:'.length), making);
  if (id.startsWith('bytes:')) return new BytesBuilder(arrow, weight, new arrow.Binary(), bytesOf);
  switch (id) {
    case 'number':
      return numbersBuilder(alternative.integers, making);
    case 'bigint':
      return new NumberBuilder(
        arrow,
        weight,
        new arrow.Int64(),
        8,
        putBigint,
        (bytes) => new BigInt64Array(bytes.buffer),
      );
    case 'big':
      return BytesBuilder.text(arrow, weight, (value: bigint) => String(value));
    case 'string':
      return BytesBuilder.text(arrow, weight, (value: string) => value);
    case 'boolean':
      return new BoolBuilder(arrow, weight);
    case 'date':
      return timestampBuilder(making);
    case 'array':
      return listBuilder(alternative, making, depth, (value: readonly unknown[], append) => value.forEach(append));
    case 'set':
      return listBuilder(alternative, making, depth, (value: ReadonlySet<unknown>, append) => value.forEach(append));
    case 'map':
      return mapBuilder(alternative, making, depth);
    case OPAQUE:
      return new BytesBuilder(arrow, weight, new arrow.Binary(), (value: unknown) => {
        const writer = new ByteWriter();
        writeValue(value, writer, types);
        return writer.take();
      });
    default:
      return codedBuilder(alternative, making, depth);
  }
}

function putBigint(view: DataView, offset: number, value: unknown): void {
  view.setBigInt64(offset, value as bigint, true);
}

/** Safe integers in 64 bits. */
function putInteger(view: DataView, offset: number, value: unknown): void {
  view.setUint32(offset, (value as number) >>> 0, true);
  view.setInt32(offset + 4, Math.floor((value as number) / 2 ** 32), true);
}

function numbersBuilder(integers: Alternative['integers'], { arrow, weight }: Making): ColumnBuilder {
  switch (integers) {
    case 'i32':
      return new NumberBuilder(
        arrow,
        weight,
        new arrow.Int32(),
        4,
        (view, at, value) => view.setInt32(at, value as number, true),
        (bytes) => new Int32Array(bytes.buffer),
      );
    case 'i64':
      return new NumberBuilder(
        arrow,
        weight,
        new arrow.Int64(),
        8,
        putInteger,
        (bytes) => new BigInt64Array(bytes.buffer),
      );
    case 'none':
      return new NumberBuilder(
        arrow,
        weight,
        new arrow.Float64(),
        8,
        (view, at, value) => view.setFloat64(at, value as number, true),
        (bytes) => new Float64Array(bytes.buffer),
      );
  }
}

/** Times in milliseconds, of dates. */
function timestampBuilder({ arrow, weight }: Making): ColumnBuilder {
  return new NumberBuilder(
    arrow,
    weight,
    new arrow.Timestamp(arrow.TimeUnit.MILLISECOND, 'UTC'),
    8,
    (view, at, value) => putInteger(view, at, (value as Date).getTime()),
    (bytes) => new BigInt64Array(bytes.buffer),
  );
}

function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return new Uint8Array(value);
}

/** The arrays whose elements are lists of numbers, with their types. */
function typedArrayBuilder(name: string, { arrow, weight }: Making): ColumnBuilder {
  const elements: Readonly<Record<string, readonly [DataType, number, PutElement, MakeElements]>> = {
    Int8Array: [new arrow.Int8(), 1, (v, n) => v.setInt8(0, n as number), (b) => new Int8Array(b)],
    Int16Array: [new arrow.Int16(), 2, (v, n) => v.setInt16(0, n as number, true), (b) => new Int16Array(b)],
    Uint16Array: [new arrow.Uint16(), 2, (v, n) => v.setUint16(0, n as number, true), (b) => new Uint16Array(b)],
    Int32Array: [new arrow.Int32(), 4, (v, n) => v.setInt32(0, n as number, true), (b) => new Int32Array(b)],
    Uint32Array: [new arrow.Uint32(), 4, (v, n) => v.setUint32(0, n as number, true), (b) => new Uint32Array(b)],
    // The library keeps half floats as the 16 bits that they are.
    Float16Array: [new arrow.Float16(), 2, (v, n) => v.setFloat16(0, n as number, true), (b) => new Uint16Array(b)],
    Float32Array: [new arrow.Float32(), 4, (v, n) => v.setFloat32(0, n as number, true), (b) => new Float32Array(b)],
    Float64Array: [new arrow.Float64(), 8, (v, n) => v.setFloat64(0, n as number, true), (b) => new Float64Array(b)],
    BigInt64Array: [new arrow.Int64(), 8, (v, n) => v.setBigInt64(0, n as bigint, true), (b) => new BigInt64Array(b)],
    BigUint64Array: [
      new arrow.Uint64(),
      8,
      (v, n) => v.setBigUint64(0, n as bigint, true),
      (b) => new BigUint64Array(b),
    ],
  };
  const [type, size, put, make] = elements[name] as (typeof elements)[string];
  const item = new NumberBuilder(
    arrow,
    weight,
    type,
    size,
    (view, _at, value) => put(view, value),
    (bytes) => make(bytes.buffer as ArrayBuffer),
  );
  const field = new arrow.Field('item', type, true);
  return new ListBuilder(arrow, weight, new arrow.List(field), item, (value: readonly (number | bigint)[], append) => {
    for (const element of value) append(element);
  });
}

type PutElement = (view: DataView, value: unknown) => void;
type MakeElements = (buffer: ArrayBuffer) => unknown;

function listBuilder(
  { item }: Alternative,
  making: Making,
  depth: number,
  each: (value: never, append: (item: unknown) => void) => void,
): ColumnBuilder {
  const column = columnOf('item', item as ValueShape, making, depth + 1);
  return new ListBuilder(making.arrow, making.weight, new making.arrow.List(column.field), column.builder, each);
}

type Entry = readonly [unknown, unknown];

function mapBuilder({ key, item }: Alternative, making: Making, depth: number): ColumnBuilder {
  const keys = columnOf('key', key as ValueShape, making, depth + 1);
  const values = columnOf('value', item as ValueShape, making, depth + 1);
  const plainKeys = (key as ValueShape).absences.size === 0 && (key as ValueShape).alternatives.size === 1;
  return entriesBuilder(keys, values, plainKeys, making, (value: ReadonlyMap<unknown, unknown>, append) => {
    for (const entry of value) append(entry);
  });
}

/** Readers want the keys of a map to be there, and of one kind. */
function entriesBuilder(
  keys: ValueColumn,
  values: ValueColumn,
  plainKeys: boolean,
  { arrow, weight }: Making,
  each: (value: never, append: (item: unknown) => void) => void,
): ColumnBuilder {
  const { name, type, metadata } = keys.field;
  const keyField = plainKeys ? new arrow.Field(name, type as DataType, false, metadata) : keys.field;
  const entries = new StructBuilder(
    arrow,
    weight,
    [keyField, values.field],
    [keys.builder, values.builder],
    (entry: Entry, child) => entry[child],
  );
  const field = new arrow.Field('entries', entries.type, false);
  // oxlint-disable-next-line no-underscore-dangle -- the library's name
  const list = plainKeys ? new arrow.Map_(field as never) : new arrow.List(field);
  return new ListBuilder(arrow, weight, list, entries, each);
}

function fieldsBuilder({ fields, item }: Alternative, making: Making, depth: number): ColumnBuilder {
  if (fields === undefined) return tableBuilder(item as ValueShape, making, depth);
  const names = [...fields.keys()];
  const columns = Array.from(fields, ([name, shape]) => columnOf(name, shape, making, depth + 1));
  return new StructBuilder(
    making.arrow,
    making.weight,
    columns.map((column) => column.field),
    columns.map((column) => column.builder),
    (value: Record<string, unknown>, child) => {
      const name = names[child] as string;
      return Object.hasOwn(value, name) ? value[name] : MISSING;
    },
  );
}

/** Objects as names and values. Names that are not well formed become opaque keys. */
function tableBuilder(item: ValueShape, making: Making, depth: number): ColumnBuilder {
  const { arrow, weight, types } = making;
  const key = BytesBuilder.text(arrow, weight, (name: string) => JSON.stringify(name).slice(1, -1));
  const keys: ValueColumn = { field: new arrow.Field('key', key.type, false), builder: key };
  const values = columnOf('value', item, making, depth + 1, (value) => alternativeOf(value, types, depth + 1));
  return entriesBuilder(keys, values, true, making, (value: Record<string, unknown>, append) => {
    for (const name of Object.keys(value)) append([name, value[name]]);
  });
}

/** What the codec of a class makes of its instances, as the only part of a struct. */
function codedBuilder({ item }: Alternative, making: Making, depth: number): ColumnBuilder {
  const encoded = columnOf('encoded', item as ValueShape, making, depth + 1);
  return new StructBuilder(making.arrow, making.weight, [encoded.field], [encoded.builder], (value: object) =>
    encodedInstance(value, making.types),
  );
}
