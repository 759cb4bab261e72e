/**
 * How tightly operators bind, for the parser and the printer alike. The numbers are Calcite's, on which Flink's SQL is
 * built, and so are the surprises: `a = b IN (c)` is `a = (b IN (c))`, `a = b IS NULL` is `(a = b) IS NULL`.
 * All binary operators are left-associative.
 */
import type { BinaryOperator, Expression } from './ast/expression.ts';

export const PRECEDENCE = {
  or: 22,
  and: 24,
  not: 26,
  is: 28,
  comparison: 30,
  /** IN, BETWEEN, LIKE, SIMILAR TO, SOME, ALL. */
  membership: 32,
  sum: 40,
  product: 60,
  sign: 80,
  /** What needs no parentheses anywhere. */
  atom: 100,
} as const;

const BINARY: Readonly<Record<BinaryOperator, number>> = {
  '=': PRECEDENCE.comparison,
  '<>': PRECEDENCE.comparison,
  '<': PRECEDENCE.comparison,
  '<=': PRECEDENCE.comparison,
  '>': PRECEDENCE.comparison,
  '>=': PRECEDENCE.comparison,
  'IS DISTINCT FROM': PRECEDENCE.comparison,
  'IS NOT DISTINCT FROM': PRECEDENCE.comparison,
  'MEMBER OF': PRECEDENCE.comparison,
  'SUBMULTISET OF': PRECEDENCE.comparison,
  'NOT SUBMULTISET OF': PRECEDENCE.comparison,
  OVERLAPS: PRECEDENCE.comparison,
  CONTAINS: PRECEDENCE.comparison,
  EQUALS: PRECEDENCE.comparison,
  PRECEDES: PRECEDENCE.comparison,
  SUCCEEDS: PRECEDENCE.comparison,
  'IMMEDIATELY PRECEDES': PRECEDENCE.comparison,
  'IMMEDIATELY SUCCEEDS': PRECEDENCE.comparison,
  '+': PRECEDENCE.sum,
  '-': PRECEDENCE.sum,
  '*': PRECEDENCE.product,
  '/': PRECEDENCE.product,
  '%': PRECEDENCE.product,
  '||': PRECEDENCE.product,
  'MULTISET INTERSECT': 18,
  'MULTISET INTERSECT DISTINCT': 18,
  'MULTISET UNION': 14,
  'MULTISET UNION DISTINCT': 14,
  'MULTISET EXCEPT': 14,
  'MULTISET EXCEPT DISTINCT': 14,
};

export function binaryPrecedence(operator: BinaryOperator): number {
  return BINARY[operator];
}

/** The precedence of the outermost operator of an expression. */
export function precedenceOf(node: Expression): number {
  switch (node.kind) {
    case 'logical':
      return node.operator === 'AND' ? PRECEDENCE.and : PRECEDENCE.or;
    case 'unary':
      return node.operator === 'NOT' ? PRECEDENCE.not : PRECEDENCE.sign;
    case 'binary':
      return BINARY[node.operator];
    case 'is':
      return PRECEDENCE.is;
    case 'between':
    case 'in':
    case 'like':
    case 'quantified':
      return PRECEDENCE.membership;
    default:
      return PRECEDENCE.atom;
  }
}
