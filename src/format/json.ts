/** JSON: one value per line, or the elements of one array. */

import type { ByteAppender } from './byte-appender.ts';
import { FormatError, MORE_BYTES, NO_RECORD, type Decoder, type Encoder, type Format } from './format.ts';
import { byteOrderMark, contentEnd, countNewlines, lineEnd, NEWLINE, utf8 } from './lines.ts';

/** How JSON is laid out, and how its values are checked. */
export interface JsonOptions<T> {
  /**
   * `'lines'` (default): one value per line, blank lines are skipped. `'array'`: the file is one array whose elements
   * are the records, read one by one; such a file is not split into ranges, and is written as lines.
   */
  readonly layout?: 'lines' | 'array';
  /**
   * Turns what was parsed into the record's type, or throws what is wrong with it: the record is then undecodable.
   * Without it the value is taken for a `T` unseen.
   */
  readonly check?: (value: unknown) => T;
}

/**
 * JSON values.
 *
 * @example
 * ```ts
 * interface Click { readonly user: string; readonly at: number }
 *
 * const unchecked = json<Click>();
 * const checked = json({
 *   check: (value): Click => {
 *     const { user, at } = value as Partial<Click>;
 *     if (typeof user !== 'string' || typeof at !== 'number') throw new Error('it is no click');
 *     return { user, at };
 *   },
 * });
 * const flights = json<{ origin: string }>({ layout: 'array' });
 * ```
 */
export function json<T>(options: JsonOptions<T> = {}): Format<T, unknown> {
  const { layout = 'lines', check = (value: unknown) => value as T } = options;
  return Object.freeze({
    name: layout === 'lines' ? 'json' : 'json-array',
    extension: '.jsonl',
    splittable: layout === 'lines',
    concatenable: true,
    decoder: () => (layout === 'lines' ? new JsonLinesDecoder(check) : new JsonArrayDecoder(check)),
    encoder: () => new JsonLinesEncoder(),
  });
}

const SPACE = 0x20;
const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const ARRAY_OPEN = 0x5b;
const ARRAY_CLOSE = 0x5d;
const OBJECT_OPEN = 0x7b;
const OBJECT_CLOSE = 0x7d;

/** The offset of the first byte that is no white space, or `end`. */
function skipSpace(bytes: Buffer, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte !== SPACE && byte !== NEWLINE && byte !== CARRIAGE_RETURN && byte !== TAB) break;
  }
  return at;
}

function parse<T>(bytes: Buffer, start: number, end: number, check: (value: unknown) => T): T {
  const text = utf8(bytes, start, end);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new FormatError(`it is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  try {
    return check(value);
  } catch (error) {
    throw new FormatError(`its check says: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

class JsonLinesDecoder<T> implements Decoder<T> {
  readonly prologueCarries = false;
  readonly lineBreaks = 1;
  readonly #check: (value: unknown) => T;

  constructor(check: (value: unknown) => T) {
    this.#check = check;
  }

  prologue(bytes: Buffer, atEnd: boolean): number {
    return byteOrderMark(bytes, atEnd);
  }

  align(bytes: Buffer, atEnd: boolean): number {
    return lineEnd(bytes, 0, atEnd);
  }

  recordEnd(bytes: Buffer, start: number, atEnd: boolean): number {
    return lineEnd(bytes, start, atEnd);
  }

  decode(bytes: Buffer, start: number, end: number): T | typeof NO_RECORD {
    const from = skipSpace(bytes, start, end);
    return from === end ? NO_RECORD : parse(bytes, from, contentEnd(bytes, from, end), this.#check);
  }
}

/**
 * Reads the elements of an array. A record is an element with the comma before it, so that between two records
 * nothing needs to be known of what came before, and a file that ends too early never ends between two records.
 */
class JsonArrayDecoder<T> implements Decoder<T> {
  readonly prologueCarries = false;
  lineBreaks = 0;
  readonly #check: (value: unknown) => T;
  /** Of the record that was found last: what it is, and where its value, or what follows the bracket, begins and ends. */
  #kind: 'element' | 'closing' | 'unfinished' = 'unfinished';
  #from = 0;
  #to = 0;

  constructor(check: (value: unknown) => T) {
    this.#check = check;
  }

  prologue(bytes: Buffer, atEnd: boolean): number {
    const mark = byteOrderMark(bytes, atEnd);
    if (mark === MORE_BYTES) return MORE_BYTES;
    const bracket = skipSpace(bytes, mark, bytes.length);
    // An empty file holds no array, and no records.
    if (bracket === bytes.length) return atEnd ? bracket : MORE_BYTES;
    if (bytes[bracket] !== ARRAY_OPEN) throw new FormatError('the file does not begin with the [ of an array');
    const first = skipSpace(bytes, bracket + 1, bytes.length);
    if (first === bytes.length && !atEnd) return MORE_BYTES;
    if (bytes[first] === COMMA) throw new FormatError('a comma stands where the first element should be');
    return bracket + 1;
  }

  align(): number {
    throw new FormatError('an array can only be read from its beginning');
  }

  recordEnd(bytes: Buffer, start: number, atEnd: boolean): number {
    const first = skipSpace(bytes, start, bytes.length);
    if (bytes[first] === ARRAY_CLOSE) {
      // Takes along what follows the array, which must be blank.
      this.#found('closing', first + 1, bytes.length);
    } else {
      const from = bytes[first] === COMMA ? first + 1 : first;
      const to = elementEnd(bytes, from);
      this.#found(to < bytes.length ? 'element' : 'unfinished', from, to);
    }
    if (this.#kind !== 'element' && !atEnd) return MORE_BYTES;
    this.lineBreaks = countNewlines(bytes, start, this.#to);
    return this.#to;
  }

  #found(kind: 'element' | 'closing' | 'unfinished', from: number, to: number): void {
    this.#kind = kind;
    this.#from = from;
    this.#to = to;
  }

  decode(bytes: Buffer): T | typeof NO_RECORD {
    switch (this.#kind) {
      case 'element':
        return parse(bytes, this.#from, this.#to, this.#check);
      case 'closing':
        if (skipSpace(bytes, this.#from, this.#to) !== this.#to)
          throw new FormatError('text follows the ] of the array');
        return NO_RECORD;
      case 'unfinished':
        throw new FormatError('the file ends before the ] of its array');
    }
  }
}

/** The offset of the comma or the bracket behind an element, or the length of the bytes. */
function elementEnd(bytes: Buffer, start: number): number {
  let depth = 0;
  let inString = false;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OBJECT_OPEN || byte === ARRAY_OPEN) depth++;
    else if (depth > 0) {
      if (byte === OBJECT_CLOSE || byte === ARRAY_CLOSE) depth--;
    } else if (byte === COMMA || byte === ARRAY_CLOSE) return at;
  }
  return bytes.length;
}

class JsonLinesEncoder implements Encoder<unknown> {
  encode(value: unknown, into: ByteAppender): void {
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (error) {
      throw new FormatError(`it has no form in JSON: ${(error as Error).message}`, { cause: error });
    }
    if (text === undefined) throw new FormatError(`a ${typeof value} has no form in JSON`);
    into.text(text);
    into.byte(NEWLINE);
  }
}
