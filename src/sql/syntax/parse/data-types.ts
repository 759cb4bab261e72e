/** Data types. */
import type { BasicTypeName, DataType, FieldDefinition } from '../ast/data-type.ts';
import type { Span } from '../ast/node.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseIntervalQualifier, parseUnsigned } from './intervals.ts';
import { parseString } from './literals.ts';
import { parseQualifiedName } from './names.ts';

/** Words of basic types, longest first, what they mean, and how many numbers they take. */
const BASIC_TYPES: readonly (readonly [words: string, name: BasicTypeName, numbers: number])[] = [
  ['BOOLEAN', 'BOOLEAN', 0],
  ['TINYINT', 'TINYINT', 0],
  ['SMALLINT', 'SMALLINT', 0],
  ['INTEGER', 'INT', 0],
  ['INT', 'INT', 0],
  ['BIGINT', 'BIGINT', 0],
  ['FLOAT', 'FLOAT', 0],
  ['REAL', 'REAL', 0],
  ['DOUBLE PRECISION', 'DOUBLE', 0],
  ['DOUBLE', 'DOUBLE', 0],
  ['DECIMAL', 'DECIMAL', 2],
  ['DEC', 'DECIMAL', 2],
  ['NUMERIC', 'DECIMAL', 2],
  ['CHARACTER VARYING', 'VARCHAR', 1],
  ['CHAR VARYING', 'VARCHAR', 1],
  ['CHARACTER', 'CHAR', 1],
  ['CHAR', 'CHAR', 1],
  ['VARCHAR', 'VARCHAR', 1],
  ['STRING', 'STRING', 0],
  ['BINARY VARYING', 'VARBINARY', 1],
  ['BINARY', 'BINARY', 1],
  ['VARBINARY', 'VARBINARY', 1],
  ['BYTES', 'BYTES', 0],
  ['DATE', 'DATE', 0],
  ['TIMESTAMP_LTZ', 'TIMESTAMP_LTZ', 1],
  ['VARIANT', 'VARIANT', 0],
  ['BITMAP', 'BITMAP', 0],
];

/** A type with its nullability and the ARRAY and MULTISET behind it. */
export function parseDataType(c: TokenCursor): DataType {
  return c.nested(() => {
    const start = c.token;
    let type = parseTypeName(c);
    for (;;) {
      const notNull = parseNotNull(c);
      type = { ...type, notNull, span: c.since(start) };
      const collection = c.acceptAny(['ARRAY', 'MULTISET']);
      if (collection === undefined) return type;
      c.grow();
      type = { kind: 'collection-type', collection, element: type, notNull: false, span: c.since(start) };
    }
  });
}

function parseNotNull(c: TokenCursor): boolean {
  if (c.accept('NOT', 'NULL')) return true;
  // `RETURNING INT NULL ON EMPTY` is about JSON_VALUE, not about INT.
  if (c.is('NULL') && !c.is('ON', 1)) c.advance();
  return false;
}

/** A type without what follows it; that it is nullable is said until it is known better. */
function parseTypeName(c: TokenCursor): DataType {
  const start = c.token;
  for (const [words, name, numbers] of BASIC_TYPES) {
    if (c.is(words.split(' ', 1)[0] ?? words) && c.accept(...words.split(' '))) {
      return { kind: 'basic-type', name, parameters: parseParameters(c, numbers), ...open(c, start) };
    }
  }
  switch (start.word) {
    case 'TIME':
    case 'TIMESTAMP':
      return parseTimeType(c, start.word);
    case 'INTERVAL':
      c.advance();
      return { kind: 'interval-type', qualifier: parseIntervalQualifier(c), ...open(c, start) };
    case 'ARRAY':
    case 'MULTISET': {
      c.advance();
      c.expect('<');
      const element = c.dataType();
      c.expect('>');
      return { kind: 'collection-type', collection: start.word, element, ...open(c, start) };
    }
    case 'MAP':
      if (c.is('<', 1)) return parseMap(c);
      break;
    case 'ROW':
      c.advance();
      return { kind: 'row-type', fields: parseFields(c), ...open(c, start) };
    case 'STRUCTURED':
      return parseStructured(c);
    case 'RAW':
      return parseRaw(c);
    default:
  }
  if (c.atName()) return { kind: 'named-type', name: parseQualifiedName(c), ...open(c, start) };
  c.wanted('a data type');
  return c.fail();
}

function open(c: TokenCursor, start: Span): { readonly notNull: boolean; readonly span: Span } {
  return { notNull: false, span: c.since(start) };
}

/** `(n)`, `(n, m)`, or nothing. A scale may be negative to the grammar; to Flink it never is. */
function parseParameters(c: TokenCursor, most: number): number[] {
  if (most === 0 || !c.accept('(')) return [];
  const numbers = [parseUnsigned(c)];
  if (most > 1 && c.accept(',')) numbers.push(parseUnsigned(c));
  c.expect(')');
  return numbers;
}

function parseTimeType(c: TokenCursor, word: 'TIME' | 'TIMESTAMP'): DataType {
  const start = c.advance();
  const parameters = parseParameters(c, 1);
  let zone = '';
  if (c.accept('WITHOUT', 'TIME')) c.expect('ZONE');
  else if (c.is('WITH') && (c.is('TIME', 1) || c.is('LOCAL', 1))) {
    c.advance();
    zone = c.accept('LOCAL') ? ' WITH LOCAL TIME ZONE' : ' WITH TIME ZONE';
    c.expect('TIME', 'ZONE');
  }
  const written = `${word}${zone}`;
  const name = written === 'TIMESTAMP WITH LOCAL TIME ZONE' ? 'TIMESTAMP_LTZ' : (written as BasicTypeName);
  return { kind: 'basic-type', name, parameters, ...open(c, start) };
}

function parseMap(c: TokenCursor): DataType {
  const start = c.advance();
  c.expect('<');
  const key = c.dataType();
  c.expect(',');
  const value = c.dataType();
  c.expect('>');
  return { kind: 'map-type', key, value, ...open(c, start) };
}

/** `<a INT, …>` or `(a INT, …)`, also empty. */
function parseFields(c: TokenCursor): FieldDefinition[] {
  if (c.accept('<>')) return [];
  const close = c.expectAny(['<', '(']) === '<' ? '>' : ')';
  const fields = c.is(close) ? [] : c.list(() => parseField(c));
  c.expect(close);
  return fields;
}

function parseField(c: TokenCursor): FieldDefinition {
  const start = c.token;
  const name = c.name();
  const type = c.dataType();
  const comment = c.token.kind === 'string' ? parseString(c) : undefined;
  return { kind: 'field', name, type, comment, span: c.since(start) };
}

function parseStructured(c: TokenCursor): DataType {
  const start = c.advance();
  c.expect('<');
  const className = parseString(c);
  const fields = c.accept(',') ? c.list(() => parseField(c)) : [];
  c.expect('>');
  return { kind: 'structured-type', className, fields, ...open(c, start) };
}

function parseRaw(c: TokenCursor): DataType {
  const start = c.advance();
  c.expect('(');
  const className = parseString(c);
  c.expect(',');
  const serializer = parseString(c);
  c.expect(')');
  return { kind: 'raw-type', className, serializer, ...open(c, start) };
}
