/**
 * Expressions over the columns of a batch, as data: plain, frozen, serialisable nodes.
 *
 * They are what `compile.ts` generates functions from, what plans carry to workers, and what the builder of
 * `expression-builder.ts` makes for the API. The union is open: a kind of expression is a member of
 * {@link ExpressionKinds} and an {@link ExpressionForm} in `forms.ts`, and adding one touches nothing else.
 *
 * Columns are named by their number in the input's schema. Semantics are those of Flink SQL: comparison and logic have
 * three values, NULL makes a strict function NULL, and what a CASE does not reach is not computed.
 */

import type { LogicalType } from '../data/schema.ts';

/** The value of a literal as it stands in a plan. BIGINT literals may be numbers or bigints; a DECIMAL is unscaled. */
export type LiteralValue = number | bigint | string | boolean | null;

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';
export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>=';
export type TextFunction = 'char-length' | 'lower' | 'upper';

/** Every kind of expression by its name. */
export interface ExpressionKinds {
  readonly column: { readonly kind: 'column'; readonly index: number };
  readonly literal: { readonly kind: 'literal'; readonly value: LiteralValue; readonly type: LogicalType };
  readonly arithmetic: Binary<'arithmetic', ArithmeticOperator>;
  readonly negate: Unary<'negate'>;
  readonly abs: Unary<'abs'>;
  readonly comparison: Binary<'comparison', ComparisonOperator>;
  /** Whether both are equal, NULL being equal to NULL; never NULL. */
  readonly 'same-as': { readonly kind: 'same-as'; readonly left: Expression; readonly right: Expression };
  readonly logic: { readonly kind: 'logic'; readonly operator: 'and' | 'or'; readonly operands: readonly Expression[] };
  readonly not: Unary<'not'>;
  readonly 'is-null': Unary<'is-null'>;
  /** IS TRUE or, by `truth`, IS FALSE; never NULL. */
  readonly 'is-true': { readonly kind: 'is-true'; readonly input: Expression; readonly truth: boolean };
  /** Whether the value is one of some literals of its type. */
  readonly in: { readonly kind: 'in'; readonly input: Expression; readonly values: readonly LiteralValue[] };
  /** GREATEST and LEAST of values of a common type. NULL when an operand is. */
  readonly extreme: {
    readonly kind: 'extreme';
    readonly which: 'greatest' | 'least';
    readonly operands: readonly Expression[];
  };
  readonly cast: {
    readonly kind: 'cast';
    readonly input: Expression;
    readonly type: LogicalType;
    readonly onFailure: 'fail' | 'null';
    /** The time zone of the session, where a TIMESTAMP_LTZ becomes or comes from what a clock shows. */
    readonly zone?: string;
  };
  readonly case: {
    readonly kind: 'case';
    readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
    readonly otherwise: Expression;
  };
  readonly coalesce: { readonly kind: 'coalesce'; readonly operands: readonly Expression[] };
  readonly text: { readonly kind: 'text'; readonly function: TextFunction; readonly input: Expression };
  readonly concat: { readonly kind: 'concat'; readonly operands: readonly Expression[] };
  /** A function of the tables under `functions/`, by its name in SQL: `REGEXP_EXTRACT`. */
  readonly call: { readonly kind: 'call'; readonly function: string; readonly operands: readonly Expression[] };
}

interface Unary<Kind extends string> {
  readonly kind: Kind;
  readonly input: Expression;
}

interface Binary<Kind extends string, Operator extends string> {
  readonly kind: Kind;
  readonly operator: Operator;
  readonly left: Expression;
  readonly right: Expression;
}

export type ExpressionKind = keyof ExpressionKinds;
export type Expression = ExpressionKinds[ExpressionKind];
export type ExpressionOf<Kind extends ExpressionKind> = ExpressionKinds[Kind];
