/** SELECT. */
import type { GroupBy, GroupingElement, NamedWindow, Select, SelectItem } from '../ast/query.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseHints } from './hints.ts';
import { parseFrom } from './table-references.ts';
import { parseWindow } from './windows.ts';

export function parseSelect(c: TokenCursor): Select {
  const start = c.token;
  c.expect('SELECT');
  const hints = parseHints(c);
  const stream = c.accept('STREAM');
  const quantifier = c.acceptAny(['DISTINCT', 'ALL']);
  const items = c.list(() => parseSelectItem(c));
  // Without FROM there is nothing to filter or to group.
  const from = c.accept('FROM') ? parseFrom(c) : undefined;
  const inFrom = <T>(word: string, parse: () => T): T | undefined =>
    from !== undefined && c.accept(word) ? parse() : undefined;
  const where = inFrom('WHERE', () => c.expression());
  const groupBy = inFrom('GROUP', () => parseGroupBy(c));
  const having = inFrom('HAVING', () => c.expression());
  const windows = inFrom('WINDOW', () => c.list(() => parseNamedWindow(c))) ?? [];
  const qualify = inFrom('QUALIFY', () => c.expression());
  const clauses = { from, where, groupBy, having, windows, qualify };
  return { kind: 'select', hints, stream, quantifier, items, ...clauses, span: c.since(start) };
}

function parseSelectItem(c: TokenCursor): SelectItem {
  const start = c.token;
  const expression = c.expression();
  const alias = c.accept('AS') || c.atName() ? c.name() : undefined;
  return { kind: 'select-item', expression, alias, span: c.since(start) };
}

function parseGroupBy(c: TokenCursor): GroupBy {
  c.expect('BY');
  const quantifier = c.acceptAny(['DISTINCT', 'ALL']);
  return { quantifier, elements: c.list(() => parseGroupingElement(c)) };
}

function parseGroupingElement(c: TokenCursor): GroupingElement {
  if (c.is('GROUPING') && c.is('SETS', 1)) {
    c.expect('GROUPING', 'SETS');
    return { kind: 'grouping-sets', elements: c.nested(() => c.parenthesised(() => parseGroupingElement(c))) };
  }
  const rollup = c.acceptAny(['ROLLUP', 'CUBE']);
  if (rollup !== undefined) {
    const expressions = c.parenthesised(() => c.expression());
    return { kind: rollup === 'CUBE' ? 'cube' : 'rollup', expressions };
  }
  if (c.is('(') && c.is(')', 1)) {
    c.expect('(', ')');
    return { kind: 'grouping-empty' };
  }
  return { kind: 'grouping-expression', expression: c.expression() };
}

function parseNamedWindow(c: TokenCursor): NamedWindow {
  const name = c.name();
  c.expect('AS');
  return { name, window: parseWindow(c) };
}
