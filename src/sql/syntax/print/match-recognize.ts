/** MATCH_RECOGNIZE as text. */
import type { AfterMatch, MatchRecognize, RowPattern } from '../ast/match-recognize.ts';
import { printSortItem } from './calls.ts';
import { printLiteral } from './literals.ts';
import { printName, printNames } from './names.ts';
import { clause, listClause, type Printer, words } from './printer.ts';

/** `input` is the text of what the patterns are looked for in. */
export function printMatchRecognize(p: Printer, match: MatchRecognize, input: string): string {
  return `${input} MATCH_RECOGNIZE (${words(
    listClause('PARTITION BY', match.partitionBy, (value) => p.expression(value)),
    listClause('ORDER BY', match.orderBy, (item) => printSortItem(p, item)),
    listClause(
      'MEASURES',
      match.measures,
      ({ name, expression }) => `${p.expression(expression)} AS ${printName(name)}`,
    ),
    match.rowsPerMatch && (match.rowsPerMatch === 'ONE' ? 'ONE ROW PER MATCH' : 'ALL ROWS PER MATCH'),
    clause('AFTER MATCH SKIP', match.afterMatch, printAfterMatch),
    `PATTERN (${words(match.anchoredStart && '^', printPattern(match.pattern, LOOSE.alternation), match.anchoredEnd && '$')})`,
    clause('WITHIN', match.within, printLiteral),
    listClause('SUBSET', match.subsets, ({ name, variables }) => `${printName(name)} = ${printNames(variables)}`),
    listClause('DEFINE', match.define, ({ name, expression }) => `${printName(name)} AS ${p.expression(expression)}`),
  )})`;
}

function printAfterMatch(after: AfterMatch): string {
  switch (after.kind) {
    case 'past-last-row':
      return 'PAST LAST ROW';
    case 'to-next-row':
      return 'TO NEXT ROW';
    case 'to-first':
      return `TO FIRST ${printName(after.variable)}`;
    case 'to-last':
      return `TO LAST ${printName(after.variable)}`;
  }
}

const LOOSE = { alternation: 0, sequence: 1, repetition: 2, primary: 3 } as const;

/** In parentheses where it holds together less than `least` demands. */
function printPattern(pattern: RowPattern, least: number): string {
  switch (pattern.kind) {
    case 'variable':
      return printName(pattern.name);
    case 'alternation':
      return wrap(
        pattern.patterns.map((one) => printPattern(one, LOOSE.sequence)).join(' | '),
        least > LOOSE.alternation,
      );
    case 'sequence':
      return wrap(pattern.patterns.map((one) => printPattern(one, LOOSE.repetition)).join(' '), least > LOOSE.sequence);
    case 'permutation':
      return `PERMUTE(${pattern.patterns.map((one) => printPattern(one, LOOSE.alternation)).join(', ')})`;
    case 'exclusion':
      return `{- ${printPattern(pattern.pattern, LOOSE.alternation)} -}`;
    case 'repetition': {
      const text = `${printPattern(pattern.pattern, LOOSE.primary)}${printQuantifier(pattern.minimum, pattern.maximum)}`;
      return wrap(`${text}${pattern.reluctant ? '?' : ''}`, least > LOOSE.repetition);
    }
  }
}

function wrap(text: string, inParentheses: boolean): string {
  return inParentheses ? `(${text})` : text;
}

function printQuantifier(minimum: number, maximum: number | undefined): string {
  if (maximum === undefined) return minimum === 0 ? '*' : minimum === 1 ? '+' : `{${minimum},}`;
  if (minimum === 0 && maximum === 1) return '?';
  return minimum === maximum ? `{${minimum}}` : `{${minimum},${maximum}}`;
}
