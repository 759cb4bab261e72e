/** CREATE TABLE, with LIKE and AS; REPLACE TABLE. */
import type { CreateTable } from '../ast/create.ts';
import type { Span } from '../ast/node.ts';
import type { LikeClause, LikeOption } from '../ast/table-definition.ts';
import { parseComment, parseIfNotExists, parseNameList, parseQualifiedName, parseWithOptions } from '../parse/names.ts';
import { printComment, printNames, printQualifiedName, printWithOptions } from '../print/names.ts';
import { clause, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseDistribution, parseTableElements, printDistribution, printTableElements } from './table-elements.ts';

/** Behind CREATE [TEMPORARY], REPLACE, or CREATE OR REPLACE. */
export function parseCreateTable(
  c: TokenCursor,
  start: Span,
  mode: CreateTable['mode'],
  temporary: boolean,
): CreateTable {
  c.expect('TABLE');
  const ifNotExists = parseIfNotExists(c);
  const name = parseQualifiedName(c);
  const elements = parseTableElements(c);
  const comment = parseComment(c);
  const distribution = c.accept('DISTRIBUTED') ? parseDistribution(c) : undefined;
  const partitionedBy = c.accept('PARTITIONED', 'BY') ? parseNameList(c) : [];
  const connection = mode === 'CREATE' && c.accept('USING', 'CONNECTION') ? parseQualifiedName(c) : undefined;
  const options = parseWithOptions(c);
  const like = mode === 'CREATE' && c.at('LIKE') ? parseLike(c) : undefined;
  // What replaces a table must say with which rows, and names without types need a query to have their types from.
  const queried = mode !== 'CREATE' || elements.some(({ kind }) => kind === 'column-name');
  if (queried && !c.at('AS')) c.fail();
  const query = like === undefined && connection === undefined && c.accept('AS') ? c.query() : undefined;
  const clauses = { elements, comment, distribution, partitionedBy, connection, options, like, query };
  return { kind: 'create-table', mode, temporary, ifNotExists, name, ...clauses, span: c.since(start) };
}

const STRATEGIES = ['INCLUDING', 'EXCLUDING', 'OVERWRITING'] as const;
const FEATURES = [
  'ALL',
  'CONSTRAINTS',
  'DISTRIBUTION',
  'GENERATED',
  'METADATA',
  'OPTIONS',
  'PARTITIONS',
  'WATERMARKS',
] as const;

function parseLike(c: TokenCursor): LikeClause {
  const start = c.token;
  c.expect('LIKE');
  const table = parseQualifiedName(c);
  const options: LikeOption[] = [];
  if (c.accept('(')) {
    do options.push({ strategy: c.expectAny(STRATEGIES), feature: c.expectAny(FEATURES) });
    while (!c.accept(')'));
  }
  return { kind: 'like-clause', table, options, span: c.since(start) };
}

export function printCreateTable(node: CreateTable, p: Printer): string {
  return words(
    node.mode,
    node.temporary && 'TEMPORARY',
    'TABLE',
    node.ifNotExists && 'IF NOT EXISTS',
    printQualifiedName(node.name),
    printTableElements(p, node.elements),
    printComment(node.comment),
    node.distribution && `DISTRIBUTED ${printDistribution(node.distribution)}`,
    node.partitionedBy.length > 0 && `PARTITIONED BY ${printNames(node.partitionedBy)}`,
    clause('USING CONNECTION', node.connection, printQualifiedName),
    printWithOptions(node.options),
    clause('LIKE', node.like, printLike),
    clause('AS', node.query, (query) => p.query(query)),
  );
}

function printLike({ table, options }: LikeClause): string {
  const printed = options.map(({ strategy, feature }) => `${strategy} ${feature}`).join(' ');
  return words(printQualifiedName(table), printed !== '' && `(${printed})`);
}
