/** MATCH_RECOGNIZE. */
import type { AfterMatch, MatchRecognize, NamedExpression, PatternSubset, RowPattern } from '../ast/match-recognize.ts';
import type { TableReference } from '../ast/table-reference.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseUnsigned } from './intervals.ts';
import { parseIntervalLiteral } from './literals.ts';
import { parseNameList } from './names.ts';
import { parseOrderByIfAny } from './windows.ts';

export function parseMatchRecognize(c: TokenCursor, input: TableReference): MatchRecognize {
  c.expect('MATCH_RECOGNIZE', '(');
  const partitionBy = c.accept('PARTITION', 'BY') ? c.list(() => c.expression()) : [];
  const orderBy = parseOrderByIfAny(c);
  const measures = c.accept('MEASURES') ? c.list(() => parseMeasure(c)) : [];
  const rowsPerMatch = parseRowsPerMatch(c);
  const afterMatch = c.accept('AFTER') ? parseAfterMatch(c) : undefined;
  c.expect('PATTERN', '(');
  const anchoredStart = c.accept('^');
  const pattern = parsePattern(c);
  const anchoredEnd = c.accept('$');
  c.expect(')');
  const within = c.accept('WITHIN') ? parseIntervalLiteral(c) : undefined;
  const subsets = c.accept('SUBSET') ? c.list(() => parseSubset(c)) : [];
  c.expect('DEFINE');
  const define = c.list(() => parseDefinition(c));
  c.expect(')');
  return {
    kind: 'match-recognize',
    input,
    partitionBy,
    orderBy,
    measures,
    rowsPerMatch,
    afterMatch,
    anchoredStart,
    anchoredEnd,
    pattern,
    within,
    subsets,
    define,
    span: c.since(input.span),
  };
}

function parseMeasure(c: TokenCursor): NamedExpression {
  const expression = c.expression();
  c.expect('AS');
  return { name: c.name(), expression };
}

function parseDefinition(c: TokenCursor): NamedExpression {
  const name = c.name();
  c.expect('AS');
  return { name, expression: c.expression() };
}

function parseSubset(c: TokenCursor): PatternSubset {
  const name = c.name();
  c.expect('=');
  return { name, variables: parseNameList(c) };
}

function parseRowsPerMatch(c: TokenCursor): MatchRecognize['rowsPerMatch'] {
  if (c.accept('ONE')) {
    c.expect('ROW', 'PER', 'MATCH');
    return 'ONE';
  }
  if (!c.accept('ALL')) return undefined;
  c.expect('ROWS', 'PER', 'MATCH');
  return 'ALL';
}

/** Behind AFTER. `SKIP TO v` means the last v. */
function parseAfterMatch(c: TokenCursor): AfterMatch {
  c.expect('MATCH', 'SKIP');
  if (c.accept('PAST')) {
    c.expect('LAST', 'ROW');
    return { kind: 'past-last-row' };
  }
  c.expect('TO');
  if (c.accept('NEXT', 'ROW')) return { kind: 'to-next-row' };
  if (c.is('FIRST') && c.atName(1)) c.advance();
  else {
    if (c.is('LAST') && c.atName(1)) c.advance();
    return { kind: 'to-last', variable: c.name('a pattern variable') };
  }
  return { kind: 'to-first', variable: c.name() };
}

/** `A B | C` */
function parsePattern(c: TokenCursor): RowPattern {
  return c.nested(() => {
    const patterns = [parseSequence(c)];
    while (c.accept('|')) patterns.push(parseSequence(c));
    return group('alternation', patterns);
  });
}

function parseSequence(c: TokenCursor): RowPattern {
  const patterns = [parseRepetition(c)];
  while (c.at('(') || c.at('PERMUTE') || c.at('{') || c.atName()) patterns.push(parseRepetition(c));
  return group('sequence', patterns);
}

function group(kind: 'alternation' | 'sequence', patterns: readonly RowPattern[]): RowPattern {
  const [first] = patterns;
  return first !== undefined && patterns.length === 1 ? first : { kind, patterns };
}

/** A pattern with its quantifier; a brace is one unless `-` follows, which begins an exclusion. */
function parseRepetition(c: TokenCursor): RowPattern {
  const pattern = parsePatternPrimary(c);
  const bounds = parseBounds(c);
  if (bounds === undefined) return pattern;
  const reluctant = c.accept('?');
  return { kind: 'repetition', pattern, ...bounds, reluctant };
}

function parseBounds(c: TokenCursor): { readonly minimum: number; readonly maximum: number | undefined } | undefined {
  if (c.accept('*')) return { minimum: 0, maximum: undefined };
  if (c.accept('+')) return { minimum: 1, maximum: undefined };
  if (c.accept('?')) return { minimum: 0, maximum: 1 };
  if (c.is('-', 1) || !c.accept('{')) return undefined;
  const minimum = c.at(',') ? 0 : parseUnsigned(c);
  let maximum: number | undefined = minimum;
  if (c.accept(',')) maximum = c.at('}') ? undefined : parseUnsigned(c);
  c.expect('}');
  return { minimum, maximum };
}

function parsePatternPrimary(c: TokenCursor): RowPattern {
  if (c.accept('(')) {
    const pattern = parsePattern(c);
    c.expect(')');
    return pattern;
  }
  if (c.accept('{')) {
    c.expect('-');
    const pattern = parsePattern(c);
    c.expect('-', '}');
    return { kind: 'exclusion', pattern };
  }
  if (c.accept('PERMUTE')) return { kind: 'permutation', patterns: c.parenthesised(() => parsePattern(c)) };
  return { kind: 'variable', name: c.name('a pattern variable') };
}
