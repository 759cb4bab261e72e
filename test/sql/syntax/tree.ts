/** Syntax trees without their places, so that two of them can be compared. */
import { parseStatement, printSql, type Span, type Statement } from '../../../src/sql.ts';
import assert from 'node:assert/strict';

/** A copy without spans and without the numbers of parameters, which follow from the order in the text. */
export function withoutPlaces(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutPlaces);
  if (typeof node !== 'object' || node === null) return node;
  const parameter = 'kind' in node && node.kind === 'parameter';
  const entries = Object.entries(node).filter(([key]) => key !== 'span' && !(parameter && key === 'index'));
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutPlaces(value)]));
}

/** What is printed parses to the same tree, and prints the same again. */
export function assertRoundTrip(statement: Statement): void {
  const text = printSql(statement);
  const again = parseStatement(text);
  assert.deepEqual(withoutPlaces(again), withoutPlaces(statement), text);
  assert.equal(printSql(again), text);
}

/** Each node lies within the one that holds it, and says the line and column of its first character. */
export function assertPlaces(
  node: unknown,
  text: string,
  around: Span = { start: 0, end: text.length, line: 1, column: 1 },
): void {
  if (typeof node !== 'object' || node === null) return;
  let inside = around;
  if ('span' in node) {
    const span = node.span as Span;
    const what = `${JSON.stringify(node)} in ${text}`;
    assert.ok(around.start <= span.start && span.start <= span.end && span.end <= around.end, what);
    const before = text.slice(0, span.start).split('\n');
    assert.deepEqual([span.line, span.column], [before.length, (before.at(-1)?.length ?? 0) + 1], what);
    const own = text.slice(span.start, span.end);
    assert.match(own, /^\S(?:[^]*\S)?$/, what);
    const bare = own.replaceAll(/'[^']*'|`[^`]*`/g, '');
    assert.equal(bare.split('(').length, bare.split(')').length, what);
    inside = span;
  }
  for (const value of Object.values(node)) if (value !== inside) assertPlaces(value, text, inside);
}
