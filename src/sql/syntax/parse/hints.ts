/** Hints. */
import type { Hint, HintOption } from '../ast/query.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseNumber, parseString } from './literals.ts';

export function parseHints(c: TokenCursor): Hint[] {
  if (!c.accept('/*+')) return [];
  const hints = c.list(() => parseHint(c));
  c.expect('*/');
  return hints;
}

function parseHint(c: TokenCursor): Hint {
  const start = c.token;
  const name = c.name('a hint');
  let options: HintOption[] = [];
  if (c.accept('(')) {
    if (!c.at(')')) options = c.list(() => parseHintOption(c));
    c.expect(')');
  }
  return { kind: 'hint', name, options, span: c.since(start) };
}

function parseHintOption(c: TokenCursor): HintOption {
  const value = parseHintValue(c);
  if (value.kind === 'number' || !c.accept('=')) return { key: undefined, value };
  return { key: value, value: parseHintValue(c) };
}

function parseHintValue(c: TokenCursor): HintOption['value'] {
  if (c.token.kind === 'string') return parseString(c);
  if (c.token.kind === 'number') return parseNumber(c);
  return c.name('a name, a string or a number');
}
