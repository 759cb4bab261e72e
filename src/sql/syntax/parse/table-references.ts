/** FROM: tables, joins, and what may stand in their place. */
import type { Call } from '../ast/call.ts';
import type { Span } from '../ast/node.ts';
import type { Query } from '../ast/query.ts';
import type { Join, JoinCondition, TableReference } from '../ast/table-reference.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseArgument, parseCall, parseCallClauses } from './calls.ts';
import { parseHints } from './hints.ts';
import { parseUnsigned } from './intervals.ts';
import { parseNumber, parseString } from './literals.ts';
import { parseMatchRecognize } from './match-recognize.ts';
import { parseNameList, parseQualifiedName } from './names.ts';
import { atQuery, atQueryContinuation } from './parentheses.ts';
import { parsePivot, parseUnpivot } from './pivot.ts';

/** Tables, joined by commas and joins alike from left to right. */
export function parseFrom(c: TokenCursor): TableReference {
  return parseJoins(c, parseTable(c), true);
}

function parseJoins(c: TokenCursor, first: TableReference, commas: boolean): TableReference {
  let left = first;
  for (;;) {
    if (commas && c.accept(',')) {
      const right = parseTable(c);
      left = {
        kind: 'join',
        join: 'COMMA',
        natural: false,
        left,
        right,
        condition: undefined,
        span: c.since(left.span),
      };
    } else {
      const join = parseJoin(c, left);
      if (join === undefined) return left;
      left = join;
    }
    c.grow();
  }
}

function parseJoin(c: TokenCursor, left: TableReference): Join | undefined {
  const natural = c.accept('NATURAL');
  const join = parseJoinKind(c);
  if (join === undefined) return natural ? c.fail() : undefined;
  const right = parseTable(c);
  return { kind: 'join', join, natural, left, right, condition: parseCondition(c), span: c.since(left.span) };
}

function parseJoinKind(c: TokenCursor): Join['join'] | undefined {
  if (c.accept('JOIN')) return 'INNER';
  const kind = c.acceptAny(['INNER', 'LEFT', 'RIGHT', 'FULL', 'CROSS']);
  if (kind === undefined) return undefined;
  if (kind === 'LEFT' || kind === 'RIGHT' || kind === 'FULL') c.accept('OUTER');
  c.expect('JOIN');
  return kind;
}

/** ON CONFLICT belongs to the INSERT around the query. */
function parseCondition(c: TokenCursor): JoinCondition | undefined {
  if (c.is('ON') && c.is('CONFLICT', 1) && c.is('DO', 2)) return undefined;
  if (c.accept('ON')) return { kind: 'on', condition: c.expression() };
  return c.accept('USING') ? { kind: 'using', columns: parseNameList(c) } : undefined;
}

/** One table with its alias and what else stands behind it. */
function parseTable(c: TokenCursor): TableReference {
  return c.nested(() => parseSuffixes(c, parseTableItself(c)));
}

function parseTableItself(c: TokenCursor): TableReference {
  const start = c.token;
  const lateral = c.accept('LATERAL');
  if (c.at('UNNEST')) return parseUnnest(c, start);
  if (c.at('TABLE')) return parseTableFunction(c, start, lateral);
  if (c.at('(')) return parseInParentheses(c, start, lateral);
  if (lateral) c.fail();
  return parseNamedTable(c);
}

function parseUnnest(c: TokenCursor, start: Span): TableReference {
  c.expect('UNNEST');
  const collections = c.parenthesised(() => {
    const { token } = c;
    return atQuery(c) ? { kind: 'subquery' as const, query: c.query(), span: c.since(token) } : c.expression();
  });
  const ordinality = c.accept('WITH', 'ORDINALITY');
  return { kind: 'unnest', collections, ordinality, span: c.since(start) };
}

/** `TABLE(f(…))` */
function parseTableFunction(c: TokenCursor, start: Span, lateral: boolean): TableReference {
  c.expect('TABLE', '(');
  const call: Call = parseCall(c);
  c.expect(')');
  return { kind: 'table-function', lateral, call, span: c.since(start) };
}

/** `t`, with hints and FOR SYSTEM_TIME AS OF; or `f(…)`, which is `TABLE(f(…))`. */
function parseNamedTable(c: TokenCursor): TableReference {
  const start = c.token;
  c.wanted('a table');
  const name = parseQualifiedName(c);
  if (c.accept('(')) {
    const args = c.is(')') ? [] : c.nested(() => c.list(() => parseArgument(c)));
    c.expect(')');
    const call = parseCallClauses(c, start, { name, quantifier: undefined, arguments: args });
    return { kind: 'table-function', lateral: false, call, span: c.since(start) };
  }
  const hints = parseHints(c);
  const asOf = c.accept('FOR', 'SYSTEM_TIME', 'AS', 'OF') ? c.expression() : undefined;
  return { kind: 'named-table', name, hints, asOf, span: c.since(start) };
}

/** A query, or joins, in parentheses: which of the two is known behind the inner parenthesis. */
function parseInParentheses(c: TokenCursor, start: Span, lateral: boolean): TableReference {
  const contents = parseContents(c);
  if (contents.query !== undefined) {
    return { kind: 'derived-table', lateral, query: contents.query, span: c.since(start) };
  }
  if (lateral) c.failAt(start, 'LATERAL needs a query or a table function');
  return { ...contents.table, span: c.since(start) };
}

type Contents =
  | { readonly query: Query; readonly table: undefined }
  | { readonly query: undefined; readonly table: TableReference };

function parseContents(c: TokenCursor): Contents {
  return c.nested((): Contents => {
    c.expect('(');
    let contents: Contents;
    if (atQuery(c)) contents = { query: c.query(), table: undefined };
    else if (c.is('(')) {
      const start = c.token;
      const inner = parseContents(c);
      if (inner.query !== undefined && atQueryContinuation(c)) {
        contents = { query: c.queryFrom({ ...inner.query, span: c.since(start) }), table: undefined };
      } else if (inner.query !== undefined && c.is(')')) contents = inner;
      else {
        const span = c.since(start);
        const first: TableReference =
          inner.query === undefined
            ? { ...inner.table, span }
            : { kind: 'derived-table', lateral: false, query: inner.query, span };
        contents = { query: undefined, table: parseJoins(c, parseSuffixes(c, first), false) };
      }
    } else contents = { query: undefined, table: parseJoins(c, parseTable(c), false) };
    c.expect(')');
    return contents;
  });
}

/** MATCH_RECOGNIZE, PIVOT, UNPIVOT, the alias and TABLESAMPLE, in this order. */
function parseSuffixes(c: TokenCursor, first: TableReference): TableReference {
  let table = first;
  if (c.is('MATCH_RECOGNIZE')) table = parseMatchRecognize(c, table);
  else if (c.is('AS') && c.is('MATCH_RECOGNIZE', 2)) {
    c.advance();
    const alias = c.name();
    table = { kind: 'aliased-table', input: table, alias, columns: [], span: c.since(table.span) };
    table = parseMatchRecognize(c, table);
  }
  if (c.is('PIVOT')) table = parsePivot(c, table);
  if (c.is('UNPIVOT')) table = parseUnpivot(c, table);
  if (c.accept('AS') || c.atName()) {
    const alias = c.name();
    const columns = c.at('(') ? parseNameList(c) : [];
    table = { kind: 'aliased-table', input: table, alias, columns, span: c.since(table.span) };
  }
  return c.accept('TABLESAMPLE') ? parseSample(c, table) : table;
}

function parseSample(c: TokenCursor, input: TableReference): TableReference {
  const method = c.expectAny(['BERNOULLI', 'SYSTEM', 'SUBSTITUTE']);
  c.expect('(');
  const sample = method === 'SUBSTITUTE' ? parseString(c) : parseNumber(c);
  c.expect(')');
  let seed: number | undefined;
  if (method !== 'SUBSTITUTE' && c.accept('REPEATABLE')) {
    c.expect('(');
    seed = parseUnsigned(c);
    c.expect(')');
  }
  return { kind: 'sampled-table', input, method, sample, seed, span: c.since(input.span) };
}
