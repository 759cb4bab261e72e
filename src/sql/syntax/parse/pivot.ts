/** PIVOT and UNPIVOT. */
import type { TableReference } from '../ast/table-reference.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseCall } from './calls.ts';
import { parseNameOrList } from './names.ts';
import { parseRowValues } from './parentheses.ts';

export function parsePivot(c: TokenCursor, input: TableReference): TableReference {
  c.expect('PIVOT', '(');
  const aggregates = c.list(() => ({ call: parseCall(c), alias: c.accept('AS') || c.atName() ? c.name() : undefined }));
  c.expect('FOR');
  const axes = parseNameOrList(c);
  c.expect('IN', '(');
  const values = c.is(')')
    ? []
    : c.list(() => ({ values: parseRowValues(c), alias: c.accept('AS') || c.atName() ? c.name() : undefined }));
  c.expect(')', ')');
  return { kind: 'pivot', input, aggregates, axes, values, span: c.since(input.span) };
}

export function parseUnpivot(c: TokenCursor, input: TableReference): TableReference {
  c.expect('UNPIVOT');
  const nulls = c.acceptAny(['INCLUDE', 'EXCLUDE']);
  if (nulls !== undefined) c.expect('NULLS');
  c.expect('(');
  const measures = parseNameOrList(c);
  c.expect('FOR');
  const axes = parseNameOrList(c);
  c.expect('IN', '(');
  const columns = c.list(() => ({ columns: parseNameOrList(c), values: c.accept('AS') ? parseRowValues(c) : [] }));
  c.expect(')', ')');
  return { kind: 'unpivot', input, nulls, measures, axes, columns, span: c.since(input.span) };
}
