/**
 * A key table: gives every key a small number, its row, for as long as something refers to it.
 *
 * Keys are equal when their canonical encodings are (`data/key.ts`). 32-bit integers, the most frequent keys, have an
 * index of their own whose hash is one to one, so that finding one compares nothing else; text goes through a
 * JavaScript Map while there is little of it, and is hashed and compared here beyond that; everything else compares as
 * `mapKey` says. What belongs to a key (its state, its timers) lies in columns under the
 * key's row. Tables hold far more keys than a JavaScript Map, which ends at 2^24.
 */

import { ByteWriter } from '../base/bytes.ts';
import { invariant } from '../base/assert.ts';
import { encodeKey, hashOfEncoding, keyHash, mapKey } from '../data/key.ts';
import { latin1Text } from '../data/text.ts';
import type { TypeRegistry } from '../data/type-registry.ts';
import { Column, IntColumn } from './columns.ts';
import { HashIndex, hashOfDouble, mix32 } from './hash-index.ts';
import { RowNumbers } from './row-numbers.ts';

/** The row of a key that has none. */
export const NO_ROW = -1;

/** Up to this many text keys a JavaScript Map is faster, because V8 keeps the hash of a string that comes again. */
const TEXTS_IN_MAP_MAX = 1 << 14;

/** A key that is an object: what the user gave, and the encoding by which it is found. */
class ObjectKey {
  readonly value: object;
  /** The canonical encoding, a character per byte. */
  readonly text: string;
  readonly hash: number;

  constructor(value: object, text: string, hash: number) {
    this.value = value;
    this.text = text;
    this.hash = hash;
  }
}

export class KeyTable {
  readonly #types: TypeRegistry;
  readonly #integers = new HashIndex();
  readonly #others = new HashIndex();
  /** The rows of text keys while they are few; then they are among the others, for good. */
  #texts: Map<string, number> | undefined = new Map();
  readonly #rows = new RowNumbers();
  readonly #keys = new Column<unknown>();
  /** How many things refer to the row. */
  readonly #references = new IntColumn();
  readonly #writer = new ByteWriter();
  #removals = 0;

  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** How many rows have been given up so far: while it stands still, a key's row is its own. */
  get removals(): number {
    return this.#removals;
  }

  /** All rows lie below. */
  get limit(): number {
    return this.#rows.limit;
  }

  /**
   * The row of the key, or {@link NO_ROW}.
   *
   * @throws KEY_INVALID for what cannot be a key.
   */
  find(key: unknown): number {
    if (typeof key === 'number' && (key | 0) === key) return this.#integers.only(mix32(key));
    if (typeof key === 'string') return this.#findText(key);
    if (typeof key === 'object' && key !== null) return this.#findObject(key);
    return this.#findScalar(mapKey(key, this.#types));
  }

  /**
   * {@link find} for many keys at once: each step for all of them before the next, in loops so small that the processor
   * looks many ahead. Keys other than text and 32-bit integers may be left out: no row is found for them.
   */
  findAll(keys: readonly unknown[], rows: Int32Array): void {
    const integers = this.#integers;
    const texts = this.#texts === undefined ? this.#others : undefined;
    for (let i = 0; i < rows.length; i++) {
      const key = keys[i];
      if (typeof key === 'number') rows[i] = (key | 0) === key ? integers.only(mix32(key)) : NO_ROW;
      // Hashing asks for character after character, so the first of each is read first.
      else rows[i] = typeof key === 'string' && texts !== undefined ? key.charCodeAt(0) : NO_ROW;
    }
    if (texts !== undefined) this.#findTexts(keys, rows, texts);
  }

  #findTexts(keys: readonly unknown[], rows: Int32Array, texts: HashIndex): void {
    for (let i = 0; i < rows.length; i++) {
      const key = keys[i];
      if (typeof key === 'string') rows[i] = hashOfText(key);
    }
    for (let i = 0; i < rows.length; i++) {
      if (typeof keys[i] === 'string') rows[i] = texts.only(rows[i] as number);
    }
    // Text under the same hash need not be the same.
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      if (typeof keys[i] === 'string' && row !== NO_ROW && this.#keys.get(row) !== keys[i]) rows[i] = NO_ROW;
    }
  }

  /** Adds a key that is not there, without a reference to it; returns its row. */
  add(key: unknown): number {
    const row = this.#rows.take();
    const stored = typeof key === 'object' && key !== null ? this.#objectKey(key) : key;
    this.#keys.exchange(row, stored);
    if (typeof stored === 'string' && this.#texts !== undefined) {
      this.#texts.set(stored, row);
      if (this.#texts.size > TEXTS_IN_MAP_MAX) this.#leaveMap(this.#texts);
      return row;
    }
    const scalar = typeof stored === 'object' ? stored : mapKey(stored, this.#types);
    if (isInteger(scalar)) this.#integers.insert(mix32(scalar), row);
    else this.#others.insert(hashOf(stored, scalar), row);
    return row;
  }

  /** The key as it was given when its row was made. */
  keyOf(row: number): unknown {
    const stored = this.#keys.get(row);
    return stored instanceof ObjectKey ? stored.value : stored;
  }

  inUse(row: number): boolean {
    return this.#rows.inUse(row);
  }

  retain(row: number): void {
    this.#references.add(row, 1);
  }

  /** Takes a reference back. Returns true when it was the last and the row is gone. */
  release(row: number): boolean {
    if (this.#references.add(row, -1) > 0) return false;
    this.#remove(row);
    return true;
  }

  clear(): void {
    this.#integers.clear();
    this.#others.clear();
    this.#texts = new Map();
    this.#removals++;
    this.#rows.clear();
    this.#keys.clear();
    this.#references.clear();
  }

  #leaveMap(texts: Map<string, number>): void {
    for (const [text, row] of texts) this.#others.insert(hashOfText(text), row);
    this.#texts = undefined;
  }

  #remove(row: number): void {
    const stored = this.#keys.exchange(row, undefined);
    invariant(this.#removeFromIndex(stored, row), 'a row is found under the key that it was made for');
    this.#rows.free(row);
    this.#removals++;
  }

  #removeFromIndex(stored: unknown, row: number): boolean {
    if (typeof stored === 'string' && this.#texts !== undefined) return this.#texts.delete(stored);
    const scalar = typeof stored === 'object' ? stored : mapKey(stored, this.#types);
    return isInteger(scalar)
      ? this.#integers.remove(mix32(scalar), row)
      : this.#others.remove(hashOf(stored, scalar), row);
  }

  #findText(key: string): number {
    if (this.#texts !== undefined) return this.#texts.get(key) ?? NO_ROW;
    const index = this.#others;
    const hash = hashOfText(key);
    let row = index.first(hash);
    while (row !== NO_ROW && this.#keys.get(row) !== key) row = index.next(hash);
    return row;
  }

  #findObject(key: object): number {
    const index = this.#others;
    const hash = this.#encode(key);
    const { memory, length } = this.#writer;
    let row = index.first(hash);
    for (; row !== NO_ROW; row = index.next(hash)) {
      const stored = this.#keys.get(row);
      if (stored instanceof ObjectKey && isEncoding(stored.text, memory, length)) return row;
    }
    return row;
  }

  /** `scalar` is what `mapKey` made of a key that is neither text nor an object. */
  #findScalar(scalar: unknown): number {
    if (isInteger(scalar)) return this.#integers.only(mix32(scalar));
    const index = this.#others;
    const hash = hashOf(scalar, scalar);
    let row = index.first(hash);
    for (; row !== NO_ROW; row = index.next(hash)) {
      const stored = this.#keys.get(row);
      // Text and objects are set apart: what mapKey makes of an object is text.
      if (typeof stored === 'string' || stored instanceof ObjectKey) continue;
      if (Object.is(mapKey(stored, this.#types), scalar)) return row;
    }
    return row;
  }

  #objectKey(key: object): ObjectKey {
    const hash = this.#encode(key);
    return new ObjectKey(key, latin1Text(this.#writer.view()), hash);
  }

  /** Leaves the encoding in the writer. Returns its hash. */
  #encode(key: object): number {
    const writer = this.#writer;
    writer.reset();
    encodeKey(key, writer, this.#types);
    return mix32(hashOfEncoding(writer.memory, writer.length));
  }
}

/** Whether the text has the first `length` bytes as its characters: text of its own for each look-up costs more. */
function isEncoding(text: string, bytes: Uint8Array, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[i]) return false;
  return true;
}

function isInteger(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value;
}

/** `scalar` is what `mapKey` made of `stored`, where that is no object. */
function hashOf(stored: unknown, scalar: unknown): number {
  if (stored instanceof ObjectKey) return stored.hash;
  if (typeof stored === 'string') return hashOfText(stored);
  if (typeof scalar === 'number') return hashOfDouble(scalar);
  return mix32(keyHash(scalar));
}

/** The key's hash decides its key group, so a subtask sees few of its low bits: they are mixed again. */
function hashOfText(text: string): number {
  return mix32(keyHash(text));
}
