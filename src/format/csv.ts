/** CSV after RFC 4180, with a header or declared columns, and with types. */

import { MillstreamError } from '../base/error.ts';
import { columnReaders, type CsvColumns, type CsvRow } from './csv-columns.ts';
import { CsvDecoder } from './csv-decoder.ts';
import { CsvEncoder } from './csv-encoder.ts';
import type { CsvSettings } from './csv-settings.ts';
import type { Format } from './format.ts';

/** How CSV is written: its marks, its header, and what to forgive. */
export interface CsvOptions {
  /** Whether the first line of a file names the columns. Default false. */
  readonly header?: boolean;
  /** One character between fields. Default `','`. */
  readonly delimiter?: string;
  /** One character around fields that contain special ones; inside, it stands twice. Default `'"'`; `false` for none. */
  readonly quote?: string | false;
  /** One character that takes away the meaning of the next one inside quotes. Default none. */
  readonly escape?: string;
  /** Lines that begin with it are left out. Default none. */
  readonly comment?: string;
  /** An unquoted field with this text is null, in columns that may be null. Default the empty field. */
  readonly nullLiteral?: string;
  /** Whether white space around unquoted fields is cut. Default false. */
  readonly trim?: boolean;
  /** What to do with a record that has too few fields: it is undecodable (default), or the rest is null. */
  readonly missingFields?: 'fail' | 'null';
  /** What to do with a record that has too many fields: it is undecodable (default), or they are left out. */
  readonly extraFields?: 'fail' | 'ignore';
  /**
   * Whether a quoted field may contain line breaks. Default true, and then a file cannot be split into ranges: a
   * reader in the middle cannot know whether a line break stands in quotes. With `false` large files are read in
   * parallel.
   */
  readonly quotedLineBreaks?: boolean;
}

/**
 * CSV. With `columns` the rows are objects with these fields, each read as its type: found by name where there is a
 * `header`, by position otherwise. With a `header` alone the rows are objects of strings, and with neither they are
 * arrays of strings.
 *
 * Types are `'string'`, `'number'`, `'integer'` (a safe one), `'bigint'`, `'boolean'`, `'timestamp'` (ISO 8601, UTC
 * unless it names an offset, read as milliseconds since the epoch), each with a `?` behind it where the field may be
 * null, or a function of the field's text.
 *
 * @example
 * ```ts
 * const airports = csv({
 *   header: true,
 *   columns: { iata: 'string', city: 'string?', latitude: 'number', opened: (text) => new Date(text) },
 * });
 * const plain = csv({ delimiter: ';' });
 * ```
 */
export function csv<const Columns extends CsvColumns>(
  options: CsvOptions & { readonly columns: Columns },
): Format<CsvRow<Columns>>;
export function csv(options: CsvOptions & { readonly header: true }): Format<Record<string, string>>;
export function csv(options?: CsvOptions): Format<string[]>;
export function csv(options: CsvOptions & { readonly columns?: CsvColumns } = {}): Format<never> {
  const settings = csvSettings(options);
  // Refuses unknown types now, not when the job runs.
  if (settings.columns !== undefined) columnReaders(settings.columns, settings.nullLiteral);
  return Object.freeze({
    name: 'csv',
    extension: '.csv',
    splittable: !settings.quotedLineBreaks || settings.quote === undefined,
    concatenable: true,
    decoder: () => new CsvDecoder<never>(settings),
    encoder: () => new CsvEncoder(settings),
  });
}

function csvSettings(options: CsvOptions & { readonly columns?: CsvColumns }): CsvSettings {
  const settings: CsvSettings = {
    header: options.header ?? false,
    columns: options.columns,
    delimiter: options.delimiter ?? ',',
    quote: options.quote === false ? undefined : (options.quote ?? '"'),
    escape: options.escape,
    comment: options.comment,
    nullLiteral: options.nullLiteral ?? '',
    trim: options.trim ?? false,
    missingFields: options.missingFields ?? 'fail',
    extraFields: options.extraFields ?? 'fail',
    quotedLineBreaks: options.quotedLineBreaks ?? true,
  };
  const { delimiter, quote, escape, comment } = settings;
  for (const [name, mark] of Object.entries({ delimiter, quote, escape, comment })) {
    if (mark === undefined) continue;
    if (mark.length !== 1 || mark === '\n' || mark === '\r' || mark.charCodeAt(0) > 0x7f) {
      throw invalid(
        `The ${name} of a csv format must be one ASCII character other than a line break, not ${JSON.stringify(mark)}.`,
      );
    }
  }
  if (delimiter === quote) throw invalid('The delimiter and the quote of a csv format must differ.');
  if (settings.columns !== undefined && Object.keys(settings.columns).length === 0) {
    throw invalid('The columns of a csv format must not be empty: leave them out to read all fields as text.');
  }
  return Object.freeze(settings);
}

function invalid(message: string): MillstreamError {
  return new MillstreamError('OPTION_INVALID', message);
}
