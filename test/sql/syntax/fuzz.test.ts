/** The parser against what nobody wrote by hand: it fails only by its own errors, and printing loses nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseScript, parseSqlExpression, printSqlExpression } from '../../../src/sql.ts';
import { anyExpression, anyQuery } from './any-expression.ts';
import { anyStatement } from './any-statement.ts';
import { goldenFiles, readGolden } from './golden.ts';
import { assertRoundTrip, withoutPlaces } from './tree.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1000);
const VALID = goldenFiles().flatMap((path) => readGolden(path).map(({ sql }) => sql));
const PIECES = /`[^`]*`|'[^']*'|[A-Za-z_][\w$]*|\d+|<>|<=|>=|=>|\|\||\/\*\+|\*\/|[^\s\w]/g;
const VOCABULARY = [...new Set(VALID.flatMap((sql) => sql.match(PIECES) ?? []))];

/** Never anything but errors of syntax; and whatever is understood survives printing. */
function assertTame(sql: string): void {
  for (const entry of parseScript(sql)) {
    if (entry.kind === 'statement') assertRoundTrip(entry.statement);
    else assert.match(entry.error.message, /^\[SQL_PARSE_[A-Z_]+\] Line \d+, column \d+: /);
  }
}

test('random trees of expressions survive printing', () => {
  fc.assert(
    fc.property(anyExpression, (expression) => {
      const text = printSqlExpression(expression);
      assert.deepEqual(withoutPlaces(parseSqlExpression(text)), withoutPlaces(expression), text);
    }),
    { numRuns: RUNS * 3 },
  );
});

test('random trees of queries survive printing', () => {
  fc.assert(
    fc.property(anyQuery, (query) => {
      assertRoundTrip({ kind: 'query', query, span: query.span });
    }),
    { numRuns: RUNS },
  );
});

test('random trees of statements survive printing', () => {
  fc.assert(fc.property(anyStatement, assertRoundTrip), { numRuns: RUNS * 2 });
});

test('random tokens give statements or errors of syntax, and nothing else', () => {
  const anyTokens = fc.array(fc.constantFrom(...VOCABULARY), { maxLength: 25 });
  fc.assert(
    fc.property(anyTokens, (tokens) => assertTame(tokens.join(' '))),
    { numRuns: RUNS * 3 },
  );
});

test('random characters give statements or errors of syntax, and nothing else', () => {
  const anyText = fc.string({
    unit: fc.constantFrom(...`'"\`\\/*+-;.,()[]{}<>=|:?$ \n\teEuUxXn&_0159az§😀`),
    maxLength: 40,
  });
  fc.assert(fc.property(fc.oneof(anyText, fc.string({ unit: 'binary' })), assertTame), { numRuns: RUNS * 2 });
});

interface Mutation {
  readonly sql: string;
  readonly kind: 'drop' | 'double' | 'swap' | 'put' | 'cut';
  readonly at: number;
  readonly piece: string;
}

test('mutated statements give statements or errors of syntax, and nothing else', () => {
  const anyMutation: fc.Arbitrary<Mutation> = fc.record({
    sql: fc.constantFrom(...VALID),
    kind: fc.constantFrom('drop', 'double', 'swap', 'put', 'cut'),
    at: fc.nat(),
    piece: fc.constantFrom(...VOCABULARY),
  });
  fc.assert(
    fc.property(anyMutation, (mutation) => assertTame(mutated(mutation))),
    { numRuns: RUNS * 4 },
  );
});

function mutated({ sql, kind, at, piece }: Mutation): string {
  const pieces: string[] = sql.match(PIECES) ?? [];
  const place = at % Math.max(1, pieces.length);
  const [here = '', next = ''] = pieces.slice(place, place + 2);
  if (kind === 'cut') return sql.slice(0, at % (sql.length + 1));
  const replacement = { drop: [], double: [here, here], swap: [next, here], put: [piece, here] }[kind];
  return pieces.toSpliced(place, kind === 'swap' ? 2 : 1, ...replacement).join(' ');
}
