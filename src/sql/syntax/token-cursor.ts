/**
 * Where the parser stands in the tokens of one statement: looking, taking, and failing with what was expected there.
 *
 * The grammar looks one token ahead, in few places up to four, and never goes back, so the time to parse is linear.
 * Parse functions live in small files that know the cursor but not each other; where the grammar is recursive, they go
 * through {@link Grammar}, which the parser fills in.
 */
import type { ErrorCode } from '../../base/error.ts';
import type { DataType } from './ast/data-type.ts';
import type { Expression } from './ast/expression.ts';
import type { Identifier, Span } from './ast/node.ts';
import type { Query } from './ast/query.ts';
import type { Statement } from './ast/statement.ts';
import { nearest } from '../../base/nearest.ts';
import { isReserved } from './keywords.ts';
import type { SourceLines } from './source-lines.ts';
import { alternatives, syntaxError } from './syntax-error.ts';
import type { Token } from './token.ts';

/**
 * How deep a syntax tree may be. Whatever walks a tree recurses; a level costs up to ten frames of some 100 bytes here,
 * and no fewer in what comes behind, so that this depth fits well into a stack of one megabyte.
 */
export const TREE_DEPTH_MAX = 400;

/** The recursive parts of the grammar. */
export interface Grammar {
  /** An expression of at least this precedence; 0 takes any. */
  expression(cursor: TokenCursor, precedence: number): Expression;
  /** The expression that begins with an operand which has been read. */
  expressionFrom(cursor: TokenCursor, first: Expression): Expression;
  query(cursor: TokenCursor): Query;
  /** The query that begins with one in parentheses which has been read. */
  queryFrom(cursor: TokenCursor, first: Query): Query;
  dataType(cursor: TokenCursor): DataType;
  statement(cursor: TokenCursor): Statement;
}

export class TokenCursor {
  readonly lines: SourceLines;
  readonly #grammar: Grammar;
  readonly #tokens: readonly Token[];
  readonly #end: Token;
  #index = 0;
  #depth = 0;
  /** The height of the tree that has been built on the present level. */
  #height = 0;
  #parameters = 0;
  /** What the grammar has asked for at the present token in vain: words, symbols, and descriptions such as `a name`. */
  #expected: Set<string> = new Set();

  /** `end` closes `tokens`, which are those of one statement without its semicolon. */
  constructor(tokens: readonly Token[], end: Token, lines: SourceLines, grammar: Grammar) {
    this.#tokens = tokens;
    this.#end = end;
    this.lines = lines;
    this.#grammar = grammar;
  }

  get token(): Token {
    return this.#tokens[this.#index] ?? this.#end;
  }

  /** Whether a token is this word or symbol, without a trace in error messages. */
  is(word: string, ahead = 0): boolean {
    return this.ahead(ahead).word === word;
  }

  ahead(count: number): Token {
    return this.#tokens[this.#index + count] ?? this.#end;
  }

  /** Whether the present token is this word; if it is not and nothing else fits, the message says that it could be. */
  at(word: string): boolean {
    if (this.token.word === word) return true;
    this.#expected.add(word);
    return false;
  }

  advance(): Token {
    const token = this.token;
    if (token.kind === 'bad') this.fail();
    this.#index++;
    this.#expected = new Set();
    return token;
  }

  /** Takes all of these words, or none. */
  accept(...words: readonly string[]): boolean {
    if (!words.every((word, ahead) => (ahead === 0 ? this.at(word) : this.is(word, ahead)))) return false;
    for (let left = words.length; left > 0; left--) this.advance();
    return true;
  }

  expect(...words: readonly string[]): void {
    for (const word of words) {
      if (!this.at(word)) this.fail();
      this.advance();
    }
  }

  /** Takes one of these words, if it is there. */
  acceptAny<const W extends string>(words: readonly W[]): W | undefined {
    const found = words.find((word) => this.at(word));
    if (found !== undefined) this.advance();
    return found;
  }

  expectAny<const W extends string>(words: readonly W[]): W {
    return this.acceptAny(words) ?? this.fail();
  }

  /** Says what else could stand here, in words: `a name`. */
  wanted(description: string): void {
    this.#expected.add(description);
  }

  /** Whether a name may stand here: a quoted one, or a word that is not reserved. */
  atName(ahead = 0): boolean {
    const token = this.ahead(ahead);
    return token.kind === 'quoted' || (token.kind === 'word' && !isReserved(token.word));
  }

  name(what = 'a name'): Identifier {
    if (!this.atName()) {
      this.wanted(what);
      this.fail();
    }
    const token = this.advance();
    return { kind: 'identifier', name: token.text, span: this.since(token) };
  }

  /** The stretch from a token, or a node, to the last token that was taken. */
  since(start: Span): Span {
    const last = this.#tokens[this.#index - 1] ?? start;
    return { start: start.start, end: Math.max(start.end, last.end), line: start.line, column: start.column };
  }

  /** `item, item, …` */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.accept(',')) items.push(item());
    return items;
  }

  /** `(item, item, …)`, at least one. */
  parenthesised<T>(item: () => T): T[] {
    this.expect('(');
    const items = this.list(item);
    this.expect(')');
    return items;
  }

  /** A number for the next `?`. */
  nextParameter(): number {
    return this.#parameters++;
  }

  expression(precedence = 0): Expression {
    return this.#grammar.expression(this, precedence);
  }

  expressionFrom(first: Expression): Expression {
    return this.#grammar.expressionFrom(this, first);
  }

  query(): Query {
    return this.#grammar.query(this);
  }

  queryFrom(first: Query): Query {
    return this.#grammar.queryFrom(this, first);
  }

  dataType(): DataType {
    return this.#grammar.dataType(this);
  }

  statement(): Statement {
    return this.#grammar.statement(this);
  }

  /** Parses something one level deeper, and refuses to go too deep. */
  nested<T>(parse: () => T): T {
    const outside = this.#height;
    this.#height = 0;
    if (++this.#depth > TREE_DEPTH_MAX) this.#tooDeep();
    const result = parse();
    this.#depth--;
    this.grow();
    this.#height = Math.max(outside, this.#height);
    return result;
  }

  /** A left-associative operator puts what was read before one level deeper. */
  grow(): void {
    if (++this.#height > TREE_DEPTH_MAX) this.#tooDeep();
  }

  #tooDeep(): never {
    const message = `nested deeper than ${TREE_DEPTH_MAX} levels; name parts of it in WITH or in a view`;
    throw syntaxError('SQL_PARSE_TOO_DEEP', message, this.token, this.lines);
  }

  /** Fails at the present token, with what was expected there. */
  fail(): never {
    const { token } = this;
    if (token.problem !== undefined) this.failAt(token, token.problem.message, token.problem.code);
    const expected = alternatives([...this.#expected]);
    const found = this.#describe(token);
    this.failAt(token, `unexpected ${found}${expected === '' ? '' : `; expected ${expected}`}${this.#advice()}`);
  }

  /** Fails at a place of the parser's own choice. */
  failAt(place: Span, message: string, code: ErrorCode = 'SQL_PARSE_UNEXPECTED'): never {
    throw syntaxError(code, message, place, this.lines);
  }

  /** A string is not repeated: it may be a password. */
  #describe(token: Token): string {
    if (token.kind === 'end' && token.text === '') return 'the end';
    if (token.kind === 'string') return 'a string';
    const text = token.kind === 'end' ? token.text : this.lines.text.slice(token.start, token.end);
    return text.length > 40 ? `'${text.slice(0, 40)}…'` : `'${text}'`;
  }

  /** What was meant: another spelling, a keyword, here or by the word before; or how a reserved word becomes a name. */
  #advice(): string {
    const { token } = this;
    const before = this.#tokens[this.#index - 1];
    const pairs = [`${before?.word}${token.word}`, `${token.word}${this.ahead(1).word}`, token.word];
    const habit = pairs.map((pair) => HABITS[pair]).find((one) => one !== undefined);
    if (habit !== undefined) return `. Write ${habit}`;
    const here = token.kind === 'word' ? nearest(token.word, this.#expected) : undefined;
    if (here !== undefined) return `. Did you mean ${here}?`;
    const asName = token.kind === 'word' && isReserved(token.word) && !CLAUSES.has(token.word);
    if (asName && NAMES_EXPECTED.some((name) => this.#expected.has(name))) {
      return `. ${token.word} is a reserved word; to use it as a name, quote it: \`${token.text}\``;
    }
    // `SELECT a FORM t`: what was taken for an alias is the keyword that is missing now.
    if (before?.kind !== 'word' || isReserved(before.word)) return '';
    const meant = nearest(before.word, this.#expected);
    return meant === undefined || meant === before.word ? '' : `. Did you mean ${meant} instead of ${before.text}?`;
  }
}

/** What other dialects write, by the symbol at which the parser stops, or that and its neighbour. */
const HABITS: Readonly<Record<string, string>> = {
  '!=': '<> instead of !=',
  '==': '= instead of ==',
  '::': 'CAST(x AS type) instead of x::type',
};

/** Descriptions of places where a name may stand. */
const NAMES_EXPECTED = ['a name', 'a table', 'an expression', 'a data type'];

/** Reserved words that nobody means as a name: something is missing before them. */
const CLAUSES = new Set(
  'AND AS ELSE END FROM GROUP HAVING INTO JOIN LIMIT ON OR ORDER SELECT SET THEN UNION USING VALUES WHEN WHERE WITH'.split(
    ' ',
  ),
);
