/** The units of time: those of intervals, and those of EXTRACT, FLOOR and TIMESTAMPADD. */
import type { IntervalQualifier, IntervalUnit } from '../ast/literal.ts';
import type { TokenCursor } from '../token-cursor.ts';

/** Both spellings of each unit of an interval, and what may stand behind TO. */
const UNITS: readonly { readonly unit: IntervalUnit; readonly to: readonly IntervalUnit[] }[] = [
  { unit: 'YEAR', to: ['MONTH'] },
  { unit: 'QUARTER', to: [] },
  { unit: 'MONTH', to: [] },
  { unit: 'WEEK', to: [] },
  { unit: 'DAY', to: ['HOUR', 'MINUTE', 'SECOND'] },
  { unit: 'HOUR', to: ['MINUTE', 'SECOND'] },
  { unit: 'MINUTE', to: ['SECOND'] },
  { unit: 'SECOND', to: [] },
];

/** `DAY`, `DAYS(3)`, `DAY TO SECOND(6)`, `SECOND(2, 3)`. */
export function parseIntervalQualifier(c: TokenCursor): IntervalQualifier {
  const found = UNITS.find(({ unit }) => acceptUnit(c, unit)) ?? c.fail();
  const { unit } = found;
  let precision: number | undefined;
  let fraction: number | undefined;
  if (c.accept('(')) {
    precision = parseUnsigned(c);
    if (unit === 'SECOND' && c.accept(',')) fraction = parseUnsigned(c);
    c.expect(')');
  }
  // `FLOOR(INTERVAL '1' YEAR TO DAY)`: what is no end of this unit belongs to FLOOR.
  const ended = c.at('TO') && found.to.some((one) => c.is(one, 1) || c.is(`${one}S`, 1));
  if (!ended) return { unit, precision, to: undefined, fraction };
  c.advance();
  const to = found.to.find((one) => acceptUnit(c, one)) ?? c.fail();
  if (to === 'SECOND' && c.accept('(')) {
    fraction = parseUnsigned(c);
    c.expect(')');
  }
  return { unit, precision, to, fraction };
}

function acceptUnit(c: TokenCursor, unit: IntervalUnit): boolean {
  if (c.is(`${unit}S`)) c.advance();
  else return c.accept(unit);
  return true;
}

/** Whether a unit of an interval stands here. */
export function atIntervalUnit(c: TokenCursor): boolean {
  return UNITS.some(({ unit }) => c.is(unit) || c.is(`${unit}S`));
}

/** A unit of EXTRACT and its like: a word, in upper case; which ones there are is for the binder. */
export function parseTimeUnit(c: TokenCursor): string {
  if (c.token.kind !== 'word') {
    c.wanted('a unit of time');
    c.fail();
  }
  return c.advance().word;
}

/** A whole number, at most that of an INT. */
export function parseUnsigned(c: TokenCursor): number {
  const { token } = c;
  if (token.kind !== 'number') {
    c.wanted('a number');
    c.fail();
  }
  const value = Number(token.text);
  if (!/^\d+$/.test(token.text) || value > 2_147_483_647) {
    c.failAt(token, `${token.text} is no whole number up to 2147483647`, 'SQL_PARSE_LITERAL');
  }
  c.advance();
  return value;
}
