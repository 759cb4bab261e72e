/**
 * Keys: one canonical encoding, and what follows from it: equality, hash, key group, identity in a state table.
 *
 * Two keys are equal if and only if their encodings are equal byte by byte, however the values came about: the
 * number 1, the bigint 1n, an INT 1 and a BIGINT 1 are one key; so are 0 and -0, all NaNs, and objects that differ
 * only in the order of their fields. The bytes never depend on the batch a key travelled in. They are fixed for
 * good, because snapshots and key groups rest on them: docs/internals/keys.md describes them byte by byte, and
 * golden vectors in test/data/key-vectors.json hold them in place.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { murmur3, murmur3Ascii, murmur3Int } from '../base/hash.ts';
import { latin1Text, utf16Bytes, utf16Text, utf8Bytes, utf8Text } from './text.ts';
import { className, type RegisteredType, TypeRegistry } from './type-registry.ts';

/** The first byte of every encoded value. It is also the seed of the key's hash. */
export const KeyTag = {
  /** Only inside arrays: a key that is undefined is refused, an undefined field counts as missing. */
  UNDEFINED: 0x00,
  NULL: 0x01,
  FALSE: 0x02,
  TRUE: 0x03,
  /** An integer of 32 bits: 4 bytes. */
  I32: 0x04,
  /** An integer of 64 bits that does not fit 32: 8 bytes. */
  I64: 0x05,
  /** A bigint beyond 64 bits: sign, length, magnitude. */
  BIG: 0x06,
  /** Any other double: 8 bytes. */
  F64: 0x07,
  /** Text in UTF-8 behind its length. */
  STRING: 0x08,
  /** Text with a lone surrogate, in UTF-16 behind its length in bytes. */
  STRING_UTF16: 0x09,
  /** Milliseconds since the epoch as a double; NaN for an invalid Date. */
  DATE: 0x0a,
  BYTES: 0x0b,
  ARRAY: 0x0c,
  OBJECT: 0x0d,
  /** An instance of a registered class: its name, then the value it is encoded as. */
  INSTANCE: 0x0e,
} as const;

/** Values nested deeper than this are no keys. */
const KEY_DEPTH_MAX = 64;

/** Integers below 2^63 in magnitude are written exactly, in 64 bits, also when they came as doubles. */
const I64_LIMIT = 2 ** 63;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

const NO_TYPES = new TypeRegistry();

/**
 * Writes the canonical encoding of a key.
 *
 * @throws KEY_INVALID, with the path of the offending part, for what has no canonical encoding: functions, symbols,
 * promises, instances of classes that `types` does not hold, cycles, and undefined at the top level.
 *
 * @example
 * ```ts
 * const writer = new ByteWriter();
 * encodeKey({ user: 7, country: 'NL' }, writer);
 * ```
 */
export function encodeKey(key: unknown, writer: ByteWriter, types: TypeRegistry = NO_TYPES): void {
  if (key === undefined) throw refused([], 'undefined');
  if (!writeScalar(key, writer)) writeNested(key as object, writer, types);
}

/**
 * Reads one encoded key. Numbers come back as numbers where a double holds them exactly and as bigints where not,
 * whatever they were written as; bytes as `Uint8Array`; objects with their fields in code unit order.
 */
export function decodeKey(reader: ByteReader, types: TypeRegistry = NO_TYPES): unknown {
  const tag = reader.u8();
  switch (tag) {
    case KeyTag.UNDEFINED:
      return undefined;
    case KeyTag.NULL:
      return null;
    case KeyTag.FALSE:
      return false;
    case KeyTag.TRUE:
      return true;
    case KeyTag.I32:
      return reader.i32();
    case KeyTag.I64:
      return narrow(reader.i64());
    case KeyTag.BIG:
      return readBig(reader);
    case KeyTag.F64:
      return reader.f64();
    case KeyTag.STRING:
      return utf8Text(reader.bytes());
    case KeyTag.STRING_UTF16:
      return utf16Text(reader.bytes());
    case KeyTag.DATE:
      return new Date(reader.f64());
    case KeyTag.BYTES:
      return new Uint8Array(reader.bytes());
    case KeyTag.ARRAY:
      return readArray(reader, types);
    case KeyTag.OBJECT:
      return readObject(reader, types);
    case KeyTag.INSTANCE:
      return readInstance(reader, types);
    default:
      throw new MillstreamError(
        'FRAME_CORRUPT',
        `An encoded key begins with the unknown tag ${tag} before offset ${reader.offset}.`,
      );
  }
}

/**
 * The hash of a key: murmur3 over its payload with its tag as the seed, as an unsigned 32-bit integer. The payload
 * of text and bytes is their content without the length, so that kernels can hash a column of text in place.
 */
export function keyHash(key: unknown, types: TypeRegistry = NO_TYPES): number {
  if (typeof key === 'number') {
    if ((key | 0) === key) return murmur3Int(key, KeyTag.I32);
    if (!Number.isInteger(key)) return hashDouble(key);
    if (Number.isSafeInteger(key)) return hashSafeInteger(key);
  }
  if (typeof key === 'string') {
    const hash = murmur3Ascii(key, KeyTag.STRING);
    if (hash >= 0) return hash;
    return key.isWellFormed() ? keyHashUtf8(utf8Bytes(key)) : murmur3(utf16Bytes(key), KeyTag.STRING_UTF16);
  }
  const writer = takeWriter();
  encodeKey(key, writer, types);
  // A view would cost as much as the hash.
  const hash = hashOfEncoding(writer.memory, writer.length);
  spareWriter = writer;
  return hash;
}

const EIGHT_BYTES = new Uint8Array(8);
const EIGHT_BYTES_VIEW = new DataView(EIGHT_BYTES.buffer);

function hashDouble(key: number): number {
  EIGHT_BYTES_VIEW.setFloat64(0, key === key ? key : NaN, true);
  return murmur3(EIGHT_BYTES, KeyTag.F64);
}

/** Identifiers and times in milliseconds are such integers: their 64 bits are made without a bigint. */
function hashSafeInteger(key: number): number {
  EIGHT_BYTES_VIEW.setUint32(0, key >>> 0, true);
  EIGHT_BYTES_VIEW.setInt32(4, Math.floor(key / 2 ** 32), true);
  return murmur3(EIGHT_BYTES, KeyTag.I64);
}

let spareWriter: ByteWriter | undefined;
let spareNested: NestedKeyWriter | undefined;

/** An empty writer; to be put back as the spare one. Taken, so that a getter which hashes a key of its own finds none in use. */
function takeWriter(): ByteWriter {
  const writer = spareWriter ?? new ByteWriter();
  spareWriter = undefined;
  writer.reset();
  return writer;
}

function writeNested(key: object, writer: ByteWriter, types: TypeRegistry): void {
  const nested = spareNested ?? new NestedKeyWriter();
  spareNested = undefined;
  nested.start(key, writer, types);
  spareNested = nested;
}

/** The hash of the text key with these UTF-8 bytes. */
export function keyHashUtf8(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return murmur3(bytes, KeyTag.STRING, start, end);
}

/** The hash of a key by its encoding, which ends at `end`. */
export function hashOfEncoding(bytes: Uint8Array, end = bytes.length): number {
  const tag = bytes[0] as number;
  const lengthFirst = tag === KeyTag.STRING || tag === KeyTag.STRING_UTF16 || tag === KeyTag.BYTES;
  if (!lengthFirst) return murmur3(bytes, tag, 1, end);
  const reader = new ByteReader(bytes, 1);
  reader.varint();
  return murmur3(bytes, tag, reader.offset, end);
}

/** The key group of a key: which of `maxParallelism` slices of the key space it belongs to, for good. */
export function keyGroup(key: unknown, maxParallelism: number, types: TypeRegistry = NO_TYPES): number {
  return keyHash(key, types) % maxParallelism;
}

/** Key groups `start` to `end`, both included. `end < start` is the empty range. */
export interface KeyGroupRange {
  readonly start: number;
  readonly end: number;
}

/** The key groups that a subtask owns. By Flink's rule: contiguous, and as even as they can be. */
export function keyGroupRange(maxParallelism: number, parallelism: number, subtask: number): KeyGroupRange {
  const start = Math.floor((subtask * maxParallelism + parallelism - 1) / parallelism);
  const end = Math.floor(((subtask + 1) * maxParallelism - 1) / parallelism);
  return { start, end };
}

/** The subtask that owns a key group; the inverse of {@link keyGroupRange}. */
export function subtaskOfKeyGroup(group: number, maxParallelism: number, parallelism: number): number {
  return Math.floor((group * parallelism) / maxParallelism);
}

/** Flink's bounds of the maximum parallelism that it chooses by itself. */
const MAX_PARALLELISM_LEAST = 128;
const MAX_PARALLELISM_MOST = 32_768;

/** The maximum parallelism of an operator that declares none: the power of two at or above 1.5 times its parallelism, within 128 and 32,768. */
export function defaultMaxParallelism(parallelism: number): number {
  const wanted = parallelism + Math.floor(parallelism / 2);
  const power = 2 ** Math.ceil(Math.log2(wanted));
  return Math.min(Math.max(power, MAX_PARALLELISM_LEAST), MAX_PARALLELISM_MOST);
}

/** The first character of what stands for a key that a Map cannot compare; user text that begins with it is escaped. */
const MAP_KEY_PREFIX = '\u0000';
const MAP_KEY_PREFIX_CODE = 0;
/** Follows the prefix where the rest is user text. No tag has this code. */
const MAP_KEY_ESCAPED = 's';

/**
 * A value that a JavaScript Map compares as canonical equality does: numbers, text, booleans and null stand for
 * themselves, integers for one number or bigint each, everything else for text made of its encoding.
 */
export function mapKey(key: unknown, types: TypeRegistry = NO_TYPES): unknown {
  switch (typeof key) {
    case 'number':
      return (key | 0) === key ? key | 0 : mapNumber(key);
    case 'string':
      return key.charCodeAt(0) === MAP_KEY_PREFIX_CODE ? MAP_KEY_PREFIX + MAP_KEY_ESCAPED + key : key;
    case 'boolean':
      return key;
    case 'bigint':
      return narrow(key);
    default:
      return key === null ? null : encodingText(key, types);
  }
}

/** Canonical equality: whether two keys have the same encoding. */
export function keysEqual(a: unknown, b: unknown, types: TypeRegistry = NO_TYPES): boolean {
  // Maps and this function agree on NaN; on -0 mapKey has decided already.
  return Object.is(mapKey(a, types), mapKey(b, types));
}

/** The encoding of a key, one character per byte, behind the prefix: in one piece, because a Map flattens what it looks up. */
function encodingText(key: unknown, types: TypeRegistry): string {
  const writer = takeWriter();
  writer.u8(MAP_KEY_PREFIX_CODE);
  encodeKey(key, writer, types);
  const text = latin1Text(writer.view());
  spareWriter = writer;
  return text;
}

/** Doubles that are integers of 64 bits but not exact as sums go: one bigint stands for them and for the equal bigint. */
function mapNumber(key: number): number | bigint {
  if (Number.isInteger(key) && !Number.isSafeInteger(key) && key >= -I64_LIMIT && key < I64_LIMIT) return BigInt(key);
  return key;
}

/** A bigint as a number where that loses nothing for sure. */
function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Everything that is not an object. Returns false for objects. */
function writeScalar(key: unknown, writer: ByteWriter): boolean {
  switch (typeof key) {
    case 'number':
      writeNumber(key, writer);
      return true;
    case 'string':
      writeString(key, writer);
      return true;
    case 'boolean':
      writer.u8(key ? KeyTag.TRUE : KeyTag.FALSE);
      return true;
    case 'bigint':
      writeBigint(key, writer);
      return true;
    case 'undefined':
      writer.u8(KeyTag.UNDEFINED);
      return true;
    case 'object':
      if (key !== null) return false;
      writer.u8(KeyTag.NULL);
      return true;
    default:
      return false;
  }
}

function writeNumber(key: number, writer: ByteWriter): void {
  if ((key | 0) === key) {
    writer.u8(KeyTag.I32);
    writer.i32(key);
  } else if (Number.isInteger(key) && key >= -I64_LIMIT && key < I64_LIMIT) {
    writer.u8(KeyTag.I64);
    writer.i64(BigInt(key));
  } else {
    writer.u8(KeyTag.F64);
    writer.f64(key === key ? key : NaN);
  }
}

function writeBigint(key: bigint, writer: ByteWriter): void {
  if (key < I64_MIN || key > I64_MAX) {
    writer.u8(KeyTag.BIG);
    writeBig(key, writer);
    return;
  }
  const number = Number(key);
  if ((number | 0) === number) {
    writer.u8(KeyTag.I32);
    writer.i32(number);
  } else {
    writer.u8(KeyTag.I64);
    writer.i64(key);
  }
}

/** Sign (0 or 1), length, then the magnitude, high byte first, without leading zeros. */
function writeBig(value: bigint, writer: ByteWriter): void {
  const digits = (value < 0n ? -value : value).toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  writer.u8(value < 0n ? 1 : 0);
  writer.bytes(Buffer.from(even, 'hex'));
}

function readBig(reader: ByteReader): bigint {
  const negative = reader.u8() === 1;
  const magnitude = BigInt(`0x${Buffer.from(reader.bytes()).toString('hex')}`);
  return negative ? -magnitude : magnitude;
}

function writeString(text: string, writer: ByteWriter): void {
  if (text.isWellFormed()) {
    writer.u8(KeyTag.STRING);
    writer.string(text);
  } else {
    writer.u8(KeyTag.STRING_UTF16);
    writer.bytes(utf16Bytes(text));
  }
}

/** Writes what lies below an object, and knows where it is, for messages. */
class NestedKeyWriter {
  #writer!: ByteWriter;
  #types!: TypeRegistry;
  /** Where the writer is: one entry per level. What lies beyond the level is left from before. */
  readonly #path: (string | number)[] = [];
  /** The objects around it, by level, to find cycles. */
  readonly #ancestors: object[] = [];

  start(key: object, writer: ByteWriter, types: TypeRegistry): void {
    this.#writer = writer;
    this.#types = types;
    this.#write(key, 0);
  }

  #any(value: unknown, depth: number): void {
    if (!writeScalar(value, this.#writer)) this.#write(value as object, depth);
  }

  /** `value` is an object, a function or a symbol. */
  #write(value: object, depth: number): void {
    if (typeof value !== 'object') throw this.#refused(depth, `a ${typeof value}`);
    const ancestors = this.#ancestors;
    for (let i = 0; i < depth; i++) {
      if (ancestors[i] === value) throw this.#refused(depth, 'an object that contains itself');
    }
    if (depth > KEY_DEPTH_MAX) throw this.#refused(depth, `nested more than ${KEY_DEPTH_MAX} levels deep`);
    ancestors[depth] = value;
    this.#object(value, depth);
  }

  #object(value: object, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) this.#fields(value as Record<string, unknown>, depth);
    else if (prototype === Array.prototype) this.#array(value as unknown[], depth);
    else if (prototype === Date.prototype) this.#date(value as Date);
    else if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) this.#bytes(value as Uint8Array);
    else if (prototype === ArrayBuffer.prototype) this.#bytes(new Uint8Array(value as ArrayBuffer));
    else this.#instance(value, prototype as object, depth);
  }

  #array(items: readonly unknown[], depth: number): void {
    this.#writer.u8(KeyTag.ARRAY);
    this.#writer.varint(items.length);
    for (let i = 0; i < items.length; i++) {
      this.#path[depth] = i;
      this.#any(items[i], depth + 1);
    }
  }

  #fields(value: Record<string, unknown>, depth: number): void {
    const names = keyFields(value);
    this.#writer.u8(KeyTag.OBJECT);
    this.#writer.varint(names.length);
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      writeString(name, this.#writer);
      this.#path[depth] = name;
      this.#any(value[name], depth + 1);
    }
  }

  #date(value: Date): void {
    const milliseconds = value.getTime();
    this.#writer.u8(KeyTag.DATE);
    this.#writer.f64(milliseconds === milliseconds ? milliseconds : NaN);
  }

  #bytes(value: Uint8Array): void {
    this.#writer.u8(KeyTag.BYTES);
    this.#writer.bytes(value);
  }

  #instance(value: object, prototype: object, depth: number): void {
    const type = this.#types.forPrototype(prototype);
    if (type === undefined)
      throw this.#refused(
        depth,
        prototype === Promise.prototype
          ? 'a promise'
          : `an instance of ${className(prototype)}, which is not a registered class`,
      );
    this.#writer.u8(KeyTag.INSTANCE);
    writeString(type.name, this.#writer);
    if (type.codec === undefined) this.#fields(value as Record<string, unknown>, depth);
    else this.#any(type.codec.encode(value), depth);
  }

  #refused(depth: number, what: string): MillstreamError {
    return refused(this.#path.slice(0, depth), what);
  }
}

/** Up to here insertion beats a call of sort. */
const INSERTION_MAX = 16;

/** The names of the fields that count, in the order of UTF-16 code units. */
function keyFields(value: Record<string, unknown>): readonly string[] {
  const names = Object.keys(value);
  // The default order of sort is the same.
  if (names.length > INSERTION_MAX) return names.filter((name) => value[name] !== undefined).sort();
  let count = 0;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (value[name] === undefined) continue;
    let place = count++;
    for (; place > 0 && (names[place - 1] as string) > name; place--) names[place] = names[place - 1] as string;
    names[place] = name;
  }
  if (count < names.length) names.length = count;
  return names;
}

function refused(path: readonly (string | number)[], what: string): MillstreamError {
  const place = path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${step}`),
    'key',
  );
  return new MillstreamError(
    'KEY_INVALID',
    `\`${place}\` is ${what}, and keys need a canonical encoding. Return a string, number, bigint, boolean, null, Date, bytes, or an array or plain object of these from the key selector.`,
    { details: { path: place } },
  );
}

function readArray(reader: ByteReader, types: TypeRegistry): unknown[] {
  const count = reader.varint();
  const items: unknown[] = [];
  for (let i = 0; i < count; i++) items.push(decodeKey(reader, types));
  return items;
}

function readObject(reader: ByteReader, types: TypeRegistry): Record<string, unknown> {
  const count = reader.varint();
  const object: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const name = decodeKey(reader) as string;
    const value = decodeKey(reader, types);
    if (name === '__proto__')
      Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    else object[name] = value;
  }
  return object;
}

function readInstance(reader: ByteReader, types: TypeRegistry): object {
  const type: RegisteredType = types.forName(decodeKey(reader) as string);
  const data = decodeKey(reader, types);
  if (type.codec !== undefined) return type.codec.decode(data);
  return Object.create(type.prototype, Object.getOwnPropertyDescriptors(data as object)) as object;
}
