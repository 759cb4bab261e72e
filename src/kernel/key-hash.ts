/**
 * Hashes of keys in columns: for every row that counts, the canonical hash of its key (`keyHash` in `data/key.ts`), so
 * that a key has one key group however it travels.
 *
 * The key of one column is its value; the key of several is the array of their values. 64-bit integers are never made
 * bigints: their two words are hashed as they lie. Each text of a dictionary is hashed once per batch.
 */

import { ByteWriter } from '../base/bytes.ts';
import type { Column, ColumnBatch, DictionaryColumn, Utf8Dictionary } from '../data/column-batch.ts';
import { valueAt } from '../data/column-rows.ts';
import { encodeKey, hashOfEncoding, keyHash, keyHashUtf8, KeyTag } from '../data/key.ts';
import { type Schema, storageOf } from '../data/schema.ts';
import { hasNulls, kindOfLayout } from './column-access.ts';
import { generateFunction } from './compile.ts';
import { Variants } from './variants.ts';

type HashFunction = (
  columns: readonly Column[],
  selection: Int32Array | undefined,
  selected: number,
  hashes: Int32Array,
) => void;

/** What a loop over hashes does with each. */
interface HashUse {
  /** Parameters of the function behind `columns`, `selection` and `selected`. */
  readonly parameters: readonly string[];
  /** Text that finds the hash in `h`, the row in `i`, and its place among those that count in `at`. */
  readonly lines: readonly string[];
}

const STORE: HashUse = { parameters: ['hashes'], lines: ['hashes[at] = h;'] };

export class KeyHasher {
  readonly #variants: Variants<HashFunction>;

  constructor(schema: Schema, columns: readonly number[], tag: string) {
    this.#variants = hashLoops<HashFunction>(schema, columns, STORE, `${tag}/hash`);
  }

  /** Writes the hash of the `i`th row that counts to place `i`. */
  hash(batch: ColumnBatch, hashes: Int32Array): void {
    this.#variants.of(batch)(batch.columns, batch.selection, batch.selected, hashes);
  }
}

/** Functions that hash the key of each row that counts, by the layout of its columns. */
export function hashLoops<F>(schema: Schema, columns: readonly number[], use: HashUse, tag: string): Variants<F> {
  return new Variants(columns, (layout, selection, number) => {
    const code = new HashCode(schema, layout);
    if (columns.length === 1) code.single(columns[0] as number);
    else code.several(columns);
    const text = [
      ...code.prelude,
      'for (let at = 0; at < selected; at++) {',
      `const i = ${selection ? 'selection[at]' : 'at'};`,
      'let h = 0;',
      ...code.lines,
      ...use.lines,
      '}',
    ];
    const parameters = ['columns', 'selection', 'selected', ...use.parameters];
    return generateFunction(parameters, text, code.bound, `${tag}-${number}`) as F;
  });
}

const NULL_HASH = keyHash(null) | 0;
const TRUE_HASH = keyHash(true) | 0;
const FALSE_HASH = keyHash(false) | 0;

/** Integers below this in magnitude are hashed as integers of 64 bits also where they are doubles. */
const I64_LIMIT = 2 ** 63;
const WORD = 2 ** 32;

/** Writes the hash of the key in row `i` into `h`. */
class HashCode {
  readonly prelude: string[] = [];
  readonly lines: string[] = [];
  readonly bound: unknown[] = [];
  readonly #schema: Schema;
  readonly #layout: ReadonlyMap<number, number>;

  constructor(schema: Schema, layout: ReadonlyMap<number, number>) {
    this.#schema = schema;
    this.#layout = layout;
  }

  #bind(thing: unknown): string {
    this.bound.push(thing);
    return `k${this.bound.length - 1}`;
  }

  single(index: number): void {
    const layout = this.#layout.get(index) as number;
    if (hasNulls(layout)) {
      this.prelude.push(`const v${index} = columns[${index}].validity;`);
      this.lines.push(`if ((v${index}[i >>> 3] >>> (i & 7) & 1) === 0) h = ${NULL_HASH}; else {`);
    }
    this.#value(index, layout);
    if (hasNulls(layout)) this.lines.push('}');
  }

  #value(index: number, layout: number): void {
    const column = `columns[${index}]`;
    switch (kindOfLayout(layout)) {
      case 'i32':
        this.prelude.push(`const c${index} = ${column}.values;`);
        this.lines.push(`const x = c${index}[i];`, ...int('x'));
        return;
      case 'f64':
        this.prelude.push(`const c${index} = ${column}.values;`);
        this.lines.push(`const x = c${index}[i];`, 'if ((x | 0) === x) {', ...int('x'), '} else {');
        if (this.#isLong(index)) this.lines.push(...long('x | 0', `Math.floor(x / ${WORD}) | 0`));
        else this.#double();
        this.lines.push('}');
        return;
      case 'i64':
        this.prelude.push(`const c${index} = ${this.#bind(wordsOf)}(${column}.values);`);
        this.lines.push(
          `const lo = c${index}[2 * i], hi = c${index}[2 * i + 1];`,
          'if (lo >> 31 === hi) {',
          ...int('lo'),
          '} else {',
          ...long('lo', 'hi'),
          '}',
        );
        return;
      case 'bool':
        this.prelude.push(`const c${index} = ${column}.values;`);
        this.lines.push(`h = (c${index}[i >>> 3] >>> (i & 7) & 1) === 1 ? ${TRUE_HASH} : ${FALSE_HASH};`);
        return;
      case 'utf8':
        this.prelude.push(`const b${index} = ${column}.bytes, o${index} = ${column}.offsets;`);
        this.lines.push(`h = ${this.#bind(keyHashUtf8)}(b${index}, o${index}[i], o${index}[i + 1]);`);
        return;
      case 'dictionary':
        this.prelude.push(
          `const c${index} = ${column}.codes, t${index} = ${this.#bind(hashesOfTexts)}(${column}.dictionary);`,
        );
        this.lines.push(`h = t${index}[c${index}[i]];`);
        return;
      case 'bytes':
      case 'values':
        this.prelude.push(`const c${index} = ${column};`);
        this.lines.push(`h = ${this.#bind(keyHash)}(${this.#bind(valueAt)}(c${index}, i));`);
    }
  }

  #isLong(index: number): boolean {
    return storageOf((this.#schema.fields[index] as Schema['fields'][number]).type) === 'long';
  }

  /** A double that is no integer of 32 bits: an integer of 64, or the bits of the double with one NaN for all. */
  #double(): void {
    const bits = this.#bind(new Float64Array(1));
    this.prelude.push(`const words = ${this.#bind(wordsOf)}(${bits});`);
    this.lines.push(
      `if (Math.floor(x) === x && x >= ${-I64_LIMIT} && x < ${I64_LIMIT}) {`,
      ...long('x | 0', `Math.floor(x / ${WORD}) | 0`),
      '} else {',
      `${bits}[0] = x === x ? x : NaN;`,
      `h = ${KeyTag.F64};`,
      ...mix('words[0]'),
      ...mix('words[1]'),
      ...finish(8),
      '}',
    );
  }

  /**
   * The key is an array. Where all parts turn out to be integers of 32 bits its encoding has known bytes at known
   * places, and is hashed without being written; else it is written.
   */
  several(indexes: readonly number[]): void {
    const parts = indexes.map((index, part) => this.#integerPart(index, part));
    const encoded = `h = ${this.#bind(hashOfParts)}(columns, ${this.#bind(indexes)}, i);`;
    if (parts.includes(undefined)) {
      this.lines.push(encoded);
      return;
    }
    const conditions = parts.flatMap((part) => part?.conditions ?? []);
    if (conditions.length > 0) this.lines.push(`if (${conditions.join(' && ')}) {`);
    this.lines.push(...hashIntegers(indexes.length));
    if (conditions.length > 0) this.lines.push('} else {', encoded, '}');
  }

  /** Declares `p0`, `p1` … as the parts, with the conditions under which they are integers of 32 bits. */
  #integerPart(index: number, part: number): { readonly conditions: readonly string[] } | undefined {
    const layout = this.#layout.get(index) as number;
    const kind = kindOfLayout(layout);
    if (kind !== 'i32' && kind !== 'f64') return undefined;
    this.prelude.push(
      `const c${part} = columns[${index}].values${hasNulls(layout) ? `, v${part} = columns[${index}].validity` : ''};`,
    );
    this.lines.push(`const p${part} = c${part}[i];`);
    return {
      conditions: [
        ...(kind === 'f64' ? [`(p${part} | 0) === p${part}`] : []),
        ...(hasNulls(layout) ? [`(v${part}[i >>> 3] >>> (i & 7) & 1) === 1`] : []),
      ],
    };
  }
}

// MurmurHash3 as text, see base/hash.ts: the seed is in `h`, blocks are mixed into it.

function mix(block: string): string[] {
  return [
    `{ let k = Math.imul(${block}, 0xcc9e2d51);`,
    'k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);',
    'h ^= k; h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0; }',
  ];
}

/** The last one to three bytes. */
function tail(block: string): string[] {
  return [
    `{ let k = Math.imul(${block}, 0xcc9e2d51);`,
    'k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);',
    'h ^= k; }',
  ];
}

function finish(bytes: number): string[] {
  return [
    `h ^= ${bytes}; h ^= h >>> 16; h = Math.imul(h, 0x85ebca6b); h ^= h >>> 13; h = Math.imul(h, 0xc2b2ae35); h ^= h >>> 16;`,
  ];
}

function int(value: string): string[] {
  return [`h = ${KeyTag.I32};`, ...mix(value), ...finish(4)];
}

function long(lo: string, hi: string): string[] {
  return [`h = ${KeyTag.I64};`, ...mix(lo), ...mix(hi), ...finish(8)];
}

const BYTES_PER_INTEGER = 5;

/** The hash of `[p0, p1, …]`, all of them integers of 32 bits: their count, then a tag and four bytes for each. */
function hashIntegers(parts: number): string[] {
  const bytes: string[] = [String(parts)];
  for (let part = 0; part < parts; part++) {
    bytes.push(String(KeyTag.I32));
    for (let shift = 0; shift < 32; shift += 8) bytes.push(`(p${part} >>> ${shift} & 255)`);
  }
  const lines = [`h = ${KeyTag.ARRAY};`];
  const blocksEnd = bytes.length & ~3;
  for (let at = 0; at < blocksEnd; at += 4) lines.push(...mix(joined(bytes.slice(at, at + 4))));
  if (blocksEnd < bytes.length) lines.push(...tail(joined(bytes.slice(blocksEnd))));
  return [...lines, ...finish(1 + parts * BYTES_PER_INTEGER)];
}

function joined(bytes: readonly string[]): string {
  return `(${bytes.map((byte, i) => `${byte} << ${i * 8}`).join(' | ')})`;
}

/** The low and high words of 64-bit values, one after the other. */
function wordsOf(values: BigInt64Array | Float64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}

const textHashes = new WeakMap<Utf8Dictionary, Int32Array>();

function hashesOfTexts(dictionary: DictionaryColumn['dictionary']): Int32Array {
  const known = textHashes.get(dictionary);
  if (known !== undefined) return known;
  const { count, offsets, bytes } = dictionary;
  const hashes = new Int32Array(count);
  for (let code = 0; code < count; code++) hashes[code] = keyHashUtf8(bytes, offsets[code], offsets[code + 1]);
  textHashes.set(dictionary, hashes);
  return hashes;
}

const writer = new ByteWriter();

/** The hash of the array of a row's values, by way of its encoding. */
function hashOfParts(columns: readonly Column[], indexes: readonly number[], row: number): number {
  writer.reset();
  encodeKey(
    indexes.map((index) => valueAt(columns[index] as Column, row)),
    writer,
  );
  return hashOfEncoding(writer.view());
}
