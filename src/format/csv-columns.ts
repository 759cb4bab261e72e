/** The types of CSV columns: from a field's text to a value. */

import { MillstreamError } from '../base/error.ts';
import { FormatError } from './format.ts';

interface CsvTypes {
  readonly string: string;
  readonly number: number;
  readonly integer: number;
  readonly bigint: bigint;
  readonly boolean: boolean;
  readonly timestamp: number;
}

/** The type of a column: a name, with `?` where the field may be null, or a function of the field's text. */
export type CsvColumn = keyof CsvTypes | `${keyof CsvTypes}?` | ((text: string) => unknown);

/** Columns by name, in their order. */
export type CsvColumns = Readonly<Record<string, CsvColumn>>;

/** The value of a column of type `C`. */
export type CsvValue<C> = C extends (text: string) => infer Value
  ? Value
  : C extends `${infer Name extends keyof CsvTypes}?`
    ? CsvTypes[Name] | null
    : C extends keyof CsvTypes
      ? CsvTypes[C]
      : never;

/** What a row with these columns is read as. */
export type CsvRow<Columns extends CsvColumns> = { -readonly [Name in keyof Columns]: CsvValue<Columns[Name]> };

/** Reads a field; `quoted` fields are never null. Throws {@link FormatError}. */
export type FieldReader = (text: string, quoted: boolean) => unknown;

export interface ColumnReader {
  readonly name: string;
  readonly nullable: boolean;
  readonly read: FieldReader;
}

export function columnReaders(columns: CsvColumns, nullLiteral: string): readonly ColumnReader[] {
  return Object.entries(columns).map(([name, column]) => columnReader(name, column, nullLiteral));
}

function columnReader(name: string, column: CsvColumn, nullLiteral: string): ColumnReader {
  if (typeof column === 'function') return { name, nullable: false, read: userReader(name, column) };
  const nullable = column.endsWith('?');
  const type = nullable ? column.slice(0, -1) : column;
  const parse = Object.hasOwn(PARSERS, type) ? PARSERS[type as keyof CsvTypes] : undefined;
  if (parse === undefined) {
    const known = Object.keys(PARSERS).join(', ');
    throw new MillstreamError(
      'OPTION_INVALID',
      `The column "${name}" has the unknown type "${column}". Known are ${known}, each with or without ?, and functions.`,
    );
  }
  const strict: FieldReader = (text) => {
    const value = parse(text);
    if (value === undefined)
      throw new FormatError(`the field "${name}" is no ${type}: ${JSON.stringify(excerpt(text))}`);
    return value;
  };
  if (!nullable) return { name, nullable, read: strict };
  return { name, nullable, read: (text, quoted) => (text === nullLiteral && !quoted ? null : strict(text, quoted)) };
}

function userReader(name: string, parse: (text: string) => unknown): FieldReader {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new FormatError(
        `the function of the field "${name}" threw on ${JSON.stringify(excerpt(text))}: ${reason}`,
        { cause: error },
      );
    }
  };
}

const EXCERPT_LENGTH = 60;

function excerpt(text: string): string {
  return text.length <= EXCERPT_LENGTH ? text : `${text.slice(0, EXCERPT_LENGTH)}…`;
}

/** Each returns undefined for text that is none of its type. */
const PARSERS: { readonly [Type in keyof CsvTypes]: (text: string) => CsvTypes[Type] | undefined } = {
  string: (text) => text,
  number: (text) => parseNumber(text),
  integer: (text) => {
    const value = parseNumber(text);
    return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
  },
  bigint: (text) => (/^\s*[+-]?\d+\s*$/.test(text) ? BigInt(text.replace('+', '')) : undefined),
  boolean: (text) => BOOLEANS.get(text.trim().toLowerCase()),
  timestamp: (text) => parseTimestamp(text.trim()),
};

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
]);

const ZERO = 0x30;
const LOWER_CASE = 0x20;

/** Letters behind a leading zero by which JavaScript, and nobody's CSV, means another base. */
const BASES = new Set(['x', 'o', 'b'].map((letter) => letter.charCodeAt(0)));

function parseNumber(text: string): number | undefined {
  const value = Number(text);
  if (value !== value) return text.trim() === 'NaN' ? value : undefined;
  // Blank text is 0 to JavaScript.
  if (value === 0 && text.trim() === '') return undefined;
  if (text.charCodeAt(0) === ZERO && BASES.has(text.charCodeAt(1) | LOWER_CASE)) return undefined;
  return value;
}

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

function parseTimestamp(text: string): number | undefined {
  const parts = TIMESTAMP.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0', zone = 'Z'] = parts;
  const milliseconds = Math.floor(Number(`0.${fraction}`) * 1000 + 1e-6);
  const local = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    milliseconds,
  );
  // A thirteenth month or a 25th hour would silently become another day.
  const read = new Date(local);
  const exact =
    read.getUTCMonth() === Number(month) - 1 &&
    read.getUTCDate() === Number(day) &&
    read.getUTCHours() === Number(hour) &&
    read.getUTCMinutes() === Number(minute) &&
    read.getUTCSeconds() === Number(second);
  return exact ? local - zoneOffset(zone) : undefined;
}

const MINUTE_MS = 60_000;

function zoneOffset(zone: string): number {
  if (zone === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || '0');
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}
