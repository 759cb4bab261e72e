/**
 * The generated loop that adds the rows of a batch to the accumulators of their groups.
 *
 * Sums of 64-bit integers are doubles as long as they are exact. A row that would break that is not added at all: the
 * loop stops at it, its accumulators are widened to 64 bits, which are added as two words, and it goes on.
 */

import type { Column, ColumnBatch } from '../data/column-batch.ts';
import type { Schema } from '../data/schema.ts';
import type { AccumulatorColumn } from './accumulator-column.ts';
import type { AccumulatorTrace } from './accumulator-trace.ts';
import type { Accumulator, AccumulatorStorage, AggregatePlan } from './aggregates.ts';
import { isWide, layoutCode, LayoutReader } from './column-access.ts';
import { generateFunction } from './compile.ts';
import { narrow } from './forms/arithmetic.ts';
import type { RowRange } from './group-find.ts';
import type { Records } from './key-parts.ts';
import { type Operand, ScalarCode } from './scalar-code.ts';
import { compareText } from './text-values.ts';
import { Variants } from './variants.ts';

type UpdateFunction = (
  columns: readonly Column[],
  selection: Int32Array | undefined,
  order: Int32Array | undefined,
  from: number,
  to: number,
  groups: Int32Array,
  records: Float64Array,
  accumulators: readonly AccumulatorColumn[],
  traces: readonly AccumulatorTrace[] | undefined,
) => number;

/** Where rows are added: the records of the groups, and the accumulators in and beside them. */
export interface UpdateTarget extends Records {
  readonly accumulators: readonly AccumulatorColumn[];
  readonly wide: boolean;
}

const MODE_ORDER = 1;
const MODE_WIDE = 2;
const MODE_TRACE = 4;

export class AggregateUpdate {
  readonly #schema: Schema;
  readonly #plan: AggregatePlan;
  /** Words of a record in front of the accumulators. */
  readonly #keyWords: number;
  readonly #variants: Variants<UpdateFunction>;

  constructor(schema: Schema, plan: AggregatePlan, keyWords: number, tag: string) {
    this.#schema = schema;
    this.#plan = plan;
    this.#keyWords = keyWords;
    this.#variants = new Variants(plan.inputs, (layout, selection, number, mode) =>
      this.#generate(layout, selection, mode, `${tag}/update-${number}`),
    );
  }

  /** Whether a batch brings 64-bit integers that doubles may not hold: then accumulators must be wide. */
  needsWide(batch: ColumnBatch): boolean {
    return this.#plan.inputs.some((index) => isWide(layoutCode(batch.columns[index] as Column)));
  }

  /**
   * Adds rows from place `range.from` on. Returns the place of the first row that was not added because accumulators
   * must be widened first, or `range.to`. With `traces`, each row's accumulators as they are after it are written
   * there, by row number.
   */
  run(
    batch: ColumnBatch,
    range: RowRange,
    groups: Int32Array,
    target: UpdateTarget,
    traces: readonly AccumulatorTrace[] | undefined,
  ): number {
    const { records, accumulators, wide } = target;
    const mode =
      (range.order === undefined ? 0 : MODE_ORDER) + (wide ? MODE_WIDE : 0) + (traces === undefined ? 0 : MODE_TRACE);
    return this.#variants.of(batch, mode)(
      batch.columns,
      batch.selection,
      range.order,
      range.from,
      range.to,
      groups,
      records,
      accumulators,
      traces,
    );
  }

  #generate(layout: ReadonlyMap<number, number>, selection: boolean, mode: number, tag: string): UpdateFunction {
    const code = new UpdateCode(this.#schema, layout, this.#keyWords, (mode & MODE_WIDE) !== 0);
    this.#plan.accumulators.forEach((accumulator, number) => code.add(accumulator, number));
    if ((mode & MODE_TRACE) !== 0) code.trace();
    const place = (mode & MODE_ORDER) !== 0 ? 'order[at]' : 'at';
    const text = [
      ...code.prelude,
      'for (let at = from; at < to; at++) {',
      `const i = ${selection ? `selection[${place}]` : place}, g = groups[at], b = g * ${this.#keyWords + this.#plan.accumulators.length};`,
      ...code.checks,
      ...code.stores,
      '}',
      'return to;',
    ];
    return generateFunction(
      ['columns', 'selection', 'order', 'from', 'to', 'groups', 'records', 'accumulators', 'traces'],
      text,
      code.bound,
      tag,
    ) as UpdateFunction;
  }
}

/** How an accumulator is held while the loop runs. */
type Held = AccumulatorStorage | 'wide';

class UpdateCode {
  /** What may find that the row cannot be added yet. */
  readonly checks: string[] = [];
  readonly stores: string[] = [];
  readonly #layout: ReadonlyMap<number, number>;
  readonly #keyWords: number;
  readonly #wide: boolean;
  readonly #scalar: ScalarCode;
  readonly #added: { readonly number: number; readonly held: Held }[] = [];
  readonly #split = new Set<number>();

  constructor(schema: Schema, layout: ReadonlyMap<number, number>, keyWords: number, wide: boolean) {
    this.#layout = layout;
    this.#keyWords = keyWords;
    this.#wide = wide;
    this.#scalar = new ScalarCode({
      form: 'fast',
      columns: new LayoutReader(schema, layout),
      generate: () => {
        throw new Error('accumulators read columns only');
      },
      leave: '',
    });
  }

  get prelude(): readonly string[] {
    return this.#scalar.prelude;
  }

  get bound(): readonly unknown[] {
    return this.#scalar.bound;
  }

  /** Where the accumulator of group `g` lies: in the record that begins at word `b`, or beside it. */
  #place(number: number, held: Held): string {
    if (held === 'text') return `a${number}[g]`;
    return `records[b + ${this.#keyWords + number}]`;
  }

  add(accumulator: Accumulator, number: number): void {
    const held: Held = accumulator.storage === 'long' && this.#wide ? 'wide' : accumulator.storage;
    this.#added.push({ number, held });
    if (held === 'wide') this.#scalar.prelude.push(`const a${number} = accumulators[${number}].words;`);
    if (held === 'text') this.#scalar.prelude.push(`const a${number} = accumulators[${number}].texts;`);
    const place = this.#place(number, held);
    const { input } = accumulator;
    if (input === undefined) {
      this.stores.push(`${place} += 1;`);
      return;
    }
    const operand = this.#scalar.column(input);
    if (operand.isNull !== undefined) this.stores.push(`if (!(${operand.isNull})) {`);
    if (accumulator.kind === 'count') this.stores.push(`${place} += 1;`);
    else if (held === 'wide') this.#wideUpdate(accumulator, number, input, operand.text);
    else if (accumulator.kind === 'sum' && held === 'long') this.#longSum(number, place, operand);
    else if (accumulator.kind === 'sum') this.stores.push(`${place} = ${sum(place, operand.text, accumulator)};`);
    else this.#extreme(accumulator, place, operand.text, held);
    if (operand.isNull !== undefined) this.stores.push('}');
  }

  /** The sum is computed and checked before anything of the row is stored. */
  #longSum(number: number, place: string, { text, isNull }: Operand): void {
    const summed = `${place} + ${text}`;
    this.checks.push(`const s${number} = ${isNull === undefined ? summed : `(${isNull}) ? 0 : ${summed}`};`);
    this.checks.push(
      `if (s${number} > ${Number.MAX_SAFE_INTEGER} || s${number} < ${Number.MIN_SAFE_INTEGER}) return at;`,
    );
    this.stores.push(`${place} = s${number};`);
  }

  #extreme({ kind }: Accumulator, place: string, value: string, held: Held): void {
    const less = kind === 'min';
    if (held === 'text') {
      const compare = this.#scalar.bind(compareText);
      this.stores.push(
        `{ const x = ${value}, y = ${place}; if (y === undefined || ${compare}(x, y) ${less ? '<' : '>'} 0) ${place} = x; }`,
      );
      return;
    }
    // NaN is the greatest double: MIN takes anything for it, MAX takes it for anything.
    const nan = held === 'f64' ? (less ? ' || y !== y' : ' || x !== x') : '';
    this.stores.push(`{ const x = ${value}, y = ${place}; if (x ${less ? '<' : '>'} y${nan}) ${place} = x; }`);
  }

  /** 64 bits as two words. */
  #wideUpdate({ kind }: Accumulator, number: number, input: number, value: string): void {
    const words = `a${number}`;
    this.stores.push('{');
    this.#words(input, value);
    if (kind === 'sum') {
      // Stores keep the low 32 bits, so the words wrap around as the 64 bits do.
      this.stores.push(
        `const s = (${words}[2 * g] >>> 0) + (lo >>> 0); ${words}[2 * g] = s; ${words}[2 * g + 1] = ${words}[2 * g + 1] + hi + (s > 4294967295 ? 1 : 0);`,
      );
    } else {
      const sign = kind === 'min' ? '<' : '>';
      this.stores.push(`const y = ${words}[2 * g + 1];`);
      this.stores.push(
        `if (hi ${sign} y || (hi === y && (lo >>> 0) ${sign} (${words}[2 * g] >>> 0))) { ${words}[2 * g] = lo; ${words}[2 * g + 1] = hi; }`,
      );
    }
    this.stores.push('}');
  }

  /** Declares `lo` and `hi` of a column's value. */
  #words(input: number, value: string): void {
    if (!isWide(this.#layout.get(input) as number)) {
      this.stores.push(`const x = ${value}, lo = x | 0, hi = Math.floor(x / 4294967296) | 0;`);
      return;
    }
    if (!this.#split.has(input)) {
      this.#split.add(input);
      this.#scalar.prelude.push(
        `const w${input} = new Int32Array(c${input}.buffer, c${input}.byteOffset, c${input}.length * 2);`,
      );
    }
    this.stores.push(`const lo = w${input}[2 * i], hi = w${input}[2 * i + 1];`);
  }

  /** Writes the accumulators behind each row to where the row is. */
  trace(): void {
    for (const { number, held } of this.#added) {
      this.#scalar.prelude.push(`const r${number} = traces[${number}].${TRACED[held]};`);
      this.stores.push(
        held === 'wide'
          ? `r${number}[2 * i] = a${number}[2 * g]; r${number}[2 * i + 1] = a${number}[2 * g + 1];`
          : `r${number}[i] = ${this.#place(number, held)};`,
      );
    }
  }
}

const TRACED: Readonly<Record<Held, keyof AccumulatorTrace>> = {
  f64: 'doubles',
  i32: 'ints',
  long: 'doubles',
  wide: 'words',
  text: 'texts',
};

function sum(known: string, value: string, { type }: Accumulator): string {
  if (type.kind === 'double') return `${known} + ${value}`;
  if (type.kind === 'float') return `Math.fround(${known} + ${value})`;
  return narrow(`(${known} + ${value} | 0)`, type);
}
