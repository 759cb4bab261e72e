/** Names and the small clauses that most statements share, as text. */
import type { StringLiteral } from '../ast/literal.ts';
import type { Identifier, QualifiedName } from '../ast/node.ts';
import type { Option, PartitionColumn } from '../ast/table-definition.ts';
import { isReserved } from '../keywords.ts';
import { printLiteral, printString } from './literals.ts';
import { clause, commaList } from './printer.ts';

const PLAIN = /^[\p{L}_$][\p{L}\p{Nd}_$]*$/u;

/**
 * Not reserved, and yet the parser makes something else of them in some places: `MAP[…]` is a constructor, a lone `$` is
 * the end of a pattern. DATETIME is reserved in Flink, where what is printed should be understood too.
 */
const AMBIGUOUS = new Set(['$', 'DATETIME', 'FINAL', 'KEY', 'MAP', 'MODEL']);

/** A name, in backticks only where it must be. */
export function printName({ name }: Identifier): string {
  const upper = name.toUpperCase();
  return PLAIN.test(name) && !isReserved(upper) && !AMBIGUOUS.has(upper) ? name : quote(name);
}

export function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export function printQualifiedName({ parts }: QualifiedName): string {
  return parts.map((part) => printName(part)).join('.');
}

export function printNames(names: readonly Identifier[]): string {
  return `(${commaList(names, printName)})`;
}

/** `a` or `(a, b)` */
export function printNameOrList(names: readonly Identifier[]): string {
  const [first] = names;
  return first !== undefined && names.length === 1 ? printName(first) : printNames(names);
}

export function printComment(comment: StringLiteral | undefined): string {
  return clause('COMMENT', comment, printString);
}

export function printOption({ key, value }: Option): string {
  return `${printString(key)} = ${printString(value)}`;
}

export function printOptions(options: readonly Option[]): string {
  return `(${commaList(options, printOption)})`;
}

export function printWithOptions(options: readonly Option[] | undefined): string {
  return clause('WITH', options, printOptions);
}

export function printPartition(columns: readonly PartitionColumn[]): string {
  return `PARTITION (${commaList(columns, ({ column, value }) =>
    value === undefined ? printName(column) : `${printName(column)} = ${printLiteral(value)}`,
  )})`;
}

export function printPartitionClause(columns: readonly PartitionColumn[]): string {
  return columns.length === 0 ? '' : printPartition(columns);
}
