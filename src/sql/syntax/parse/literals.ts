/** Literals. */
import type {
  BytesLiteral,
  DateTimeLiteral,
  DateTimeType,
  IntervalLiteral,
  Literal,
  NumberLiteral,
  StringLiteral,
} from '../ast/literal.ts';
import type { TokenCursor } from '../token-cursor.ts';
import type { Token } from '../token.ts';
import { parseIntervalQualifier } from './intervals.ts';
import { decodeC, decodeUnicode } from './strings.ts';

/** A character string of any form; pieces that follow each other are one string. */
export function parseString(c: TokenCursor, what = 'a string'): StringLiteral {
  const start = c.token;
  if (start.kind !== 'string' || start.prefix === 'X') {
    c.wanted(what);
    c.fail();
  }
  const pieces = [c.advance()];
  if (start.prefix !== 'E') while (c.token.kind === 'string' && c.token.prefix === '') pieces.push(c.advance());
  const decode = decoder(c, start);
  const value = pieces
    .map((piece) => {
      const text = decode(piece.text);
      return text ?? c.failAt(piece, 'an escape of this string is malformed', 'SQL_PARSE_LITERAL');
    })
    .join('');
  const charset = start.prefix.startsWith('_') ? start.prefix.slice(1) : undefined;
  return { kind: 'string', value, charset, span: c.since(start) };
}

/** What resolves the escapes of a string; for `U&'…'` it reads UESCAPE, which stands behind. */
function decoder(c: TokenCursor, start: Token): (text: string) => string | undefined {
  if (start.prefix === 'E') return decodeC;
  if (start.prefix !== 'U&') return (text) => text;
  let escape = '\\';
  if (c.accept('UESCAPE')) {
    const place = c.token;
    escape = parseString(c).value;
    if (!/^[^\dA-Fa-f+"'\s]$/.test(escape)) {
      c.failAt(place, 'an escape is one character: no digit, letter A to F, plus, quote or blank', 'SQL_PARSE_LITERAL');
    }
  }
  return (text) => decodeUnicode(text, escape);
}

function parseBytes(c: TokenCursor): BytesLiteral {
  const start = c.advance();
  let hex = start.text;
  while (c.token.kind === 'string' && c.token.prefix === '') hex += c.advance().text;
  const span = c.since(start);
  if (hex.length % 2 !== 0 || !/^[\dA-Fa-f]*$/.test(hex)) {
    c.failAt(span, 'bytes are written as an even number of hexadecimal digits', 'SQL_PARSE_LITERAL');
  }
  return { kind: 'bytes', hex: hex.toUpperCase(), span };
}

export function parseNumber(c: TokenCursor): NumberLiteral {
  if (c.token.kind !== 'number') {
    c.wanted('a number');
    c.fail();
  }
  const token = c.advance();
  const form = /[eE]/.test(token.text) ? 'approximate' : token.text.includes('.') ? 'decimal' : 'integer';
  return { kind: 'number', form, text: token.text, span: c.since(token) };
}

/** `INTERVAL '…' unit`. */
export function parseIntervalLiteral(c: TokenCursor): IntervalLiteral {
  const start = c.token;
  c.expect('INTERVAL');
  const negative = c.acceptAny(['-', '+']) === '-';
  const text = parseString(c).value;
  return { kind: 'interval', negative, text, qualifier: parseIntervalQualifier(c), span: c.since(start) };
}

/** `DATE '…'`, `TIMESTAMP WITH LOCAL TIME ZONE '…'`, if such a literal stands here. */
export function parseDateTimeLiteral(c: TokenCursor): DateTimeLiteral | undefined {
  const start = c.token;
  const zoned = c.is('WITH', 1) && (start.word === 'TIME' || start.word === 'TIMESTAMP');
  if (!['DATE', 'TIME', 'TIMESTAMP'].includes(start.word) || !(zoned || c.ahead(1).kind === 'string')) return undefined;
  c.advance();
  let zone = '';
  if (c.accept('WITH')) {
    zone = c.accept('LOCAL') ? ' WITH LOCAL TIME ZONE' : ' WITH TIME ZONE';
    c.expect('TIME', 'ZONE');
  }
  const type = `${start.word}${zone}` as DateTimeType;
  return { kind: 'date-time', type, text: parseString(c).value, span: c.since(start) };
}

/** A literal, if one stands here. */
export function parseLiteralIfAny(c: TokenCursor): Literal | undefined {
  const start = c.token;
  if (start.kind === 'number') return parseNumber(c);
  if (start.kind === 'string') return start.prefix === 'X' ? parseBytes(c) : parseString(c);
  switch (start.word) {
    case 'NULL':
      c.advance();
      return { kind: 'null', span: c.since(start) };
    case 'TRUE':
    case 'FALSE':
    case 'UNKNOWN':
      c.advance();
      return { kind: 'truth', value: start.word, span: c.since(start) };
    case 'INTERVAL': {
      const sign = c.is('-', 1) || c.is('+', 1);
      return c.ahead(sign ? 2 : 1).kind === 'string' ? parseIntervalLiteral(c) : undefined;
    }
    default:
      return parseDateTimeLiteral(c);
  }
}

export function parseLiteral(c: TokenCursor): Literal {
  const literal = parseLiteralIfAny(c);
  if (literal !== undefined) return literal;
  c.wanted('a literal');
  return c.fail();
}
