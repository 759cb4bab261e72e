/**
 * LIKE, SIMILAR TO and regular expressions. Patterns that are literals are compiled once per kernel; LIKE compares bytes
 * where such a pattern is no more than a prefix, a suffix, a part or the whole.
 */

import { LogicalType } from '../../data/schema.ts';
import { utf8Bytes } from '../../data/text.ts';
import { javaRegex } from '../java-regex.ts';
import { failed, type Operand, type ScalarCode } from '../scalar-code.ts';
import {
  type CallSite,
  INTEGER,
  literalText,
  scalarFunction,
  type ScalarFunction,
  STRING,
  TEXT,
} from '../scalar-function.ts';
import { endsWithBytes, equalsBytes, nextIndexOf, regexQuoted, startsWithBytes } from '../text-values.ts';

const BOOLEAN = LogicalType.boolean();
const INT_TYPE = LogicalType.int();

/** Compiled patterns by their text. One that is a literal is the only one; others come with the rows. */
class Patterns<T> {
  readonly #compile: (pattern: string) => T;
  readonly #known = new Map<string, T>();
  #last: string | undefined;
  #lastCompiled: T | undefined;

  constructor(compile: (pattern: string) => T) {
    this.#compile = compile;
  }

  of(pattern: string): T {
    if (pattern === this.#last) return this.#lastCompiled as T;
    let compiled = this.#known.get(pattern);
    if (compiled === undefined) {
      if (this.#known.size >= PATTERNS_MAX) this.#known.clear();
      compiled = this.#compile(pattern);
      this.#known.set(pattern, compiled);
    }
    this.#last = pattern;
    this.#lastCompiled = compiled;
    return compiled;
  }
}

const PATTERNS_MAX = 1000;

/** A pattern of LIKE: characters that stand for themselves, `%` and `_`. */
type LikePart = { readonly text: string } | '%' | '_';

function likeParts(pattern: string, escape: string | undefined): readonly LikePart[] {
  const parts: LikePart[] = [];
  const escapeCharacter = escape === undefined ? undefined : escapeOf(escape);
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    let character = characters[i] as string;
    if (character === escapeCharacter) {
      character = escaped(characters[++i], escapeCharacter, pattern);
    } else if (character === '%' || character === '_') {
      parts.push(character);
      continue;
    }
    const last = parts.at(-1);
    if (typeof last === 'object') parts[parts.length - 1] = { text: last.text + character };
    else parts.push({ text: character });
  }
  return parts;
}

function escapeOf(escape: string): string {
  if (Array.from(escape).length !== 1) failed(`The escape character ${JSON.stringify(escape)} is not one character.`);
  return escape;
}

function escaped(character: string | undefined, escape: string, pattern: string): string {
  if (character === '%' || character === '_' || character === escape) return character;
  return failed(
    `The pattern ${JSON.stringify(pattern)} has its escape character before what needs none. Write it twice where it stands for itself.`,
  );
}

/** `_` does not stand for a line terminator, as in Flink. */
const ANY_CHARACTER = '[^\\n\\r\\x85\\u2028\\u2029]';
const ANYTHING = '[\\s\\S]*';

function likeRegex(parts: readonly LikePart[]): RegExp {
  const source = parts.map((part) => (part === '%' ? ANYTHING : part === '_' ? ANY_CHARACTER : regexQuoted(part.text)));
  return new RegExp(`^${source.join('')}$`, 'u');
}

/** The text that LIKE looks for and where; undefined where the pattern is more than that. */
function simpleLike(
  parts: readonly LikePart[],
): { readonly text: string; readonly start: boolean; readonly end: boolean } | undefined {
  const texts = parts.filter((part) => typeof part === 'object');
  if (texts.length > 1 || parts.includes('_')) return undefined;
  const at = parts.findIndex((part) => typeof part === 'object');
  if (at < 0) return parts.length === 0 ? { text: '', start: true, end: true } : { text: '', start: false, end: false };
  return { text: (texts[0] as { text: string }).text, start: at === 0, end: at === parts.length - 1 };
}

function likeMatcher(pattern: string, escape: string | undefined): (text: string) => boolean {
  const parts = likeParts(pattern, escape);
  const simple = simpleLike(parts);
  if (simple === undefined) {
    const regex = likeRegex(parts);
    return (text) => regex.test(text);
  }
  const { text: part, start, end } = simple;
  if (start && end) return (text) => text === part;
  if (start) return (text) => text.startsWith(part);
  return end ? (text) => text.endsWith(part) : (text) => text.includes(part);
}

function like(site: CallSite): (text: string, pattern: string, escape?: string) => boolean {
  const escape = literalText(site, 2);
  if (site.types.length === 2 || escape !== undefined) {
    const patterns = new Patterns((pattern) => likeMatcher(pattern, escape));
    return (text, pattern) => patterns.of(pattern)(text);
  }
  return (text, pattern, given) => likeMatcher(pattern, given)(text);
}

function writeLike([text]: readonly Operand[], site: CallSite, code: ScalarCode): string | undefined {
  const pattern = literalText(site, 1);
  const escape = literalText(site, 2);
  if (text?.utf8 === undefined || pattern === undefined || (site.types.length === 3 && escape === undefined))
    return undefined;
  const simple = simpleLike(likeParts(pattern, escape));
  if (simple === undefined || !simple.text.isWellFormed()) return undefined;
  const { bytes, start, end } = text.utf8;
  const operands = `(${bytes}, ${start}, ${end}, ${code.bind(utf8Bytes(simple.text))})`;
  if (simple.start) return `${code.bind(simple.end ? equalsBytes : startsWithBytes)}${operands}`;
  return simple.end ? `${code.bind(endsWithBytes)}${operands}` : `(${code.bind(nextIndexOf)}${operands} >= 0)`;
}

/** SQL's names of classes of characters, as the inside of a class. */
const SIMILAR_CLASSES: Readonly<Record<string, string>> = {
  ALPHA: String.raw`\p{Alphabetic}`,
  UPPER: String.raw`\p{Lu}`,
  LOWER: String.raw`\p{Ll}`,
  DIGIT: String.raw`\d`,
  ALNUM: String.raw`\p{Alphabetic}\d`,
  SPACE: ' ',
  WHITESPACE: String.raw`\s`,
};

function similarRegex(pattern: string, escape: string | undefined): RegExp {
  const escapeCharacter = escape === undefined ? undefined : escapeOf(escape);
  let source = '';
  const characters = Array.from(pattern);
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] as string;
    if (character === escapeCharacter) source += regexQuoted(characters[++i] ?? escaped(undefined, character, pattern));
    else if (character === '%') source += ANYTHING;
    else if (character === '_') source += ANY_CHARACTER;
    else if (character === '[') {
      const end = endOfClass(characters, i);
      source += similarClass(characters.slice(i + 1, end).join(''));
      i = end;
    } else source += '|()*+?{}'.includes(character) ? character : regexQuoted(character);
  }
  try {
    return new RegExp(`^(?:${source})$`, 'u');
  } catch {
    return failed(`The pattern ${JSON.stringify(pattern)} of SIMILAR TO is not well-formed.`);
  }
}

function endOfClass(characters: readonly string[], start: number): number {
  for (let i = start + 1, named = false; i < characters.length; i++) {
    if (characters[i] === '[') named = true;
    else if (characters[i] === ']') {
      if (!named) return i;
      named = false;
    }
  }
  return failed(`The pattern ${JSON.stringify(characters.join(''))} of SIMILAR TO does not close a bracket.`);
}

function similarClass(inside: string): string {
  const set = inside.replaceAll(/\[:(\w+):\]|[\\\][]/g, (found: string, name: string | undefined) =>
    name === undefined
      ? `\\${found}`
      : (SIMILAR_CLASSES[name.toUpperCase()] ?? failed(`SIMILAR TO knows no class ${found}.`)),
  );
  return `[${set}]`;
}

function similar(site: CallSite): (text: string, pattern: string, escape?: string) => boolean {
  const escape = literalText(site, 2);
  if (site.types.length === 2 || escape !== undefined) {
    const patterns = new Patterns((pattern) => similarRegex(pattern, escape));
    return (text, pattern) => patterns.of(pattern).test(text);
  }
  return (text, pattern, given) => similarRegex(pattern, given).test(text);
}

/** What a pattern that Java would refuse gives is NULL, or false of REGEXP, as in Flink. */
function regexes(flags = ''): Patterns<RegExp | null> {
  return new Patterns((pattern) => javaRegex(pattern, flags) ?? null);
}

function regexp(): (text: string, pattern: string) => boolean {
  const patterns = regexes();
  return (text, pattern) => pattern !== '' && (patterns.of(pattern)?.test(text) ?? false);
}

function regexpExtract(): (text: string, pattern: string, group?: number | bigint) => string | undefined {
  const patterns = regexes();
  return (text, pattern, group = 0) => patterns.of(pattern)?.exec(text)?.[Number(group)];
}

function regexpExtractAll(): (text: string, pattern: string, group?: number | bigint) => unknown[] | undefined {
  const patterns = new Patterns((pattern) => {
    const regex = javaRegex(pattern, 'g');
    return regex === undefined ? null : { regex, groups: groupsOf(regex) };
  });
  return (text, pattern, group = 1) => {
    const compiled = patterns.of(pattern);
    const place = Number(group);
    if (compiled === null || place < 0 || place > compiled.groups) return undefined;
    return Array.from(text.matchAll(compiled.regex), (match) => match[place] ?? null);
  };
}

/** How many groups an expression has: as many as it has where it matches nothing. */
function groupsOf({ source, flags }: RegExp): number {
  return (new RegExp(`${source}|`, flags).exec('')?.length ?? 1) - 1;
}

function regexpReplace(): (text: string, pattern: string, by: string) => string | undefined {
  const patterns = regexes('g');
  return (text, pattern, by) => {
    const regex = patterns.of(pattern);
    return regex === null ? undefined : text.replaceAll(regex, () => by);
  };
}

function regexpCount(): (text: string, pattern: string) => number | undefined {
  const patterns = regexes('g');
  return (text, pattern) => {
    const regex = patterns.of(pattern);
    return regex === null ? undefined : Array.from(text.matchAll(regex)).length;
  };
}

function regexpInstr(): (text: string, pattern: string) => number | undefined {
  const patterns = regexes();
  return (text, pattern) => {
    const regex = patterns.of(pattern);
    return regex === null ? undefined : (regex.exec(text)?.index ?? -1) + 1;
  };
}

const TEXTS = [TEXT, TEXT];
const PARTIAL = { partial: true };

export const PATTERN_FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  LIKE: scalarFunction(TEXTS, BOOLEAN, like, { optional: [TEXT], write: writeLike }),
  SIMILAR_TO: scalarFunction(TEXTS, BOOLEAN, similar, { optional: [TEXT] }),
  REGEXP: scalarFunction(TEXTS, BOOLEAN, regexp),
  REGEXP_EXTRACT: scalarFunction(TEXTS, STRING, regexpExtract, { optional: [INTEGER], partial: true }),
  REGEXP_EXTRACT_ALL: scalarFunction(TEXTS, LogicalType.array(STRING), regexpExtractAll, {
    optional: [INTEGER],
    partial: true,
  }),
  REGEXP_REPLACE: scalarFunction([TEXT, TEXT, TEXT], STRING, regexpReplace, PARTIAL),
  REGEXP_COUNT: scalarFunction(TEXTS, INT_TYPE, regexpCount, PARTIAL),
  REGEXP_INSTR: scalarFunction(TEXTS, INT_TYPE, regexpInstr, PARTIAL),
  REGEXP_SUBSTR: scalarFunction(TEXTS, STRING, regexpExtract, PARTIAL),
};
