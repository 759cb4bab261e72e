/**
 * How generated code reads the columns of a batch.
 *
 * Code is generated for a layout: the kind of array that each column has and whether it has NULLs. A batch with
 * another layout gets another function, so that every function meets one kind of array at each place.
 */

import type { Column, Utf8Dictionary } from '../data/column-batch.ts';
import { type Schema, storageOf } from '../data/schema.ts';
import { utf8Text } from '../data/text.ts';
import type { ColumnReader, Operand, ScalarCode } from './scalar-code.ts';

/** What distinguishes two batches to generated code: a number per column, by the column's place. */
export function layoutCode(column: Column): number {
  return KIND_CODES[column.kind] * 2 + (column.validity === undefined ? 0 : 1);
}

const KIND_CODES: Readonly<Record<Column['kind'], number>> = {
  i32: 0,
  f64: 1,
  i64: 2,
  bool: 3,
  utf8: 4,
  bytes: 5,
  dictionary: 6,
  values: 7,
};
const KINDS = Object.keys(KIND_CODES) as readonly Column['kind'][];

export function kindOfLayout(code: number): Column['kind'] {
  return KINDS[code >> 1] as Column['kind'];
}

export function hasNulls(code: number): boolean {
  return (code & 1) === 1;
}

/** Layouts of 64-bit integers that may hold some beyond 2^53. */
export function isWide(code: number): boolean {
  return kindOfLayout(code) === 'i64';
}

/**
 * Reads columns of one layout by the row that the identifier `row` holds, out of the array `columns`.
 */
export class LayoutReader implements ColumnReader {
  readonly #schema: Schema;
  readonly #layout: ReadonlyMap<number, number>;
  readonly #row: string;
  readonly #declared = new Set<number>();

  constructor(schema: Schema, layout: ReadonlyMap<number, number>, row = 'i') {
    this.#schema = schema;
    this.#layout = layout;
    this.#row = row;
  }

  read(index: number, code: ScalarCode): Operand {
    const layout = this.#layout.get(index) as number;
    const type = (this.#schema.fields[index] as Schema['fields'][number]).type;
    this.#declare(index, layout, code);
    const row = this.#row;
    const isNull = hasNulls(layout) ? `((v${index}[${row} >>> 3] >>> (${row} & 7) & 1) === 0)` : undefined;
    const values = `c${index}[${row}]`;
    switch (kindOfLayout(layout)) {
      case 'i32':
      case 'i64':
      case 'values':
        return { text: values, isNull, type };
      case 'f64':
        return {
          text: storageOf(type) === 'long' && code.form === 'exact' ? `BigInt(${values})` : values,
          isNull,
          type,
        };
      case 'bool':
        return { text: `((c${index}[${row} >>> 3] >>> (${row} & 7) & 1) === 1)`, isNull, type };
      case 'utf8':
        return {
          text: `s${index}.toString('utf8', o${index}[${row}], o${index}[${row} + 1])`,
          isNull,
          type,
          utf8: this.#range(index, row),
        };
      case 'bytes':
        return { text: `b${index}.subarray(o${index}[${row}], o${index}[${row} + 1])`, isNull, type };
      case 'dictionary':
        return {
          text: `${code.bind(dictionaryText)}(d${index}, t${index}, ${values})`,
          isNull,
          type,
          code: { number: values, dictionary: `d${index}` },
        };
    }
  }

  #range(index: number, row: string): NonNullable<Operand['utf8']> {
    return { bytes: `b${index}`, buffer: `s${index}`, start: `o${index}[${row}]`, end: `o${index}[${row} + 1]` };
  }

  #declare(index: number, layout: number, code: ScalarCode): void {
    if (this.#declared.has(index)) return;
    this.#declared.add(index);
    const column = `columns[${index}]`;
    if (hasNulls(layout)) code.prelude.push(`const v${index} = ${column}.validity;`);
    switch (kindOfLayout(layout)) {
      case 'utf8':
        code.prelude.push(
          `const s${index} = ${code.bind(bufferOver)}(${column}.bytes), b${index} = ${column}.bytes, o${index} = ${column}.offsets;`,
        );
        return;
      case 'bytes':
        code.prelude.push(`const b${index} = ${column}.bytes, o${index} = ${column}.offsets;`);
        return;
      case 'dictionary':
        code.prelude.push(
          `const c${index} = ${column}.codes, d${index} = ${column}.dictionary, t${index} = ${code.bind(dictionaryTexts)}(d${index});`,
        );
        return;
      default:
        code.prelude.push(`const c${index} = ${column}.values;`);
    }
  }
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

const textsOf = new WeakMap<Utf8Dictionary, (string | undefined)[]>();

/** The texts of a dictionary as far as they have been asked for. */
function dictionaryTexts(dictionary: Utf8Dictionary): (string | undefined)[] {
  let texts = textsOf.get(dictionary);
  if (texts === undefined) {
    texts = new Array<string | undefined>(dictionary.count).fill(undefined);
    textsOf.set(dictionary, texts);
  }
  return texts;
}

function dictionaryText(dictionary: Utf8Dictionary, texts: (string | undefined)[], code: number): string {
  const known = texts[code];
  if (known !== undefined) return known;
  const text = utf8Text(dictionary.bytes.subarray(dictionary.offsets[code], dictionary.offsets[code + 1]));
  texts[code] = text;
  return text;
}
