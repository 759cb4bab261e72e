/**
 * Parentheses, in which a value, a row, or a query may stand. What it is shows only behind the inner parenthesis, as in
 * `((SELECT 1) UNION SELECT 2)` against `((SELECT 1) + 2)`; so the inner part is read first and then gone on with.
 */
import type { Expression, Subquery, ValueList } from '../ast/expression.ts';
import type { Span } from '../ast/node.ts';
import type { Query } from '../ast/query.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { atIntervalUnit, parseIntervalQualifier } from './intervals.ts';

/** Whether a query begins here. `TABLE (` begins a table function instead. */
export function atQuery(c: TokenCursor): boolean {
  const { word } = c.token;
  return word === 'SELECT' || word === 'WITH' || word === 'VALUES' || (word === 'TABLE' && !c.is('(', 1));
}

const BEHIND_QUERIES = new Set(['UNION', 'INTERSECT', 'EXCEPT', 'ORDER', 'LIMIT', 'OFFSET', 'FETCH']);

/** Whether what follows a query in parentheses makes a larger query of it. */
export function atQueryContinuation(c: TokenCursor): boolean {
  return BEHIND_QUERIES.has(c.token.word);
}

/** DEFAULT, or a value. */
export function parseValue(c: TokenCursor): Expression {
  const start = c.token;
  return c.accept('DEFAULT') ? { kind: 'default', span: c.since(start) } : c.expression();
}

/** The values of a row: `(1, 2)`, `ROW(1, 2)`, or `1`, which is a row of one. */
export function parseRowValues(c: TokenCursor): readonly Expression[] {
  const value = parseValue(c);
  return value.kind === 'row' ? value.values : [value];
}

interface Contents {
  readonly query: Query | undefined;
  readonly values: readonly Expression[];
  readonly span: Span;
}

/** `(…)` */
function parseContents(c: TokenCursor): Contents {
  return c.nested(() => {
    const start = c.token;
    c.expect('(');
    let query = atQuery(c) ? c.query() : undefined;
    const values: Expression[] = [];
    if (query === undefined) {
      let first = c.at('(') ? parseParenthesised(c) : parseValue(c);
      if (first.kind === 'subquery' && atQueryContinuation(c))
        query = c.queryFrom({ ...first.query, span: first.span });
      else if (first.kind === 'subquery' && c.is(')')) query = first.query;
      else {
        first = c.expressionFrom(first);
        values.push(first);
        while (c.accept(',')) values.push(parseValue(c));
      }
    }
    c.expect(')');
    return { query, values, span: c.since(start) };
  });
}

/** A value, a row or a query in parentheses, which belong to its place; also `(a - b) DAY`. */
export function parseParenthesised(c: TokenCursor): Expression {
  const { query, values, span } = parseContents(c);
  if (query !== undefined) return { kind: 'subquery', query, span };
  const [first] = values;
  if (first === undefined || values.length > 1) return { kind: 'row', values, span };
  if (first.kind === 'binary' && first.operator === '-' && atIntervalUnit(c)) {
    const { left, right } = first;
    return { kind: 'date-difference', left, right, qualifier: parseIntervalQualifier(c), span: c.since(span) };
  }
  return { ...first, span };
}

/** What IN and quantifiers choose from. */
export function parseAmong(c: TokenCursor): ValueList | Subquery {
  const { query, values, span } = parseContents(c);
  return query === undefined ? { kind: 'value-list', values, span } : { kind: 'subquery', query, span };
}

/** `(query)` */
export function parseQueryInParentheses(c: TokenCursor): Query {
  const { query, span } = parseContents(c);
  return query === undefined ? c.failAt(span, 'a query is expected in these parentheses') : { ...query, span };
}
