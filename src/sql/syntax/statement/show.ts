/** SHOW: a table of what can be listed and which clauses go with it. */
import type { Show, ShowCreate, ShowFilter, ShownList, ShownObject, ShowPartitions } from '../ast/utility.ts';
import { parseString } from '../parse/literals.ts';
import { parsePartitionClause, parseQualifiedName } from '../parse/names.ts';
import { printString } from '../print/literals.ts';
import { printPartitionClause, printQualifiedName } from '../print/names.ts';
import { clause, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

interface ListClauses {
  /** Whether FROM or IN follows. */
  readonly from?: 'optional' | 'required';
  /** Whether [NOT] LIKE or ILIKE follows. */
  readonly filter?: true;
}

const LISTS: Readonly<Record<ShownList, ListClauses>> = {
  CATALOGS: { filter: true },
  COLUMNS: { from: 'required', filter: true },
  CONNECTIONS: { from: 'optional', filter: true },
  'CURRENT CATALOG': {},
  'CURRENT DATABASE': {},
  DATABASES: { from: 'optional', filter: true },
  'FULL MODULES': {},
  FUNCTIONS: { from: 'optional', filter: true },
  JARS: {},
  JOBS: {},
  'MATERIALIZED TABLES': { from: 'optional', filter: true },
  MODELS: { from: 'optional', filter: true },
  MODULES: {},
  PROCEDURES: { from: 'optional', filter: true },
  TABLES: { from: 'optional', filter: true },
  'USER FUNCTIONS': { from: 'optional', filter: true },
  VIEWS: { from: 'optional', filter: true },
};

const OBJECTS: readonly ShownObject[] = [
  'CATALOG',
  'CONNECTION',
  'MATERIALIZED TABLE',
  'MODEL',
  'OR ALTER MATERIALIZED TABLE',
  'TABLE',
  'VIEW',
];

export function parseShow(c: TokenCursor): Show | ShowCreate | ShowPartitions {
  const start = c.token;
  c.expect('SHOW');
  if (c.accept('CREATE')) {
    const object = OBJECTS.find((one) => c.accept(...one.split(' '))) ?? c.fail();
    return { kind: 'show-create', object, name: parseQualifiedName(c), span: c.since(start) };
  }
  if (c.accept('PARTITIONS')) {
    const table = parseQualifiedName(c);
    return { kind: 'show-partitions', table, partition: parsePartitionClause(c), span: c.since(start) };
  }
  const lists = Object.keys(LISTS) as ShownList[];
  const list = lists.find((one) => c.accept(...one.split(' '))) ?? c.fail();
  const clauses = LISTS[list];
  let from: Show['from'];
  if (clauses.from === 'required') c.expectAny(['FROM', 'IN']);
  if (clauses.from === 'required' || (clauses.from === 'optional' && c.acceptAny(['FROM', 'IN']) !== undefined)) {
    from = parseQualifiedName(c);
  }
  const filter = clauses.filter === true ? parseFilter(c) : undefined;
  return { kind: 'show', list, from, filter, span: c.since(start) };
}

function parseFilter(c: TokenCursor): ShowFilter | undefined {
  const negated = c.accept('NOT');
  const operator = negated ? c.expectAny(['LIKE', 'ILIKE']) : c.acceptAny(['LIKE', 'ILIKE']);
  return operator === undefined ? undefined : { operator, negated, pattern: parseString(c) };
}

export function printShow({ list, from, filter }: Show): string {
  return words(
    'SHOW',
    list,
    clause('FROM', from, printQualifiedName),
    filter?.negated === true && 'NOT',
    filter && `${filter.operator} ${printString(filter.pattern)}`,
  );
}

export function printShowCreate({ object, name }: ShowCreate): string {
  return `SHOW CREATE ${object} ${printQualifiedName(name)}`;
}

export function printShowPartitions({ table, partition }: ShowPartitions): string {
  return words('SHOW PARTITIONS', printQualifiedName(table), printPartitionClause(partition));
}
