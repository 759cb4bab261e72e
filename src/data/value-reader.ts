/** The reading half of the structured codec; see `value-writer.ts` for what it reads. */

import type { ByteReader } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { readText, utf16Text } from './text.ts';
import type { RegisteredType, TypeRegistry } from './type-registry.ts';
import {
  ERROR_FIELDS,
  ERROR_TYPES,
  FIELDS_FIRST_SHAPE,
  FIELDS_INLINE,
  FIELDS_NEW_SHAPE,
  SMALL_INTEGER,
  ValueTag,
  VIEWS,
} from './value-tags.ts';

/** Stands where an object will be once it has been read. */
const UNREAD = Symbol('unread');

interface Shape {
  readonly names: readonly string[];
  /** Whether a plain object has something under one of the names without having the field. */
  readonly shadowing: boolean;
}

export class ValueReader {
  readonly #types: TypeRegistry;
  #reader!: ByteReader;
  /** The objects of the current value, in the order in which the writer met them. */
  readonly #objects: unknown[] = [];
  /** How many of them; what lies behind is left from other values. */
  #count = 0;
  readonly #shapes: Shape[] = [];
  readonly #names: string[] = [];

  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  /** Starts a batch, as the writer did. */
  begin(reader: ByteReader): void {
    this.#reader = reader;
    this.#shapes.length = 0;
    this.#names.length = 0;
  }

  read(): unknown {
    this.startValue();
    return this.#any();
  }

  /** Begins a value that is read in parts. */
  startValue(): void {
    // The list keeps its length: setting that costs as much as reading a small value.
    this.#count = 0;
  }

  /** Lets go of the values that were read. */
  release(): void {
    this.#count = 0;
    this.#objects.length = 0;
  }

  readPart(): unknown {
    return this.#any();
  }

  #any(): unknown {
    const tag = this.#reader.u8();
    return tag >= SMALL_INTEGER ? tag & ~SMALL_INTEGER : this.#tagged(tag);
  }

  #tagged(tag: number): unknown {
    const reader = this.#reader;
    switch (tag) {
      case ValueTag.UNDEFINED:
        return undefined;
      case ValueTag.NULL:
        return null;
      case ValueTag.FALSE:
        return false;
      case ValueTag.TRUE:
        return true;
      case ValueTag.I32:
        return reader.i32();
      case ValueTag.F64:
        return reader.f64();
      case ValueTag.I64:
        return reader.i64();
      case ValueTag.BIG:
        return this.#big();
      case ValueTag.STRING:
        return reader.string();
      case ValueTag.REFERENCE:
        return this.#reference(reader.varint());
      case ValueTag.OBJECT:
        return this.#fields({}, Object.prototype);
      case ValueTag.ARRAY:
        return this.#array();
      case ValueTag.DATE:
        return this.#keep(new Date(reader.f64()));
      default:
        return this.#rare(tag);
    }
  }

  #rare(tag: number): unknown {
    const reader = this.#reader;
    switch (tag) {
      case ValueTag.BARE_OBJECT:
        return this.#fields(Object.create(null) as Record<string, unknown>, null);
      case ValueTag.INSTANCE: {
        const { prototype } = this.#type();
        return this.#fields(Object.create(prototype) as Record<string, unknown>, prototype);
      }
      case ValueTag.STRING_UTF16:
        return utf16Text(reader.bytes());
      case ValueTag.CODED_INSTANCE:
        return this.#coded();
      case ValueTag.MAP:
        return this.#map();
      case ValueTag.SET:
        return this.#set();
      case ValueTag.REGEXP:
        return this.#regexp();
      case ValueTag.ERROR:
        return this.#error();
      case ValueTag.ARRAY_BUFFER:
        return this.#keep(bufferOf(reader.bytes()));
      case ValueTag.VIEW: {
        const view = VIEWS[reader.u8()];
        if (view === undefined) throw corrupt('an unknown kind of view', reader);
        return this.#keep(view.make(bufferOf(reader.bytes())));
      }
      default:
        throw corrupt(`the unknown tag ${tag}`, reader);
    }
  }

  #keep<T>(object: T): T {
    this.#objects[this.#count++] = object;
    return object;
  }

  #reference(number: number): unknown {
    if (number >= this.#count || this.#objects[number] === UNREAD)
      throw corrupt('a reference to a value that has not been read', this.#reader);
    return this.#objects[number];
  }

  #big(): bigint {
    const negative = this.#reader.u8() === 1;
    const magnitude = BigInt(`0x${Buffer.from(this.#reader.bytes()).toString('hex')}`);
    return negative ? -magnitude : magnitude;
  }

  #fields(object: Record<string, unknown>, prototype: object | null): Record<string, unknown> {
    this.#objects[this.#count++] = object;
    const shape = this.#shape();
    const { names } = shape;
    if (prototype !== null && (prototype !== Object.prototype || shape.shadowing))
      return this.#defineFields(object, names, prototype);
    for (let i = 0; i < names.length; i++) object[names[i] as string] = this.#any();
    return object;
  }

  /** Where the prototype has something under the same name, it may be an accessor or read-only: assigning would meet it. */
  #defineFields(object: Record<string, unknown>, names: readonly string[], prototype: object): Record<string, unknown> {
    for (const name of names) {
      const value = this.#any();
      if (name in prototype)
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
      else object[name] = value;
    }
    return object;
  }

  #shape(): Shape {
    const header = this.#reader.varint();
    if (header >= FIELDS_FIRST_SHAPE) {
      const shape = this.#shapes[header - FIELDS_FIRST_SHAPE];
      if (shape === undefined) throw corrupt('a shape that was not defined', this.#reader);
      return shape;
    }
    const count = this.#reader.varint();
    const names: string[] = [];
    for (let i = 0; i < count; i++) names.push(readText(this.#reader));
    const shape = { names, shadowing: names.some((name) => name in Object.prototype) };
    if (header === FIELDS_NEW_SHAPE) this.#shapes.push(shape);
    else if (header !== FIELDS_INLINE) throw corrupt('an unknown kind of fields', this.#reader);
    return shape;
  }

  #array(): unknown[] {
    const items: unknown[] = this.#keep([]);
    const length = this.#reader.varint();
    while (items.length < length) {
      const tag = this.#reader.u8();
      if (tag === ValueTag.HOLES) items.length += this.#reader.varint();
      else items.push(tag >= SMALL_INTEGER ? tag & ~SMALL_INTEGER : this.#tagged(tag));
    }
    return items;
  }

  #map(): Map<unknown, unknown> {
    const map = this.#keep(new Map<unknown, unknown>());
    const size = this.#reader.varint();
    for (let i = 0; i < size; i++) {
      const key = this.#any();
      map.set(key, this.#any());
    }
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#keep(new Set<unknown>());
    const size = this.#reader.varint();
    for (let i = 0; i < size; i++) set.add(this.#any());
    return set;
  }

  #regexp(): RegExp {
    const source = readText(this.#reader);
    const regexp = this.#keep(new RegExp(source, readText(this.#reader)));
    regexp.lastIndex = this.#reader.f64();
    return regexp;
  }

  #error(): Error {
    const number = this.#reader.u8();
    const type = ERROR_TYPES[number];
    if (type === undefined) throw corrupt('an unknown kind of error', this.#reader);
    const error = this.#keep(type === AggregateError ? new AggregateError([]) : new (type as typeof Error)());
    // The constructor's own notes (its stack, an aggregate's empty list) give way to what was written.
    for (const name of ERROR_FIELDS) Reflect.deleteProperty(error, name);
    const count = this.#reader.varint();
    for (let i = 0; i < count; i++) {
      const name = readText(this.#reader);
      Object.defineProperty(error, name, {
        value: this.#any(),
        enumerable: !ERROR_FIELDS.includes(name),
        configurable: true,
        writable: true,
      });
    }
    return error;
  }

  #coded(): object {
    const type = this.#type();
    if (type.codec === undefined) {
      throw new MillstreamError(
        'VALUE_UNSUPPORTED',
        `The bytes hold an instance of "${type.name}" as a codec encoded it, but the type is registered without a codec here. Register it with the same codec everywhere.`,
      );
    }
    const number = this.#count++;
    this.#objects[number] = UNREAD;
    const instance = type.codec.decode(this.#any());
    this.#objects[number] = instance;
    return instance;
  }

  #type(): RegisteredType {
    const number = this.#reader.varint();
    if (number === 0) this.#names.push(readText(this.#reader));
    const name = this.#names[number === 0 ? this.#names.length - 1 : number - 1];
    if (name === undefined) throw corrupt('a type name that was not defined', this.#reader);
    return this.#types.forName(name);
  }
}

/** Bytes of their own, starting at an address that suits every element size. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}

function corrupt(what: string, reader: ByteReader): MillstreamError {
  return new MillstreamError('FRAME_CORRUPT', `An encoded value holds ${what} before offset ${reader.offset}.`);
}
