/**
 * Regular expressions as Java writes them, as JavaScript's.
 *
 * Most of the two languages is the same. What differs is rewritten: `\d`, `\w`, `\s` and the POSIX classes mean ASCII,
 * `.` stops at every line terminator, `$` also stands before the last one, classes nest. What JavaScript cannot say
 * (possessive quantifiers, atomic groups, `\G`, `\X`, blocks of Unicode, the flags `x`, `d`, `u`, `U`) is refused, not
 * approximated.
 */

import { failed } from './scalar-code.ts';

/** Inside a class of characters, with the flag `v`. */
const ASCII_CLASSES: Readonly<Record<string, string>> = {
  Lower: 'a-z',
  Upper: 'A-Z',
  ASCII: '\\x00-\\x7F',
  Alpha: 'a-zA-Z',
  Digit: '0-9',
  Alnum: 'a-zA-Z0-9',
  Punct: '!-\\/:-@\\[-`\\{-~',
  Graph: '!-~',
  Print: ' -~',
  Blank: ' \\t',
  Cntrl: '\\x00-\\x1F\\x7F',
  XDigit: '0-9a-fA-F',
  Space: ' \\t\\n\\x0B\\f\\r',
};

const UNICODE_CLASSES: Readonly<Record<string, string>> = {
  javaLowerCase: 'Lowercase',
  javaUpperCase: 'Uppercase',
  javaWhitespace: 'White_Space',
  javaAlphabetic: 'Alphabetic',
  javaLetter: 'L',
  javaDigit: 'Nd',
};

const LETTER_CLASSES: Readonly<Record<string, string>> = {
  d: '0-9',
  w: 'a-zA-Z_0-9',
  s: ' \\t\\n\\x0B\\f\\r',
  h: ' \\t\\xA0\\u1680\\u180e\\u2000-\\u200a\\u202f\\u205f\\u3000',
  v: '\\n\\x0B\\f\\r\\x85\\u2028\\u2029',
};

const TERMINATORS = '\\n\\r\\x85\\u2028\\u2029';
const NOT_TERMINATOR = `[^${TERMINATORS}]`;
const END_OF_INPUT = '(?![\\s\\S])';
const AT_END = `(?=(?:\\r\\n|[${TERMINATORS}])?${END_OF_INPUT})`;

const CONTROL: Readonly<Record<string, string>> = { t: '\\t', n: '\\n', r: '\\r', f: '\\f', a: '\\x07', e: '\\x1B' };
const ANCHORS: Readonly<Record<string, string>> = {
  b: '\\b',
  B: '\\B',
  A: '(?<![\\s\\S])',
  z: END_OF_INPUT,
  Z: AT_END,
  R: `(?:\\r\\n|[\\n\\x0B\\f\\r\\x85\\u2028\\u2029])`,
};

/** What has to be escaped to stand for itself, in a class or out of it. */
const SYNTAX = /[\^$\\.*+?()[\]{}|/\-&!#%,:;<=>@`~"' ]/;

/** The expression; undefined where Java would refuse it, too. `flags` are those of `RegExp` beside `v`. */
export function javaRegex(source: string, flags = ''): RegExp | undefined {
  try {
    return new RegExp(new Translation(source).run(), `v${flags}`);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class Translation {
  readonly #source: string;
  #at = 0;
  #dotAll = false;
  #multiline = false;

  constructor(source: string) {
    this.#source = source;
  }

  run(): string {
    const text = this.#alternatives();
    if (this.#at < this.#source.length) throw new SyntaxError('a bracket is closed that was not opened');
    return text;
  }

  #peek(length = 1): string {
    return this.#source.slice(this.#at, this.#at + length);
  }

  #take(): string {
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? this.#end());
    this.#at += character.length;
    return character;
  }

  #end(): never {
    throw new SyntaxError('the expression ends too early');
  }

  #refuse(what: string): never {
    failed(`The regular expression ${JSON.stringify(this.#source)} has ${what}, which cannot be computed here.`);
  }

  /** Up to the end of the group. Flags hold up to there. */
  #alternatives(): string {
    const [dotAll, multiline] = [this.#dotAll, this.#multiline];
    let text = '';
    let closing = '';
    const start = this.#at;
    while (this.#at < this.#source.length && this.#peek() !== ')') {
      const flags = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]+))?\)/.exec(this.#source.slice(this.#at));
      if (flags === null) {
        text += this.#element();
        continue;
      }
      const whole = this.#at === start || !/[|]/.test(this.#source.slice(start));
      if (!whole) this.#refuse('flags in the middle of alternatives');
      this.#at += flags[0].length;
      text += this.#flags(flags[1] ?? '', flags[2] ?? '');
      closing += ')';
    }
    [this.#dotAll, this.#multiline] = [dotAll, multiline];
    return text + closing;
  }

  /** The opening of a group with flags. `s` and `m` are built into what they change. */
  #flags(on: string, off: string): string {
    for (const flag of on + off) if (!'ims'.includes(flag)) this.#refuse(`the flag "${flag}"`);
    if (on.includes('s')) this.#dotAll = true;
    if (off.includes('s')) this.#dotAll = false;
    if (on.includes('m')) this.#multiline = true;
    if (off.includes('m')) this.#multiline = false;
    return on.includes('i') ? '(?i:' : off.includes('i') ? '(?-i:' : '(?:';
  }

  #element(): string {
    const character = this.#take();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '\\':
        return this.#escape();
      case '.':
        return this.#dotAll ? '[\\s\\S]' : NOT_TERMINATOR;
      case '^':
        return this.#multiline ? `(?:(?<![\\s\\S])|(?<=[${TERMINATORS}]))` : '(?<![\\s\\S])';
      case '$':
        return this.#multiline ? `(?=[${TERMINATORS}]|${END_OF_INPUT})` : AT_END;
      case ']':
      case '}':
        return `\\${character}`;
      case '*':
      case '+':
      case '?':
        return this.#quantified(character);
      case '{':
        return this.#quantified(this.#repetition());
      default:
        return character === '/' ? '\\/' : character;
    }
  }

  #repetition(): string {
    const counted = /^\d+(?:,\d*)?\}/.exec(this.#source.slice(this.#at));
    if (counted === null) throw new SyntaxError('a repetition has no count');
    this.#at += counted[0].length;
    return `{${counted[0]}`;
  }

  /** Behind a quantifier: one that never gives back is refused. */
  #quantified(quantifier: string): string {
    if (this.#peek() === '+') this.#refuse('a possessive quantifier');
    return quantifier;
  }

  #group(): string {
    let opening = '(';
    if (this.#peek() === '?') {
      const special = /^\?(?:[:=!]|<[=!]|<[a-zA-Z][a-zA-Z0-9]*>)/.exec(this.#source.slice(this.#at));
      if (special !== null) {
        opening += special[0];
        this.#at += special[0].length;
      } else {
        if (this.#peek(2) === '?>') this.#refuse('an atomic group');
        const flags = /^\?([a-zA-Z]*)(?:-([a-zA-Z]+))?:/.exec(this.#source.slice(this.#at));
        if (flags === null) throw new SyntaxError('a group begins with what is unknown');
        this.#at += flags[0].length;
        return this.#flaggedGroup(flags[1] ?? '', flags[2] ?? '');
      }
    }
    const text = opening + this.#alternatives();
    return text + this.#close();
  }

  #flaggedGroup(on: string, off: string): string {
    const [dotAll, multiline] = [this.#dotAll, this.#multiline];
    const text = this.#flags(on, off) + this.#alternatives();
    [this.#dotAll, this.#multiline] = [dotAll, multiline];
    return text + this.#close();
  }

  #close(): string {
    if (this.#take() !== ')') this.#end();
    return ')';
  }

  #escape(): string {
    const character = this.#take();
    if (character === 'Q') return this.#quoted();
    if ('GXN'.includes(character)) this.#refuse(`\\${character}`);
    const anchor = ANCHORS[character];
    if (anchor !== undefined) return anchor;
    if (/[1-9]/.test(character)) return `(?:\\${character})`;
    if (character === 'k') {
      const name = /^<\w+>/.exec(this.#source.slice(this.#at));
      if (name === null) throw new SyntaxError('a reference has no name');
      this.#at += name[0].length;
      return `\\k${name[0]}`;
    }
    const set = this.#escapedClass(character);
    return set === undefined ? this.#escapedCharacter(character) : `[${set}]`;
  }

  /** `\Q…\E`: everything stands for itself. */
  #quoted(): string {
    const end = this.#source.indexOf('\\E', this.#at);
    const text = this.#source.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#source.length : end + 2;
    return Array.from(text, literal).join('');
  }

  /** A class by its letter, as the inside of a class; undefined where the letter has none. */
  #escapedClass(character: string): string | undefined {
    const lower = character.toLowerCase();
    const known = LETTER_CLASSES[lower];
    if (known !== undefined) return character === lower ? known : `[^${known}]`;
    if (lower !== 'p') return undefined;
    const name = this.#peek() === '{' ? this.#braced() : this.#take();
    const set = this.#named(name);
    return character === 'p' ? set : `[^${set}]`;
  }

  #braced(): string {
    const end = this.#source.indexOf('}', this.#at);
    if (end < 0) this.#end();
    const name = this.#source.slice(this.#at + 1, end);
    this.#at = end + 1;
    return name;
  }

  #named(name: string): string {
    const ascii = ASCII_CLASSES[name];
    if (ascii !== undefined) return ascii;
    if (name.startsWith('In') || /^(?:block|blk)=/.test(name)) this.#refuse(`the block \\p{${name}}`);
    const plain = name.replace(/^Is/, '').replace(/^(?:general_category|gc)=/, '');
    if (/^(?:script|sc)=/.test(plain)) return `\\p{Script=${plain.replace(/^\w+=/, '')}}`;
    const property = UNICODE_CLASSES[plain] ?? plain;
    const known = [property, `Script=${property}`].find(isProperty);
    if (known !== undefined) return `\\p{${known}}`;
    throw new SyntaxError(`there is no class ${name}`);
  }

  /** An escape that stands for one character. */
  #escapedCharacter(character: string): string {
    const control = CONTROL[character];
    if (control !== undefined) return control;
    if (character === 'x' || character === 'u' || character === '0') return this.#coded(character);
    if (character === 'c') return literal(String.fromCodePoint((this.#take().codePointAt(0) as number) ^ 64));
    if (/[a-zA-Z]/.test(character)) throw new SyntaxError(`\\${character} means nothing`);
    return literal(character);
  }

  #coded(kind: string): string {
    const form = { x: /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]+)\})/, u: /^([0-9a-fA-F]{4})/, '0': /^([0-3]?[0-7]{1,2})/ };
    const found = form[kind as keyof typeof form].exec(this.#source.slice(this.#at));
    if (found === null) throw new SyntaxError('a character has no number');
    this.#at += found[0].length;
    return `\\u{${Number.parseInt(found[1] ?? found[2] ?? '', kind === '0' ? 8 : 16).toString(16)}}`;
  }

  /** Behind `[`, up to the bracket that closes it. */
  #class(): string {
    const negated = this.#peek() === '^';
    if (negated) this.#at++;
    const parts: string[] = [''];
    for (let first = true; ; first = false) {
      const character = this.#take();
      if (character === ']' && !first) break;
      if (character === '&' && this.#peek() === '&') {
        this.#at++;
        parts.push('');
        continue;
      }
      parts[parts.length - 1] += this.#member(character);
    }
    const sets = parts.filter((part) => part !== '');
    const text = sets.length === 1 ? (sets[0] as string) : sets.map((part) => `[${part}]`).join('&&');
    return `[${negated ? '^' : ''}${text}]`;
  }

  #member(character: string): string {
    if (character === '[') return this.#class();
    if (character === '-')
      return this.#peek() === ']' || '[&'.includes(this.#source.charAt(this.#at - 2)) ? '\\-' : '-';
    if (character !== '\\') return literal(character);
    const escaped = this.#take();
    if (escaped === 'Q') return this.#quoted();
    return this.#escapedClass(escaped) ?? this.#escapedCharacter(escaped);
  }
}

/** Whether JavaScript knows a property of characters. */
function isProperty(name: string): boolean {
  try {
    return new RegExp(`\\p{${name}}`, 'v').flags !== '';
  } catch {
    return false;
  }
}

/** A character that stands for itself. */
function literal(character: string): string {
  if (character === '\n') return '\\n';
  return SYNTAX.test(character) ? `\\u{${(character.codePointAt(0) as number).toString(16)}}` : character;
}
