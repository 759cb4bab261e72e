/** What the golden files cannot say: shapes of trees, places, the order of operators, scripts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillstreamError } from '../../../src/base/error.ts';
import { type Expression, parseScript, parseSqlExpression, parseStatement, type Span } from '../../../src/sql.ts';
import { withoutPlaces } from './tree.ts';

/** A tree of operators with a parenthesis around each. */
function shape(node: Expression): string {
  switch (node.kind) {
    case 'binary':
      return `(${shape(node.left)} ${node.operator} ${shape(node.right)})`;
    case 'logical':
      return `(${node.operands.map(shape).join(` ${node.operator} `)})`;
    case 'unary':
      return `(${node.operator} ${shape(node.operand)})`;
    case 'is':
      return `(${shape(node.operand)} IS ${node.test})`;
    case 'between':
      return `(${shape(node.operand)} BETWEEN ${shape(node.lower)} AND ${shape(node.upper)})`;
    case 'like':
      return `(${shape(node.operand)} ${node.operator} ${shape(node.pattern)})`;
    case 'in':
      return `(${shape(node.operand)} IN …)`;
    case 'quantified':
      return `(${shape(node.operand)} ${node.operator} ${node.quantifier} …)`;
    case 'item':
      return `${shape(node.operand)}[${shape(node.index)}]`;
    case 'column':
      return node.path.map(({ name }) => name).join('.');
    case 'number':
      return node.text;
    default:
      return node.kind;
  }
}

const PRECEDENCE: readonly (readonly [text: string, shape: string])[] = [
  ['a + b * c - d', '((a + (b * c)) - d)'],
  ['a - b - c', '((a - b) - c)'],
  ['a || b + c', '((a || b) + c)'],
  ['a = b = c', '((a = b) = c)'],
  ['a = b + c AND d OR e AND NOT f', '(((a = (b + c)) AND d) OR (e AND (NOT f)))'],
  ['NOT a = b', '(NOT (a = b))'],
  ['NOT a IS NULL', '(NOT (a IS NULL))'],
  ['NOT a AND b', '((NOT a) AND b)'],
  ['a = NOT b = c', '(a = (NOT (b = c)))'],
  ['a = b IS NULL', '((a = b) IS NULL)'],
  ['a + b IS NULL', '((a + b) IS NULL)'],
  ['a IS NULL = b', '((a IS NULL) = b)'],
  ['a = b IN (c)', '(a = (b IN …))'],
  ['a = b BETWEEN c AND d AND e', '((a = (b BETWEEN c AND d)) AND e)'],
  ['a BETWEEN b + 1 AND c + 1 = d', '((a BETWEEN (b + 1) AND (c + 1)) = d)'],
  ['a BETWEEN b AND c BETWEEN d AND e', '((a BETWEEN b AND c) BETWEEN d AND e)'],
  ['a LIKE b || c AND d', '((a LIKE (b || c)) AND d)'],
  ['a = b LIKE c', '(a = (b LIKE c))'],
  ['a = b = SOME (c)', '(a = (b = SOME …))'],
  ['- a * b', '((- a) * b)'],
  ['- a[1]', '(- a[1])'],
  ['a IS DISTINCT FROM b AND c', '((a IS DISTINCT FROM b) AND c)'],
  ['a MULTISET UNION b AND c', '(a MULTISET UNION (b AND c))'],
  ['a AND b AND c', '(a AND b AND c)'],
  ['(a AND b) AND c', '((a AND b) AND c)'],
  ['a OVERLAPS b = c', '((a OVERLAPS b) = c)'],
];

for (const [text, expected] of PRECEDENCE) {
  test(`${text} is ${expected}`, () => {
    assert.equal(shape(parseSqlExpression(text)), expected);
  });
}

test('the tree of a query is plain data', () => {
  const name = (text: string): object => ({ kind: 'identifier', name: text });
  const nothing = { having: undefined, windows: [], qualify: undefined, groupBy: undefined };
  assert.deepEqual(withoutPlaces(parseStatement("SELECT a.b AS c FROM t WHERE x > 1.50 AND y = 'z'")), {
    kind: 'query',
    query: {
      kind: 'select',
      hints: [],
      stream: false,
      quantifier: undefined,
      items: [{ kind: 'select-item', expression: { kind: 'column', path: [name('a'), name('b')] }, alias: name('c') }],
      from: { kind: 'named-table', name: { kind: 'qualified-name', parts: [name('t')] }, hints: [], asOf: undefined },
      where: {
        kind: 'logical',
        operator: 'AND',
        operands: [
          {
            kind: 'binary',
            operator: '>',
            left: { kind: 'column', path: [name('x')] },
            right: { kind: 'number', form: 'decimal', text: '1.50' },
          },
          {
            kind: 'binary',
            operator: '=',
            left: { kind: 'column', path: [name('y')] },
            right: { kind: 'string', value: 'z', charset: undefined },
          },
        ],
      },
      ...nothing,
    },
  });
});

test('nodes know their places', () => {
  const text = 'SELECT a,\n\t f(b + 1) AS c\r\nFROM t';
  const statement = parseStatement(text);
  assert.ok(statement.kind === 'query' && statement.query.kind === 'select');
  const cut = ({ start, end }: Span): string => text.slice(start, end);
  const [, second] = statement.query.items;
  assert.ok(second !== undefined);
  assert.equal(cut(second.span), 'f(b + 1) AS c');
  assert.deepEqual(second.expression.span, { start: 12, end: 20, line: 2, column: 3 });
  assert.ok(second.expression.kind === 'call');
  assert.deepEqual(
    second.expression.arguments.map(({ span }) => cut(span)),
    ['b + 1'],
  );
  assert.equal(cut(statement.span), text);
  assert.deepEqual([statement.query.from?.span.line, statement.query.from?.span.column], [3, 6]);
});

test('parameters are numbered within their statement', () => {
  const [first, second] = parseScript('SELECT ?, ?; SELECT ?').map((entry) => JSON.stringify(entry));
  assert.match(first ?? '', /"index":0.*"index":1/);
  assert.doesNotMatch((second ?? '').replace('"index":1', ''), /"index":1/);
});

test('statements of a script are counted, errors too, empty ones not', () => {
  const script = "-- a comment; with a semicolon\nSET 'a;b' = 'c';;\n/* ; */ ; SELEC 1; SELECT `a;b`";
  const entries = parseScript(script);
  assert.deepEqual(
    entries.map(({ kind, index, span }) => [kind, index, script.slice(span.start, span.end), span.line]),
    [
      ['statement', 0, "SET 'a;b' = 'c'", 2],
      ['error', 1, 'SELEC 1', 3],
      ['statement', 2, 'SELECT `a;b`', 3],
    ],
  );
  assert.deepEqual(parseScript(' ; -- nothing\n ;'), []);
});

test('a byte order mark says nothing', () => {
  assert.deepEqual(
    parseScript('\uFEFFSELECT 1').map(({ kind, span }) => [kind, span.column]),
    [['statement', 2]],
  );
});

test('errors carry their place for programs', () => {
  const [entry] = parseScript('SELECT a\nFROM t WHERE');
  assert.ok(entry?.kind === 'error');
  assert.equal(entry.error.code, 'SQL_PARSE_UNEXPECTED');
  assert.deepEqual(entry.error.details, { line: 2, column: 13, offset: 21 });
});

for (const [sql, code] of [
  ['SELECT a b c', 'SQL_PARSE_UNEXPECTED'],
  ["SELECT 'a", 'SQL_PARSE_UNTERMINATED'],
  ['SELECT "a"', 'SQL_PARSE_CHARACTER'],
  ["SELECT X'0'", 'SQL_PARSE_LITERAL'],
  [`SELECT ${'('.repeat(5000)}`, 'SQL_PARSE_TOO_DEEP'],
] as const) {
  test(`${sql.slice(0, 20)} fails with ${code}`, () => {
    assert.throws(
      () => parseStatement(sql),
      (error) => error instanceof MillstreamError && error.code === code && error.blame === 'user',
    );
  });
}

test('one statement is not two, and not none', () => {
  assert.equal(parseStatement('SELECT 1;').kind, 'query');
  assert.throws(() => parseStatement('SELECT 1; SELECT 2'), /Line 1, column 11: a second statement begins here/);
  assert.throws(() => parseStatement(' -- nothing'), /unexpected the end; expected SELECT/);
  assert.throws(() => parseSqlExpression('1 2'), /unexpected '2'/);
});

test('a long line is cut around the place of the error', () => {
  const sql = `SELECT ${'a, '.repeat(500)} FROM t`;
  const [, line = '', carets = ''] = (parseScript(sql)[0] as { error: Error }).error.message.split('\n');
  assert.ok(line.length <= 160);
  assert.equal(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1), 'FROM');
});
