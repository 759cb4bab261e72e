/** Queries as text. */
import type { Expression } from '../ast/expression.ts';
import type { GroupBy, GroupingElement, Query, Select } from '../ast/query.ts';
import { printSortItem, printWindow } from './calls.ts';
import { printHints } from './hints.ts';
import { printName, printNames, printQualifiedName } from './names.ts';
import { clause, commaList, listClause, type Printer, words } from './printer.ts';
import { printTableReference } from './table-references.ts';

/** How tightly the parts of a query hold together: what is looser than its place demands stands in parentheses. */
const LOOSE = { ordered: 0, with: 1, union: 2, intersect: 3, leaf: 4 } as const;

function tightness(query: Query): number {
  switch (query.kind) {
    case 'ordered':
      return LOOSE.ordered;
    case 'with':
      return LOOSE.with;
    case 'set-operation':
      return query.operator === 'INTERSECT' ? LOOSE.intersect : LOOSE.union;
    default:
      return LOOSE.leaf;
  }
}

function printAtLeast(p: Printer, query: Query, least: number): string {
  return tightness(query) < least ? `(${printQuery(p, query)})` : printQuery(p, query);
}

export function printQuery(p: Printer, query: Query): string {
  switch (query.kind) {
    case 'select':
      return printSelect(p, query);
    case 'values':
      return `VALUES ${commaList(query.rows, (row) => printRow(p, row))}`;
    case 'explicit-table':
      return `TABLE ${printQualifiedName(query.table)}`;
    case 'set-operation': {
      const own = tightness(query);
      const left = printAtLeast(p, query.left, own);
      return words(left, query.operator, query.all && 'ALL', printAtLeast(p, query.right, own + 1));
    }
    case 'with':
      return words(
        'WITH',
        query.recursive && 'RECURSIVE',
        commaList(query.tables, ({ name, columns, query: table }) =>
          words(printName(name), columns.length > 0 && printNames(columns), `AS (${p.query(table)})`),
        ),
        printAtLeast(p, query.query, LOOSE.union),
      );
    case 'ordered':
      return words(
        printAtLeast(p, query.query, LOOSE.with),
        listClause('ORDER BY', query.orderBy, (item) => printSortItem(p, item)),
        clause('LIMIT', query.limit, (limit) => p.expression(limit)),
        clause('OFFSET', query.offset, (offset) => p.expression(offset)),
      );
  }
}

/** `(1, 2)`. A single value that is a row itself needs ROW, because parentheses around it would say nothing. */
function printRow(p: Printer, row: readonly Expression[]): string {
  const values = `(${commaList(row, (value) => p.expression(value))})`;
  const [first] = row;
  return row.length === 1 && (first?.kind === 'row' || first?.kind === 'default' || first?.kind === 'subquery')
    ? `ROW${values}`
    : values;
}

function printSelect(p: Printer, select: Select): string {
  return words(
    'SELECT',
    printHints(select.hints),
    select.stream && 'STREAM',
    select.quantifier,
    commaList(select.items, ({ expression, alias }) =>
      words(p.expression(expression), alias && `AS ${printName(alias)}`),
    ),
    clause('FROM', select.from, (from) => printTableReference(p, from)),
    clause('WHERE', select.where, (where) => p.expression(where)),
    clause('GROUP BY', select.groupBy, (groupBy) => printGroupBy(p, groupBy)),
    clause('HAVING', select.having, (having) => p.expression(having)),
    listClause('WINDOW', select.windows, ({ name, window }) => `${printName(name)} AS ${printWindow(p, window)}`),
    clause('QUALIFY', select.qualify, (qualify) => p.expression(qualify)),
  );
}

function printGroupBy(p: Printer, { quantifier, elements }: GroupBy): string {
  return words(
    quantifier,
    commaList(elements, (element) => printGroupingElement(p, element)),
  );
}

function printGroupingElement(p: Printer, element: GroupingElement): string {
  switch (element.kind) {
    case 'grouping-expression':
      return p.expression(element.expression);
    case 'grouping-empty':
      return '()';
    case 'grouping-sets':
      return `GROUPING SETS (${commaList(element.elements, (one) => printGroupingElement(p, one))})`;
    case 'rollup':
    case 'cube':
      return `${element.kind.toUpperCase()}(${commaList(element.expressions, (one) => p.expression(one))})`;
  }
}
