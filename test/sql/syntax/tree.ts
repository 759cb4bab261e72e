/** Syntax trees without their places, so that two of them can be compared. */
import { parseStatement, printSql, type Statement } from '../../../src/sql.ts';
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
