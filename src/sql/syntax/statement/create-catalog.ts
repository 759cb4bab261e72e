/** CREATE CATALOG, CREATE DATABASE and CREATE CONNECTION: a name, a comment, options. */
import type { CreateCatalog, CreateConnection, CreateDatabase, Lifetime } from '../ast/create.ts';
import type { Span } from '../ast/node.ts';
import { parseComment, parseIfNotExists, parseQualifiedName, parseWithOptions } from '../parse/names.ts';
import { printComment, printName, printQualifiedName, printWithOptions } from '../print/names.ts';
import { words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

export function parseCreateCatalog(c: TokenCursor, start: Span): CreateCatalog {
  c.expect('CATALOG');
  const ifNotExists = parseIfNotExists(c);
  const name = c.name();
  const comment = parseComment(c);
  return { kind: 'create-catalog', ifNotExists, name, comment, options: parseWithOptions(c), span: c.since(start) };
}

export function parseCreateDatabase(c: TokenCursor, start: Span): CreateDatabase {
  c.expect('DATABASE');
  const ifNotExists = parseIfNotExists(c);
  const name = parseQualifiedName(c);
  const comment = parseComment(c);
  return { kind: 'create-database', ifNotExists, name, comment, options: parseWithOptions(c), span: c.since(start) };
}

export function parseCreateConnection(c: TokenCursor, start: Span, lifetime: Lifetime): CreateConnection {
  c.expect('CONNECTION');
  const ifNotExists = parseIfNotExists(c);
  const name = parseQualifiedName(c);
  const comment = parseComment(c);
  const options = parseWithOptions(c);
  return { kind: 'create-connection', lifetime, ifNotExists, name, comment, options, span: c.since(start) };
}

export function printCreateCatalog(node: CreateCatalog): string {
  return words('CREATE CATALOG', printRest(node, printName(node.name)));
}

export function printCreateDatabase(node: CreateDatabase): string {
  return words('CREATE DATABASE', printRest(node, printQualifiedName(node.name)));
}

export function printCreateConnection(node: CreateConnection): string {
  return words('CREATE', node.lifetime, 'CONNECTION', printRest(node, printQualifiedName(node.name)));
}

function printRest(node: CreateCatalog | CreateDatabase | CreateConnection, name: string): string {
  return words(node.ifNotExists && 'IF NOT EXISTS', name, printComment(node.comment), printWithOptions(node.options));
}
