/** Errors of syntax: a code, a place, the line with a caret under the place, and what was expected. */
import { type ErrorCode, MillstreamError } from '../../base/error.ts';
import type { Span } from './ast/node.ts';
import type { SourceLines } from './source-lines.ts';

/** More alternatives than these are not read by anybody. */
const EXPECTED_MAX = 12;

export function syntaxError(code: ErrorCode, message: string, place: Span, lines: SourceLines): MillstreamError {
  const shown = lines.show(place.line, place.column, place.end - place.start);
  return new MillstreamError(code, `Line ${place.line}, column ${place.column}: ${message}\n${shown}`, {
    details: { line: place.line, column: place.column, offset: place.start },
  });
}

/** `a name, FROM, ',' or the end`: descriptions, words, symbols; with many alternatives, the first of them. */
export function alternatives(expected: readonly string[]): string {
  const named = expected.toSorted((a, b) => rank(a) - rank(b)).map((one) => (rank(one) === 2 ? `'${one}'` : one));
  const shown = named.slice(0, EXPECTED_MAX);
  if (shown.length < named.length) return `${shown.join(', ')} …`;
  if (shown.length <= 1) return shown[0] ?? '';
  return `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`;
}

function rank(expected: string): number {
  if (expected === 'the end') return 3;
  if (/^[a-z]/.test(expected)) return 0;
  return /^[A-Z]/.test(expected) ? 1 : 2;
}
