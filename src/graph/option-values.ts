/** Values of options, as Flink's configuration files and programs write them, with errors that name the option. */

import { MillstreamError } from '../base/error.ts';

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  nano: 1e-6,
  nanosecond: 1e-6,
  us: 1e-3,
  micro: 1e-3,
  microsecond: 1e-3,
  ms: 1,
  milli: 1,
  millisecond: 1,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
};

/**
 * Milliseconds of a duration as Flink writes them: a number (of milliseconds), `200 ms`, `10s`, `1 min`, `2 h`.
 *
 * @throws OPTION_INVALID that names the option.
 */
export function durationMs(value: unknown, option: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  const match = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(value) : null;
  const unit = match?.[2]?.toLowerCase() ?? '';
  // Units have a plural.
  const milliseconds = unit === '' ? 1 : (DURATION_UNITS_MS[unit] ?? DURATION_UNITS_MS[unit.replace(/s$/, '')]);
  if (match === null || milliseconds === undefined)
    throw invalidOption(option, 'a duration, such as "200 ms" or "10 s"', value);
  return Math.round(Number(match[1]) * milliseconds);
}

export function wholeNumber(value: unknown, option: string): number {
  const number = typeof value === 'string' && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw invalidOption(option, 'a whole number', value);
  return number;
}

export function anyNumber(value: unknown, option: string): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw invalidOption(option, 'a number', value);
  return number;
}

const MEMORY_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  bytes: 1,
  k: 1024,
  kb: 1024,
  kibibytes: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mebibytes: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gibibytes: 1024 ** 3,
};

/** Bytes of a memory size as Flink writes them: a number (of bytes), `20 kb`, `1m`; a kilobyte has 1024 bytes. */
export function memoryBytes(value: unknown, option: string): number {
  const match = typeof value === 'string' ? /^\s*(\d+)\s*([a-z]*)\s*$/i.exec(value) : null;
  const bytes = match === null ? value : Number(match[1]) * (MEMORY_UNITS[match[2]?.toLowerCase() ?? ''] ?? NaN);
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
    throw invalidOption(option, 'a memory size, such as "20 kb"', value);
  return bytes;
}

export function megabytes(value: unknown, option: string): number {
  return Math.max(1, Math.round(memoryBytes(value, option) / 1024 ** 2));
}

export function place(value: unknown, option: string): string {
  if (typeof value !== 'string' || value.trim() === '') throw invalidOption(option, 'a path or URL', value);
  return value.trim();
}

/** Paths with commas in between, or a list of them. */
export function places(value: unknown, option: string): readonly string[] {
  const items: unknown = typeof value === 'string' ? value.split(',') : value;
  if (!Array.isArray(items) || items.length === 0)
    throw invalidOption(option, 'one path or several, with commas between', value);
  return items.map((item) => place(item, option));
}

export function truth(value: unknown, option: string): boolean {
  if (typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value.trim().toLowerCase() : undefined;
  if (text !== 'true' && text !== 'false') throw invalidOption(option, 'true or false', value);
  return text === 'true';
}

/** One of some words, whatever their case and whether they are written with `-` or `_`. */
export function word<W extends string>(value: unknown, option: string, words: readonly W[]): W {
  const said = typeof value === 'string' ? value.trim().toLowerCase().replaceAll('_', '-') : undefined;
  const found = words.find((one) => one === said);
  if (found === undefined) throw invalidOption(option, `one of ${words.join(', ')}`, value);
  return found;
}

/** A key or a value of a pair: bare text, or quoted, where a doubled quote stands for one. */
const PAIR = /\s*('(?:[^']|'')*'|"(?:[^"]|"")*"|[^:,'"]*?)\s*:\s*('(?:[^']|'')*'|"(?:[^"]|"")*"|[^,'"]*?)\s*(?:,|$)/y;

/** Names with values: an object, or what Flink writes: `a:1,b:'two, three'`. */
export function pairs(value: unknown, option: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  const must = 'pairs, such as "host:web-1,mode:test"';
  if (typeof value !== 'string') throw invalidOption(option, must, value);
  const found: [string, string][] = [];
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < value.length) {
    const match = PAIR.exec(value);
    if (match === null) throw invalidOption(option, must, value);
    found.push([unquoted(match[1] as string), unquoted(match[2] as string)]);
  }
  return Object.fromEntries(found);
}

function unquoted(text: string): string {
  const quote = text[0];
  return quote === "'" || quote === '"' ? text.slice(1, -1).replaceAll(quote + quote, quote) : text;
}

export function invalidOption(option: string, must: string, value: unknown): MillstreamError {
  return new MillstreamError(
    'OPTION_INVALID',
    `The option ${option} must be ${must}, but is ${typeof value === 'string' ? `"${value}"` : String(value)}.`,
    { details: { option } },
  );
}
