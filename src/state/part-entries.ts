/**
 * The entries of a part of a key group as bytes: the form in which every backend writes and reads them.
 *
 * | part | bytes |
 * |---|---|
 * | flags | 1, see {@link EntryFlag} |
 * | identity | key, namespace where there is one, entry key where there is one: their canonical encodings (`data/key.ts`) |
 * | index | varint, of a tail |
 * | rest | key, namespace and entry key as given, where the canonical encoding would give back something else, then the value: by the structured codec |
 *
 * A removal is flags and identity alone. The structured codec shares the shapes of objects among the entries of a part,
 * so a part is read from its beginning, unless an entry is *standalone*: then its rest stands behind its length and
 * shares nothing, and the entry can be moved from part to part as it is.
 */

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MillstreamError } from '../base/error.ts';
import { decodeKey, encodeKey } from '../data/key.ts';
import { latin1Text } from '../data/text.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { ValueReader } from '../data/value-reader.ts';
import { ValueWriter } from '../data/value-writer.ts';
import type { KeyGroupPart } from './snapshot.ts';

/** Bits of the first byte of an entry. */
const EntryFlag = {
  NAMESPACE: 1,
  KEY_AS_GIVEN: 2,
  NAMESPACE_AS_GIVEN: 4,
  /** An entry of a map, or a timer. */
  ENTRY: 8,
  ENTRY_AS_GIVEN: 16,
  /** The items of a list from an index on. */
  TAIL: 32,
  STANDALONE: 64,
} as const;

/** No entry key: no map has an entry under it. */
export const NO_ENTRY = undefined;
/** Not a tail. */
export const NO_INDEX = -1;

/** Small to begin with: there may be a buffer for every key group of every state. */
const PART_BYTES = 64;

/** Whether decoding the canonical encoding may give something else than the key. */
function survivesOnlyAsGiven(key: unknown): boolean {
  if (typeof key === 'number') return Number.isInteger(key) && !Number.isSafeInteger(key);
  return typeof key === 'bigint' || (typeof key === 'object' && key !== null);
}

/** Appends entries to the bytes of one part. */
export class PartEncoder {
  readonly bytes = new ByteWriter(PART_BYTES);
  readonly #types: TypeRegistry;
  #values: ValueWriter | undefined;
  count = 0;

  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  /** `place` names the value in messages. */
  entry(key: unknown, namespace: unknown, entryKey: unknown, index: number, value: unknown, place: string): void {
    const { bytes } = this;
    const flags = writeIdentity(bytes, key, namespace, entryKey, index, this.#types);
    let values = this.#values;
    if (values === undefined) {
      values = this.#values = new ValueWriter(this.#types);
      values.begin(bytes);
    }
    if (flags & EntryFlag.KEY_AS_GIVEN) values.write(key);
    if (flags & EntryFlag.NAMESPACE_AS_GIVEN) values.write(namespace);
    if (flags & EntryFlag.ENTRY_AS_GIVEN) values.write(entryKey);
    values.startValue();
    values.writePart(value, place);
    this.count++;
  }

  removal(key: unknown, namespace: unknown, entryKey: unknown): void {
    writeRemoval(this.bytes, key, namespace, entryKey, this.#types);
    this.count++;
  }

  /** An entry or a removal that was encoded by itself. */
  encoded(bytes: Uint8Array): void {
    this.bytes.raw(bytes);
    this.count++;
  }

  /** The bytes so far; what follows begins a new part. */
  take(): Uint8Array {
    this.count = 0;
    // The shapes of the part that is taken are not known to the next one.
    this.#values = undefined;
    return this.bytes.take();
  }
}

function writeIdentity(
  bytes: ByteWriter,
  key: unknown,
  namespace: unknown,
  entryKey: unknown,
  index: number,
  types: TypeRegistry,
): number {
  let flags = survivesOnlyAsGiven(key) ? EntryFlag.KEY_AS_GIVEN : 0;
  if (namespace !== undefined)
    flags |= EntryFlag.NAMESPACE | (survivesOnlyAsGiven(namespace) ? EntryFlag.NAMESPACE_AS_GIVEN : 0);
  if (entryKey !== NO_ENTRY) flags |= EntryFlag.ENTRY | (survivesOnlyAsGiven(entryKey) ? EntryFlag.ENTRY_AS_GIVEN : 0);
  if (index !== NO_INDEX) flags |= EntryFlag.TAIL;
  bytes.u8(flags);
  encodeKey(key, bytes, types);
  if (namespace !== undefined) encodeKey(namespace, bytes, types);
  if (entryKey !== NO_ENTRY) encodeKey(entryKey, bytes, types);
  if (index !== NO_INDEX) bytes.varint(index);
  return flags;
}

function writeRemoval(
  bytes: ByteWriter,
  key: unknown,
  namespace: unknown,
  entryKey: unknown,
  types: TypeRegistry,
): void {
  bytes.u8((namespace === undefined ? 0 : EntryFlag.NAMESPACE) | (entryKey === NO_ENTRY ? 0 : EntryFlag.ENTRY));
  encodeKey(key, bytes, types);
  if (namespace !== undefined) encodeKey(namespace, bytes, types);
  if (entryKey !== NO_ENTRY) encodeKey(entryKey, bytes, types);
}

/**
 * An entry that shares nothing with others, for whoever keeps entries as bytes.
 *
 * @param entryKey {@link NO_ENTRY} but for entries of maps and timers.
 * @param index {@link NO_INDEX} but for tails of lists.
 */
export function encodeStandalone(
  key: unknown,
  namespace: unknown,
  entryKey: unknown,
  index: number,
  value: unknown,
  place: string,
  types: TypeRegistry,
): Uint8Array {
  const head = new ByteWriter(PART_BYTES);
  const flags = writeIdentity(head, key, namespace, entryKey, index, types);
  const rest = new ByteWriter(PART_BYTES);
  const values = new ValueWriter(types);
  values.begin(rest);
  if (flags & EntryFlag.KEY_AS_GIVEN) values.write(key);
  if (flags & EntryFlag.NAMESPACE_AS_GIVEN) values.write(namespace);
  if (flags & EntryFlag.ENTRY_AS_GIVEN) values.write(entryKey);
  values.startValue();
  values.writePart(value, place);
  head.bytes(rest.view());
  const bytes = head.take();
  bytes[0] = flags | EntryFlag.STANDALONE;
  return bytes;
}

/** Goes through the entries, or the removals, of one part: after `next` its fields are those of the present one. */
export class PartReader {
  readonly group: number;
  readonly part: KeyGroupPart;
  key: unknown = undefined;
  namespace: unknown = undefined;
  /** {@link NO_ENTRY} but for entries of maps and timers. */
  entryKey: unknown = NO_ENTRY;
  /** {@link NO_INDEX} but for tails of lists. */
  index = NO_INDEX;
  value: unknown = undefined;
  readonly #state: string;
  readonly #bytes: Uint8Array;
  readonly #reader: ByteReader;
  readonly #types: TypeRegistry;
  readonly #values: ValueReader;
  #alone: ValueReader | undefined;
  #left: number;
  #start = 0;
  #keyEnd = 0;
  #identityEnd = 0;

  constructor(state: string, group: number, part: KeyGroupPart, bytes: Uint8Array, types: TypeRegistry) {
    this.#state = state;
    this.group = group;
    this.part = part;
    this.#bytes = bytes;
    this.#types = types;
    this.#reader = new ByteReader(bytes);
    this.#values = new ValueReader(types);
    this.#values.begin(this.#reader);
    this.#left = part.count;
  }

  /** @throws STATE_CORRUPT for bytes that make no sense. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#reader.remaining > 0) throw corruptState(this.#state, `key group ${this.group} goes on after its end`);
      return false;
    }
    const number = this.part.count - this.#left--;
    try {
      this.#read();
    } catch (error) {
      throw damaged(error, this.#state, `entry ${number} of key group ${this.group}`);
    }
    return true;
  }

  #read(): void {
    const reader = this.#reader;
    const types = this.#types;
    this.#start = reader.offset;
    const flags = reader.u8();
    this.key = decodeKey(reader, types);
    this.namespace = flags & EntryFlag.NAMESPACE ? decodeKey(reader, types) : undefined;
    this.#keyEnd = reader.offset;
    this.entryKey = flags & EntryFlag.ENTRY ? decodeKey(reader, types) : NO_ENTRY;
    this.#identityEnd = reader.offset;
    if (this.part.kind === 'removals') return;
    this.index = flags & EntryFlag.TAIL ? reader.varint() : NO_INDEX;
    if (flags & EntryFlag.STANDALONE) {
      const values = (this.#alone ??= new ValueReader(types));
      values.begin(new ByteReader(reader.bytes()));
      this.#rest(flags, values);
    } else this.#rest(flags, this.#values);
  }

  #rest(flags: number, values: ValueReader): void {
    if (flags & EntryFlag.KEY_AS_GIVEN) this.key = values.read();
    if (flags & EntryFlag.NAMESPACE_AS_GIVEN) this.namespace = values.read();
    if (flags & EntryFlag.ENTRY_AS_GIVEN) this.entryKey = values.read();
    this.value = values.read();
  }

  /** Whether it stands for itself: then `encoded` can be moved to another part. */
  get standalone(): boolean {
    return this.part.kind === 'removals' || ((this.#bytes[this.#start] as number) & EntryFlag.STANDALONE) !== 0;
  }

  /** The bytes of the present one. */
  get encoded(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#reader.offset);
  }

  /** What two entries of one key and namespace have in common, a character per byte. */
  get cellIdentity(): string {
    return (
      String.fromCharCode((this.#bytes[this.#start] as number) & EntryFlag.NAMESPACE) +
      latin1Text(this.#bytes.subarray(this.#start + 1, this.#keyEnd))
    );
  }

  /** What tells the entries of a key and namespace apart; empty where there is one. */
  get entryIdentity(): string {
    return latin1Text(this.#bytes.subarray(this.#keyEnd, this.#identityEnd));
  }
}

/** Bytes that make no sense are those of a damaged snapshot; anything else is as it was. */
export function damaged(error: unknown, state: string, place: string): unknown {
  return error instanceof MillstreamError && error.code === 'FRAME_CORRUPT' ? corruptState(state, place, error) : error;
}

export function corruptState(state: string, place: string, cause?: unknown): MillstreamError {
  return new MillstreamError(
    'STATE_CORRUPT',
    `The stored state "${state}" cannot be read: ${place}. Its bytes are damaged; restore from another checkpoint.`,
    { ...(cause === undefined ? {} : { cause }), details: { state } },
  );
}
