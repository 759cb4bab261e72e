/** UPDATE, DELETE, TRUNCATE TABLE. */
import type { Assignment, Delete, Truncate, Update } from '../ast/data-change.ts';
import type { Identifier } from '../ast/node.ts';
import { parseHints } from '../parse/hints.ts';
import { parseQualifiedName } from '../parse/names.ts';
import { parseValue } from '../parse/parentheses.ts';
import { printHints } from '../print/hints.ts';
import { printName, printQualifiedName } from '../print/names.ts';
import { clause, commaList, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

function parseAlias(c: TokenCursor): Identifier | undefined {
  return c.accept('AS') || c.atName() ? c.name() : undefined;
}

export function parseUpdate(c: TokenCursor): Update {
  const start = c.token;
  c.expect('UPDATE');
  const table = parseQualifiedName(c);
  const hints = parseHints(c);
  const alias = parseAlias(c);
  c.expect('SET');
  const assignments = c.list(() => parseAssignment(c));
  const where = c.accept('WHERE') ? c.expression() : undefined;
  return { kind: 'update', table, hints, alias, assignments, where, span: c.since(start) };
}

function parseAssignment(c: TokenCursor): Assignment {
  const start = c.token;
  const column = parseQualifiedName(c);
  c.expect('=');
  return { kind: 'assignment', column, value: parseValue(c), span: c.since(start) };
}

export function printUpdate(node: Update, p: Printer): string {
  return words(
    'UPDATE',
    printQualifiedName(node.table),
    printHints(node.hints),
    node.alias && `AS ${printName(node.alias)}`,
    'SET',
    commaList(node.assignments, ({ column, value }) => `${printQualifiedName(column)} = ${p.expression(value)}`),
    clause('WHERE', node.where, (where) => p.expression(where)),
  );
}

export function parseDelete(c: TokenCursor): Delete {
  const start = c.token;
  c.expect('DELETE', 'FROM');
  const table = parseQualifiedName(c);
  const hints = parseHints(c);
  const alias = parseAlias(c);
  const where = c.accept('WHERE') ? c.expression() : undefined;
  return { kind: 'delete', table, hints, alias, where, span: c.since(start) };
}

export function printDelete(node: Delete, p: Printer): string {
  return words(
    'DELETE FROM',
    printQualifiedName(node.table),
    printHints(node.hints),
    node.alias && `AS ${printName(node.alias)}`,
    clause('WHERE', node.where, (where) => p.expression(where)),
  );
}

export function parseTruncate(c: TokenCursor): Truncate {
  const start = c.token;
  c.expect('TRUNCATE', 'TABLE');
  return { kind: 'truncate', table: parseQualifiedName(c), span: c.since(start) };
}

export function printTruncate(node: Truncate): string {
  return `TRUNCATE TABLE ${printQualifiedName(node.table)}`;
}
