/** Writes CSV. */

import type { ByteAppender } from './byte-appender.ts';
import type { CsvSettings } from './csv-settings.ts';
import { FormatError, type Encoder } from './format.ts';
import { assertWellFormed } from './lines.ts';

export class CsvEncoder implements Encoder<unknown> {
  readonly #settings: CsvSettings;
  readonly #special: RegExp;
  readonly #timestamps: ReadonlySet<string>;
  #names: readonly string[] | undefined;

  constructor(settings: CsvSettings) {
    const { columns } = settings;
    this.#settings = settings;
    this.#names = columns === undefined ? undefined : Object.keys(columns);
    this.#timestamps = new Set(
      Object.entries(columns ?? {}).flatMap(([name, type]) =>
        type === 'timestamp' || type === 'timestamp?' ? [name] : [],
      ),
    );
    const marks = [settings.delimiter, settings.quote, settings.escape].filter((mark) => mark !== undefined);
    this.#special = new RegExp(
      `[\\n\\r${marks.map((mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}]`,
    );
  }

  prologue(first: unknown, into: ByteAppender): void {
    if (!this.#settings.header) return;
    const names = this.#columns(first);
    for (let i = 0; i < names.length; i++) {
      if (i > 0) into.text(this.#settings.delimiter);
      into.text(this.#quoted(names[i] as string));
    }
    into.text('\n');
  }

  encode(value: unknown, into: ByteAppender): void {
    const { delimiter } = this.#settings;
    let line = '';
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) line += (i === 0 ? '' : delimiter) + this.#field(value[i], undefined);
    } else {
      const names = this.#columns(value);
      const row = value as Record<string, unknown>;
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        line += (i === 0 ? '' : delimiter) + this.#field(row[name], name);
      }
    }
    assertWellFormed(line);
    const { comment, quote } = this.#settings;
    // A record that reads as a blank line or as a comment would be left out when it is read back.
    const hidden = line === '' || (comment !== undefined && line.startsWith(comment));
    if (hidden && quote === undefined)
      throw new FormatError('it would read as a blank line or a comment, and there are no quotes');
    into.text(hidden ? this.#shown(line) : line);
    into.text('\n');
  }

  /** Quotes the first field. */
  #shown(line: string): string {
    const { delimiter, quote = '' } = this.#settings;
    const end = line.indexOf(delimiter);
    const first = end === -1 ? line : line.slice(0, end);
    return quote + first + quote + line.slice(first.length);
  }

  #columns(value: unknown): readonly string[] {
    if (this.#names !== undefined) return this.#names;
    if (typeof value !== 'object' || value === null)
      throw new FormatError(
        `a row must be an object or an array, and it is ${value === null ? 'null' : `a ${typeof value}`}`,
      );
    if (Array.isArray(value))
      throw new FormatError('a header needs names: give the format its columns, or write objects');
    this.#names = Object.keys(value);
    return this.#names;
  }

  #field(value: unknown, name: string | undefined): string {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return name !== undefined && this.#timestamps.has(name) ? this.#timestamp(new Date(value)) : String(value);
      case 'boolean':
      case 'bigint':
        return String(value);
      case 'undefined':
        return this.#null();
      default:
        if (value === null) return this.#null();
        if (value instanceof Date) return this.#timestamp(value);
        throw new FormatError(
          `${name === undefined ? 'a field' : `the field "${name}"`} is a ${typeof value}, which a CSV field cannot hold`,
        );
    }
  }

  #null(): string {
    const { nullLiteral } = this.#settings;
    return this.#special.test(nullLiteral) ? this.#quoted(nullLiteral) : nullLiteral;
  }

  #timestamp(date: Date): string {
    if (Number.isNaN(date.getTime())) throw new FormatError('a timestamp in it is no valid time');
    return date.toISOString();
  }

  /** Text that reads back as the same text: never as null, and never cut by `trim`. */
  #text(text: string): string {
    const { nullLiteral, trim } = this.#settings;
    return text === nullLiteral || (trim && text.trim() !== text) ? this.#inQuotes(text) : this.#quoted(text);
  }

  #quoted(text: string): string {
    return this.#special.test(text) ? this.#inQuotes(text) : text;
  }

  #inQuotes(text: string): string {
    const { quote, escape } = this.#settings;
    if (quote === undefined) {
      if (!this.#special.test(text)) return text;
      throw new FormatError(`the text ${JSON.stringify(text)} needs quotes, and the format has none`);
    }
    const escaped = escape === undefined || escape === quote ? text : text.replaceAll(escape, escape + escape);
    return quote + escaped.replaceAll(quote, quote + quote) + quote;
  }
}
