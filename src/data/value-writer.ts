/**
 * The writing half of the structured codec: any value that can survive, its shared references and cycles included.
 *
 * Objects of the same fields share a *shape*: the names are written once and numbered, then only the number. Shapes
 * live as long as a batch (`begin`), identity as long as one value: an object that occurs twice in a value is one
 * object again when it is read, and two if it occurs in two values.
 */

import type { ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { IdentityList } from './identity-list.ts';
import { utf16Bytes, writeText } from './text.ts';
import { className, type RegisteredType, type TypeRegistry } from './type-registry.ts';
import {
  ERROR_FIELDS,
  ERROR_TYPES,
  FIELDS_FIRST_SHAPE,
  FIELDS_INLINE,
  FIELDS_NEW_SHAPE,
  SHAPE_FIELDS_MAX,
  SMALL_INTEGER,
  VALUE_DEPTH_MAX,
  ValueTag,
  VIEWS,
} from './value-tags.ts';

/** Shapes are found by walking from name to name. */
interface ShapeNode {
  /** Number in the batch with the number `batch`; meaningless in another. */
  id: number;
  batch: number;
  /** The first continuation, compared before the others are looked up. */
  name: string | undefined;
  next: ShapeNode | undefined;
  others: Map<string, ShapeNode> | undefined;
}

/** The tree of shapes is planted anew when it has grown beyond this: then names are data, and remembering them is a leak. */
const SHAPE_NODES_MAX = 4096;

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

const VIEW_NUMBERS = new Map<object, number>(VIEWS.map((view, number) => [view.prototype, number]));
const ERROR_NUMBERS = new Map<object, number>(ERROR_TYPES.map((type, number) => [type.prototype as object, number]));
const BOXED: readonly object[] = [
  Number.prototype,
  String.prototype,
  Boolean.prototype,
  BigInt.prototype,
  Symbol.prototype,
];

export class ValueWriter {
  readonly #types: TypeRegistry;
  /** Who produced the values, for messages. */
  readonly #operator: string | undefined;
  readonly #seen = new IdentityList();
  /** Instances whose codec is running: a reference back to one of them could not be resolved by the reader. */
  readonly #coding: object[] = [];
  /** Where the writer is: a step per level. */
  readonly #path: (string | number)[] = [];
  /** What comes before the path. */
  #root = 'value';
  #writer!: ByteWriter;
  #batch = 0;
  #shapes: ShapeNode = shapeNode();
  #nodes = 1;
  /** The shapes and type names of this batch, by number. */
  readonly #defined: ShapeNode[] = [];
  readonly #names: string[] = [];
  #foreignMet = false;

  constructor(types: TypeRegistry, operator?: string) {
    this.#types = types;
    this.#operator = operator;
  }

  /** Starts a batch: what is written from here on can be read without anything written before. */
  begin(writer: ByteWriter): void {
    this.#writer = writer;
    this.#batch++;
    this.#defined.length = 0;
    this.#names.length = 0;
    if (this.#nodes > SHAPE_NODES_MAX) {
      this.#shapes = shapeNode();
      this.#nodes = 1;
    }
  }

  /**
   * Writes one value.
   *
   * @throws VALUE_UNSUPPORTED with the path of the first part that cannot survive. What was written of the value is
   * left behind; the batch is lost.
   */
  write(value: unknown): void {
    this.startValue();
    this.#root = 'value';
    this.#any(value, 0);
  }

  /** Begins a value that is written in parts, which share their identities. */
  startValue(): void {
    this.#seen.clear();
    if (this.#coding.length > 0) this.#coding.length = 0;
  }

  /** Lets go of the values that were written. */
  release(): void {
    this.#seen.release();
    this.#coding.length = 0;
  }

  /** Names an object of the value that is written elsewhere: no part may contain it. All of these come before the first part. */
  foreign(object: object): void {
    this.#seen.foreign(object);
  }

  /**
   * Writes a part of the current value, which `place` names in messages. Returns false, having written nothing, when
   * the part contains an object that is {@link foreign}.
   */
  writePart(part: unknown, place: string): boolean {
    const start = this.#writer.length;
    const shapes = this.#defined.length;
    const names = this.#names.length;
    this.#foreignMet = false;
    this.#root = place;
    this.#any(part, 0);
    if (!this.#foreignMet) return true;
    this.#takeBack(start, shapes, names);
    return false;
  }

  /** Where the batch stands, for {@link rewind}. */
  mark(): ValueMark {
    return { bytes: this.#writer.length, shapes: this.#defined.length, names: this.#names.length };
  }

  /** Takes back everything since the mark. */
  rewind(mark: ValueMark): void {
    this.#takeBack(mark.bytes, mark.shapes, mark.names);
  }

  #takeBack(bytes: number, shapes: number, names: number): void {
    this.#writer.truncate(bytes);
    for (let i = shapes; i < this.#defined.length; i++) (this.#defined[i] as ShapeNode).batch = -1;
    this.#defined.length = shapes;
    this.#names.length = names;
  }

  #any(value: unknown, depth: number): void {
    const writer = this.#writer;
    switch (typeof value) {
      case 'number':
        this.#number(value);
        return;
      case 'string':
        if (value.isWellFormed()) {
          writer.u8(ValueTag.STRING);
          writer.string(value);
        } else {
          writer.u8(ValueTag.STRING_UTF16);
          writer.bytes(utf16Bytes(value));
        }
        return;
      case 'boolean':
        writer.u8(value ? ValueTag.TRUE : ValueTag.FALSE);
        return;
      case 'undefined':
        writer.u8(ValueTag.UNDEFINED);
        return;
      case 'bigint':
        this.#bigint(value);
        return;
      case 'object':
        if (value === null) writer.u8(ValueTag.NULL);
        else this.#object(value, depth);
        return;
      default:
        throw this.#unsupported(depth, `a ${typeof value}`, `Keep ${typeof value}s out of records and state.`);
    }
  }

  #number(value: number): void {
    const writer = this.#writer;
    if ((value | 0) !== value || (value === 0 && 1 / value < 0)) {
      writer.u8(ValueTag.F64);
      writer.f64(value);
    } else if (value >= 0 && value < SMALL_INTEGER) {
      writer.u8(SMALL_INTEGER | value);
    } else {
      writer.u8(ValueTag.I32);
      writer.i32(value);
    }
  }

  #bigint(value: bigint): void {
    const writer = this.#writer;
    if (value >= I64_MIN && value <= I64_MAX) {
      writer.u8(ValueTag.I64);
      writer.i64(value);
      return;
    }
    const digits = (value < 0n ? -value : value).toString(16);
    writer.u8(ValueTag.BIG);
    writer.u8(value < 0n ? 1 : 0);
    writer.bytes(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
  }

  #object(value: object, depth: number): void {
    if (depth > VALUE_DEPTH_MAX)
      throw this.#unsupported(depth, `nested more than ${VALUE_DEPTH_MAX} levels deep`, 'Flatten it.');
    const before = this.#seen.add(value);
    if (before >= 0) {
      if (this.#coding.includes(value)) {
        throw this.#unsupported(
          depth,
          'an instance that its own codec refers back to',
          'Encode such a class field by field, without a codec.',
        );
      }
      this.#writer.u8(ValueTag.REFERENCE);
      this.#writer.varint(before);
      return;
    }
    if (before === IdentityList.FOREIGN) {
      this.#foreignMet = true;
      return;
    }
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Object.prototype) {
      this.#writer.u8(ValueTag.OBJECT);
      this.#fields(value as Record<string, unknown>, depth);
    } else if (prototype === Array.prototype) {
      this.#array(value as unknown[], depth);
    } else if (prototype === null) {
      this.#writer.u8(ValueTag.BARE_OBJECT);
      this.#fields(value as Record<string, unknown>, depth);
    } else {
      this.#builtIn(value, prototype, depth);
    }
  }

  #fields(value: Record<string, unknown>, depth: number): void {
    const names = Object.keys(value);
    const count = names.length;
    if (count > SHAPE_FIELDS_MAX) {
      this.#writer.varint(FIELDS_INLINE);
      this.#writeNames(names);
    } else {
      this.#shape(names);
    }
    const path = this.#path;
    for (let i = 0; i < count; i++) {
      const name = names[i] as string;
      path[depth] = name;
      this.#any(value[name], depth + 1);
    }
  }

  #writeNames(names: readonly string[]): void {
    this.#writer.varint(names.length);
    for (const name of names) writeText(this.#writer, name);
  }

  #shape(names: readonly string[]): void {
    let node = this.#shapes;
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      node = node.name === name ? (node.next as ShapeNode) : this.#step(node, name);
    }
    if (node.batch === this.#batch) {
      this.#writer.varint(FIELDS_FIRST_SHAPE + node.id);
      return;
    }
    node.batch = this.#batch;
    node.id = this.#defined.length;
    this.#defined.push(node);
    this.#writer.varint(FIELDS_NEW_SHAPE);
    this.#writeNames(names);
  }

  #step(node: ShapeNode, name: string): ShapeNode {
    const known = node.others?.get(name);
    if (known !== undefined) return known;
    const next = shapeNode();
    this.#nodes++;
    if (node.name === undefined) {
      node.name = name;
      node.next = next;
    } else {
      node.others ??= new Map();
      node.others.set(name, next);
    }
    return next;
  }

  #array(items: readonly unknown[], depth: number): void {
    const writer = this.#writer;
    writer.u8(ValueTag.ARRAY);
    writer.varint(items.length);
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (item === undefined && !(i in items)) {
        const start = i;
        while (i + 1 < items.length && !(i + 1 in items)) i++;
        writer.u8(ValueTag.HOLES);
        writer.varint(i + 1 - start);
      } else {
        this.#path[depth] = i;
        this.#any(item, depth + 1);
      }
    }
  }

  #builtIn(value: object, prototype: object, depth: number): void {
    const writer = this.#writer;
    const view = VIEW_NUMBERS.get(prototype);
    if (view !== undefined) {
      const { buffer, byteOffset, byteLength } = value as ArrayBufferView;
      writer.u8(ValueTag.VIEW);
      writer.u8(view);
      writer.bytes(new Uint8Array(buffer, byteOffset, byteLength));
    } else if (prototype === Date.prototype) {
      writer.u8(ValueTag.DATE);
      writer.f64((value as Date).getTime());
    } else if (prototype === Map.prototype) {
      this.#map(value as Map<unknown, unknown>, depth);
    } else if (prototype === Set.prototype) {
      this.#set(value as Set<unknown>, depth);
    } else if (prototype === RegExp.prototype) {
      const { source, flags, lastIndex } = value as RegExp;
      writer.u8(ValueTag.REGEXP);
      writeText(writer, source);
      writeText(writer, flags);
      writer.f64(lastIndex);
    } else if (prototype === ArrayBuffer.prototype) {
      writer.u8(ValueTag.ARRAY_BUFFER);
      writer.bytes(new Uint8Array(value as ArrayBuffer));
    } else if (ERROR_NUMBERS.has(prototype)) {
      this.#error(value as Error, prototype, depth);
    } else {
      this.#instance(value, prototype, depth);
    }
  }

  #map(map: ReadonlyMap<unknown, unknown>, depth: number): void {
    this.#writer.u8(ValueTag.MAP);
    this.#writer.varint(map.size);
    for (const [key, item] of map) {
      this.#path[depth] = typeof key === 'string' || typeof key === 'number' ? `get(${JSON.stringify(key)})` : 'keys()';
      this.#any(key, depth + 1);
      this.#any(item, depth + 1);
    }
  }

  #set(set: ReadonlySet<unknown>, depth: number): void {
    this.#writer.u8(ValueTag.SET);
    this.#writer.varint(set.size);
    for (const item of set) {
      this.#path[depth] = 'values()';
      this.#any(item, depth + 1);
    }
  }

  #error(error: Error, prototype: object, depth: number): void {
    const own = ERROR_FIELDS.filter((name) => Object.hasOwn(error, name));
    const more = Object.keys(error).filter((name) => !ERROR_FIELDS.includes(name));
    this.#writer.u8(ValueTag.ERROR);
    this.#writer.u8(ERROR_NUMBERS.get(prototype) as number);
    this.#writer.varint(own.length + more.length);
    for (const name of [...own, ...more]) {
      this.#path[depth] = name;
      writeText(this.#writer, name);
      this.#any((error as unknown as Record<string, unknown>)[name], depth + 1);
    }
  }

  #instance(value: object, prototype: object, depth: number): void {
    const type = this.#types.forPrototype(prototype);
    if (type === undefined) throw this.#unregistered(value, prototype, depth);
    if (type.codec === undefined) {
      this.#writer.u8(ValueTag.INSTANCE);
      this.#typeName(type);
      this.#fields(value as Record<string, unknown>, depth);
      return;
    }
    this.#writer.u8(ValueTag.CODED_INSTANCE);
    this.#typeName(type);
    this.#coding.push(value);
    this.#path[depth] = 'encode()';
    this.#any(type.codec.encode(value), depth + 1);
    this.#coding.pop();
  }

  /** 0 and the name where it is new in the batch, else its number from 1. */
  #typeName(type: RegisteredType): void {
    const number = this.#names.indexOf(type.name) + 1;
    this.#writer.varint(number);
    if (number > 0) return;
    this.#names.push(type.name);
    writeText(this.#writer, type.name);
  }

  #unregistered(value: object, prototype: object, depth: number): MillstreamError {
    if (prototype === Promise.prototype)
      return this.#unsupported(depth, 'a promise', 'Await it first, or use asyncMap.');
    if (BOXED.includes(prototype))
      return this.#unsupported(depth, `a boxed ${className(prototype)}`, 'Use its valueOf().');
    if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
      return this.#unsupported(
        depth,
        `a ${className(prototype)}`,
        'Its content depends on the garbage collector: keep it out of records and state.',
      );
    }
    if (value instanceof SharedArrayBuffer)
      return this.#unsupported(depth, 'a SharedArrayBuffer', 'Copy its bytes into a Uint8Array.');
    const name = className(prototype);
    return this.#unsupported(
      depth,
      `an instance of ${name}, which is not registered`,
      `Register the class (types.register('${name}', ${name})) or emit a plain object.`,
    );
  }

  #unsupported(depth: number, what: string, remedy: string): MillstreamError {
    // A map's path step needs the level of the map itself, a depth beyond the steps none.
    const place = describePath(this.#root, this.#path.slice(0, Math.min(depth, this.#path.length)));
    const where = this.#operator === undefined ? '' : ` in what operator "${this.#operator}" emitted`;
    return new MillstreamError(
      'VALUE_UNSUPPORTED',
      `\`${place}\`${where} is ${what}; it cannot survive an edge or a snapshot. ${remedy}`,
      {
        details: { path: place, ...(this.#operator === undefined ? {} : { operator: this.#operator }) },
      },
    );
  }
}

export interface ValueMark {
  readonly bytes: number;
  readonly shapes: number;
  readonly names: number;
}

/** Paths longer than this are cut in the middle of nowhere. */
const PATH_STEPS_MAX = 20;

function describePath(root: string, steps: readonly (string | number)[]): string {
  const shown = steps
    .slice(0, PATH_STEPS_MAX)
    .reduce<string>((text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${step}`), root);
  return steps.length > PATH_STEPS_MAX ? `${shown}…` : shown;
}

function shapeNode(): ShapeNode {
  return { id: -1, batch: -1, name: undefined, next: undefined, others: undefined };
}
