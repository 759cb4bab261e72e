/** CREATE FUNCTION and ALTER FUNCTION. */
import type { AlterFunction } from '../ast/alter.ts';
import type { CreateFunction, FunctionLanguage, FunctionResource, Lifetime } from '../ast/create.ts';
import type { Span } from '../ast/node.ts';
import { parseString } from '../parse/literals.ts';
import { parseIfExists, parseIfNotExists, parseQualifiedName, parseWithOptions } from '../parse/names.ts';
import { printString } from '../print/literals.ts';
import { printQualifiedName, printWithOptions } from '../print/names.ts';
import { clause, listClause, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';

const LANGUAGES = ['JAVA', 'SCALA', 'SQL', 'PYTHON', 'TYPESCRIPT', 'JAVASCRIPT'] as const;

/** Behind CREATE [TEMPORARY [SYSTEM]]. */
export function parseCreateFunction(c: TokenCursor, start: Span, lifetime: Lifetime): CreateFunction {
  c.expect('FUNCTION');
  const ifNotExists = parseIfNotExists(c);
  const name = parseQualifiedName(c);
  c.expect('AS');
  const implementation = parseString(c);
  const language = parseLanguage(c);
  const using = c.accept('USING') ? c.list(() => parseResource(c)) : [];
  const options = parseWithOptions(c);
  const clauses = { implementation, language, using, options };
  return { kind: 'create-function', lifetime, ifNotExists, name, ...clauses, span: c.since(start) };
}

function parseLanguage(c: TokenCursor): FunctionLanguage | undefined {
  return c.accept('LANGUAGE') ? c.expectAny(LANGUAGES) : undefined;
}

function parseResource(c: TokenCursor): FunctionResource {
  const start = c.token;
  const resource = c.expectAny(['JAR', 'ARTIFACT', 'MODULE']);
  return { kind: 'resource', resource, path: parseString(c), span: c.since(start) };
}

/** Behind ALTER [TEMPORARY [SYSTEM]]. */
export function parseAlterFunction(c: TokenCursor, start: Span, lifetime: Lifetime): AlterFunction {
  c.expect('FUNCTION');
  const ifExists = parseIfExists(c);
  const name = parseQualifiedName(c);
  c.expect('AS');
  const implementation = parseString(c);
  const language = parseLanguage(c);
  return { kind: 'alter-function', lifetime, ifExists, name, implementation, language, span: c.since(start) };
}

export function printCreateFunction(node: CreateFunction): string {
  return words(
    'CREATE',
    node.lifetime,
    'FUNCTION',
    node.ifNotExists && 'IF NOT EXISTS',
    `${printQualifiedName(node.name)} AS ${printString(node.implementation)}`,
    clause('LANGUAGE', node.language, (language) => language),
    listClause('USING', node.using, ({ resource, path }) => `${resource} ${printString(path)}`),
    printWithOptions(node.options),
  );
}

export function printAlterFunction(node: AlterFunction): string {
  return words(
    'ALTER',
    node.lifetime,
    'FUNCTION',
    node.ifExists && 'IF EXISTS',
    `${printQualifiedName(node.name)} AS ${printString(node.implementation)}`,
    clause('LANGUAGE', node.language, (language) => language),
  );
}
