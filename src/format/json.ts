/** JSON: one value per line, or the elements of one array. */

import type { ByteAppender } from './byte-appender.ts';
import { FormatError, MORE_BYTES, NO_RECORD, type Decoder, type Encoder, type Format } from './format.ts';
import { byteOrderMark, lineEnd, NEWLINE, utf8 } from './lines.ts';

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
    return from === end ? NO_RECORD : parse(bytes, from, end, this.#check);
  }
}

/**
 * Reads the elements of an array. Between two elements it needs to know nothing of what came before, so a reader can
 * go on from the position of any element.
 */
class JsonArrayDecoder<T> implements Decoder<T> {
  readonly prologueCarries = false;
  lineBreaks = 0;
  readonly #check: (value: unknown) => T;
  /** Of the record that was found last: where its value ends, and what stands there. */
  #valueEnd = 0;
  #stop: 'comma' | 'bracket' | 'end' = 'end';

  constructor(check: (value: unknown) => T) {
    this.#check = check;
  }

  prologue(bytes: Buffer, atEnd: boolean): number {
    let at = byteOrderMark(bytes, atEnd);
    if (at === MORE_BYTES) return MORE_BYTES;
    at = skipSpace(bytes, at, bytes.length);
    if (at < bytes.length) {
      if (bytes[at] !== ARRAY_OPEN) throw new FormatError('the file does not begin with the [ of an array');
      return at + 1;
    }
    // An empty file holds no array, and no records.
    return atEnd ? at : MORE_BYTES;
  }

  align(): number {
    throw new FormatError('an array can only be read from its beginning');
  }

  recordEnd(bytes: Buffer, start: number, atEnd: boolean): number {
    let lines = 0;
    let depth = 0;
    let inString = false;
    let at = start;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (inString) {
        if (byte === BACKSLASH) at++;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (byte === QUOTE) inString = true;
      else if (byte === NEWLINE) lines++;
      else if (byte === OBJECT_OPEN || byte === ARRAY_OPEN) depth++;
      else if (byte === OBJECT_CLOSE || (byte === ARRAY_CLOSE && depth > 0)) depth--;
      else if (depth <= 0 && (byte === COMMA || byte === ARRAY_CLOSE)) break;
    }
    this.lineBreaks = lines;
    this.#valueEnd = Math.min(at, bytes.length);
    this.#stop = at >= bytes.length ? 'end' : bytes[at] === COMMA ? 'comma' : 'bracket';
    if (this.#stop === 'comma') return at + 1;
    // The last element takes along what follows the array, which must be blank.
    return atEnd ? bytes.length : MORE_BYTES;
  }

  decode(bytes: Buffer, start: number, end: number): T | typeof NO_RECORD {
    if (this.#stop === 'end') throw new FormatError('the file ends before the ] of its array');
    const from = skipSpace(bytes, start, end);
    if (this.#stop === 'comma') return parse(bytes, from, this.#valueEnd, this.#check);
    if (skipSpace(bytes, this.#valueEnd + 1, end) !== end) throw new FormatError('text follows the ] of the array');
    return from === this.#valueEnd ? NO_RECORD : parse(bytes, from, this.#valueEnd, this.#check);
  }
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
