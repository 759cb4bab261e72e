/** INSERT, statement sets, EXECUTE. */
import type { Execute, Insert, QueryStatement, StatementSet } from '../ast/data-change.ts';
import type { QualifiedName } from '../ast/node.ts';
import { parseHints } from '../parse/hints.ts';
import { parsePartitionClause, parseQualifiedName } from '../parse/names.ts';
import { printHints } from '../print/hints.ts';
import { printPartitionClause, printQualifiedName } from '../print/names.ts';
import { clause, commaList, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

export function parseQueryStatement(c: TokenCursor): QueryStatement {
  const start = c.token;
  return { kind: 'query', query: c.query(), span: c.since(start) };
}

export function printQueryStatement(node: QueryStatement, p: Printer): string {
  return p.query(node.query);
}

export function parseInsert(c: TokenCursor): Insert {
  const start = c.token;
  const mode = parseMode(c);
  c.wanted('a table');
  const table = parseQualifiedName(c);
  const hints = parseHints(c);
  const early = parseColumns(c);
  const partition = parsePartitionClause(c);
  const columns = early.length === 0 ? parseColumns(c) : early;
  const query = c.query();
  const onConflict = c.accept('ON') ? parseConflict(c) : undefined;
  return { kind: 'insert', mode, table, hints, partition, columns, query, onConflict, span: c.since(start) };
}

function parseMode(c: TokenCursor): Insert['mode'] {
  if (c.accept('UPSERT')) {
    c.expect('INTO');
    return 'UPSERT INTO';
  }
  c.expect('INSERT');
  return `INSERT ${c.expectAny(['INTO', 'OVERWRITE'])}`;
}

/** `(a, b.c)`; a parenthesis may also begin the query. */
function parseColumns(c: TokenCursor): QualifiedName[] {
  return c.at('(') && c.atName(1) ? c.parenthesised(() => parseQualifiedName(c)) : [];
}

/** Behind ON. */
function parseConflict(c: TokenCursor): Insert['onConflict'] {
  c.expect('CONFLICT', 'DO');
  return c.expectAny(['NOTHING', 'ERROR', 'DEDUPLICATE']);
}

export function printInsert(node: Insert, p: Printer): string {
  return words(
    node.mode,
    printQualifiedName(node.table),
    printHints(node.hints),
    printPartitionClause(node.partition),
    node.columns.length > 0 && `(${commaList(node.columns, printQualifiedName)})`,
    p.query(node.query),
    clause('ON CONFLICT DO', node.onConflict, (behavior) => behavior),
  );
}

/** `STATEMENT SET BEGIN insert; insert; END` */
export function parseStatementSet(c: TokenCursor): StatementSet {
  const start = c.token;
  c.expect('STATEMENT', 'SET', 'BEGIN');
  const inserts = parseInserts(c);
  return { kind: 'statement-set', inserts, span: c.since(start) };
}

/** Each insert with its semicolon, then END; none at all is a set too, with nothing to do. */
function parseInserts(c: TokenCursor): Insert[] {
  const inserts: Insert[] = [];
  while (!c.accept('END')) {
    inserts.push(parseInsert(c));
    c.expect(';');
  }
  return inserts;
}

export function printStatementSet(node: StatementSet, p: Printer): string {
  return words('STATEMENT SET BEGIN', ...node.inserts.map((insert) => `${printInsert(insert, p)};`), 'END');
}

/** `BEGIN STATEMENT SET; insert; insert; END`: three statements and more to Flink, one to us. */
export function parseBegin(c: TokenCursor): Execute {
  const start = c.token;
  c.expect('BEGIN', 'STATEMENT', 'SET', ';');
  const inserts = parseInserts(c);
  const span = c.since(start);
  return { kind: 'execute', statement: { kind: 'statement-set', inserts, span }, span };
}

/** EXECUTE of a query, an INSERT or a statement set. EXECUTE PLAN is another statement. */
export function parseExecute(c: TokenCursor): Execute {
  const start = c.token;
  c.expect('EXECUTE');
  return { kind: 'execute', statement: parseExecutable(c), span: c.since(start) };
}

function parseExecutable(c: TokenCursor): Execute['statement'] {
  if (c.at('STATEMENT')) return parseStatementSet(c);
  return c.at('INSERT') || c.at('UPSERT') ? parseInsert(c) : parseQueryStatement(c);
}

export function printExecute(node: Execute, p: Printer): string {
  return `EXECUTE ${p.statement(node.statement)}`;
}
