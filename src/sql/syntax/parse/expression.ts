/**
 * Expressions: operator-precedence parsing. An expression is a prefix (a sign, NOT, or a primary), then as many infix and
 * postfix operators as bind tightly enough.
 */
import type { BinaryOperator, Comparison, Expression, Logical, Test } from '../ast/expression.ts';
import { binaryPrecedence, PRECEDENCE } from '../operators.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseAmong } from './parentheses.ts';
import { parseAccess, parsePrimary } from './primary.ts';

export function parseExpression(c: TokenCursor, precedence: number): Expression {
  return c.nested(() => parseOperators(c, parsePrefix(c), precedence));
}

/** Goes on behind an operand that has been read, in parentheses, before it was known what follows. */
export function parseExpressionFrom(c: TokenCursor, first: Expression): Expression {
  return parseOperators(c, parseAccess(c, first), 0);
}

function parsePrefix(c: TokenCursor): Expression {
  const start = c.token;
  const operator = start.word;
  if (operator === 'NOT') {
    c.advance();
    const operand = c.expression(PRECEDENCE.not);
    return { kind: 'unary', operator, operand, span: c.since(start) };
  }
  if (operator === '-' || operator === '+') {
    c.advance();
    const operand = c.expression(PRECEDENCE.sign);
    return { kind: 'unary', operator, operand, span: c.since(start) };
  }
  return parsePrimary(c);
}

/** What makes a new expression of the one to its left. The operator's words are still to be taken. */
interface Operator {
  readonly precedence: number;
  readonly apply: (c: TokenCursor, left: Expression) => Expression;
}

function parseOperators(c: TokenCursor, first: Expression, precedence: number): Expression {
  let left = first;
  /** The chain of AND or OR that `left` is, while it is one of this level and not of parentheses. */
  let chain: Logical | undefined;
  for (;;) {
    const { word } = c.token;
    if (word === 'AND' || word === 'OR') {
      const own = word === 'AND' ? PRECEDENCE.and : PRECEDENCE.or;
      if (own < precedence) return left;
      c.advance();
      const right = c.expression(own + 1);
      const operands: Expression[] = chain?.operator === word ? (chain.operands as Expression[]) : [left];
      if (chain?.operator !== word) c.grow();
      operands.push(right);
      chain = { kind: 'logical', operator: word, operands, span: c.since(operands[0]?.span ?? left.span) };
      left = chain;
      continue;
    }
    const operator = OPERATORS.get(word)?.(c);
    if (operator === undefined || operator.precedence < precedence) return left;
    left = operator.apply(c, left);
    chain = undefined;
    c.grow();
  }
}

/** Looks at the tokens behind a word and says which operator it begins, if any. */
const OPERATORS = new Map<string, (c: TokenCursor) => Operator | undefined>([
  ...(['+', '-', '*', '/', '%', '||'] as const).map((word) => [word, () => binary(word)] as const),
  ...(['=', '<>', '<', '<=', '>', '>='] as const).map(
    (word) => [word, (c: TokenCursor) => comparison(c, word)] as const,
  ),
  ...(['OVERLAPS', 'CONTAINS', 'EQUALS', 'PRECEDES', 'SUCCEEDS'] as const).map(
    (word) => [word, () => binary(word)] as const,
  ),
  ['IMMEDIATELY', immediately],
  ['MEMBER', (c) => (c.is('OF', 1) ? binary('MEMBER OF') : undefined)],
  ['SUBMULTISET', (c) => (c.is('OF', 1) ? binary('SUBMULTISET OF') : undefined)],
  ['MULTISET', multiset],
  ['IS', is],
  ['NOT', (c) => predicate(c, true)],
  ['IN', (c) => predicate(c, false)],
  ['BETWEEN', (c) => predicate(c, false)],
  ['LIKE', (c) => predicate(c, false)],
  ['ILIKE', (c) => predicate(c, false)],
  ['RLIKE', (c) => predicate(c, false)],
  ['SIMILAR', (c) => predicate(c, false)],
]);

/** The words of an operator are those of its name. */
function binary(operator: BinaryOperator): Operator {
  const precedence = binaryPrecedence(operator);
  return {
    precedence,
    apply: (c, left) => {
      c.expect(...operator.split(' '));
      const right = c.expression(precedence + 1);
      return { kind: 'binary', operator, left, right, span: c.since(left.span) };
    },
  };
}

function comparison(c: TokenCursor, operator: Comparison): Operator {
  const quantified = c.is('(', 2) && (c.is('SOME', 1) || c.is('ANY', 1) || c.is('ALL', 1));
  if (!quantified) return binary(operator);
  return {
    precedence: PRECEDENCE.membership,
    apply: (cursor, operand) => {
      cursor.advance();
      const quantifier = cursor.advance().word === 'ALL' ? 'ALL' : 'SOME';
      const among = parseAmong(cursor);
      return { kind: 'quantified', operand, operator, quantifier, among, span: cursor.since(operand.span) };
    },
  };
}

function immediately(c: TokenCursor): Operator | undefined {
  if (c.is('PRECEDES', 1)) return binary('IMMEDIATELY PRECEDES');
  return c.is('SUCCEEDS', 1) ? binary('IMMEDIATELY SUCCEEDS') : undefined;
}

/** `MULTISET UNION [ALL | DISTINCT]`: ALL is what it does by itself. */
function multiset(c: TokenCursor): Operator | undefined {
  const operation = (['UNION', 'INTERSECT', 'EXCEPT'] as const).find((word) => c.is(word, 1));
  if (operation === undefined) return undefined;
  if (c.is('DISTINCT', 2)) return binary(`MULTISET ${operation} DISTINCT`);
  const operator = `MULTISET ${operation}` as const;
  const precedence = binaryPrecedence(operator);
  return {
    precedence,
    apply: (cursor, left) => {
      cursor.expect('MULTISET', operation);
      cursor.accept('ALL');
      const right = cursor.expression(precedence + 1);
      return { kind: 'binary', operator, left, right, span: cursor.since(left.span) };
    },
  };
}

/** What may follow IS [NOT], word by word; the longest comes first. JSON alone means JSON VALUE. */
const TESTS: readonly { readonly words: readonly string[]; readonly test: Test }[] = [
  { words: ['NULL'], test: 'NULL' },
  { words: ['TRUE'], test: 'TRUE' },
  { words: ['FALSE'], test: 'FALSE' },
  { words: ['UNKNOWN'], test: 'UNKNOWN' },
  { words: ['EMPTY'], test: 'EMPTY' },
  { words: ['A', 'SET'], test: 'A SET' },
  { words: ['JSON', 'VALUE'], test: 'JSON VALUE' },
  { words: ['JSON', 'OBJECT'], test: 'JSON OBJECT' },
  { words: ['JSON', 'ARRAY'], test: 'JSON ARRAY' },
  { words: ['JSON', 'SCALAR'], test: 'JSON SCALAR' },
  { words: ['JSON'], test: 'JSON VALUE' },
];

function is(c: TokenCursor): Operator {
  const negated = c.is('NOT', 1);
  if (c.is('DISTINCT', negated ? 2 : 1)) return binary(negated ? 'IS NOT DISTINCT FROM' : 'IS DISTINCT FROM');
  return {
    precedence: PRECEDENCE.is,
    apply: (cursor, operand) => {
      cursor.expect('IS');
      cursor.accept('NOT');
      const { test } = TESTS.find(({ words }) => cursor.accept(...words)) ?? cursor.fail();
      return { kind: 'is', operand, negated, test, span: cursor.since(operand.span) };
    },
  };
}

/** IN, BETWEEN, LIKE and their like, which NOT may precede. */
function predicate(c: TokenCursor, negated: boolean): Operator | undefined {
  const first = negated ? 1 : 0;
  const { word } = c.ahead(first);
  if (negated && word === 'SUBMULTISET') return binary('NOT SUBMULTISET OF');
  const apply = PREDICATES.get(word);
  if (apply === undefined) return undefined;
  return {
    precedence: PRECEDENCE.membership,
    apply: (cursor, operand) => {
      if (negated) cursor.expect('NOT');
      return apply(cursor, operand, negated);
    },
  };
}

type Predicate = (c: TokenCursor, operand: Expression, negated: boolean) => Expression;

const PREDICATES = new Map<string, Predicate>([
  [
    'IN',
    (c, operand, negated) => {
      c.expect('IN');
      return { kind: 'in', operand, negated, among: parseAmong(c), span: c.since(operand.span) };
    },
  ],
  ['BETWEEN', parseBetween],
  ['LIKE', parseLike('LIKE')],
  ['ILIKE', parseLike('ILIKE')],
  ['RLIKE', parseLike('RLIKE')],
  ['SIMILAR', parseLike('SIMILAR TO')],
]);

function parseBetween(c: TokenCursor, operand: Expression, negated: boolean): Expression {
  c.expect('BETWEEN');
  const symmetric = c.acceptAny(['SYMMETRIC', 'ASYMMETRIC']) === 'SYMMETRIC';
  // Whatever is no AND belongs to the lower bound.
  const lower = c.expression(PRECEDENCE.and + 1);
  c.expect('AND');
  const upper = c.expression(PRECEDENCE.membership + 1);
  return { kind: 'between', operand, negated, symmetric, lower, upper, span: c.since(operand.span) };
}

function parseLike(operator: 'LIKE' | 'ILIKE' | 'RLIKE' | 'SIMILAR TO'): Predicate {
  return (c, operand, negated) => {
    c.expect(...operator.split(' '));
    const pattern = c.expression(PRECEDENCE.membership + 1);
    const escape = c.accept('ESCAPE') ? c.expression(PRECEDENCE.atom) : undefined;
    return { kind: 'like', operator, operand, negated, pattern, escape, span: c.since(operand.span) };
  };
}
