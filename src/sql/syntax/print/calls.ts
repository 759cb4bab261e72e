/** Calls, arguments, ORDER BY and windows as text. */
import type { Argument, Call, FrameBound, TableArgument, WindowFrame, WindowSpecification } from '../ast/call.ts';

import type { SortItem } from '../ast/query.ts';
import { isReservedFunction } from '../keywords.ts';
import { PRECEDENCE } from '../operators.ts';
import { printName, printNameOrList, printQualifiedName, quote } from './names.ts';
import { clause, commaList, listClause, type Printer, words } from './printer.ts';

export function printCall(p: Printer, call: Call): string {
  const args = call.arguments.map((argument) => printArgument(p, argument)).join(', ');
  const orderBy = listClause('ORDER BY', call.orderBy, (item) => printSortItem(p, item));
  return words(
    `${printFunctionName(call)}(${words(call.quantifier, args, orderBy)})`,
    call.nulls && `${call.nulls} NULLS`,
    call.withinDistinct.length > 0 &&
      `WITHIN DISTINCT (${commaList(call.withinDistinct, (value) => p.expression(value))})`,
    call.withinGroup.length > 0 &&
      `WITHIN GROUP (ORDER BY ${commaList(call.withinGroup, (item) => printSortItem(p, item))})`,
    call.filter && `FILTER (WHERE ${p.expression(call.filter)})`,
    clause('OVER', call.over, (over) => (over.kind === 'identifier' ? printName(over) : printWindow(p, over))),
  );
}

/** Functions with a syntax of their own, which a call of one by a quoted name goes round. */
const SPECIAL = new Set(['TIMESTAMPADD', 'TIMESTAMPDIFF', 'DESCRIPTOR', 'SOME', 'MAP', 'MODEL']);

/** The fewest and the most arguments with which these are plain calls nevertheless. */
const PLAIN_ARGUMENTS: Readonly<Record<string, readonly [number, number]>> = {
  FLOOR: [1, Infinity],
  CEIL: [1, Infinity],
  CEILING: [1, Infinity],
  SUBSTRING: [2, 3],
  TRANSLATE: [2, Infinity],
  CONVERT: [2, Infinity],
};

function printFunctionName(call: Call): string {
  const { parts } = call.name;
  const [first] = parts;
  if (first === undefined || parts.length > 1) return printQualifiedName(call.name);
  const upper = first.name.toUpperCase();
  if (SPECIAL.has(upper)) return quote(first.name);
  const plain = PLAIN_ARGUMENTS[upper];
  if (plain === undefined) return isReservedFunction(upper) ? first.name : printName(first);
  const { length } = call.arguments;
  const simple = length >= plain[0] && length <= plain[1] && call.quantifier === undefined && call.orderBy.length === 0;
  return simple && call.arguments.every((argument) => isValue(argument)) ? first.name : quote(first.name);
}

/** Whether an argument may stand where the grammar has a value and no argument. */
function isValue({ kind }: Argument): boolean {
  return kind !== 'named-argument' && kind !== 'table-argument' && kind !== 'model-argument' && kind !== 'default';
}

function printArgument(p: Printer, argument: Argument): string {
  switch (argument.kind) {
    case 'named-argument':
      return `${printName(argument.name)} => ${printArgument(p, argument.value)}`;
    case 'table-argument':
      return printTableArgument(p, argument);
    case 'model-argument':
      return `MODEL ${printQualifiedName(argument.model)}`;
    default:
      return p.expression(argument);
  }
}

function printTableArgument(p: Printer, { table, partitionBy, orderBy }: TableArgument): string {
  return words(
    table.kind === 'qualified-name' ? `TABLE ${printQualifiedName(table)}` : `(${p.query(table)})`,
    partitionBy.length > 0 && `PARTITION BY ${printNameOrList(partitionBy)}`,
    printTableOrder(p, orderBy),
  );
}

/** One item alone, unless its own parenthesis would be taken for that of a list. */
function printTableOrder(p: Printer, orderBy: readonly SortItem[]): string {
  if (orderBy.length === 0) return '';
  const items = commaList(orderBy, (item) => printSortItem(p, item));
  return `ORDER BY ${orderBy.length > 1 || items.startsWith('(') ? `(${items})` : items}`;
}

export function printSortItem(p: Printer, { expression, descending, nulls }: SortItem): string {
  return words(p.expression(expression), descending && 'DESC', nulls && `NULLS ${nulls}`);
}

export function printWindow(p: Printer, window: WindowSpecification): string {
  return `(${words(
    window.base && printName(window.base),
    listClause('PARTITION BY', window.partitionBy, (value) => p.expression(value)),
    listClause('ORDER BY', window.orderBy, (item) => printSortItem(p, item)),
    window.frame && printFrame(p, window.frame),
    window.partial && `${window.partial} PARTIAL`,
  )})`;
}

function printFrame(p: Printer, { unit, start, end, exclude }: WindowFrame): string {
  return words(
    unit,
    end !== undefined && 'BETWEEN',
    printBound(p, start),
    clause('AND', end, (bound) => printBound(p, bound)),
    exclude && `EXCLUDE ${exclude}`,
  );
}

function printBound(p: Printer, bound: FrameBound): string {
  switch (bound.kind) {
    case 'current-row':
      return 'CURRENT ROW';
    case 'unbounded-preceding':
      return 'UNBOUNDED PRECEDING';
    case 'unbounded-following':
      return 'UNBOUNDED FOLLOWING';
    case 'preceding':
    case 'following':
      return `${p.expression(bound.offset, PRECEDENCE.and + 1)} ${bound.kind.toUpperCase()}`;
  }
}
