/** The parts of table definitions: columns, constraints, watermarks, distribution. */
import type { QualifiedName, Span } from '../ast/node.ts';
import type {
  ColumnPosition,
  Constraint,
  Distribution,
  MetadataColumn,
  PhysicalColumn,
  TableElement,
  Watermark,
} from '../ast/table-definition.ts';
import { parseUnsigned } from '../parse/intervals.ts';
import { parseString } from '../parse/literals.ts';
import { parseComment, parseNameList, parseQualifiedName } from '../parse/names.ts';
import { printString } from '../print/literals.ts';
import { printComment, printName, printNames, printQualifiedName } from '../print/names.ts';
import { commaList, type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

/**
 * `(a INT, PRIMARY KEY (a) NOT ENFORCED, …)`, or `(a, b)`: names alone stand only among themselves.
 * Without a parenthesis there are none.
 */
export function parseTableElements(c: TokenCursor): TableElement[] {
  if (!c.at('(')) return [];
  const namesOnly = c.atName(1) && (c.is(',', 2) || c.is(')', 2));
  return c.parenthesised(() => (namesOnly ? parseColumnName(c) : parseTableElement(c)));
}

function parseColumnName(c: TokenCursor): TableElement {
  const start = c.token;
  return { kind: 'column-name', name: c.name(), span: c.since(start) };
}

/** One element, of CREATE TABLE or of ALTER TABLE, where a column may name its place. */
export function parseTableElement(c: TokenCursor): TableElement {
  if (c.at('WATERMARK')) return parseWatermark(c);
  if (c.at('CONSTRAINT') || c.at('PRIMARY') || c.at('UNIQUE')) return parseConstraint(c, true);
  const start = c.token;
  const name = parseQualifiedName(c);
  if (!c.accept('AS')) return parseTypedColumn(c, start, name);
  const expression = c.expression();
  const comment = parseComment(c);
  return { kind: 'computed-column', name, expression, comment, position: parsePosition(c), span: c.since(start) };
}

function parseTypedColumn(c: TokenCursor, start: Span, name: QualifiedName): PhysicalColumn | MetadataColumn {
  const type = c.dataType();
  if (c.accept('METADATA')) {
    const from = c.accept('FROM') ? parseString(c) : undefined;
    const virtual = c.accept('VIRTUAL');
    const comment = parseComment(c);
    const position = parsePosition(c);
    return { kind: 'metadata-column', name, type, from, virtual, comment, position, span: c.since(start) };
  }
  const constrained = c.at('CONSTRAINT') || c.at('PRIMARY') || c.at('UNIQUE');
  const constraint = constrained ? parseConstraint(c, false) : undefined;
  const comment = parseComment(c);
  const position = parsePosition(c);
  return { kind: 'physical-column', name, type, constraint, comment, position, span: c.since(start) };
}

function parsePosition(c: TokenCursor): ColumnPosition | undefined {
  if (c.accept('FIRST')) return { kind: 'first' };
  return c.accept('AFTER') ? { kind: 'after', column: parseQualifiedName(c) } : undefined;
}

function parseConstraint(c: TokenCursor, ofTable: boolean): Constraint {
  const start = c.token;
  const name = c.accept('CONSTRAINT') ? c.name() : undefined;
  const constraint = c.expectAny(['PRIMARY', 'UNIQUE']) === 'PRIMARY' ? 'PRIMARY KEY' : 'UNIQUE';
  if (constraint === 'PRIMARY KEY') c.expect('KEY');
  const columns = ofTable ? parseNameList(c) : [];
  const enforced = c.accept('NOT', 'ENFORCED') ? false : c.accept('ENFORCED') || undefined;
  return { kind: 'constraint', name, constraint, columns, enforced, span: c.since(start) };
}

function parseWatermark(c: TokenCursor): Watermark {
  const start = c.token;
  c.expect('WATERMARK', 'FOR');
  const column = parseQualifiedName(c);
  c.expect('AS');
  return { kind: 'watermark', column, strategy: c.expression(), span: c.since(start) };
}

/** `BY HASH (a) INTO 4 BUCKETS`, `INTO 4 BUCKETS`: what stands behind DISTRIBUTED or DISTRIBUTION. */
export function parseDistribution(c: TokenCursor): Distribution {
  const start = c.token;
  const by = c.accept('BY');
  const method = by ? c.acceptAny(['HASH', 'RANGE']) : undefined;
  const columns = by ? parseNameList(c) : [];
  let buckets: number | undefined;
  if (!by || c.at('INTO')) {
    c.expect('INTO');
    buckets = parseUnsigned(c);
    c.expect('BUCKETS');
  }
  return { kind: 'distribution', method, columns, buckets, span: c.since(start) };
}

export function printTableElements(p: Printer, elements: readonly TableElement[]): string {
  return elements.length === 0 ? '' : `(${commaList(elements, (element) => printTableElement(p, element))})`;
}

export function printTableElement(p: Printer, element: TableElement): string {
  switch (element.kind) {
    case 'column-name':
      return printName(element.name);
    case 'constraint':
      return printConstraint(element);
    case 'watermark':
      return `WATERMARK FOR ${printQualifiedName(element.column)} AS ${p.expression(element.strategy)}`;
    default:
      return words(
        printQualifiedName(element.name),
        printColumnBody(p, element),
        printComment(element.comment),
        printPosition(element.position),
      );
  }
}

function printColumnBody(
  p: Printer,
  column: Exclude<TableElement, { kind: 'column-name' | 'constraint' | 'watermark' }>,
): string {
  switch (column.kind) {
    case 'physical-column':
      return words(p.dataType(column.type), column.constraint && printConstraint(column.constraint));
    case 'metadata-column':
      return words(
        p.dataType(column.type),
        'METADATA',
        column.from && `FROM ${printString(column.from)}`,
        column.virtual && 'VIRTUAL',
      );
    case 'computed-column':
      return `AS ${p.expression(column.expression)}`;
  }
}

function printPosition(position: ColumnPosition | undefined): string {
  if (position === undefined) return '';
  return position.kind === 'first' ? 'FIRST' : `AFTER ${printQualifiedName(position.column)}`;
}

function printConstraint({ name, constraint, columns, enforced }: Constraint): string {
  return words(
    name && `CONSTRAINT ${printName(name)}`,
    constraint,
    columns.length > 0 && printNames(columns),
    enforced !== undefined && (enforced ? 'ENFORCED' : 'NOT ENFORCED'),
  );
}

export function printDistribution({ method, columns, buckets }: Distribution): string {
  return words(
    columns.length > 0 && 'BY',
    method,
    columns.length > 0 && printNames(columns),
    buckets !== undefined && `INTO ${buckets} BUCKETS`,
  );
}
