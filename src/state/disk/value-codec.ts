/**
 * Values in records of the log: quick for what state mostly is (numbers, text, flat and nested plain objects, arrays),
 * exact for everything.
 *
 * Objects of the same fields in the same order share a *shape*, numbered once per store; its functions are generated.
 * A value with anything else inside (a class, a Map, an object that occurs twice) goes by the structured codec as a
 * whole, so that what is read equals what was written, identities included. docs/internals/disk-state.md lists the tags.
 */

import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { MillstreamError } from '../../base/error.ts';
import { compile, freshTag } from '../../data/record-code.ts';
import type { TypeRegistry } from '../../data/type-registry.ts';
import { ValueReader } from '../../data/value-reader.ts';
import { ValueWriter } from '../../data/value-writer.ts';
import type { RecordBuffer } from './record-buffer.ts';
import type { TextBuffer } from './text-buffer.ts';

/** The first byte of a value. From 0x80 on it is an integer from 0 to 127, from 0x40 on ASCII text of 0 to 63 bytes. */
const Tag = {
  UNDEFINED: 0x00,
  NULL: 0x01,
  FALSE: 0x02,
  TRUE: 0x03,
  I32: 0x04,
  F64: 0x05,
  /** The length as a varint, then the bytes; for UTF-16 the length is in bytes too. */
  ASCII: 0x06,
  UTF8: 0x07,
  UTF16: 0x08,
  ARRAY: 0x09,
  /** The number of the shape, then the fields. */
  OBJECT: 0x0a,
  DATE: 0x0b,
  /** The length as a varint, then what the structured codec made of the value. */
  STRUCTURED: 0x0c,
} as const;

const SHORT_TEXT = 0x40;
const SHORT_TEXT_MAX = 0x3f;
const SMALL_INTEGER = 0x80;

/** Up to here a loop over the characters beats a call of the encoder. */
const TEXT_LOOP_MAX = 24;

/** Beyond these, names are data: such objects go by the structured codec. */
const SHAPES_MAX = 1024;
const SHAPE_FIELDS_MAX = 64;

/** Deeper values go by the structured codec, which has a limit of its own. */
const DEPTH_MAX = 32;

/** Objects of one value that are compared one by one; beyond them a Set does it. */
const SEEN_LIST_MAX = 12;

/** Remembers the shape that was met last at a place: most often it is the next one too. */
export interface ShapeHint {
  shape: Shape | undefined;
}

interface Shape {
  readonly number: number;
  readonly names: readonly string[];
  readonly write: (writer: StateValueWriter, value: object, depth: number) => boolean;
  readonly read: (reader: StateValueReader) => object;
}

/** The shapes of one store, and who is told of new ones. */
export class Shapes {
  readonly #all: Shape[] = [];
  readonly #byNames = new Map<string, Shape>();
  readonly #defined: (number: number, names: readonly string[]) => void;
  readonly #tag = freshTag();

  constructor(defined: (number: number, names: readonly string[]) => void) {
    this.#defined = defined;
  }

  at(number: number): Shape | undefined {
    return this.#all[number];
  }

  /** Undefined where the object has no shape. */
  of(names: readonly string[]): Shape | undefined {
    if (names.length > SHAPE_FIELDS_MAX) return undefined;
    const id = JSON.stringify(names);
    const known = this.#byNames.get(id);
    if (known !== undefined || this.#all.length >= SHAPES_MAX || names.includes('__proto__')) return known;
    const shape = this.#make(names);
    this.#byNames.set(id, shape);
    this.#all.push(shape);
    this.#defined(shape.number, names);
    return shape;
  }

  #make(names: readonly string[]): Shape {
    const number = this.#all.length;
    const tag = `${this.#tag}-shape-${number}`;
    const hints = names.map((): ShapeHint => ({ shape: undefined }));
    const scope = Object.fromEntries(hints.map((hint, i) => [`h${i}`, hint]));
    const writes = names.map((name, i) => `w.any(o[${JSON.stringify(name)}], h${i}, depth)`);
    const reads = names.map((name) => `${JSON.stringify(name)}: r.any()`);
    return {
      number,
      names,
      write: compile(
        [`return (w, o, depth) => ${writes.join(' && ') || 'true'};`],
        `${tag}-write`,
        scope,
      ) as Shape['write'],
      read: compile([`return (r) => ({ ${reads.join(', ')} });`], `${tag}-read`, {}) as Shape['read'],
    };
  }
}

/** Writes values to the end of a buffer. */
export class StateValueWriter {
  readonly #shapes: Shapes;
  readonly #out: RecordBuffer;
  readonly #structured: ValueWriter;
  readonly #structuredBytes = new ByteWriter();
  readonly #seen: (object | undefined)[] = [];
  #seenCount = 0;
  #seenSet: Set<object> | undefined;

  constructor(shapes: Shapes, out: RecordBuffer, types: TypeRegistry) {
    this.#shapes = shapes;
    this.#out = out;
    this.#structured = new ValueWriter(types);
  }

  /**
   * `place` names the value in messages.
   *
   * @throws VALUE_UNSUPPORTED for what has no bytes; what was written of it is taken back.
   */
  write(value: unknown, hint: ShapeHint, place: string): void {
    this.#seenCount = 0;
    this.#seenSet = undefined;
    const start = this.#out.length;
    if (this.any(value, hint, 0)) return;
    this.#out.length = start;
    this.#writeStructured(value, place, start);
  }

  #writeStructured(value: unknown, place: string, start: number): void {
    const bytes = this.#structuredBytes;
    const values = this.#structured;
    bytes.reset();
    values.begin(bytes);
    values.startValue();
    try {
      values.writePart(value, place);
    } catch (error) {
      this.#out.length = start;
      throw error;
    } finally {
      values.release();
    }
    this.#out.u8(Tag.STRUCTURED);
    this.#out.varint(bytes.length);
    this.#out.raw(bytes.view());
  }

  /** Returns false, with something half written, for what must go by the structured codec. */
  any(value: unknown, hint: ShapeHint, depth: number): boolean {
    const out = this.#out;
    switch (typeof value) {
      case 'number':
        this.#number(value);
        return true;
      case 'string':
        this.#text(value);
        return true;
      case 'boolean':
        out.u8(value ? Tag.TRUE : Tag.FALSE);
        return true;
      case 'undefined':
        out.u8(Tag.UNDEFINED);
        return true;
      case 'object':
        if (value !== null) return this.#object(value, hint, depth);
        out.u8(Tag.NULL);
        return true;
      default:
        return false;
    }
  }

  #number(value: number): void {
    const out = this.#out;
    if ((value | 0) !== value || (value === 0 && 1 / value < 0)) {
      out.u8(Tag.F64);
      out.f64(value);
    } else if (value >= 0 && value < SMALL_INTEGER) {
      out.u8(SMALL_INTEGER | value);
    } else {
      out.u8(Tag.I32);
      out.i32(value);
    }
  }

  #text(text: string): void {
    const out = this.#out;
    const { length } = text;
    if (length <= TEXT_LOOP_MAX && out.shortAscii(text, SHORT_TEXT | length)) return;
    const start = out.length;
    if (length <= SHORT_TEXT_MAX) {
      out.u8(SHORT_TEXT | length);
    } else {
      out.u8(Tag.ASCII);
      out.varint(length);
    }
    const content = out.length;
    if (out.utf8(text) === length) return;
    if (text.isWellFormed()) {
      const bytes = out.length - content;
      out.length = start;
      out.u8(Tag.UTF8);
      out.varint(bytes);
      out.utf8(text);
    } else {
      out.length = start;
      out.u8(Tag.UTF16);
      out.varint(length * 2);
      out.utf16(text);
    }
  }

  #object(value: object, hint: ShapeHint, depth: number): boolean {
    if (depth >= DEPTH_MAX || !this.#isNew(value)) return false;
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Object.prototype) {
      let { shape } = hint;
      if (shape === undefined || !fits(value, shape.names)) {
        shape = this.#shapes.of(Object.keys(value));
        if (shape === undefined) return false;
        hint.shape = shape;
      }
      this.#out.u8(Tag.OBJECT);
      this.#out.varint(shape.number);
      return shape.write(this, value, depth + 1);
    }
    if (prototype === Array.prototype) return this.#array(value as unknown[], hint, depth);
    if (prototype !== Date.prototype) return false;
    this.#out.u8(Tag.DATE);
    this.#out.f64((value as Date).getTime());
    return true;
  }

  #array(items: readonly unknown[], hint: ShapeHint, depth: number): boolean {
    this.#out.u8(Tag.ARRAY);
    this.#out.varint(items.length);
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (item === undefined && !(i in items)) return false;
      if (!this.any(item, hint, depth + 1)) return false;
    }
    return true;
  }

  /** Whether the object has not occurred in this value. */
  #isNew(value: object): boolean {
    if (this.#seenSet !== undefined) {
      const before = this.#seenSet.size;
      return this.#seenSet.add(value).size > before;
    }
    const seen = this.#seen;
    const count = this.#seenCount;
    for (let i = 0; i < count; i++) if (seen[i] === value) return false;
    if (count < SEEN_LIST_MAX) seen[count] = value;
    else this.#seenSet = new Set(seen as object[]).add(value);
    this.#seenCount = count + 1;
    return true;
  }
}

/** Whether the fields of a plain object are these, in this order. */
function fits(value: object, names: readonly string[]): boolean {
  let i = 0;
  for (const name in value) if (names[i++] !== name) return false;
  return i === names.length;
}

/** Reads values from a stretch of bytes whose checksum was right. */
export class StateValueReader {
  readonly #shapes: Shapes;
  readonly #structured: ValueReader;
  #bytes!: TextBuffer;
  #view!: DataView;
  #at = 0;

  constructor(shapes: Shapes, types: TypeRegistry) {
    this.#shapes = shapes;
    this.#structured = new ValueReader(types);
  }

  begin(bytes: TextBuffer, view: DataView, at: number): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = at;
  }

  get offset(): number {
    return this.#at;
  }

  u8(): number {
    return this.#bytes[this.#at++] as number;
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  any(): unknown {
    const tag = this.#bytes[this.#at++] as number;
    if (tag >= SMALL_INTEGER) return tag & 0x7f;
    if (tag >= SHORT_TEXT) return this.#latin1(tag & SHORT_TEXT_MAX);
    switch (tag) {
      case Tag.UNDEFINED:
        return undefined;
      case Tag.NULL:
        return null;
      case Tag.FALSE:
        return false;
      case Tag.TRUE:
        return true;
      case Tag.I32: {
        const value = this.#view.getInt32(this.#at, true);
        this.#at += 4;
        return value;
      }
      case Tag.F64:
        return this.f64();
      case Tag.ASCII:
        return this.#latin1(this.varint());
      case Tag.UTF8: {
        const end = this.varint() + this.#at;
        const text = this.#bytes.utf8Slice(this.#at, end);
        this.#at = end;
        return text;
      }
      case Tag.UTF16: {
        const end = this.varint() + this.#at;
        const text = this.#bytes.ucs2Slice(this.#at, end);
        this.#at = end;
        return text;
      }
      case Tag.ARRAY:
        return this.#array();
      case Tag.OBJECT: {
        const shape = this.#shapes.at(this.varint());
        if (shape === undefined) throw unreadable(this.#at);
        return shape.read(this);
      }
      case Tag.DATE:
        return new Date(this.f64());
      case Tag.STRUCTURED:
        return this.#readStructured();
      default:
        throw unreadable(this.#at);
    }
  }

  #latin1(length: number): string {
    const start = this.#at;
    this.#at = start + length;
    return this.#bytes.latin1Slice(start, start + length);
  }

  #array(): unknown[] {
    const length = this.varint();
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.any());
    return items;
  }

  #readStructured(): unknown {
    const length = this.varint();
    // A copy, because views of bytes inside the value would share the buffer of the log.
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.#structured.begin(new ByteReader(new Uint8Array(bytes)));
    const value = this.#structured.read();
    this.#structured.release();
    return value;
  }
}

function unreadable(at: number): MillstreamError {
  return new MillstreamError('FRAME_CORRUPT', `A stored value makes no sense before offset ${at}.`);
}
