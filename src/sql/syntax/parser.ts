/**
 * The parser: text → statements. It wires the recursive parts of the grammar together and knows where statements end.
 *
 * A text is cut into statements by its semicolons alone, before any of it is understood, so that an error in one leaves
 * the others untouched. Semicolons in strings, comments and quoted names are no tokens and do not count; those within a
 * statement set belong to it.
 */
import { MillstreamError } from '../../base/error.ts';
import type { Expression } from './ast/expression.ts';
import type { Span } from './ast/node.ts';
import type { Statement } from './ast/statement.ts';
import { tokenize } from './lexer.ts';
import { parseDataType } from './parse/data-types.ts';
import { parseExpression, parseExpressionFrom } from './parse/expression.ts';
import { parseQuery, parseQueryFrom } from './parse/query.ts';
import { SourceLines } from './source-lines.ts';
import { parseStatementBody } from './statement/statements.ts';
import { type Grammar, TokenCursor } from './token-cursor.ts';
import type { Token } from './token.ts';

const GRAMMAR: Grammar = {
  expression: parseExpression,
  expressionFrom: parseExpressionFrom,
  query: parseQuery,
  queryFrom: parseQueryFrom,
  dataType: parseDataType,
  statement: parseStatementBody,
};

/** A statement of a script, or why there is none. */
export type ScriptEntry =
  | {
      readonly kind: 'statement';
      /** Counted from 0; statements with errors count too, empty ones do not. */
      readonly index: number;
      /** Without the semicolon. */
      readonly span: Span;
      readonly statement: Statement;
    }
  | {
      readonly kind: 'error';
      readonly index: number;
      readonly span: Span;
      readonly error: MillstreamError;
    };

/**
 * Parses a script: statements parted by semicolons. It never throws; after an error it goes on behind the semicolon of
 * the statement that has it, so that one run finds all of them.
 *
 * @example
 * ```ts
 * import { parseScript } from 'millstream/sql';
 * for (const entry of parseScript('USE db; SELEC 1; SHOW TABLES;')) {
 *   if (entry.kind === 'error') console.log(entry.index, entry.error.message);
 *   else console.log(entry.index, entry.statement.kind);
 * }
 * ```
 */
export function parseScript(text: string): readonly ScriptEntry[] {
  const lines = new SourceLines(text);
  return cut(tokenize(lines)).map(({ tokens, end, span }, index): ScriptEntry => {
    try {
      return { kind: 'statement', index, span, statement: parseWhole(tokens, end, lines) };
    } catch (error) {
      if (!(error instanceof MillstreamError) || !error.code.startsWith('SQL_PARSE_')) throw error;
      return { kind: 'error', index, span, error };
    }
  });
}

/**
 * Parses one statement, with or without a semicolon behind it.
 *
 * @throws SQL_PARSE_UNEXPECTED, SQL_PARSE_UNTERMINATED, SQL_PARSE_CHARACTER, SQL_PARSE_LITERAL, SQL_PARSE_TOO_DEEP: the
 *   message shows the place, and `details` has `line`, `column` and `offset`.
 *
 * @example
 * ```ts
 * import { parseStatement } from 'millstream/sql';
 * const statement = parseStatement('SELECT name FROM people WHERE age > 17');
 * if (statement.kind === 'query' && statement.query.kind === 'select') console.log(statement.query.items.length);
 * ```
 */
export function parseStatement(text: string): Statement {
  const lines = new SourceLines(text);
  const tokens = tokenize(lines);
  const [first, second] = cut(tokens);
  const end = tokens.at(-1) as Token;
  if (first === undefined) return new TokenCursor([], end, lines, GRAMMAR).statement();
  const statement = parseWhole(first.tokens, first.end, lines);
  if (second !== undefined) {
    const cursor = new TokenCursor(second.tokens, second.end, lines, GRAMMAR);
    cursor.failAt(cursor.token, 'a second statement begins here; a script of several is for parseScript');
  }
  return statement;
}

/**
 * Parses an expression that stands by itself, as in a filter or a computed column.
 *
 * @throws As {@link parseStatement} does.
 *
 * @example
 * ```ts
 * import { parseSqlExpression } from 'millstream/sql';
 * console.log(parseSqlExpression("price * 2 > 10 AND name LIKE 'A%'").kind);
 * ```
 */
export function parseSqlExpression(text: string): Expression {
  const lines = new SourceLines(text);
  const tokens = tokenize(lines);
  const cursor = new TokenCursor(tokens.slice(0, -1), tokens.at(-1) as Token, lines, GRAMMAR);
  const expression = cursor.expression();
  if (cursor.token.kind !== 'end') cursor.fail();
  return expression;
}

function parseWhole(tokens: readonly Token[], end: Token, lines: SourceLines): Statement {
  const cursor = new TokenCursor(tokens, end, lines, GRAMMAR);
  const statement = cursor.statement();
  if (cursor.token.kind !== 'end') {
    cursor.wanted('the end');
    cursor.fail();
  }
  return statement;
}

interface Piece {
  readonly tokens: readonly Token[];
  readonly end: Token;
  readonly span: Span;
}

/** Cuts tokens at their semicolons, those of statement sets excepted; what is empty is left out. */
function cut(tokens: readonly Token[]): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  let set: StatementSetScan | undefined;
  for (const [at, token] of tokens.entries()) {
    set ??= beginsSet(tokens, at) ? new StatementSetScan() : undefined;
    if (token.kind !== 'end') {
      if (set !== undefined) {
        if (set.ends(token)) set = undefined;
        continue;
      }
      if (token.word !== ';') continue;
    }
    const first = tokens[from];
    const last = tokens[at - 1];
    if (first !== undefined && last !== undefined && from < at) {
      const end: Token = { ...token, kind: 'end', word: '' };
      const span = { start: first.start, end: last.end, line: first.line, column: first.column };
      pieces.push({ tokens: tokens.slice(from, at), end, span });
    }
    from = at + 1;
  }
  return pieces;
}

/** Behind `STATEMENT SET BEGIN` and `BEGIN STATEMENT SET ;` semicolons part inserts. */
function beginsSet(tokens: readonly Token[], at: number): boolean {
  const before = (back: number): string | undefined => tokens[at - back]?.word;
  if (before(1) === 'BEGIN') return before(2) === 'SET' && before(3) === 'STATEMENT';
  return before(1) === 'SET' && before(2) === 'STATEMENT' && before(3) === 'BEGIN' && tokens[at]?.word === ';';
}

/** Finds the END of a statement set among those of CASE, also where the inserts are wrong. */
class StatementSetScan {
  #cases = 0;
  #atStart = true;

  /** Whether a token is the END of the set. */
  ends({ word }: Token): boolean {
    const atStart = this.#atStart;
    this.#atStart = word === ';';
    if (word === ';') this.#cases = 0;
    else if (word === 'CASE') this.#cases++;
    else if (word === 'END') {
      if (atStart || this.#cases === 0) return true;
      this.#cases--;
    }
    return false;
  }
}
