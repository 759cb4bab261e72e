/** EXPLAIN, and the statements about compiled plans. */
import type { CompilePlan, ExecutePlan, Explain, ExplainDetail } from '../ast/data-change.ts';
import { parseString } from '../parse/literals.ts';
import { parseIfNotExists } from '../parse/names.ts';
import { printString } from '../print/literals.ts';
import { type Printer, words } from '../print/printer.ts';
import type { TokenCursor } from '../token-cursor.ts';
import { parseInsert, parseStatementSet } from './insert.ts';

const DETAILS = ['ESTIMATED_COST', 'CHANGELOG_MODE', 'PLAN_ADVICE', 'JSON_EXECUTION_PLAN'] as const;

/** `EXPLAIN [PLAN FOR] …` or `EXPLAIN detail, detail …`. */
export function parseExplain(c: TokenCursor): Explain {
  const start = c.token;
  c.expect('EXPLAIN');
  const details: ExplainDetail[] = [];
  if (!c.accept('PLAN', 'FOR')) {
    do {
      const place = c.token;
      const detail = c.acceptAny(DETAILS);
      if (detail === undefined) break;
      if (details.includes(detail)) c.failAt(place, `${detail} is said twice`);
      details.push(detail);
    } while (c.accept(','));
  }
  return { kind: 'explain', details, statement: parseExplained(c), span: c.since(start) };
}

function parseExplained(c: TokenCursor): Explain['statement'] {
  if (c.at('STATEMENT')) return parseStatementSet(c);
  const place = c.token;
  const statement = c.statement();
  switch (statement.kind) {
    case 'query':
    case 'insert':
    case 'statement-set':
    case 'execute':
      return statement;
    case 'create-table':
      if (statement.query !== undefined) return statement;
      return c.failAt(place, 'a table that is created without AS has no plan');
    default:
      return c.failAt(place, 'only queries, INSERT, statement sets and CREATE TABLE … AS have a plan');
  }
}

export function printExplain(node: Explain, p: Printer): string {
  return words('EXPLAIN', node.details.join(', '), p.statement(node.statement));
}

/** `COMPILE PLAN 'path' [IF NOT EXISTS] FOR …`, `COMPILE AND EXECUTE PLAN 'path' FOR …` */
export function parseCompilePlan(c: TokenCursor): CompilePlan {
  const start = c.token;
  c.expect('COMPILE');
  const execute = c.accept('AND', 'EXECUTE');
  c.expect('PLAN');
  const path = parseString(c);
  const ifNotExists = !execute && parseIfNotExists(c);
  c.expect('FOR');
  const statement = c.at('STATEMENT') ? parseStatementSet(c) : parseInsert(c);
  return { kind: 'compile-plan', execute, path, ifNotExists, statement, span: c.since(start) };
}

export function printCompilePlan(node: CompilePlan, p: Printer): string {
  return words(
    node.execute ? 'COMPILE AND EXECUTE PLAN' : 'COMPILE PLAN',
    printString(node.path),
    node.ifNotExists && 'IF NOT EXISTS',
    `FOR ${p.statement(node.statement)}`,
  );
}

export function parseExecutePlan(c: TokenCursor): ExecutePlan {
  const start = c.token;
  c.expect('EXECUTE', 'PLAN');
  return { kind: 'execute-plan', path: parseString(c), span: c.since(start) };
}

export function printExecutePlan(node: ExecutePlan): string {
  return `EXECUTE PLAN ${printString(node.path)}`;
}
