/** Queries: WITH, set operations, ORDER BY and LIMIT. */
import type { Parameter } from '../ast/expression.ts';
import type { NumberLiteral } from '../ast/literal.ts';
import type { Span } from '../ast/node.ts';
import type { CommonTable, Query, SetOperation } from '../ast/query.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseNumber } from './literals.ts';
import { parseNameList, parseQualifiedName } from './names.ts';
import { parseQueryInParentheses, parseRowValues } from './parentheses.ts';
import { parseSelect } from './select.ts';
import { parseOrderByIfAny } from './windows.ts';

export function parseQuery(c: TokenCursor): Query {
  return c.nested(() => {
    const start = c.token;
    return parseOrder(c, start, c.at('WITH') ? parseWith(c) : parseSetOperations(c, parseLeaf(c), 0));
  });
}

/** Goes on behind a query in parentheses. */
export function parseQueryFrom(c: TokenCursor, first: Query): Query {
  return parseOrder(c, first.span, parseSetOperations(c, first, 0));
}

function parseWith(c: TokenCursor): Query {
  const start = c.token;
  c.expect('WITH');
  const recursive = c.accept('RECURSIVE');
  const tables = c.list(() => parseCommonTable(c));
  const query = parseSetOperations(c, parseLeaf(c), 0);
  return { kind: 'with', recursive, tables, query, span: c.since(start) };
}

function parseCommonTable(c: TokenCursor): CommonTable {
  const start = c.token;
  const name = c.name();
  const columns = c.at('(') ? parseNameList(c) : [];
  c.expect('AS');
  return { kind: 'common-table', name, columns, query: parseQueryInParentheses(c), span: c.since(start) };
}

function parseLeaf(c: TokenCursor): Query {
  const start = c.token;
  if (c.at('SELECT')) return parseSelect(c);
  if (c.accept('VALUES')) return { kind: 'values', rows: c.list(() => parseRowValues(c)), span: c.since(start) };
  if (c.accept('TABLE')) return { kind: 'explicit-table', table: parseQualifiedName(c), span: c.since(start) };
  if (c.at('(')) return parseQueryInParentheses(c);
  return c.fail();
}

/** INTERSECT binds tighter than the others. */
const SET_PRECEDENCE: Readonly<Record<SetOperation['operator'], number>> = { UNION: 1, EXCEPT: 1, INTERSECT: 2 };

function parseSetOperations(c: TokenCursor, first: Query, precedence: number): Query {
  let left = first;
  for (;;) {
    const operator = (['UNION', 'INTERSECT', 'EXCEPT'] as const).find((word) => c.at(word));
    if (operator === undefined || SET_PRECEDENCE[operator] < precedence) return left;
    c.advance();
    const all = c.acceptAny(['ALL', 'DISTINCT']) === 'ALL';
    const right = c.nested(() => parseSetOperations(c, parseLeaf(c), SET_PRECEDENCE[operator] + 1));
    left = { kind: 'set-operation', operator, all, left, right, span: c.since(left.span) };
    c.grow();
  }
}

/** ORDER BY, then LIMIT and OFFSET in either order; or OFFSET and FETCH, which is LIMIT in the words of the standard. */
function parseOrder(c: TokenCursor, start: Span, query: Query): Query {
  const orderBy = parseOrderByIfAny(c);
  let offset: NumberLiteral | Parameter | undefined;
  let limit: NumberLiteral | Parameter | undefined;
  let limited = false;
  for (;;) {
    if (!limited && c.accept('LIMIT')) {
      limited = true;
      if (!c.accept('ALL')) limit = parseCount(c);
    } else if (!limited && c.accept('FETCH')) {
      limited = true;
      c.expectAny(['FIRST', 'NEXT']);
      limit = parseCount(c);
      c.expectAny(['ROW', 'ROWS']);
      c.expect('ONLY');
    } else if (offset === undefined && c.accept('OFFSET')) {
      offset = parseCount(c);
      c.acceptAny(['ROW', 'ROWS']);
    } else break;
  }
  if (orderBy.length === 0 && offset === undefined && limit === undefined) return query;
  return { kind: 'ordered', query, orderBy, offset, limit, span: c.since(start) };
}

function parseCount(c: TokenCursor): NumberLiteral | Parameter {
  const start = c.token;
  if (!c.accept('?')) return parseNumber(c);
  return { kind: 'parameter', index: c.nextParameter(), span: c.since(start) };
}
