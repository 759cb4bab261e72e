/** CREATE VIEW. */
import type { CreateView } from '../ast/create.ts';
import type { Span } from '../ast/node.ts';
import { parseComment, parseIfNotExists, parseNameList, parseQualifiedName } from '../parse/names.ts';
import { printComment, printNames, printQualifiedName } from '../print/names.ts';
import { type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

/** Behind CREATE [OR REPLACE] [TEMPORARY]. */
export function parseCreateView(c: TokenCursor, start: Span, replace: boolean, temporary: boolean): CreateView {
  c.expect('VIEW');
  const ifNotExists = parseIfNotExists(c);
  const name = parseQualifiedName(c);
  const columns = c.at('(') ? parseNameList(c) : [];
  const comment = parseComment(c);
  c.expect('AS');
  const query = c.query();
  return { kind: 'create-view', replace, temporary, ifNotExists, name, columns, comment, query, span: c.since(start) };
}

export function printCreateView(node: CreateView, p: Printer): string {
  return words(
    node.replace ? 'CREATE OR REPLACE' : 'CREATE',
    node.temporary && 'TEMPORARY',
    'VIEW',
    node.ifNotExists && 'IF NOT EXISTS',
    printQualifiedName(node.name),
    node.columns.length > 0 && printNames(node.columns),
    printComment(node.comment),
    `AS ${p.query(node.query)}`,
  );
}
