/**
 * The lexer: text → tokens, in one pass, never failing. What cannot be a token becomes one of kind `bad`, which carries
 * its problem to the place where the parser meets it; so one broken statement of a script leaves the others alone.
 *
 * The lexical rules are Flink's: names in backticks, strings in single quotes in which a backslash is a character like
 * any other (but for `E'…'`), comments from `--` or `//` to the end of the line or between the usual signs, hints between the latter with a plus.
 */
import type { SourceLines } from './source-lines.ts';
import type { LexicalProblem, Token } from './token.ts';

/** The byte order mark too, with which some editors begin a file. */
const SPACE = /[ \t\r\n\f\uFEFF]+/y;
const WORD = /[\p{L}_$][\p{L}\p{Nd}_$]*/uy;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const STRING = /(?:[xXnNeE]|[uU]&|_[a-zA-Z0-9][\w:.-]*)?'/y;
const SYMBOL = /<=|>=|<>|!=|=>|\|\||[()[\]{},.;:=<>+\-*/%?|^]|\$(?![\p{L}\p{Nd}_$])/uy;

/** Keys of options whose values no message repeats; the words are Flink's. */
const SECRET_KEY =
  /password|secret|token|api-?key|account\.key|service-key|auth-params|basic-auth|jaas\.config|http-headers/i;

export function tokenize(lines: SourceLines): readonly Token[] {
  return new Lexer(lines).run();
}

class Lexer {
  readonly #lines: SourceLines;
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  /** Whether the last string is the value of a secret option. */
  #secret = false;
  /** Whether a hint is open: only then `*` and `/` together close one. */
  #inHint = false;

  constructor(lines: SourceLines) {
    this.#lines = lines;
    this.#text = lines.text;
  }

  run(): readonly Token[] {
    for (;;) {
      this.#skipBlank();
      if (this.#at >= this.#text.length) break;
      this.#next();
    }
    this.#push('end', '', '', 0);
    return this.#tokens;
  }

  #skipBlank(): void {
    for (;;) {
      this.#at += this.#match(SPACE)?.length ?? 0;
      if (this.#text.startsWith('--', this.#at) || this.#text.startsWith('//', this.#at)) {
        const end = /[\r\n]/g;
        end.lastIndex = this.#at;
        this.#at = end.exec(this.#text)?.index ?? this.#text.length;
      } else if (this.#text.startsWith('/*', this.#at) && this.#text[this.#at + 2] !== '+') {
        const end = this.#text.indexOf('*/', this.#at + 2);
        if (end === -1) {
          this.#bad('this comment has no end: `*/` is missing', 'SQL_PARSE_UNTERMINATED', this.#text.length - this.#at);
          return;
        }
        this.#at = end + 2;
      } else return;
    }
  }

  #next(): void {
    if (this.#text.startsWith('/*+', this.#at)) {
      this.#inHint = true;
      this.#push('symbol', '/*+', '/*+', 3);
      return;
    }
    if (this.#inHint && this.#text.startsWith('*/', this.#at)) {
      this.#inHint = false;
      this.#push('symbol', '*/', '*/', 2);
      return;
    }
    const string = this.#match(STRING);
    if (string !== undefined) return this.#string(string);
    if (this.#text[this.#at] === '`') return this.#quotedName();
    const number = this.#match(NUMBER);
    if (number !== undefined) return this.#push('number', '', number, number.length);
    const symbol = this.#match(SYMBOL);
    if (symbol !== undefined) return this.#push('symbol', symbol, symbol, symbol.length);
    const word = this.#match(WORD);
    if (word !== undefined) return this.#push('word', word.toUpperCase(), word, word.length);
    this.#unknown();
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  /** A quote within a string is written twice; in `E'…'` it may also have a backslash before it. */
  #string(opening: string): void {
    this.#secret = this.#isSecret();
    const prefix = opening.slice(0, -1).toUpperCase();
    let at = this.#at + opening.length;
    for (; ; at++) {
      if (at >= this.#text.length) {
        const length = this.#text.length - this.#at;
        if (this.#secret) this.#lines.hide(this.#at, this.#text.length);
        return this.#bad("this string has no end: `'` is missing", 'SQL_PARSE_UNTERMINATED', length);
      }
      if (prefix === 'E' && this.#text[at] === '\\') at++;
      else if (this.#text[at] === "'") {
        if (this.#text[at + 1] !== "'") break;
        at++;
      }
    }
    const content = this.#text.slice(this.#at + opening.length, at).replaceAll("''", "'");
    if (this.#secret) this.#lines.hide(this.#at + opening.length, at);
    this.#push('string', '', content, at + 1 - this.#at, prefix);
  }

  /** Whether a string that begins here follows the key of a secret option, or goes on with its value. */
  #isSecret(): boolean {
    const last = this.#tokens.at(-1);
    if (last?.kind === 'string') return this.#secret || SECRET_KEY.test(last.text);
    const key = last?.word === '=' ? this.#tokens.at(-2) : undefined;
    return key?.kind === 'string' && SECRET_KEY.test(key.text);
  }

  /** A backtick within a quoted name is written twice; a name never goes over the end of its line. */
  #quotedName(): void {
    const name = this.#match(/`(?:[^`\r\n]|``)+`/y);
    if (name !== undefined) return this.#push('quoted', '', name.slice(1, -1).replaceAll('``', '`'), name.length);
    if (this.#text[this.#at + 1] === '`') return this.#bad('a name cannot be empty', 'SQL_PARSE_CHARACTER', 2);
    const rest = this.#match(/`[^\r\n;]*/y) ?? '`';
    this.#bad('this quoted name has no end on its line: "`" is missing', 'SQL_PARSE_UNTERMINATED', rest.length);
  }

  #unknown(): void {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    const quoted = this.#match(/"[^"\r\n;]*"/y);
    const message =
      character === '"'
        ? 'names are quoted with backticks, strings with single quotes'
        : `the character ${JSON.stringify(character)} has no meaning in SQL`;
    this.#bad(message, 'SQL_PARSE_CHARACTER', quoted?.length ?? character.length);
  }

  #bad(message: string, code: LexicalProblem['code'], length: number): void {
    this.#push('bad', '', this.#text.slice(this.#at, this.#at + length), length, '', { code, message });
  }

  #push(kind: Token['kind'], word: string, text: string, length: number, prefix = '', problem?: LexicalProblem): void {
    this.#line = this.#lines.lineOf(this.#at, this.#line);
    const start = this.#at;
    const column = start - this.#lines.startOf(this.#line) + 1;
    this.#at += length;
    this.#tokens.push({ kind, word, text, prefix, problem, start, end: this.#at, line: this.#line, column });
  }
}
