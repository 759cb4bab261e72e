/** The operands of expressions: literals, names, calls, parentheses, constructors, and the access into what they give. */
import type { ColumnReference, Expression, Star } from '../ast/expression.ts';
import type { Identifier } from '../ast/node.ts';
import { isContextValue, isReservedFunction } from '../keywords.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseCall } from './calls.ts';
import { parseIntervalQualifier } from './intervals.ts';
import { JSON_FUNCTIONS } from './json-functions.ts';
import { parseLiteralIfAny, parseNumber, parseString } from './literals.ts';
import { parseQualifiedName } from './names.ts';
import { parseParenthesised, parseQueryInParentheses, parseValue } from './parentheses.ts';
import { SPECIAL_FUNCTIONS } from './special-functions.ts';

/** An operand with what stands behind it. */
export function parsePrimary(c: TokenCursor): Expression {
  return parseAccess(c, parseOperand(c));
}

/** `.field`, `[index]`, as often as they come. */
export function parseAccess(c: TokenCursor, accessed: Expression): Expression {
  let operand = accessed;
  for (;;) {
    if (c.is('.') && c.atName(1)) {
      c.advance();
      operand = { kind: 'field-access', operand, field: c.name(), span: c.since(operand.span) };
    } else if (c.is('[')) {
      c.advance();
      const index = c.expression();
      c.expect(']');
      operand = { kind: 'item', operand, index, span: c.since(operand.span) };
    } else return operand;
    c.grow();
  }
}

function parseOperand(c: TokenCursor): Expression {
  const literal = parseLiteralIfAny(c);
  if (literal !== undefined) return literal;
  const { word } = c.token;
  const constructed = CONSTRUCTORS.get(word)?.(c);
  if (constructed !== undefined) return constructed;
  if (c.is('(', 1)) {
    const special = SPECIAL_FUNCTIONS.get(word) ?? JSON_FUNCTIONS.get(word);
    if (special !== undefined) return special(c);
    if (isReservedFunction(word)) return parseCall(c);
  }
  if (isContextValue(word)) {
    const token = c.advance();
    return { kind: 'context', name: word, span: c.since(token) };
  }
  if (c.atName()) return parseNameOrCall(c);
  c.wanted('an expression');
  return c.fail();
}

/** Words and symbols that begin an operand of a form of its own; `undefined` where the word is but a name. */
const CONSTRUCTORS = new Map<string, (c: TokenCursor) => Expression | undefined>([
  ['(', parseParenthesised],
  ['?', parseParameter],
  ['*', parseStar],
  ['{', parseBraces],
  ['CASE', parseCase],
  ['EXISTS', parseExists('EXISTS')],
  ['UNIQUE', parseExists('UNIQUE')],
  ['INTERVAL', parseInterval],
  ['ROW', parseRow],
  ['ARRAY', parseCollection('ARRAY')],
  ['MAP', (c) => (c.is('[', 1) ? parseCollection('MAP')(c) : undefined)],
  ['MULTISET', parseCollection('MULTISET')],
  ['PERIOD', parsePeriod],
  ['NEXT', parseSequenceValue('NEXT')],
  ['CURRENT', parseSequenceValue('CURRENT')],
  ['RUNNING', parseMatchSemantics('RUNNING')],
  ['FINAL', (c) => (atCall(c, 1) ? parseMatchSemantics('FINAL')(c) : undefined)],
]);

function parseParameter(c: TokenCursor): Expression {
  const token = c.advance();
  return { kind: 'parameter', index: c.nextParameter(), span: c.since(token) };
}

function parseStar(c: TokenCursor): Star {
  const token = c.advance();
  return { kind: 'star', qualifier: [], span: c.since(token) };
}

/** `a`, `a.b.c`, `a.*`, `a.f(…)`. */
function parseNameOrCall(c: TokenCursor): ColumnReference | Star | Expression {
  const start = c.token;
  for (let ahead = 0; c.atName(ahead); ahead += 2) {
    if (c.is('(', ahead + 1)) return parseCall(c);
    if (!c.is('.', ahead + 1)) break;
  }
  const path: Identifier[] = [c.name()];
  while (c.is('.')) {
    if (c.is('*', 1)) {
      c.expect('.', '*');
      return { kind: 'star', qualifier: path, span: c.since(start) };
    }
    c.advance();
    path.push(c.name());
  }
  return { kind: 'column', path, span: c.since(start) };
}

/** The escapes of JDBC: `{d '…'}`, `{t '…'}`, `{ts '…'}`, `{fn f(…)}`. */
function parseBraces(c: TokenCursor): Expression {
  const start = c.advance();
  const types = { D: 'DATE', T: 'TIME', TS: 'TIMESTAMP' } as const;
  const form = c.expectAny(['D', 'T', 'TS', 'FN']);
  const inner: Expression =
    form === 'FN'
      ? parseOperand(c)
      : { kind: 'date-time', type: types[form], text: parseString(c).value, span: c.since(start) };
  c.expect('}');
  return inner;
}

function parseCase(c: TokenCursor): Expression {
  const start = c.token;
  c.expect('CASE');
  const operand = c.at('WHEN') ? undefined : c.expression();
  const branches = [];
  do {
    const first = c.token;
    c.expect('WHEN');
    const when = operand === undefined ? [c.expression()] : c.list(() => c.expression());
    c.expect('THEN');
    const result = c.expression();
    branches.push({ kind: 'when' as const, when, result, span: c.since(first) });
  } while (c.at('WHEN'));
  const otherwise = c.accept('ELSE') ? c.expression() : undefined;
  c.expect('END');
  return { kind: 'case', operand, branches, otherwise, span: c.since(start) };
}

function parseExists(predicate: 'EXISTS' | 'UNIQUE'): (c: TokenCursor) => Expression {
  return (c) => {
    const start = c.advance();
    const query = parseQueryInParentheses(c);
    return { kind: 'exists', predicate, query, span: c.since(start) };
  };
}

/** `INTERVAL n DAY`, where n is a number, a column, or anything in parentheses; with a string it is a literal. */
function parseInterval(c: TokenCursor): Expression {
  const start = c.advance();
  const sign = c.token;
  const operator = c.acceptAny(['-', '+']);
  let value = parseIntervalValue(c);
  if (operator === '-') value = { kind: 'unary', operator, operand: value, span: c.since(sign) };
  return { kind: 'interval-expression', value, qualifier: parseIntervalQualifier(c), span: c.since(start) };
}

function parseIntervalValue(c: TokenCursor): Expression {
  if (c.accept('(')) {
    const value = c.expression();
    c.expect(')');
    return value;
  }
  if (c.token.kind === 'number') return parseNumber(c);
  c.wanted("a string: INTERVAL '1' DAY");
  const { parts, span } = parseQualifiedName(c);
  return { kind: 'column', path: parts, span };
}

function parseRow(c: TokenCursor): Expression {
  const start = c.advance();
  const values = c.nested(() => c.parenthesised(() => parseValue(c)));
  return { kind: 'row', values, span: c.since(start) };
}

function parseCollection(collection: 'ARRAY' | 'MAP' | 'MULTISET'): (c: TokenCursor) => Expression {
  return (c) => {
    const start = c.advance();
    c.expect('[');
    const elements = c.at(']') ? [] : c.list(() => c.expression());
    c.expect(']');
    return { kind: 'collection', collection, elements, span: c.since(start) };
  };
}

function parsePeriod(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const from = c.expression();
  c.expect(',');
  const to = c.expression();
  c.expect(')');
  return { kind: 'period', from, to, span: c.since(start) };
}

/** `NEXT VALUE FOR s`. `NEXT(…)` is a call. */
function parseSequenceValue(which: 'NEXT' | 'CURRENT'): (c: TokenCursor) => Expression | undefined {
  return (c) => {
    if (!c.is('VALUE', 1)) return undefined;
    const start = c.advance();
    c.expect('VALUE', 'FOR');
    return { kind: 'sequence-value', which, sequence: parseQualifiedName(c), span: c.since(start) };
  };
}

/** Whether `f(` or `f.` follows, as it never does behind a column. */
function atCall(c: TokenCursor, ahead: number): boolean {
  const named = c.atName(ahead) || isReservedFunction(c.ahead(ahead).word);
  return named && (c.is('(', ahead + 1) || c.is('.', ahead + 1));
}

function parseMatchSemantics(semantics: 'RUNNING' | 'FINAL'): (c: TokenCursor) => Expression {
  return (c) => {
    const start = c.advance();
    return { kind: 'match-semantics', semantics, operand: parseCall(c), span: c.since(start) };
  };
}
