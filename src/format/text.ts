/** Text: one record per line, or per piece between delimiters. */

import { MillstreamError } from '../base/error.ts';
import type { ByteAppender } from './byte-appender.ts';
import { FormatError, MORE_BYTES, type Decoder, type Encoder, type Format } from './format.ts';
import { assertWellFormed, byteOrderMark, contentEnd, countNewlines, lineEnd, utf8 } from './lines.ts';

/** How bytes are read as characters. */
export type Charset = 'utf-8' | 'latin1';

/** What ends a piece of text, and how its bytes are read. */
export interface TextOptions {
  /**
   * What ends a record. Default `'\n'`, which takes a `\r` before it along. A file is split into ranges only where
   * the delimiter is one byte long.
   */
  readonly delimiter?: string;
  /** Default `'utf-8'`, where bytes that are not UTF-8 make a record undecodable; `'latin1'` takes any byte. */
  readonly charset?: Charset;
}

/**
 * Text without its delimiters. Empty lines are records.
 *
 * @example
 * ```ts
 * const lines = text();
 * const cells = text({ delimiter: ';', charset: 'latin1' });
 * ```
 */
export function text(options: TextOptions = {}): Format<string> {
  const { delimiter = '\n', charset = 'utf-8' } = options;
  if (delimiter === '') {
    throw new MillstreamError(
      'OPTION_INVALID',
      'The delimiter of a text format must not be empty: leave it out for lines.',
    );
  }
  if (charset !== 'utf-8' && charset !== 'latin1') {
    throw new MillstreamError(
      'OPTION_INVALID',
      `The charset of a text format is utf-8 or latin1, not "${String(charset)}".`,
    );
  }
  const mark = Buffer.from(delimiter, charset);
  return Object.freeze({
    name: 'text',
    extension: '.txt',
    splittable: mark.length === 1,
    concatenable: true,
    decoder: () => (delimiter === '\n' ? new LineDecoder(charset) : new PieceDecoder(mark, charset)),
    encoder: () => (charset === 'latin1' ? new Latin1Encoder(mark) : new Utf8Encoder(mark)),
  });
}

type ReadText = (bytes: Buffer, start: number, end: number) => string;

function readText(charset: Charset): ReadText {
  return charset === 'utf-8' ? utf8 : (bytes, start, end) => bytes.toString('latin1', start, end);
}

class LineDecoder implements Decoder<string> {
  readonly prologueCarries = false;
  readonly lineBreaks = 1;
  readonly #charset: Charset;
  readonly #read: ReadText;

  constructor(charset: Charset) {
    this.#charset = charset;
    this.#read = readText(charset);
  }

  prologue(bytes: Buffer, atEnd: boolean): number {
    return this.#charset === 'utf-8' ? byteOrderMark(bytes, atEnd) : 0;
  }

  align(bytes: Buffer, atEnd: boolean): number {
    return lineEnd(bytes, 0, atEnd);
  }

  recordEnd(bytes: Buffer, start: number, atEnd: boolean): number {
    return lineEnd(bytes, start, atEnd);
  }

  decode(bytes: Buffer, start: number, end: number): string {
    return this.#read(bytes, start, contentEnd(bytes, start, end));
  }
}

class PieceDecoder implements Decoder<string> {
  readonly prologueCarries = false;
  lineBreaks = 0;
  readonly #delimiter: Buffer;
  readonly #charset: Charset;
  readonly #read: ReadText;
  #delimited = false;

  constructor(delimiter: Buffer, charset: Charset) {
    this.#delimiter = delimiter;
    this.#charset = charset;
    this.#read = readText(charset);
  }

  prologue(bytes: Buffer, atEnd: boolean): number {
    return this.#charset === 'utf-8' ? byteOrderMark(bytes, atEnd) : 0;
  }

  align(bytes: Buffer, atEnd: boolean): number {
    return this.recordEnd(bytes, 0, atEnd);
  }

  recordEnd(bytes: Buffer, start: number, atEnd: boolean): number {
    const found = bytes.indexOf(this.#delimiter, start);
    if (found === -1 && !atEnd) return MORE_BYTES;
    this.#delimited = found !== -1;
    const end = found === -1 ? bytes.length : found + this.#delimiter.length;
    this.lineBreaks = countNewlines(bytes, start, end);
    return end;
  }

  decode(bytes: Buffer, start: number, end: number): string {
    return this.#read(bytes, start, this.#delimited ? end - this.#delimiter.length : end);
  }
}

class Utf8Encoder implements Encoder<string> {
  readonly #delimiter: Buffer;

  constructor(delimiter: Buffer) {
    this.#delimiter = delimiter;
  }

  encode(value: string, into: ByteAppender): void {
    assertString(value);
    assertWellFormed(value);
    into.text(value);
    into.raw(this.#delimiter);
  }
}

class Latin1Encoder implements Encoder<string> {
  readonly #delimiter: Buffer;

  constructor(delimiter: Buffer) {
    this.#delimiter = delimiter;
  }

  encode(value: string, into: ByteAppender): void {
    assertString(value);
    for (let i = 0; i < value.length; i++) {
      if (value.charCodeAt(i) > LATIN1_MAX) {
        throw new FormatError(`its text holds "${value.charAt(i)}", which Latin-1 does not have`);
      }
    }
    into.raw(Buffer.from(value, 'latin1'));
    into.raw(this.#delimiter);
  }
}

/** Types end where values come from user code. */
function assertString(value: unknown): void {
  if (typeof value !== 'string')
    throw new FormatError(`it is of type ${typeof value}, and text is written from strings`);
}

const LATIN1_MAX = 0xff;
