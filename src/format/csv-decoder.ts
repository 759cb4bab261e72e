/** Reads CSV: where records end, their fields, and the rows that the fields make. */

import { columnReaders, type ColumnReader } from './csv-columns.ts';
import type { CsvSettings } from './csv-settings.ts';
import { FormatError, MORE_BYTES, NO_RECORD, type Decoder } from './format.ts';
import { byteOrderMark, contentEnd, lineEnd, NEWLINE, utf8 } from './lines.ts';

/** Where a column's field stands in a record; absent ones have no place. */
interface Place extends ColumnReader {
  readonly index: number;
}

type Row = string[] | Record<string, unknown>;

export class CsvDecoder<T> implements Decoder<T> {
  readonly prologueCarries: boolean;
  lineBreaks = 1;
  readonly #settings: CsvSettings;
  readonly #quote: number;
  readonly #escape: number;
  readonly #delimiter: number;
  readonly #fields: FieldSplitter;
  #places: readonly Place[] | undefined;
  #fieldCount = 0;
  /** The first quote at or behind where was looked last, in the bytes that were looked at; -1 for none. */
  #quoteAt = -1;
  #quoteKnownFor: Buffer | undefined;
  #quoteKnownFrom = 0;

  constructor(settings: CsvSettings) {
    this.prologueCarries = settings.header;
    this.#settings = settings;
    this.#quote = settings.quote?.charCodeAt(0) ?? -1;
    this.#escape = settings.escape?.charCodeAt(0) ?? -1;
    this.#delimiter = settings.delimiter.charCodeAt(0);
    this.#fields = new FieldSplitter(settings);
    if (settings.columns !== undefined && !settings.header) {
      this.#places = columnReaders(settings.columns, settings.nullLiteral).map((column, index) => ({
        ...column,
        index,
      }));
      this.#fieldCount = this.#places.length;
    }
  }

  prologue(bytes: Buffer, atEnd: boolean): number {
    let start = byteOrderMark(bytes, atEnd);
    if (start === MORE_BYTES || !this.#settings.header) return start;
    for (;;) {
      // An empty file has no header and no records.
      if (start === bytes.length && atEnd) return start;
      const end = this.recordEnd(bytes, start, atEnd);
      if (end === MORE_BYTES) return MORE_BYTES;
      const names = this.#split(bytes, start, end);
      if (names !== undefined) {
        this.#readHeader(names);
        return end;
      }
      start = end;
    }
  }

  align(bytes: Buffer, atEnd: boolean): number {
    return lineEnd(bytes, 0, atEnd);
  }

  recordEnd(bytes: Buffer, start: number, atEnd: boolean): number {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline + 1;
    this.lineBreaks = 1;
    if (this.#quote !== -1 && this.#settings.quotedLineBreaks && this.#quotedBefore(bytes, start, end)) {
      const quotedEnd = this.#quotedRecordEnd(bytes, start);
      if (quotedEnd !== MORE_BYTES) return quotedEnd;
      // A quote that is never closed must not swallow the rest of the file: it makes its own line undecodable.
      this.lineBreaks = 1;
      return atEnd ? end : MORE_BYTES;
    }
    return newline === -1 && !atEnd ? MORE_BYTES : end;
  }

  decode(bytes: Buffer, start: number, end: number): T | typeof NO_RECORD {
    const fields = this.#split(bytes, start, end);
    return fields === undefined ? NO_RECORD : (this.#row(fields) as T);
  }

  #quotedBefore(bytes: Buffer, start: number, end: number): boolean {
    const known =
      this.#quoteKnownFor === bytes &&
      start >= this.#quoteKnownFrom &&
      (this.#quoteAt === -1 || this.#quoteAt >= start);
    if (!known) {
      this.#quoteAt = bytes.indexOf(this.#quote, start);
      this.#quoteKnownFor = bytes;
      this.#quoteKnownFrom = start;
    }
    return this.#quoteAt !== -1 && this.#quoteAt < end;
  }

  /** The end of a record in which a quote stands; `MORE_BYTES` when the end is not there. */
  #quotedRecordEnd(bytes: Buffer, start: number): number {
    let lines = 0;
    let fieldBegins = true;
    let quoted = false;
    for (let at = start; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === NEWLINE) lines++;
      if (quoted) {
        if (byte === this.#escape && this.#escape !== this.#quote) at++;
        else if (byte === this.#quote) {
          // A doubled quote closes and opens at once.
          if (bytes[at + 1] === this.#quote) at++;
          else quoted = false;
        }
        continue;
      }
      if (byte === NEWLINE) {
        this.lineBreaks = lines;
        return at + 1;
      }
      if (byte === this.#quote && fieldBegins) quoted = true;
      fieldBegins = byte === this.#delimiter || (fieldBegins && this.#settings.trim && byte === SPACE);
    }
    return MORE_BYTES;
  }

  /** The fields of a record; undefined for blank lines and comments. */
  #split(bytes: Buffer, start: number, end: number): string[] | undefined {
    const to = contentEnd(bytes, start, end);
    if (to === start) return undefined;
    const line = utf8(bytes, start, to);
    const { comment } = this.#settings;
    return comment !== undefined && line.startsWith(comment) ? undefined : this.#fields.split(line);
  }

  #readHeader(names: readonly string[]): void {
    const { columns, nullLiteral } = this.#settings;
    const duplicate = names.find((name, index) => names.indexOf(name) !== index);
    if (duplicate !== undefined) throw new FormatError(`the header names the column "${duplicate}" twice`);
    this.#fieldCount = names.length;
    if (columns === undefined) {
      this.#places = names.map((name, index) => ({ name, index, nullable: false, read: (text) => text }));
      return;
    }
    this.#places = columnReaders(columns, nullLiteral).map((column) => {
      const index = names.indexOf(column.name);
      if (index === -1)
        throw new FormatError(`the header lacks the column "${column.name}"; it has ${names.join(', ')}`);
      return { ...column, index };
    });
  }

  #row(fields: string[]): Row {
    const places = this.#places;
    if (places === undefined) return fields;
    const { missingFields, extraFields } = this.#settings;
    if (fields.length !== this.#fieldCount) {
      const wrong = fields.length < this.#fieldCount ? missingFields : extraFields;
      if (wrong === 'fail')
        throw new FormatError(`it has ${fields.length} fields, and ${this.#fieldCount} were expected`);
    }
    const quoted = this.#fields.quoted;
    const row: Record<string, unknown> = {};
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as Place;
      const text = fields[place.index];
      row[place.name] =
        text === undefined ? null : place.read(text, quoted !== undefined && quoted[place.index] === true);
    }
    return row;
  }
}

const SPACE = 0x20;

/** Cuts a record's text into fields. */
class FieldSplitter {
  /** Which fields of the record split last stood in quotes; undefined when none did. */
  quoted: boolean[] | undefined;
  readonly #delimiter: string;
  readonly #quote: string | undefined;
  readonly #escape: string | undefined;
  readonly #trim: boolean;

  constructor(settings: CsvSettings) {
    this.#delimiter = settings.delimiter;
    this.#quote = settings.quote;
    this.#escape = settings.escape === settings.quote ? undefined : settings.escape;
    this.#trim = settings.trim;
  }

  split(line: string): string[] {
    this.quoted = undefined;
    if (this.#quote !== undefined && line.includes(this.#quote)) return this.#splitQuoted(line, this.#quote);
    const fields = line.split(this.#delimiter);
    if (this.#trim) for (let i = 0; i < fields.length; i++) fields[i] = (fields[i] as string).trim();
    return fields;
  }

  #splitQuoted(line: string, quote: string): string[] {
    const fields: string[] = [];
    const quoted: boolean[] = [];
    this.quoted = quoted;
    let at = 0;
    for (;;) {
      const begin = this.#trim ? skipSpaces(line, at) : at;
      const isQuoted = line[begin] === quote;
      const end = isQuoted ? this.#quotedField(line, begin, quote, fields) : this.#plainField(line, at, fields);
      quoted.push(isQuoted);
      if (end >= line.length) return fields;
      at = end + 1;
    }
  }

  /** Adds the field that begins at `at`; returns where its delimiter stands, or the length of the line. */
  #plainField(line: string, at: number, fields: string[]): number {
    const found = line.indexOf(this.#delimiter, at);
    const end = found === -1 ? line.length : found;
    const text = line.slice(at, end);
    fields.push(this.#trim ? text.trim() : text);
    return end;
  }

  #quotedField(line: string, begin: number, quote: string, fields: string[]): number {
    let text = '';
    let from = begin + 1;
    for (;;) {
      const end = line.indexOf(quote, from);
      const escaped = this.#escape === undefined ? -1 : line.indexOf(this.#escape, from);
      if (escaped !== -1 && escaped < end) {
        text += line.slice(from, escaped) + line.slice(escaped + 1, escaped + 2);
        from = escaped + 2;
        continue;
      }
      if (end === -1) throw new FormatError(`the quote that opens field ${fields.length + 1} is not closed`);
      text += line.slice(from, end);
      if (line[end + 1] !== quote) {
        fields.push(text);
        return this.#afterQuoted(line, end + 1, fields.length);
      }
      text += quote;
      from = end + 2;
    }
  }

  #afterQuoted(line: string, at: number, field: number): number {
    const end = this.#trim ? skipSpaces(line, at) : at;
    if (end < line.length && line[end] !== this.#delimiter) {
      throw new FormatError(`text follows the closing quote of field ${field}`);
    }
    return end;
  }
}

function skipSpaces(line: string, at: number): number {
  let end = at;
  while (line[end] === ' ') end++;
  return end;
}
