/**
 * The text of one row's computation, as it is being written.
 *
 * An expression becomes statements and, in the end, an {@link Operand}: JavaScript for its value and for whether it is
 * NULL. Statements stand where they are reached and nowhere else, so what a CASE does not choose is not computed.
 *
 * 64-bit integers have two forms. In `fast` code they are doubles below 2^53 in magnitude, and whatever could leave
 * that range is checked where it arises: then the batch is given up ({@link ScalarCode.leave}) and computed again by
 * `exact` code, in which they are bigints that wrap around at 64 bits.
 */

import { MillstreamError } from '../base/error.ts';
import { type LogicalType, storageOf } from '../data/schema.ts';
import type { Expression } from './expression.ts';

export type LongForm = 'fast' | 'exact';

/** Whether values of a type are integers that have these two forms. A DECIMAL is its unscaled value, of any length. */
export function isLongForm(type: LogicalType): boolean {
  return type.kind === 'decimal' || storageOf(type) === 'long';
}

/** The value of an expression in a row, as text. */
export interface Operand {
  /**
   * A JavaScript expression without side effects; anything where `isNull` holds. Integers of 32 bits and doubles are
   * numbers, 64-bit integers numbers or bigints by the form of the code, text strings, bytes `Uint8Array`s.
   */
  readonly text: string;
  /** A JavaScript expression of type boolean; undefined where the value is never NULL. */
  readonly isNull: string | undefined;
  readonly type: LogicalType;
  /** Where the bytes of a text lie, so that what can be done on bytes needs no string; `buffer` makes strings of them. */
  readonly utf8?: { readonly bytes: string; readonly buffer: string; readonly start: string; readonly end: string };
  /** The number of a text in a dictionary, and the dictionary. */
  readonly code?: { readonly number: string; readonly dictionary: string };
  /** The text of a literal. */
  readonly literal?: string;
}

/** Where the values of columns come from. */
export interface ColumnReader {
  read(index: number, code: ScalarCode): Operand;
}

/** Thrown while `fast` code is generated for what only `exact` code can compute. */
export const EXACT_ONLY = Symbol('exact only');

export class ScalarCode {
  readonly form: LongForm;
  readonly lines: string[] = [];
  /** Declarations in front of the statements of a row. */
  readonly declarations: string[] = [];
  /** Statements in front of the loop over the rows. */
  readonly prelude: string[] = [];
  /** Values that the text refers to, by the number in their identifier. */
  readonly bound: unknown[];
  readonly #columns: ColumnReader;
  readonly #generate: (expression: Expression, code: ScalarCode) => Operand;
  readonly #leave: string;
  #names = 0;

  constructor(options: {
    readonly form: LongForm;
    readonly columns: ColumnReader;
    readonly generate: (expression: Expression, code: ScalarCode) => Operand;
    /** The statement that gives up the batch. */
    readonly leave: string;
    readonly bound?: unknown[];
  }) {
    this.form = options.form;
    this.bound = options.bound ?? [];
    this.#columns = options.columns;
    this.#generate = options.generate;
    this.#leave = options.leave;
  }

  /** Writes the statements of an expression here. */
  generate(expression: Expression): Operand {
    return this.#generate(expression, this);
  }

  column(index: number): Operand {
    return this.#columns.read(index, this);
  }

  line(text: string): void {
    this.lines.push(text);
  }

  /** Keeps a value that is the same for all rows of a batch; returns its identifier. */
  once(text: string, hint: string): string {
    const name = this.fresh(hint);
    this.prelude.push(`const ${name} = ${text};`);
    return name;
  }

  /** A variable that is undefined at the start of each row; returns its identifier. */
  perRow(hint: string): string {
    const name = this.fresh(hint);
    this.declarations.push(`let ${name};`);
    return name;
  }

  fresh(hint: string): string {
    return `${hint}_${this.#names++}`;
  }

  /** Makes a function or object reachable from the text; returns its identifier. */
  bind(thing: unknown): string {
    const known = this.bound.indexOf(thing);
    if (known >= 0) return `k${known}`;
    this.bound.push(thing);
    return `k${this.bound.length - 1}`;
  }

  /** Keeps a value under a name, for texts that need it more than once. */
  keep(text: string, hint = 't'): string {
    if (/^[\w$]+$/.test(text)) return text;
    const name = this.fresh(hint);
    this.line(`const ${name} = ${text};`);
    return name;
  }

  /** Gives up the batch in `fast` code when the condition holds. */
  leaveIf(condition: string): void {
    this.line(`if (${condition}) ${this.#leave}`);
  }

  /** Says that `fast` code cannot compute the expression, whatever the data. */
  exactOnly(): void {
    // oxlint-disable-next-line typescript/only-throw-error -- a signal inside the compiler, never an error of anybody's
    if (this.form === 'fast') throw EXACT_ONLY;
  }

  /** A 64-bit integer that was just computed: checked in `fast` code, wrapped around in `exact` code. */
  long(text: string): string {
    if (this.form === 'exact') return `BigInt.asIntN(64, ${text})`;
    const name = this.fresh('t');
    // Adding zero makes -0, which integers do not have, 0.
    this.line(`const ${name} = ${text} + 0;`);
    this.leaveIf(`${name} > ${Number.MAX_SAFE_INTEGER} || ${name} < ${Number.MIN_SAFE_INTEGER}`);
    return name;
  }

  /** An unscaled decimal that was just computed: checked in `fast` code; in `exact` code it has any length. */
  unscaled(text: string): string {
    return this.form === 'exact' ? `(${text})` : this.long(text);
  }

  /** An integer from a function that returns a number or a bigint, in the form of the code. */
  integer(text: string): string {
    if (this.form === 'exact') return `BigInt(${text})`;
    const name = this.fresh('t');
    this.line(`const ${name} = Number(${text});`);
    this.leaveIf(`!Number.isSafeInteger(${name})`);
    return name;
  }

  /**
   * A function that is NULL when an operand is. `compute` writes the statements of the value, which run only when no
   * operand is NULL. Where it writes none and its text may be evaluated on anything, `total` saves the branch.
   */
  strict(operands: readonly Operand[], type: LogicalType, compute: () => string, total = false): Operand {
    const nulls = operands.map((operand) => operand.isNull).filter((text) => text !== undefined);
    if (nulls.length === 0) return { text: compute(), isNull: undefined, type };
    if (total) return { text: compute(), isNull: nulls.length === 1 ? nulls[0] : `(${nulls.join(' || ')})`, type };
    const isNull = this.fresh('n');
    const value = this.fresh('v');
    this.line(`const ${isNull} = ${nulls.join(' || ')};`);
    this.line(`let ${value} = ${this.zero(type)};`);
    this.line(`if (!${isNull}) {`);
    this.line(`${value} = ${compute()};`);
    this.line('}');
    return { text: value, isNull, type };
  }

  /**
   * A function that is NULL when an operand is, and also where `absent` holds of what was computed. `finish` makes the
   * value of what was computed and is not absent.
   */
  partial(operands: readonly Operand[], type: LogicalType, { compute, absent, finish }: PartialFunction): Operand {
    const nulls = operands.map((operand) => operand.isNull).filter((text) => text !== undefined);
    const isNull = this.fresh('n');
    const value = this.fresh('v');
    this.line(`let ${isNull} = ${nulls.join(' || ') || 'false'}, ${value} = ${this.zero(type)};`);
    if (nulls.length > 0) this.line(`if (!${isNull}) {`);
    const computed = this.keep(compute());
    this.line(`if (${absent(computed)}) ${isNull} = true;`);
    this.line('else {');
    this.line(`${value} = ${finish === undefined ? computed : finish(computed)};`);
    this.line('}');
    if (nulls.length > 0) this.line('}');
    return { text: value, isNull, type };
  }

  /** Some value of a type, to stand where the value is NULL: variables keep one kind of content. */
  zero(type: LogicalType): string {
    if (isLongForm(type)) return this.form === 'exact' ? '0n' : '0';
    switch (storageOf(type)) {
      case 'i32':
      case 'f64':
        return '0';
      case 'bool':
        return 'false';
      case 'utf8':
        return "''";
      case 'long':
      case 'bytes':
      case 'values':
        return 'undefined';
    }
  }
}

/** The parts of a function that may be NULL though its operands are not. */
interface PartialFunction {
  /** Writes the statements of the value and returns its text. */
  readonly compute: () => string;
  /** The condition under which what was computed is no value; `value` is its identifier. */
  readonly absent: (value: string) => string;
  readonly finish?: (value: string) => string;
}

/** What generated code throws when a value makes an expression fail. */
export function failed(what: string): never {
  throw new MillstreamError('EXPRESSION_FAILED', what);
}
