/** Function calls: the name, the arguments, and the clauses behind them. */
import type { Argument, Call, NamedArgument, TableArgument } from '../ast/call.ts';
import type { Expression } from '../ast/expression.ts';
import type { QualifiedName, Span } from '../ast/node.ts';
import type { SortItem } from '../ast/query.ts';
import { isReservedFunction } from '../keywords.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseNameOrList, parseQualifiedName } from './names.ts';
import { atQuery, parseParenthesised, parseValue } from './parentheses.ts';
import { parseOrderBy, parseOrderByIfAny, parseSortItem, parseWindow } from './windows.ts';

/** What stands before the closing parenthesis. */
interface CallHead {
  readonly name: QualifiedName;
  readonly quantifier: Call['quantifier'];
  readonly arguments: readonly Argument[];
  readonly orderBy?: readonly SortItem[];
  readonly nulls?: Call['nulls'];
}

/** A call of a function by a name; reserved words are names here where they are functions. */
export function parseCall(c: TokenCursor): Call {
  const start = c.token;
  const name = parseFunctionName(c);
  c.expect('(');
  const quantifier = c.acceptAny(['DISTINCT', 'ALL']);
  const args = c.is(')') && quantifier === undefined ? [] : c.nested(() => c.list(() => parseArgument(c)));
  const nulls = parseNullTreatment(c);
  const orderBy = parseOrderByIfAny(c);
  c.expect(')');
  return parseCallClauses(c, start, { name, quantifier, arguments: args, orderBy, nulls });
}

function parseFunctionName(c: TokenCursor): QualifiedName {
  if (c.atName()) return parseQualifiedName(c);
  if (!isReservedFunction(c.token.word)) {
    c.wanted('a function');
    c.fail();
  }
  return takeName(c);
}

/** The present word as a name, whatever it is. */
export function takeName(c: TokenCursor): QualifiedName {
  const token = c.advance();
  const span = c.since(token);
  return { kind: 'qualified-name', parts: [{ kind: 'identifier', name: token.text, span }], span };
}

/** The clauses behind the closing parenthesis, in the order in which the grammar has them. */
export function parseCallClauses(c: TokenCursor, start: Span, head: CallHead): Call {
  const nulls = head.nulls ?? parseNullTreatment(c);
  const withinDistinct = c.accept('WITHIN', 'DISTINCT') ? c.parenthesised(() => c.expression()) : [];
  let withinGroup: readonly SortItem[] = [];
  if (c.accept('WITHIN', 'GROUP')) {
    c.expect('(');
    withinGroup = parseOrderBy(c);
    c.expect(')');
  }
  let filter: Expression | undefined;
  if (c.accept('FILTER')) {
    c.expect('(', 'WHERE');
    filter = c.expression();
    c.expect(')');
  }
  const over = c.accept('OVER') ? (c.at('(') ? parseWindow(c) : c.name('a window')) : undefined;
  const orderBy = head.orderBy ?? [];
  return { kind: 'call', ...head, orderBy, nulls, withinDistinct, withinGroup, filter, over, span: c.since(start) };
}

function parseNullTreatment(c: TokenCursor): Call['nulls'] {
  if (c.accept('IGNORE', 'NULLS')) return 'IGNORE';
  return c.accept('RESPECT', 'NULLS') ? 'RESPECT' : undefined;
}

export function parseArgument(c: TokenCursor): Argument {
  const start = c.token;
  if (!c.is('=>', 1) || (start.kind !== 'word' && start.kind !== 'quoted')) return parseUnnamedArgument(c);
  c.advance();
  const name: NamedArgument['name'] = { kind: 'identifier', name: start.text, span: c.since(start) };
  c.expect('=>');
  return { kind: 'named-argument', name, value: parseUnnamedArgument(c), span: c.since(start) };
}

function parseUnnamedArgument(c: TokenCursor): Exclude<Argument, NamedArgument> {
  const start = c.token;
  if (c.is('TABLE')) {
    c.advance();
    const table = parseQualifiedName(c);
    return parseTableClauses(c, start, table);
  }
  if (c.is('MODEL') && c.atName(1)) {
    c.advance();
    return { kind: 'model-argument', model: parseQualifiedName(c), span: c.since(start) };
  }
  if (atQuery(c)) return { kind: 'subquery', query: c.query(), span: c.since(start) };
  if (!c.is('(')) return parseValue(c);
  const first = parseParenthesised(c);
  const table = first.kind === 'subquery' && (c.at('PARTITION') || c.at('ORDER'));
  return table ? parseTableClauses(c, start, first.query) : c.expressionFrom(first);
}

function parseTableClauses(c: TokenCursor, start: Span, table: TableArgument['table']): TableArgument {
  const partitionBy = c.accept('PARTITION', 'BY') ? parseNameOrList(c) : [];
  let orderBy: SortItem[] = [];
  if (c.accept('ORDER', 'BY')) orderBy = c.at('(') ? c.parenthesised(() => parseSortItem(c)) : [parseSortItem(c)];
  return { kind: 'table-argument', table, partitionBy, orderBy, span: c.since(start) };
}
