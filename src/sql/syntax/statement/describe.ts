/** DESCRIBE, ANALYZE TABLE. */
import type { AnalyzeTable, Describe, DescribeJob } from '../ast/utility.ts';
import { parseString } from '../parse/literals.ts';
import { parsePartitionClause, parseQualifiedName } from '../parse/names.ts';
import { printString } from '../print/literals.ts';
import { printName, printPartitionClause, printQualifiedName } from '../print/names.ts';
import { commaList, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

const OBJECTS = ['CATALOG', 'CONNECTION', 'DATABASE', 'FUNCTION', 'MODEL'] as const;

/** These words are names of tables too, where nothing follows them. */
export function parseDescribe(c: TokenCursor): Describe | DescribeJob {
  const start = c.token;
  c.expectAny(['DESCRIBE', 'DESC']);
  if (c.is('JOB') && c.ahead(1).kind === 'string') {
    c.advance();
    return { kind: 'describe-job', job: parseString(c), span: c.since(start) };
  }
  const object = OBJECTS.find((one) => c.at(one) && (c.atName(1) || c.is('EXTENDED', 1)));
  if (object !== undefined) c.advance();
  const extended = c.accept('EXTENDED');
  const name = parseQualifiedName(c);
  return { kind: 'describe', object: object ?? 'TABLE', extended, name, span: c.since(start) };
}

export function printDescribe({ object, extended, name }: Describe): string {
  return words('DESCRIBE', object !== 'TABLE' && object, extended && 'EXTENDED', printQualifiedName(name));
}

export function printDescribeJob({ job }: DescribeJob): string {
  return `DESCRIBE JOB ${printString(job)}`;
}

export function parseAnalyzeTable(c: TokenCursor): AnalyzeTable {
  const start = c.token;
  c.expect('ANALYZE', 'TABLE');
  const table = parseQualifiedName(c);
  const partition = parsePartitionClause(c, { valueless: true });
  c.expect('COMPUTE', 'STATISTICS');
  let columns: AnalyzeTable['columns'];
  if (c.accept('FOR', 'ALL', 'COLUMNS')) columns = 'ALL';
  else if (c.accept('FOR', 'COLUMNS')) columns = c.list(() => c.name());
  return { kind: 'analyze-table', table, partition, columns, span: c.since(start) };
}

export function printAnalyzeTable({ table, partition, columns }: AnalyzeTable): string {
  return words(
    'ANALYZE TABLE',
    printQualifiedName(table),
    printPartitionClause(partition),
    'COMPUTE STATISTICS',
    columns === 'ALL' && 'FOR ALL COLUMNS',
    typeof columns === 'object' && `FOR COLUMNS ${commaList(columns, printName)}`,
  );
}
