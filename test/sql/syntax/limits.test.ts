/** How much the parser takes: long lists in linear time and flat, deep nesting up to a limit with an error of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillstreamError } from '../../../src/base/error.ts';
import { parseScript, parseSqlExpression, parseStatement, printSql, printSqlExpression } from '../../../src/sql.ts';
import { TREE_DEPTH_MAX } from '../../../src/sql/syntax/token-cursor.ts';
import { assertRoundTrip } from './tree.ts';

function assertTooDeep(parse: () => unknown): void {
  assert.throws(parse, (error) => error instanceof MillstreamError && error.code === 'SQL_PARSE_TOO_DEEP');
}

const MANY = 10_000;
const numbers = Array.from({ length: MANY }, (_, index) => String(index));

test('lists of ten thousand elements parse and print', () => {
  assertRoundTrip(parseStatement(`SELECT ${numbers.join(', ')} FROM t`));
  assertRoundTrip(parseStatement(`SELECT * FROM t WHERE a IN (${numbers.join(', ')})`));
  assertRoundTrip(parseStatement(`INSERT INTO t VALUES ${numbers.map((one) => `(${one}, 'x')`).join(', ')}`));
  assertRoundTrip(parseStatement(`SELECT f(${numbers.join(', ')}), ARRAY[${numbers.join(', ')}]`));
});

test('ten thousand alternatives are one level deep', () => {
  const statement = parseStatement(`SELECT * FROM t WHERE ${numbers.map((one) => `a = ${one}`).join(' OR ')}`);
  assertRoundTrip(statement);
  const where = statement.kind === 'query' && statement.query.kind === 'select' ? statement.query.where : undefined;
  assert.equal(where?.kind === 'logical' ? where.operands.length : 0, MANY);
});

test('a script of ten thousand statements parses', () => {
  assert.equal(parseScript('SELECT 1;\n'.repeat(MANY)).length, MANY);
});

/** Each nests `depth` levels. */
const NESTINGS: Readonly<Record<string, (depth: number) => string>> = {
  parentheses: (depth) => `SELECT ${'('.repeat(depth)}1${')'.repeat(depth)}`,
  signs: (depth) => `SELECT ${'- '.repeat(depth)}1`,
  negations: (depth) => `SELECT ${'NOT '.repeat(depth)}a`,
  calls: (depth) => `SELECT ${'f('.repeat(depth)}1${')'.repeat(depth)}`,
  casts: (depth) => `SELECT ${'CAST('.repeat(depth)}1${' AS INT)'.repeat(depth)}`,
  cases: (depth) => `SELECT ${'CASE WHEN a THEN '.repeat(depth)}1${' END'.repeat(depth)}`,
  arrays: (depth) => `SELECT ${'ARRAY['.repeat(depth)}1${']'.repeat(depth)}`,
  types: (depth) => `SELECT CAST(a AS ${'ARRAY<'.repeat(depth)}INT${'>'.repeat(depth)})`,
  'sub-queries': (depth) => `${'SELECT * FROM ('.repeat(depth)}SELECT 1${')'.repeat(depth)}`,
  'queries in parentheses': (depth) => `${'('.repeat(depth)}SELECT 1${')'.repeat(depth)}`,
  joins: (depth) => `SELECT * FROM ${'('.repeat(depth)}a${' JOIN b ON TRUE)'.repeat(depth)}`,
  patterns: (depth) =>
    `SELECT * FROM t MATCH_RECOGNIZE (PATTERN (${'('.repeat(depth)}a${')'.repeat(depth)}) DEFINE a AS TRUE)`,
  'sums without parentheses': (depth) => `SELECT ${'1 + '.repeat(depth)}1`,
  accesses: (depth) => `SELECT a${'[1]'.repeat(depth)}`,
  unions: (depth) => `SELECT 1${' UNION ALL SELECT 1'.repeat(depth)}`,
  'tables joined by commas': (depth) => `SELECT * FROM a${', a'.repeat(depth)}`,
  collections: (depth) => `SELECT CAST(a AS INT${' ARRAY'.repeat(depth)})`,
};

for (const [name, nested] of Object.entries(NESTINGS)) {
  test(`${name} nest up to a limit, and then fail with its name`, () => {
    assertRoundTrip(parseStatement(nested(60)));
    for (const depth of [TREE_DEPTH_MAX + 1, 100_000]) assertTooDeep(() => parseStatement(nested(depth)));
  });
}

test('what is just below the limit can be printed', () => {
  let depth = TREE_DEPTH_MAX;
  const text = (levels: number): string => `${'-('.repeat(levels)}a + 1${')'.repeat(levels)}`;
  const fits = (levels: number): boolean => {
    try {
      return parseSqlExpression(text(levels)).kind === 'unary';
    } catch {
      return false;
    }
  };
  while (!fits(depth)) depth--;
  assert.ok(depth > TREE_DEPTH_MAX / 8);
  assert.equal(printSqlExpression(parseSqlExpression(text(depth))).length > depth, true);
});

test('a tree that grows to the left counts with what is nested in it', () => {
  const sum = (inner: string): string => `(${inner}${' + 1'.repeat(150)})`;
  assertTooDeep(() => parseStatement(`SELECT ${sum(sum(sum('1')))}`));
});

test('broken input of any length fails at once', () => {
  assert.equal(parseScript('('.repeat(200_000)).length, 1);
  assert.equal(parseScript("'".repeat(99_999)).length, 1);
  assert.equal(parseScript('SELECT CASE '.repeat(20_000)).length, 1);
  assert.equal(parseScript('/*+'.repeat(20_000)).length, 1);
  assert.equal(printSql(parseStatement('SELECT 1')), 'SELECT 1');
});
