/** Names, and the small clauses of names and strings that most statements share. */
import type { QualifiedName, Identifier } from '../ast/node.ts';
import type { Option, PartitionColumn } from '../ast/table-definition.ts';
import type { StringLiteral } from '../ast/literal.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseLiteral, parseString } from './literals.ts';

export function parseQualifiedName(c: TokenCursor): QualifiedName {
  const start = c.token;
  const parts = [c.name()];
  while (c.accept('.')) parts.push(c.name());
  return { kind: 'qualified-name', parts, span: c.since(start) };
}

/** `(a, b)` */
export function parseNameList(c: TokenCursor): Identifier[] {
  return c.parenthesised(() => c.name());
}

/** `a` or `(a, b)` */
export function parseNameOrList(c: TokenCursor): Identifier[] {
  return c.at('(') ? parseNameList(c) : [c.name()];
}

export function parseIfExists(c: TokenCursor): boolean {
  return c.accept('IF', 'EXISTS');
}

export function parseIfNotExists(c: TokenCursor): boolean {
  return c.accept('IF', 'NOT', 'EXISTS');
}

export function parseComment(c: TokenCursor): StringLiteral | undefined {
  return c.accept('COMMENT') ? parseString(c) : undefined;
}

/** `'key' = 'value'` */
export function parseOption(c: TokenCursor): Option {
  const start = c.token;
  const key = parseString(c, "an option: 'key' = 'value'");
  c.expect('=');
  return { kind: 'option', key, value: parseString(c), span: c.since(start) };
}

/** `('key' = 'value', …)`, also empty. */
export function parseOptions(c: TokenCursor): Option[] {
  c.expect('(');
  if (c.accept(')')) return [];
  const options = c.list(() => parseOption(c));
  c.expect(')');
  return options;
}

export function parseWithOptions(c: TokenCursor): Option[] | undefined {
  return c.accept('WITH') ? parseOptions(c) : undefined;
}

/** `('key', …)`, also empty. */
export function parseOptionKeys(c: TokenCursor): StringLiteral[] {
  c.expect('(');
  if (c.accept(')')) return [];
  const keys = c.list(() => parseString(c));
  c.expect(')');
  return keys;
}

/** `(column = literal, …)`; the literals may be left out where the statement says so. */
export function parsePartition(c: TokenCursor, { valueless = false } = {}): PartitionColumn[] {
  return c.parenthesised(() => {
    const start = c.token;
    const column = c.name();
    const value = !valueless || c.at('=') ? (c.expect('='), parseLiteral(c)) : undefined;
    return { kind: 'partition-column', column, value, span: c.since(start) };
  });
}

/** `PARTITION (…)`, or nothing. */
export function parsePartitionClause(c: TokenCursor, options?: { readonly valueless?: boolean }): PartitionColumn[] {
  return c.accept('PARTITION') ? parsePartition(c, options) : [];
}
