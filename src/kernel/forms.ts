/** All kinds of expressions with their forms: the one table that a new kind is entered in. */

import type { LogicalType, Schema } from '../data/schema.ts';
import type { Expression, ExpressionKind } from './expression.ts';
import type { ExpressionForm, TypeScope } from './expression-form.ts';
import { abs, arithmetic, negate } from './forms/arithmetic.ts';
import { call } from './forms/call.ts';
import { cast } from './forms/cast.ts';
import { comparison, sameAs } from './forms/comparison.ts';
import { caseOf, coalesce } from './forms/conditional.ts';
import { extreme } from './forms/extreme.ts';
import { column, literal } from './forms/leaf.ts';
import { isNull, isTrue, logic, not } from './forms/logic.ts';
import { membership } from './forms/membership.ts';
import { concat, text } from './forms/text.ts';
import type { Operand, ScalarCode } from './scalar-code.ts';

const FORMS: { readonly [Kind in ExpressionKind]: ExpressionForm<Kind> } = {
  column,
  literal,
  arithmetic,
  negate,
  abs,
  comparison,
  'same-as': sameAs,
  logic,
  not,
  'is-null': isNull,
  'is-true': isTrue,
  in: membership,
  extreme,
  cast,
  case: caseOf,
  coalesce,
  text,
  concat,
  call,
};

/** The table's entry, for a node of any kind. */
function formOf(node: Expression): ExpressionForm<ExpressionKind> {
  return FORMS[node.kind];
}

/** The types of expressions over a schema. */
export class ExpressionTypes implements TypeScope {
  readonly schema: Schema;
  readonly #types = new Map<Expression, LogicalType>();

  constructor(schema: Schema) {
    this.schema = schema;
  }

  /** Takes a type as known: of an expression that was typed before. */
  assume(expression: Expression, type: LogicalType): void {
    this.#types.set(expression, type);
  }

  /** @throws GRAPH_INVALID when the expression has no type. */
  typeOf(expression: Expression): LogicalType {
    const known = this.#types.get(expression);
    if (known !== undefined) return known;
    const type = formOf(expression).typeOf(expression, this);
    this.#types.set(expression, type);
    return type;
  }

  /** Writes the code of an expression. */
  generate(expression: Expression, code: ScalarCode): Operand {
    return formOf(expression).generate(expression, this.typeOf(expression), code);
  }
}

/** The expressions that an expression is made of. */
export function operandsOf(node: Expression): readonly Expression[] {
  return formOf(node).operands(node);
}

/** The numbers of the columns that expressions read, ascending. */
export function columnsOf(expressions: readonly Expression[]): readonly number[] {
  const found = new Set<number>();
  const visit = (node: Expression): void => {
    if (node.kind === 'column') found.add(node.index);
    for (const operand of operandsOf(node)) visit(operand);
  };
  for (const expression of expressions) visit(expression);
  return [...found].sort((a, b) => a - b);
}
