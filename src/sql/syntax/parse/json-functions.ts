/** JSON_EXISTS, JSON_VALUE, JSON_QUERY, and the functions that build JSON. */
import type { DataType } from '../ast/data-type.ts';
import type { Expression } from '../ast/expression.ts';
import type {
  JsonEntry,
  JsonNulls,
  JsonPassing,
  JsonQueryBehavior,
  JsonValueBehavior,
  JsonWrapper,
} from '../ast/json.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseOrderBy, parseOrderByIfAny } from './windows.ts';

type JsonFunction = (c: TokenCursor) => Expression;

export const JSON_FUNCTIONS: ReadonlyMap<string, JsonFunction> = new Map<string, JsonFunction>([
  ['JSON_EXISTS', parseJsonExists],
  ['JSON_VALUE', parseJsonValue],
  ['JSON_QUERY', parseJsonQuery],
  ['JSON_OBJECT', parseJsonObject],
  ['JSON_ARRAY', parseJsonArray],
  ['JSON_OBJECTAGG', parseJsonObjectAggregate],
  ['JSON_ARRAYAGG', parseJsonArrayAggregate],
]);

interface JsonPath {
  readonly input: Expression;
  readonly path: Expression;
  readonly passing: readonly JsonPassing[];
}

function parsePath(c: TokenCursor): JsonPath {
  const input = c.expression();
  c.expect(',');
  const path = c.expression();
  const passing = c.accept('PASSING')
    ? c.list(() => {
        const value = c.expression();
        c.expect('AS');
        return { value, name: c.name() };
      })
    : [];
  return { input, path, passing };
}

function parseJsonExists(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const path = parsePath(c);
  const onError = c.acceptAny(['TRUE', 'FALSE', 'UNKNOWN', 'ERROR']);
  if (onError !== undefined) c.expect('ON', 'ERROR');
  c.expect(')');
  return { kind: 'json-exists', ...path, onError, span: c.since(start) };
}

function parseReturning(c: TokenCursor): DataType | undefined {
  return c.accept('RETURNING') ? c.dataType() : undefined;
}

function parseJsonValue(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const path = parsePath(c);
  const returning = parseReturning(c);
  const behaviors = parseBehaviors(c, parseValueBehavior);
  c.expect(')');
  return { kind: 'json-value', ...path, returning, ...behaviors, span: c.since(start) };
}

function parseValueBehavior(c: TokenCursor): JsonValueBehavior | undefined {
  if (c.accept('NULL')) return { kind: 'null' };
  if (c.accept('ERROR')) return { kind: 'error' };
  return c.accept('DEFAULT') ? { kind: 'default', value: c.expression() } : undefined;
}

function parseJsonQuery(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const path = parsePath(c);
  const returning = parseReturning(c);
  const wrapper = parseWrapper(c);
  const behaviors = parseBehaviors(c, parseQueryBehavior);
  c.expect(')');
  return { kind: 'json-query', ...path, returning, wrapper, ...behaviors, span: c.since(start) };
}

function parseWrapper(c: TokenCursor): JsonWrapper | undefined {
  const word = c.acceptAny(['WITHOUT', 'WITH']);
  if (word === undefined) return undefined;
  const conditional = word === 'WITH' && c.acceptAny(['CONDITIONAL', 'UNCONDITIONAL']) === 'CONDITIONAL';
  c.accept('ARRAY');
  c.expect('WRAPPER');
  if (word === 'WITHOUT') return 'WITHOUT ARRAY';
  return conditional ? 'WITH CONDITIONAL ARRAY' : 'WITH UNCONDITIONAL ARRAY';
}

function parseQueryBehavior(c: TokenCursor): JsonQueryBehavior | undefined {
  const word = c.acceptAny(['NULL', 'ERROR', 'EMPTY']);
  return word === 'EMPTY' ? `EMPTY ${c.expectAny(['ARRAY', 'OBJECT'])}` : word;
}

/** `… ON EMPTY … ON ERROR`, each at most once, in any order. */
function parseBehaviors<B>(
  c: TokenCursor,
  parse: (c: TokenCursor) => B | undefined,
): { readonly onEmpty: B | undefined; readonly onError: B | undefined } {
  let onEmpty: B | undefined;
  let onError: B | undefined;
  for (;;) {
    const behavior = parse(c);
    if (behavior === undefined) return { onEmpty, onError };
    c.expect('ON');
    const place = c.token;
    const occasion = c.expectAny(['EMPTY', 'ERROR']);
    if ((occasion === 'EMPTY' ? onEmpty : onError) !== undefined) c.failAt(place, `ON ${occasion} is said twice`);
    if (occasion === 'EMPTY') onEmpty = behavior;
    else onError = behavior;
  }
}

function parseNulls(c: TokenCursor): JsonNulls | undefined {
  const nulls = c.acceptAny(['NULL', 'ABSENT']);
  if (nulls !== undefined) c.expect('ON', 'NULL');
  return nulls;
}

/** `NULL ON NULL` at the place of the first element: there are no elements then. */
function atNulls(c: TokenCursor): boolean {
  return (c.is('NULL') || c.is('ABSENT')) && c.is('ON', 1);
}

/** What follows KEY where it is a name and not the keyword. */
const BEHIND_KEY_AS_NAME = new Set(['VALUE', ',', ':', '.', '[', ')', '+', '-', '*', '/', '%', '||', '=']);

/** `KEY k VALUE v`, `k VALUE v`, `k : v`, `k, v`. */
function parseEntry(c: TokenCursor): JsonEntry {
  const keyword = c.is('KEY') && !BEHIND_KEY_AS_NAME.has(c.ahead(1).word);
  if (keyword) c.advance();
  const key = c.expression();
  if (keyword) c.expect('VALUE');
  else c.expectAny(['VALUE', ':', ',']);
  return { key, value: c.expression() };
}

function parseJsonObject(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const entries = c.is(')') || atNulls(c) ? [] : c.list(() => parseEntry(c));
  const nulls = parseNulls(c);
  c.expect(')');
  return { kind: 'json-object', entries, nulls, span: c.since(start) };
}

function parseJsonArray(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const elements = c.is(')') || atNulls(c) ? [] : c.list(() => c.expression());
  const nulls = parseNulls(c);
  c.expect(')');
  return { kind: 'json-array', elements, nulls, span: c.since(start) };
}

function parseJsonObjectAggregate(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const entry = parseEntry(c);
  const nulls = parseNulls(c);
  c.expect(')');
  return { kind: 'json-objectagg', entry, nulls, span: c.since(start) };
}

/** The order stands inside the parentheses, or behind them in WITHIN GROUP. */
function parseJsonArrayAggregate(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const element = c.expression();
  let orderBy = parseOrderByIfAny(c);
  const nulls = parseNulls(c);
  c.expect(')');
  if (orderBy.length === 0 && c.accept('WITHIN', 'GROUP')) {
    c.expect('(');
    orderBy = parseOrderBy(c);
    c.expect(')');
  }
  return { kind: 'json-arrayagg', element, orderBy, nulls, span: c.since(start) };
}
