/** What the printing functions share: the recursive ones, so that they need not import each other, and joining words. */
import type { DataType } from '../ast/data-type.ts';
import type { Expression } from '../ast/expression.ts';
import type { Query } from '../ast/query.ts';
import type { Statement } from '../ast/statement.ts';

export interface Printer {
  /** In parentheses where it binds less tightly than `precedence`. */
  expression(node: Expression, precedence?: number): string;
  query(node: Query): string;
  dataType(node: DataType): string;
  statement(node: Statement): string;
}

/** Joins what there is by blanks. */
export function words(...parts: readonly (string | false | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== false && part !== '').join(' ');
}

export function commaList<T>(items: readonly T[], print: (item: T) => string): string {
  return items.map((item) => print(item)).join(', ');
}

/** `WORD rest`, or nothing when there is no rest. */
export function clause<T>(word: string, value: T | undefined, print: (value: T) => string): string {
  return value === undefined ? '' : `${word} ${print(value)}`;
}

/** `WORD a, b`, or nothing when the list is empty. */
export function listClause<T>(word: string, items: readonly T[], print: (item: T) => string): string {
  return items.length === 0 ? '' : `${word} ${commaList(items, print)}`;
}
