/** Expressions as text. */
import type { Case, Expression, In } from '../ast/expression.ts';
import type { Literal } from '../ast/literal.ts';
import { binaryPrecedence, PRECEDENCE, precedenceOf } from '../operators.ts';
import { printCall } from './calls.ts';
import { JSON_PRINTERS } from './json-functions.ts';
import { printLiteral, printQualifier, printString } from './literals.ts';
import { printName, printNames, printQualifiedName } from './names.ts';
import { clause, commaList, type Printer, words } from './printer.ts';

export function printExpression(p: Printer, node: Expression, precedence: number): string {
  const print = PRINTERS[node.kind] as (p: Printer, node: Expression) => string;
  const text = print(p, node);
  return precedenceOf(node) < precedence ? `(${text})` : text;
}

type Printers = { readonly [K in Expression['kind']]: (p: Printer, node: Extract<Expression, { kind: K }>) => string };

const literal = (_: Printer, node: Literal): string => printLiteral(node);

const PRINTERS: Printers = {
  ...JSON_PRINTERS,
  null: literal,
  truth: literal,
  number: literal,
  string: literal,
  bytes: literal,
  'date-time': literal,
  interval: literal,
  column: (_, { path }) => path.map((part) => printName(part)).join('.'),
  star: (_, { qualifier }) => [...qualifier.map((part) => printName(part)), '*'].join('.'),
  parameter: () => '?',
  default: () => 'DEFAULT',
  unary: (p, { operator, operand }) => {
    if (operator === 'NOT') return `NOT ${p.expression(operand, PRECEDENCE.not)}`;
    // Two signs side by side would be a comment.
    return `${operator}${p.expression(operand, operand.kind === 'unary' ? PRECEDENCE.atom : PRECEDENCE.sign)}`;
  },
  binary: (p, { operator, left, right }) => {
    const own = binaryPrecedence(operator);
    return `${p.expression(left, own)} ${operator} ${p.expression(right, own + 1)}`;
  },
  logical: (p, { operator, operands }) => {
    const inner = (operator === 'AND' ? PRECEDENCE.and : PRECEDENCE.or) + 1;
    return operands.map((operand) => p.expression(operand, inner)).join(` ${operator} `);
  },
  is: (p, { operand, negated, test }) => words(p.expression(operand, PRECEDENCE.is), 'IS', negated && 'NOT', test),
  between: (p, node) =>
    words(
      p.expression(node.operand, PRECEDENCE.membership),
      node.negated && 'NOT',
      'BETWEEN',
      node.symmetric && 'SYMMETRIC',
      p.expression(node.lower, PRECEDENCE.membership + 1),
      'AND',
      p.expression(node.upper, PRECEDENCE.membership + 1),
    ),
  like: (p, node) =>
    words(
      p.expression(node.operand, PRECEDENCE.membership),
      node.negated && 'NOT',
      node.operator,
      p.expression(node.pattern, PRECEDENCE.membership + 1),
      clause('ESCAPE', node.escape, (escape) => p.expression(escape, PRECEDENCE.atom)),
    ),
  in: (p, node) =>
    words(p.expression(node.operand, PRECEDENCE.membership), node.negated && 'NOT', 'IN', printAmong(p, node.among)),
  quantified: (p, node) =>
    words(p.expression(node.operand, PRECEDENCE.membership), node.operator, node.quantifier, printAmong(p, node.among)),
  subquery: (p, { query }) => `(${p.query(query)})`,
  exists: (p, { predicate, query }) => `${predicate} (${p.query(query)})`,
  case: printCase,
  cast: (p, node) => {
    const format = clause('FORMAT', node.format, printString);
    return `${node.function}(${words(p.expression(node.operand), 'AS', p.dataType(node.type), format)})`;
  },
  item: (p, { operand, index }) => `${printAccessed(p, operand, ['column', 'collection'])}[${p.expression(index)}]`,
  'field-access': (p, { operand, field }) => `${printAccessed(p, operand, [])}.${printName(field)}`,
  row: (p, { values }) => `ROW(${commaList(values, (value) => p.expression(value))})`,
  collection: (p, node) => `${node.collection}[${commaList(node.elements, (element) => p.expression(element))}]`,
  period: (p, { from, to }) => `PERIOD(${p.expression(from)}, ${p.expression(to)})`,
  'interval-expression': (p, { value, qualifier }) => {
    const plain = value.kind === 'number' || value.kind === 'column';
    return `INTERVAL ${plain ? p.expression(value) : `(${p.expression(value)})`} ${printQualifier(qualifier)}`;
  },
  'date-difference': (p, { left, right, qualifier }) =>
    `(${p.expression(left, PRECEDENCE.sum)} - ${p.expression(right, PRECEDENCE.sum + 1)}) ${printQualifier(qualifier)}`,
  context: (_, { name }) => name,
  'sequence-value': (_, { which, sequence }) => `${which} VALUE FOR ${printQualifiedName(sequence)}`,
  extract: (p, { unit, operand }) => `EXTRACT(${unit} FROM ${p.expression(operand)})`,
  rounding: (p, node) => {
    // The TO of an interval would come first.
    const interval = ['interval', 'interval-expression', 'date-difference'].includes(node.operand.kind);
    const operand = p.expression(node.operand, PRECEDENCE.atom);
    return `${node.function}(${interval ? `(${operand})` : operand} TO ${node.unit})`;
  },
  'timestamp-arithmetic': (p, node) =>
    `${node.function}(${node.unit}, ${p.expression(node.first)}, ${p.expression(node.second)})`,
  position: (p, node) =>
    `POSITION(${words(
      p.expression(node.needle, PRECEDENCE.membership + 1),
      'IN',
      p.expression(node.haystack),
      clause('FROM', node.from, (from) => p.expression(from)),
    )})`,
  overlay: (p, node) =>
    `OVERLAY(${words(
      p.expression(node.operand),
      'PLACING',
      p.expression(node.placing),
      'FROM',
      p.expression(node.from),
      clause('FOR', node.length, (length) => p.expression(length)),
    )})`,
  trim: (p, node) =>
    `TRIM(${words(node.side, node.characters && p.expression(node.characters), 'FROM', p.expression(node.operand))})`,
  transcode: (p, node) => `${node.function}(${p.expression(node.operand)} USING ${printName(node.charset)})`,
  'match-semantics': (p, { semantics, operand }) => `${semantics} ${printCall(p, operand)}`,
  call: printCall,
  descriptor: (_, { columns }) => `DESCRIPTOR${printNames(columns)}`,
};

function printAmong(p: Printer, among: In['among']): string {
  return among.kind === 'subquery'
    ? `(${p.query(among.query)})`
    : `(${commaList(among.values, (value) => p.expression(value))})`;
}

/** Into what is accessed itself, and into these kinds, an access needs no parentheses. */
function printAccessed(p: Printer, operand: Expression, plain: readonly Expression['kind'][]): string {
  const bare = operand.kind === 'item' || operand.kind === 'field-access' || plain.includes(operand.kind);
  return bare ? p.expression(operand) : `(${p.expression(operand)})`;
}

function printCase(p: Printer, node: Case): string {
  return words(
    'CASE',
    node.operand && p.expression(node.operand),
    ...node.branches.map(
      ({ when, result }) => `WHEN ${commaList(when, (one) => p.expression(one))} THEN ${p.expression(result)}`,
    ),
    clause('ELSE', node.otherwise, (otherwise) => p.expression(otherwise)),
    'END',
  );
}
