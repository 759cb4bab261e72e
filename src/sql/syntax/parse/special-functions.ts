/** Functions whose arguments are parted by keywords instead of commas. */
import type { Expression, Rounding } from '../ast/expression.ts';
import { PRECEDENCE } from '../operators.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseCallClauses, takeName } from './calls.ts';
import { parseTimeUnit } from './intervals.ts';
import { parseString } from './literals.ts';

type SpecialFunction = (c: TokenCursor) => Expression;

/** By the name that stands before the parenthesis. */
export const SPECIAL_FUNCTIONS: ReadonlyMap<string, SpecialFunction> = new Map<string, SpecialFunction>([
  ['CAST', parseCast('CAST')],
  ['TRY_CAST', parseCast('TRY_CAST')],
  ['EXTRACT', parseExtract],
  ['FLOOR', parseRounding('FLOOR')],
  ['CEIL', parseRounding('CEIL')],
  ['CEILING', parseRounding('CEIL')],
  ['POSITION', parsePosition],
  ['OVERLAY', parseOverlay],
  ['SUBSTRING', parseSubstring],
  ['TRIM', parseTrim],
  ['CONVERT', parseTranscode('CONVERT')],
  ['TRANSLATE', parseTranscode('TRANSLATE')],
  ['TIMESTAMPADD', parseTimestampArithmetic('TIMESTAMPADD')],
  ['TIMESTAMPDIFF', parseTimestampArithmetic('TIMESTAMPDIFF')],
  ['DESCRIPTOR', parseDescriptor],
]);

function parseCast(name: 'CAST' | 'TRY_CAST'): SpecialFunction {
  return (c) => {
    const start = c.advance();
    c.expect('(');
    const operand = c.expression();
    c.expect('AS');
    const type = c.dataType();
    const format = c.accept('FORMAT') ? parseString(c) : undefined;
    c.expect(')');
    return { kind: 'cast', function: name, operand, type, format, span: c.since(start) };
  };
}

function parseExtract(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const unit = parseTimeUnit(c);
  c.expect('FROM');
  const operand = c.expression();
  c.expect(')');
  return { kind: 'extract', unit, operand, span: c.since(start) };
}

/** With TO it rounds a point in time; without, it is a call like any other. */
function parseRounding(name: Rounding['function']): SpecialFunction {
  return (c) => {
    const start = c.token;
    const called = takeName(c);
    c.expect('(');
    const operand = c.expression();
    if (c.accept('TO')) {
      const unit = parseTimeUnit(c);
      c.expect(')');
      return { kind: 'rounding', function: name, operand, unit, span: c.since(start) };
    }
    const rest = c.accept(',') ? c.list(() => c.expression()) : [];
    c.expect(')');
    return parseCallClauses(c, start, { name: called, quantifier: undefined, arguments: [operand, ...rest] });
  };
}

function parsePosition(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  // Not an expression of any kind: IN would belong to it.
  const needle = c.expression(PRECEDENCE.membership + 1);
  c.expect('IN');
  const haystack = c.expression();
  const from = c.accept('FROM') ? c.expression() : undefined;
  c.expect(')');
  return { kind: 'position', needle, haystack, from, span: c.since(start) };
}

function parseOverlay(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const operand = c.expression();
  c.expect('PLACING');
  const placing = c.expression();
  c.expect('FROM');
  const from = c.expression();
  const length = c.accept('FOR') ? c.expression() : undefined;
  c.expect(')');
  return { kind: 'overlay', operand, placing, from, length, span: c.since(start) };
}

/** `SUBSTRING(x FROM a FOR b)` is the call `SUBSTRING(x, a, b)`. */
function parseSubstring(c: TokenCursor): Expression {
  const start = c.token;
  const name = takeName(c);
  c.expect('(');
  const args = [c.expression()];
  c.expectAny(['FROM', ',']);
  args.push(c.expression());
  if (c.acceptAny(['FOR', ',']) !== undefined) args.push(c.expression());
  c.expect(')');
  return parseCallClauses(c, start, { name, quantifier: undefined, arguments: args });
}

function parseTrim(c: TokenCursor): Expression {
  const start = c.advance();
  c.expect('(');
  const side = c.acceptAny(['BOTH', 'LEADING', 'TRAILING']);
  let characters: Expression | undefined;
  let operand: Expression | undefined = c.at('FROM') && side !== undefined ? undefined : c.expression();
  if (c.accept('FROM')) {
    characters = operand;
    operand = c.expression();
  }
  c.expect(')');
  return { kind: 'trim', side: side ?? 'BOTH', characters, operand: operand ?? c.fail(), span: c.since(start) };
}

/** `TRANSLATE(x USING charset)`; with commas it is a call. */
function parseTranscode(name: 'CONVERT' | 'TRANSLATE'): SpecialFunction {
  return (c) => {
    const start = c.token;
    const called = takeName(c);
    c.expect('(');
    const operand = c.expression();
    if (c.accept('USING')) {
      const charset = c.name();
      c.expect(')');
      return { kind: 'transcode', function: name, operand, charset, span: c.since(start) };
    }
    c.expect(',');
    const args = [operand, ...c.list(() => c.expression())];
    c.expect(')');
    return parseCallClauses(c, start, { name: called, quantifier: undefined, arguments: args });
  };
}

function parseTimestampArithmetic(name: 'TIMESTAMPADD' | 'TIMESTAMPDIFF'): SpecialFunction {
  return (c) => {
    const start = c.advance();
    c.expect('(');
    const unit = parseTimeUnit(c);
    c.expect(',');
    const first = c.expression();
    c.expect(',');
    const second = c.expression();
    c.expect(')');
    return { kind: 'timestamp-arithmetic', function: name, unit, first, second, span: c.since(start) };
  };
}

function parseDescriptor(c: TokenCursor): Expression {
  const start = c.advance();
  const columns = c.parenthesised(() => c.name());
  return { kind: 'descriptor', columns, span: c.since(start) };
}
