/** Literals. Their values stay text, exactly as written: what they are worth is for the binder to say. */
import type { SyntaxNode } from './node.ts';

export interface NullLiteral extends SyntaxNode<'null'> {}

export interface TruthLiteral extends SyntaxNode<'truth'> {
  readonly value: 'TRUE' | 'FALSE' | 'UNKNOWN';
}

/** `12` is an integer, `1.5` and `.5` are decimals, `1E3` is approximate. Unsigned: a sign is an operator. */
export interface NumberLiteral extends SyntaxNode<'number'> {
  readonly form: 'integer' | 'decimal' | 'approximate';
  readonly text: string;
}

/** Escapes are resolved and continued pieces joined; `_UTF8'…'` names a character set. */
export interface StringLiteral extends SyntaxNode<'string'> {
  readonly value: string;
  readonly charset: string | undefined;
}

/** `X'0aFF'`, as upper-case hexadecimal digits. */
export interface BytesLiteral extends SyntaxNode<'bytes'> {
  readonly hex: string;
}

export type DateTimeType =
  | 'DATE'
  | 'TIME'
  | 'TIME WITH TIME ZONE'
  | 'TIME WITH LOCAL TIME ZONE'
  | 'TIMESTAMP'
  | 'TIMESTAMP WITH TIME ZONE'
  | 'TIMESTAMP WITH LOCAL TIME ZONE';

/** `TIMESTAMP '2024-01-01 00:00:00'`. */
export interface DateTimeLiteral extends SyntaxNode<'date-time'> {
  readonly type: DateTimeType;
  readonly text: string;
}

export type IntervalUnit = 'YEAR' | 'QUARTER' | 'MONTH' | 'WEEK' | 'DAY' | 'HOUR' | 'MINUTE' | 'SECOND';

/** `DAY(3) TO SECOND(6)`: the unit with its digits, and the last unit with the digits of its fraction. */
export interface IntervalQualifier {
  readonly unit: IntervalUnit;
  readonly precision: number | undefined;
  readonly to: IntervalUnit | undefined;
  readonly fraction: number | undefined;
}

/** `INTERVAL -'1:30' HOUR TO MINUTE`. */
export interface IntervalLiteral extends SyntaxNode<'interval'> {
  readonly negative: boolean;
  readonly text: string;
  readonly qualifier: IntervalQualifier;
}

export type Literal =
  | NullLiteral
  | TruthLiteral
  | NumberLiteral
  | StringLiteral
  | BytesLiteral
  | DateTimeLiteral
  | IntervalLiteral;
