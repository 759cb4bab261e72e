/**
 * Patterns of dates as java.time writes them, for formatting and parsing, in English: `yyyy-MM-dd HH:mm:ss.SSS`. They
 * are compiled once.
 */

import {
  dateOf,
  daysOf,
  floorMod,
  isoDayOfWeek,
  lengthOfMonth,
  MILLIS_PER_DAY,
  MILLIS_PER_HOUR,
  MILLIS_PER_MINUTE,
  MILLIS_PER_SECOND,
} from './calendar.ts';
import { failed } from './scalar-code.ts';
import { regexQuoted } from './text-values.ts';
import { type LocalTime, localTime, pad } from './time-values.ts';

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const HALVES = ['AM', 'PM'];
/** As many letters write a name in full. */
const FULL = 4;
const SHORT_NAME = 3;

/** A part of a pattern: letters with a meaning, or text. */
type Part = { readonly letter: string; readonly count: number } | string;

function partsOf(pattern: string): readonly Part[] {
  const parts: Part[] = [];
  for (const [found, quoted, letters] of pattern.matchAll(/'((?:[^']|'')*)'|([a-zA-Z])\2*|[^]/g)) {
    if (quoted !== undefined) parts.push(quoted === '' ? "'" : quoted.replaceAll("''", "'"));
    else if (letters === undefined) parts.push(found === "'" ? refuse(pattern, 'a quote that is not closed') : found);
    else parts.push({ letter: letters, count: found.length });
  }
  return parts;
}

function refuse(pattern: string, what: string): never {
  return failed(
    `The date pattern ${JSON.stringify(pattern)} has ${what}. Letters are y, M, d, D, E, H, h, k, K, m, s, S, a and n; other text stands in quotes.`,
  );
}

/**
 * Writes local times, in milliseconds and the nanoseconds behind them. Times that the pattern does not tell apart have
 * one text, and such times come one after the other: the last text is kept.
 */
export function dateFormatter(pattern: string): (millis: number, nanos: number) => string {
  const parts = partsOf(pattern);
  const write = partsWriter(parts.map((part) => (typeof part === 'string' ? () => part : writerOf(part, pattern))));
  const granularity = Math.min(
    ...parts.map((part) => (typeof part === 'string' ? MILLIS_PER_DAY : (GRANULARITY[part.letter] ?? MILLIS_PER_DAY))),
    MILLIS_PER_DAY,
  );
  if (granularity === 0) return write;
  let start = 0;
  let text = write(0, 0);
  return (millis) => {
    if (millis >= start && millis < start + granularity) return text;
    start = Math.floor(millis / granularity) * granularity;
    text = write(start, 0);
    return text;
  };
}

/** How long what a letter says stays the same; a day where nothing is said. */
const GRANULARITY: Readonly<Record<string, number>> = {
  H: MILLIS_PER_HOUR,
  h: MILLIS_PER_HOUR,
  k: MILLIS_PER_HOUR,
  K: MILLIS_PER_HOUR,
  a: MILLIS_PER_HOUR,
  m: MILLIS_PER_MINUTE,
  s: MILLIS_PER_SECOND,
  S: 0,
  n: 0,
};

function partsWriter(writers: readonly Writer[]): (millis: number, nanos: number) => string {
  return (millis, nanos) => {
    const days = Math.floor(millis / MILLIS_PER_DAY);
    const fields: Fields = { ...dateOf(days), days, ofDay: millis - days * MILLIS_PER_DAY, nanos };
    let text = '';
    for (const write of writers) text += write(fields);
    return text;
  };
}

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly days: number;
  /** Milliseconds. */
  readonly ofDay: number;
  readonly nanos: number;
}

type Writer = (fields: Fields) => string;

function writerOf({ letter, count }: Exclude<Part, string>, pattern: string): Writer {
  const named = (names: readonly string[], index: (fields: Fields) => number): Writer => {
    const texts = count >= FULL ? names : names.map((name) => name.slice(0, SHORT_NAME));
    return (fields) => texts[index(fields)] as string;
  };
  const number =
    (of: (fields: Fields) => number): Writer =>
    (fields) =>
      pad(of(fields), count);
  switch (letter) {
    case 'y':
    case 'u':
      return count === 2 ? ({ year }) => pad(floorMod(year, 100), 2) : number(({ year }) => year);
    case 'M':
    case 'L':
      return count > 2 ? named(MONTHS, ({ month }) => month - 1) : number(({ month }) => month);
    case 'd':
      return number(({ day }) => day);
    case 'D':
      return number(({ days, year }) => days - daysOf(year, 1, 1) + 1);
    case 'E':
      return named(DAYS, ({ days }) => isoDayOfWeek(days) - 1);
    case 'H':
      return number(hourOf);
    case 'k':
      return number((fields) => hourOf(fields) || 24);
    case 'h':
      return number((fields) => hourOf(fields) % 12 || 12);
    case 'K':
      return number((fields) => hourOf(fields) % 12);
    case 'a':
      return (fields) => HALVES[hourOf(fields) < 12 ? 0 : 1] as string;
    case 'm':
      return number(({ ofDay }) => Math.floor(ofDay / MILLIS_PER_MINUTE) % 60);
    case 's':
      return number(({ ofDay }) => Math.floor(ofDay / MILLIS_PER_SECOND) % 60);
    case 'S':
      return (fields) => pad(nanoOfSecond(fields), 9).padEnd(count, '0').slice(0, count);
    case 'n':
      return number(nanoOfSecond);
    default:
      return refuse(pattern, `the letter "${letter}"`);
  }
}

function hourOf({ ofDay }: Fields): number {
  return Math.floor(ofDay / MILLIS_PER_HOUR);
}

function nanoOfSecond({ ofDay, nanos }: Fields): number {
  return (ofDay % MILLIS_PER_SECOND) * 1_000_000 + nanos;
}

/** Reads texts of a pattern; undefined where they are not. Missing fields are those of 1970-01-01 00:00:00. */
export function dateParser(pattern: string): (text: string) => LocalTime | undefined {
  const letters: string[] = [];
  const source = partsOf(pattern).map((part) => {
    if (typeof part === 'string') return regexQuoted(part);
    letters.push(part.letter);
    return `(${sourceOf(part, pattern)})`;
  });
  const regex = new RegExp(`^${source.join('')}$`, 'u');
  return (text) => {
    const found = regex.exec(text);
    if (found === null) return undefined;
    const values = new Map(letters.map((letter, i) => [letter, found[i + 1] as string]));
    return resolve(values);
  };
}

function sourceOf({ letter, count }: Exclude<Part, string>, pattern: string): string {
  const names = (all: readonly string[]): string =>
    all.map((name) => (count >= FULL ? name : name.slice(0, SHORT_NAME))).join('|');
  switch (letter) {
    case 'y':
    case 'u':
      return count === 1 ? String.raw`\d{1,9}` : String.raw`\d{${count}}`;
    case 'M':
    case 'L':
      return count > 2 ? names(MONTHS) : digits(count);
    case 'E':
      return names(DAYS);
    case 'a':
      return HALVES.join('|');
    case 'S':
      return String.raw`\d{${count}}`;
    case 'd':
    case 'H':
    case 'h':
    case 'k':
    case 'K':
    case 'm':
    case 's':
      return digits(count);
    default:
      return refuse(pattern, `the letter "${letter}", which cannot be parsed`);
  }
}

function digits(count: number): string {
  return count === 1 ? String.raw`\d{1,2}` : String.raw`\d{${count}}`;
}

function resolve(values: ReadonlyMap<string, string>): LocalTime | undefined {
  const number = (letter: string): number | undefined => {
    const text = values.get(letter);
    return text === undefined ? undefined : Number(text);
  };
  const yearText = values.get('y') ?? values.get('u') ?? '1970';
  const year = yearText.length === 2 ? 2000 + Number(yearText) : Number(yearText);
  const month = monthOf(values.get('M') ?? values.get('L') ?? '1');
  const day = number('d') ?? 1;
  if (month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  // A day that the month does not have is its last one.
  const days = daysOf(year, month, Math.min(day, lengthOfMonth(year, month)));
  const half = values.get('a') === 'PM' ? 12 : 0;
  const ofHalf = number('h') ?? number('K');
  const hour = number('H') ?? number('k') ?? (ofHalf === undefined ? 0 : (ofHalf % 12) + half);
  const nanos = Number((values.get('S') ?? '').padEnd(9, '0').slice(0, 9));
  return localTime(days, values.has('k') ? hour % 24 : hour, number('m') ?? 0, number('s') ?? 0, nanos);
}

function monthOf(text: string): number {
  return /^\d/.test(text) ? Number(text) : MONTHS.findIndex((name) => name.startsWith(text)) + 1;
}
