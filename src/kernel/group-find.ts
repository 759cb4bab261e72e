/** The generated loop that looks up the keys of a batch in a {@link GroupTable}. */

import type { Column, ColumnBatch, Utf8Dictionary } from '../data/column-batch.ts';
import { valueAt } from '../data/column-rows.ts';
import { mapKey } from '../data/key.ts';
import { hasNulls, isWide, kindOfLayout, layoutCode } from './column-access.ts';
import { generateFunction } from './compile.ts';
import { type GroupTable, SPREAD } from './group-table.ts';
import type { KeyPartKind } from './key-parts.ts';
import { Variants } from './variants.ts';

/** The rows of a batch that a loop runs over: `order` leads to places among the rows that count, all of them without it. */
export interface RowRange {
  readonly order: Int32Array | undefined;
  readonly from: number;
  readonly to: number;
}

type FindFunction = (
  columns: readonly Column[],
  selection: Int32Array | undefined,
  order: Int32Array | undefined,
  from: number,
  to: number,
  hashes: Int32Array,
  groups: Int32Array,
  table: GroupTable,
) => number;

const MODE_ORDER = 1;
const MODE_NULLS = 2;
const MODE_WIDE = 4;

export class GroupFinder {
  readonly #columns: readonly number[];
  readonly #variants: Variants<FindFunction>;

  /** `columns` are the key columns of the batches that will come; `stride` is that of the tables. */
  constructor(columns: readonly number[], kinds: readonly KeyPartKind[], stride: number, tag: string) {
    this.#columns = columns;
    this.#variants = new Variants(columns, (layout, selection, number, mode) => {
      const partKinds = kinds.map((kind) => (kind === 'long' && (mode & MODE_WIDE) !== 0 ? 'wide' : kind));
      return generateFind(columns, layout, partKinds, selection, mode, stride, `${tag}/find-${number}`);
    });
  }

  /**
   * Writes the groups of the rows to `groups`, at the places that the rows have in the range; groups that are missing
   * are made. `hashes` are by place among the rows that count.
   */
  find(batch: ColumnBatch, range: RowRange, hashes: Int32Array, groups: Int32Array, table: GroupTable): void {
    const wide = this.#prepare(batch, table);
    const mode =
      (range.order === undefined ? 0 : MODE_ORDER) +
      (table.nullBits === undefined ? 0 : MODE_NULLS) +
      (wide ? MODE_WIDE : 0);
    const find = this.#variants.of(batch, mode);
    let from = range.from;
    for (;;) {
      from = find(batch.columns, batch.selection, range.order, from, range.to, hashes, groups, table);
      if (from === range.to) return;
      table.grow();
    }
  }

  /** Makes the table able to hold the batch's keys. Returns whether it holds 64-bit integers as such. */
  #prepare(batch: ColumnBatch, table: GroupTable): boolean {
    for (const index of this.#columns) {
      const layout = layoutCode(batch.columns[index] as Column);
      if (hasNulls(layout)) table.allowNulls();
      if (isWide(layout)) table.widen();
    }
    return table.parts.some((part) => part.kind === 'wide');
  }
}

function generateFind(
  columns: readonly number[],
  layout: ReadonlyMap<number, number>,
  kinds: readonly KeyPartKind[],
  selection: boolean,
  mode: number,
  stride: number,
  tag: string,
): FindFunction {
  const code = new FindCode((mode & MODE_NULLS) !== 0, columns.length === 1);
  columns.forEach((index, part) => code.part(part, index, kinds[part] as KeyPartKind, layout.get(index) as number));
  const place = (mode & MODE_ORDER) !== 0 ? 'order[at]' : 'at';
  const equal = code.equal.join(' && ') || 'true';
  const text = [
    'const index = table.index, shift = table.shift, mask = index.length - 1, capacity = table.capacity, known = table.hashes;',
    `const R = table.records, S = ${stride};`,
    'let size = table.size;',
    ...code.prelude,
    // All first slots are read before any key is compared: reads that wait for nothing else wait for memory together.
    `for (let at = from; at < to; at++) groups[at] = index[Math.imul(hashes[${place}], ${SPREAD}) >>> shift] - 1;`,
    'for (let at = from; at < to; at++) {',
    `const place = ${place};`,
    `const i = ${selection ? 'selection[place]' : 'place'};`,
    ...(code.compares ? ['const h = hashes[place];'] : []),
    ...code.load,
    'let g = groups[at];',
    `if (g < 0 || !(${equal})) {`,
    ...(code.compares ? [] : ['const h = hashes[place];']),
    `let slot = Math.imul(h, ${SPREAD}) >>> shift;`,
    'g = index[slot] - 1;',
    `while (g >= 0 && !(${equal})) { slot = slot + 1 & mask; g = index[slot] - 1; }`,
    'if (g < 0) {',
    'if (size === capacity) { table.size = size; return at; }',
    'g = size++; index[slot] = size; known[g] = h;',
    ...code.store,
    '}',
    'groups[at] = g;',
    '}',
    ...code.found,
    '}',
    'table.size = size;',
    'return to;',
  ];
  return generateFunction(
    ['columns', 'selection', 'order', 'from', 'to', 'hashes', 'groups', 'table'],
    text,
    code.bound,
    tag,
  ) as FindFunction;
}

class FindCode {
  readonly prelude: string[] = [];
  /** Loads the key of row `i`. */
  readonly load: string[] = [];
  /** Conditions under which group `g` has that key. */
  readonly equal: string[] = [];
  /** Stores it as the key of group `g`. */
  readonly store: string[] = [];
  /** Behind the look-up. */
  readonly found: string[] = [];
  readonly bound: unknown[] = [];
  /** Whether comparing keys takes their hashes. */
  compares = false;
  readonly #single: boolean;

  constructor(nulls: boolean, single: boolean) {
    this.#single = single;
    if (!nulls) return;
    this.prelude.push('const nullBits = table.nullBits;');
    this.load.push('let nulls = 0;');
    this.equal.push('nullBits[g] === nulls');
    this.store.push('nullBits[g] = nulls;');
  }

  #bind(thing: unknown): string {
    this.bound.push(thing);
    return `k${this.bound.length - 1}`;
  }

  part(part: number, index: number, kind: KeyPartKind, layout: number): void {
    const column = `columns[${index}]`;
    const nullable = hasNulls(layout);
    if (nullable) {
      this.prelude.push(`const v${part} = ${column}.validity;`);
      this.load.push(
        `const z${part} = (v${part}[i >>> 3] >>> (i & 7) & 1) === 0;`,
        `if (z${part}) nulls |= ${1 << part};`,
      );
    }
    const guarded = (text: string, otherwise: string): string =>
      nullable ? `z${part} ? ${otherwise} : ${text}` : text;
    if (kind === 'wide' || kind === 'text' || kind === 'any')
      this.prelude.push(`const q${part} = table.parts[${part}];`);
    switch (kind) {
      case 'i32':
      case 'long':
        this.#word(part, guarded(`c${part}[i]`, '0'), `const c${part} = ${column}.values;`);
        return;
      case 'double':
        // One zero and, compared as equal, one NaN.
        this.#word(part, guarded(`c${part}[i] + 0`, '0'), `const c${part} = ${column}.values;`);
        this.equal[this.equal.length - 1] =
          `(R[g * S + ${part}] === x${part} || (x${part} !== x${part} && R[g * S + ${part}] !== R[g * S + ${part}]))`;
        return;
      case 'bool':
        this.#word(part, guarded(`c${part}[i >>> 3] >>> (i & 7) & 1`, '0'), `const c${part} = ${column}.values;`);
        return;
      case 'wide':
        this.#wide(part, column, layout, guarded);
        return;
      case 'text':
        this.#text(part, column, layout, guarded);
        return;
      case 'any':
        this.prelude.push(`const c${part} = ${column}, y${part} = q${part}.comparable;`);
        this.load.push(
          `const x${part} = ${this.#bind(valueAt)}(c${part}, i), m${part} = ${this.#bind(mapKey)}(x${part});`,
        );
        this.equal.push(`y${part}[g] === m${part}`);
        this.store.push(`q${part}.addAny(g, x${part});`);
    }
  }

  #word(part: number, value: string, declaration: string): void {
    this.prelude.push(declaration);
    this.load.push(`const x${part} = ${value};`);
    this.equal.push(`R[g * S + ${part}] === x${part}`);
    this.store.push(`R[g * S + ${part}] = x${part};`);
  }

  #wide(part: number, column: string, layout: number, guarded: (text: string, otherwise: string) => string): void {
    this.prelude.push(`const y${part} = q${part}.words;`);
    if (isWide(layout)) {
      this.prelude.push(`const c${part} = ${this.#bind(wordsOf)}(${column}.values);`);
      this.load.push(
        `const l${part} = ${guarded(`c${part}[2 * i]`, '0')}, u${part} = ${guarded(`c${part}[2 * i + 1]`, '0')};`,
      );
    } else {
      this.prelude.push(`const c${part} = ${column}.values;`);
      this.load.push(
        `const x${part} = ${guarded(`c${part}[i]`, '0')}, l${part} = x${part} | 0, u${part} = Math.floor(x${part} / 4294967296) | 0;`,
      );
    }
    this.equal.push(`y${part}[2 * g] === l${part} && y${part}[2 * g + 1] === u${part}`);
    this.store.push(`y${part}[2 * g] = l${part}; y${part}[2 * g + 1] = u${part};`);
  }

  #text(part: number, column: string, layout: number, guarded: (text: string, otherwise: string) => string): void {
    const dictionary = kindOfLayout(layout) === 'dictionary';
    const source = dictionary ? `${column}.dictionary` : column;
    this.prelude.push(
      `const b${part} = ${source}.bytes, o${part} = ${source}.offsets, starts${part} = q${part}.starts, lengths${part} = q${part}.lengths, heap${part} = q${part}.heap;`,
    );
    if (dictionary) this.prelude.push(`const c${part} = ${column}.codes;`);
    const entry = dictionary ? `c${part}[i]` : 'i';
    if (dictionary && this.#single) this.#remember(part, column, entry, hasNulls(layout));
    this.load.push(`const e${part} = ${guarded(entry, '-1')};`);
    this.load.push(
      `const s${part} = e${part} < 0 ? 0 : o${part}[e${part}], t${part} = e${part} < 0 ? 0 : o${part}[e${part} + 1];`,
    );
    this.compares = true;
    this.equal.push(
      `known[g] === h && lengths${part}[g] === t${part} - s${part} && heap${part}.equals(starts${part}[g], b${part}, s${part}, t${part})`,
    );
    this.store.push(
      `starts${part}[g] = heap${part}.add(b${part}, s${part}, t${part}); lengths${part}[g] = t${part} - s${part};`,
    );
  }

  /** The group of each text of a dictionary that was looked up in this call: the next row with it costs a load. */
  #remember(part: number, column: string, entry: string, nullable: boolean): void {
    const present = nullable ? ` && !z${part}` : '';
    this.prelude.push(`const memo = ${this.#bind(memoFor)}(${column}.dictionary, to - from);`);
    this.load.push(`const met = memo !== undefined${present} ? memo[${entry}] : 0;`);
    this.load.push('if (met > 0) { groups[at] = met - 1; continue; }');
    this.found.push(`if (memo !== undefined${present}) memo[${entry}] = g + 1;`);
  }
}

/** Not worth its memory where there are more texts than rows. */
function memoFor(dictionary: Utf8Dictionary, rows: number): Int32Array | undefined {
  return dictionary.count <= rows ? new Int32Array(dictionary.count) : undefined;
}

function wordsOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}
