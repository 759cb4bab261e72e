/** CREATE [OR ALTER] MATERIALIZED TABLE. */
import type { CreateMaterializedTable, RefreshMode, StartMode } from '../ast/create.ts';
import type { IntervalLiteral } from '../ast/literal.ts';
import type { Span } from '../ast/node.ts';
import { parseDateTimeLiteral, parseIntervalLiteral } from '../parse/literals.ts';
import { parseComment, parseIfNotExists, parseNameList, parseQualifiedName, parseWithOptions } from '../parse/names.ts';
import { printLiteral } from '../print/literals.ts';
import { printComment, printNames, printQualifiedName, printWithOptions } from '../print/names.ts';
import { clause, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseDistribution, parseTableElements, printDistribution, printTableElements } from './table-elements.ts';

/** Behind CREATE or CREATE OR ALTER. */
export function parseCreateMaterializedTable(c: TokenCursor, start: Span, orAlter: boolean): CreateMaterializedTable {
  c.expect('MATERIALIZED', 'TABLE');
  const ifNotExists = parseIfNotExists(c);
  const name = parseQualifiedName(c);
  const elements = parseTableElements(c);
  const comment = parseComment(c);
  const distribution = c.accept('DISTRIBUTED') ? parseDistribution(c) : undefined;
  const partitionedBy = c.accept('PARTITIONED', 'BY') ? parseNameList(c) : [];
  const options = parseWithOptions(c);
  const startMode = c.accept('START_MODE') ? parseStartMode(c) : undefined;
  const freshness = c.at('FRESHNESS') ? parseFreshness(c) : undefined;
  const refreshMode = c.at('REFRESH_MODE') ? parseRefreshMode(c) : undefined;
  c.expect('AS');
  const clauses = { elements, comment, distribution, partitionedBy, options, startMode, freshness, refreshMode };
  const query = c.query();
  return { kind: 'create-materialized-table', orAlter, ifNotExists, name, ...clauses, query, span: c.since(start) };
}

const START_MODES = [
  'FROM_BEGINNING',
  'FROM_NOW',
  'FROM_TIMESTAMP',
  'RESUME_OR_FROM_BEGINNING',
  'RESUME_OR_FROM_NOW',
  'RESUME_OR_FROM_TIMESTAMP',
] as const;

/** Behind START_MODE. Now may have an interval, a timestamp must be given. */
function parseStartMode(c: TokenCursor): StartMode {
  c.expect('=');
  const mode = c.expectAny(START_MODES);
  if (mode.endsWith('FROM_BEGINNING')) return { mode, argument: undefined };
  const now = mode.endsWith('FROM_NOW');
  if (now && !c.accept('(')) return { mode, argument: undefined };
  if (!now) c.expect('(');
  const argument = now ? parseIntervalLiteral(c) : (parseDateTimeLiteral(c) ?? (c.wanted('TIMESTAMP'), c.fail()));
  c.expect(')');
  return { mode, argument };
}

/** `FRESHNESS = INTERVAL '3' MINUTE` */
export function parseFreshness(c: TokenCursor): IntervalLiteral {
  c.expect('FRESHNESS', '=');
  return parseIntervalLiteral(c);
}

/** `REFRESH_MODE = FULL` */
export function parseRefreshMode(c: TokenCursor): RefreshMode {
  c.expect('REFRESH_MODE', '=');
  return c.expectAny(['FULL', 'CONTINUOUS']);
}

export function printCreateMaterializedTable(node: CreateMaterializedTable, p: Printer): string {
  return words(
    node.orAlter ? 'CREATE OR ALTER MATERIALIZED TABLE' : 'CREATE MATERIALIZED TABLE',
    node.ifNotExists && 'IF NOT EXISTS',
    printQualifiedName(node.name),
    printTableElements(p, node.elements),
    printComment(node.comment),
    node.distribution && `DISTRIBUTED ${printDistribution(node.distribution)}`,
    node.partitionedBy.length > 0 && `PARTITIONED BY ${printNames(node.partitionedBy)}`,
    printWithOptions(node.options),
    clause('START_MODE =', node.startMode, printStartMode),
    clause('FRESHNESS =', node.freshness, printLiteral),
    clause('REFRESH_MODE =', node.refreshMode, (mode) => mode),
    `AS ${p.query(node.query)}`,
  );
}

function printStartMode({ mode, argument }: StartMode): string {
  return argument === undefined ? mode : `${mode}(${printLiteral(argument)})`;
}
