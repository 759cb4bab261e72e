/** CREATE MODEL. */
import type { CreateModel, ModelColumn } from '../ast/create.ts';
import type { Span } from '../ast/node.ts';
import { parseComment, parseIfNotExists, parseQualifiedName, parseWithOptions } from '../parse/names.ts';
import { printComment, printName, printQualifiedName, printWithOptions } from '../print/names.ts';
import { clause, commaList, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

/** Behind CREATE [TEMPORARY]. */
export function parseCreateModel(c: TokenCursor, start: Span, temporary: boolean): CreateModel {
  c.expect('MODEL');
  const ifNotExists = parseIfNotExists(c);
  const name = parseQualifiedName(c);
  const input = c.accept('INPUT') ? c.parenthesised(() => parseModelColumn(c)) : [];
  const output = c.accept('OUTPUT') ? c.parenthesised(() => parseModelColumn(c)) : [];
  const comment = parseComment(c);
  const options = parseWithOptions(c);
  const query = c.accept('AS') ? c.query() : undefined;
  const clauses = { input, output, comment, options, query };
  return { kind: 'create-model', temporary, ifNotExists, name, ...clauses, span: c.since(start) };
}

function parseModelColumn(c: TokenCursor): ModelColumn {
  const start = c.token;
  const name = c.name();
  const type = c.dataType();
  return { kind: 'model-column', name, type, comment: parseComment(c), span: c.since(start) };
}

export function printCreateModel(node: CreateModel, p: Printer): string {
  const columns = (list: readonly ModelColumn[]): string =>
    `(${commaList(list, ({ name, type, comment }) => words(printName(name), p.dataType(type), printComment(comment)))})`;
  return words(
    node.temporary ? 'CREATE TEMPORARY MODEL' : 'CREATE MODEL',
    node.ifNotExists && 'IF NOT EXISTS',
    printQualifiedName(node.name),
    node.input.length > 0 && `INPUT ${columns(node.input)}`,
    node.output.length > 0 && `OUTPUT ${columns(node.output)}`,
    printComment(node.comment),
    printWithOptions(node.options),
    clause('AS', node.query, (query) => p.query(query)),
  );
}
