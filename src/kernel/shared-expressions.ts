/**
 * Expressions that occur several times in a kernel and cost more than a variable: each is computed once per row, where
 * the first of them is reached. `LOWER(s)` in every branch of a CASE is one call.
 */

import { storageOf } from '../data/schema.ts';
import type { Expression } from './expression.ts';
import { type ExpressionTypes, operandsOf } from './forms.ts';
import type { Operand, ScalarCode } from './scalar-code.ts';

export class SharedExpressions {
  readonly #types: ExpressionTypes;
  readonly #occurrences = new Map<string, number>();
  /** The variables of those that were written, by what they are. */
  readonly #variables = new Map<string, string>();

  constructor(expressions: readonly Expression[], types: ExpressionTypes) {
    this.#types = types;
    for (const expression of expressions) this.#count(expression);
  }

  /** What lies inside a second occurrence is shared with it. */
  #count(expression: Expression): void {
    if (this.#isCostly(expression)) {
      const name = identityOf(expression);
      const before = this.#occurrences.get(name) ?? 0;
      this.#occurrences.set(name, before + 1);
      if (before > 0) return;
    }
    for (const operand of operandsOf(expression)) this.#count(operand);
  }

  #isCostly(expression: Expression): boolean {
    switch (expression.kind) {
      case 'call':
      case 'text':
      case 'concat':
        return true;
      case 'cast':
        return storageOf(expression.type) === 'utf8' || storageOf(this.#types.typeOf(expression.input)) === 'utf8';
      default:
        return false;
    }
  }

  /** Writes an expression this way; undefined where it occurs once or costs little. */
  generate(expression: Expression, code: ScalarCode): Operand | undefined {
    if (!this.#isCostly(expression)) return undefined;
    const name = identityOf(expression);
    if ((this.#occurrences.get(name) ?? 0) < 2) return undefined;
    let variable = this.#variables.get(name);
    if (variable === undefined) {
      variable = code.perRow('m');
      this.#variables.set(name, variable);
    }
    code.line(`if (${variable} === undefined) {`);
    const { text, isNull, type } = this.#types.generate(expression, code);
    code.line(`${variable} = ${isNull === undefined ? text : `${isNull} ? null : ${text}`};`);
    code.line('}');
    return { text: variable, isNull: isNull === undefined ? undefined : `(${variable} === null)`, type };
  }
}

/** Equal for expressions that always have the same value. */
function identityOf(expression: Expression): string {
  return JSON.stringify(expression, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return typeof value === 'number' && (Object.is(value, -0) || !Number.isFinite(value))
      ? `double ${Object.is(value, -0) ? '-0' : value}`
      : value;
  });
}
