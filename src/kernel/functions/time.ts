/**
 * Functions of dates, times, timestamps and intervals. Those that depend on a time zone take its name as a literal
 * behind their other operands: a TIMESTAMP_LTZ is an instant, and what a clock shows is asked of the zone.
 */

import { LogicalType } from '../../data/schema.ts';
import {
  addMonths,
  ceilDate,
  dateOf,
  type DateUnit,
  dayOfWeek,
  daysOf,
  floorDate,
  floorMod,
  isoDayOfWeek,
  isoWeek,
  MILLIS_PER_DAY,
  MILLIS_PER_HOUR,
  MILLIS_PER_MINUTE,
  MILLIS_PER_SECOND,
  monthsBetween,
} from '../calendar.ts';
import { dateFormatter, dateParser } from '../date-format.ts';
import { failed } from '../scalar-code.ts';
import {
  type CallSite,
  INTEGER,
  literalText,
  type Parameter,
  scalarFunction,
  type ScalarFunction,
  STRING,
  TEXT,
} from '../scalar-function.ts';
import { type TimeZone, timeZone } from '../time-zone.ts';
import {
  type LocalTime,
  millisReader,
  nanosReader,
  parseDate,
  parseTimestamp,
  type Ticks,
  ticksWriter,
} from '../time-values.ts';

const BIGINT = LogicalType.bigint();
const INT = LogicalType.int();
const MILLIS_TIMESTAMP = LogicalType.timestamp(3);
const MILLIS_INSTANT = LogicalType.timestampLtz(3);

const DATE: Parameter = (type) => type.kind === 'date';
const TIMESTAMP: Parameter = (type) => type.kind === 'timestamp';
const INSTANT: Parameter = (type) => type.kind === 'timestamp_ltz';
const MONTHS: Parameter = (type) => type.kind === 'interval_year_month';
const DAYS: Parameter = (type) => type.kind === 'interval_day_time';
const INTERVAL: Parameter = (type) => MONTHS(type) || DAYS(type);
const TEMPORAL: Parameter = (type) => DATE(type) || TIMESTAMP(type) || INSTANT(type) || type.kind === 'time';

/** What the clock shows of a value, in milliseconds since the epoch or of the day. `zonePlace` is where its name stands. */
function localReader(site: CallSite, place: number, zonePlace: number): (ticks: Ticks) => number {
  const type = site.types[place] as LogicalType;
  if (DATE(type)) return (days) => Number(days) * MILLIS_PER_DAY;
  const millisOf = millisReader(type);
  if (!INSTANT(type)) return millisOf;
  const zone = zoneOf(site, zonePlace);
  return (ticks) => {
    const millis = millisOf(ticks);
    return millis + zone.offsetAt(millis);
  };
}

function zoneOf(site: CallSite, place: number): TimeZone {
  return timeZone(literalText(site, place) ?? 'UTC');
}

/** Whether the zone that instants need is named. */
function zoned({ types, literals }: CallSite, value: number, zone: number): boolean {
  return !INSTANT(types[value] as LogicalType) || typeof literals[zone] === 'string';
}

type Extract = (local: number, nanos: number) => number;

const ofDate =
  (read: (days: number) => number): Extract =>
  (local) =>
    read(Math.floor(local / MILLIS_PER_DAY));

/** A part of the clock: how often a unit fits into a larger one. */
const ofClock =
  (unit: number, of: number): Extract =>
  (local) =>
    Math.floor(floorMod(local, of) / unit);

const upwards = (value: number, by: number): number =>
  value > 0 ? Math.floor((value + by - 1) / by) : Math.ceil((value - by + 1) / by) + 0;

const EXTRACTS: Readonly<Record<string, Extract>> = {
  MILLENNIUM: ofDate((days) => upwards(dateOf(days).year, 1000)),
  CENTURY: ofDate((days) => upwards(dateOf(days).year, 100)),
  DECADE: ofDate((days) => Math.trunc(dateOf(days).year / 10)),
  YEAR: ofDate((days) => dateOf(days).year),
  ISOYEAR: ofDate((days) => isoWeek(days).year),
  QUARTER: ofDate((days) => Math.floor((dateOf(days).month + 2) / 3)),
  MONTH: ofDate((days) => dateOf(days).month),
  WEEK: ofDate((days) => isoWeek(days).week),
  DAY: ofDate((days) => dateOf(days).day),
  DOY: ofDate((days) => days - daysOf(dateOf(days).year, 1, 1) + 1),
  DOW: ofDate(dayOfWeek),
  ISODOW: ofDate(isoDayOfWeek),
  HOUR: ofClock(MILLIS_PER_HOUR, MILLIS_PER_DAY),
  MINUTE: ofClock(MILLIS_PER_MINUTE, MILLIS_PER_HOUR),
  SECOND: ofClock(MILLIS_PER_SECOND, MILLIS_PER_MINUTE),
  MILLISECOND: ofClock(1, MILLIS_PER_SECOND),
  MICROSECOND: (local, nanos) => floorMod(local, MILLIS_PER_SECOND) * 1000 + Math.floor(nanos / 1000),
  NANOSECOND: (local, nanos) => floorMod(local, MILLIS_PER_SECOND) * 1_000_000 + nanos,
  EPOCH: (local) => Math.floor(local / MILLIS_PER_SECOND),
};

const CLOCK_UNITS = ['HOUR', 'MINUTE', 'SECOND', 'MILLISECOND', 'MICROSECOND', 'NANOSECOND', 'EPOCH'];

/** Parts of intervals keep their sign. */
const MONTHS_EXTRACTS: Readonly<Record<string, (months: number) => number>> = {
  YEAR: (months) => Math.trunc(months / 12) + 0,
  QUARTER: (months) => Math.trunc((months % 12) / 3) + 1,
  MONTH: (months) => (months % 12) + 0,
};
const DAYS_EXTRACTS: Readonly<Record<string, (millis: number) => number>> = {
  DAY: (millis) => Math.trunc(millis / MILLIS_PER_DAY) + 0,
  HOUR: (millis) => Math.trunc((millis % MILLIS_PER_DAY) / MILLIS_PER_HOUR) + 0,
  MINUTE: (millis) => Math.trunc((millis % MILLIS_PER_HOUR) / MILLIS_PER_MINUTE) + 0,
  SECOND: (millis) => Math.trunc((millis % MILLIS_PER_MINUTE) / MILLIS_PER_SECOND) + 0,
  MILLISECOND: (millis) => (millis % MILLIS_PER_SECOND) + 0,
  EPOCH: (millis) => Math.trunc(millis / MILLIS_PER_SECOND) + 0,
};

function extractType(site: CallSite): LogicalType | undefined {
  const unit = literalText(site, 0) ?? '';
  const type = site.types[1] as LogicalType;
  if (MONTHS(type)) return MONTHS_EXTRACTS[unit] && BIGINT;
  if (DAYS(type)) return DAYS_EXTRACTS[unit] && BIGINT;
  if (type.kind === 'time') return CLOCK_UNITS.includes(unit) ? BIGINT : undefined;
  return EXTRACTS[unit] !== undefined && zoned(site, 1, 2) ? BIGINT : undefined;
}

function extract(site: CallSite): (unit: string, value: Ticks) => number {
  const unit = literalText(site, 0) as string;
  const type = site.types[1] as LogicalType;
  const ofInterval = MONTHS(type) ? MONTHS_EXTRACTS[unit] : DAYS(type) ? DAYS_EXTRACTS[unit] : undefined;
  if (ofInterval !== undefined) return (_, value) => ofInterval(Number(value));
  const localOf = localReader(site, 1, 2);
  const nanosOf = nanosReader(type);
  const read = EXTRACTS[unit] as Extract;
  return (_, value) => read(localOf(value), nanosOf(value));
}

const CLOCK_LENGTHS: Readonly<Record<string, number>> = {
  DAY: MILLIS_PER_DAY,
  HOUR: MILLIS_PER_HOUR,
  MINUTE: MILLIS_PER_MINUTE,
  SECOND: MILLIS_PER_SECOND,
  MILLISECOND: 1,
};
const DATE_UNITS: readonly string[] = ['MILLENNIUM', 'CENTURY', 'DECADE', 'YEAR', 'QUARTER', 'MONTH', 'WEEK'];

/** FLOOR and CEIL of a time to a unit: the unit stands first, as a literal. */
function rounding(up: boolean): ScalarFunction {
  const result = (site: CallSite): LogicalType | undefined => {
    const unit = literalText(site, 0) ?? '';
    const type = site.types[1] as LogicalType;
    const known = CLOCK_LENGTHS[unit] !== undefined || (type.kind !== 'time' && DATE_UNITS.includes(unit));
    return known && zoned(site, 1, 2) ? type : undefined;
  };
  return scalarFunction([TEXT, TEMPORAL], result, (site) => round(site, up), { optional: [TEXT] });
}

function round(site: CallSite, up: boolean): (unit: string, value: Ticks) => Ticks {
  const unit = literalText(site, 0) as string;
  const type = site.types[1] as LogicalType;
  const length = CLOCK_LENGTHS[unit];
  const date = unit as DateUnit;
  if (DATE(type)) {
    if (length !== undefined) return (_, days) => days;
    return (_, days) => (up ? ceilDate : floorDate)(date, Number(days));
  }
  const millisOf = millisReader(type);
  const write = ticksWriter(type);
  const zone = zoneOf(site, 2);
  const instant = INSTANT(type);
  return (_, value) => {
    const millis = millisOf(value);
    const offset = instant ? zone.offsetAt(millis) : 0;
    const local = millis + offset;
    // As in Flink, what a date unit rounds up is the day, whatever its time.
    const rounded =
      length === undefined
        ? (up ? ceilDate : floorDate)(date, Math.floor(local / MILLIS_PER_DAY)) * MILLIS_PER_DAY
        : (up ? Math.ceil(local / length) : Math.floor(local / length)) * length;
    return write(rounded - offset + 0, 0);
  };
}

/** A time and an interval, added or subtracted. Months keep the day, or take the last one that there is. */
function shifting(sign: 1 | -1): ScalarFunction {
  return scalarFunction(
    [TEMPORAL, INTERVAL],
    ({ types }) => (types[0]?.kind === 'time' && MONTHS(types[1] as LogicalType) ? undefined : types[0]),
    ({ types }) => {
      const shift = shifter(types[0] as LogicalType, MONTHS(types[1] as LogicalType));
      return (value: Ticks, interval: Ticks) => shift(value, sign * Number(interval));
    },
  );
}

function shifter(type: LogicalType, months: boolean): (value: Ticks, by: number) => Ticks {
  if (DATE(type))
    return months
      ? (days, by) => addMonths(Number(days), by)
      : (days, by) => Number(days) + Math.trunc(by / MILLIS_PER_DAY);
  const millisOf = millisReader(type);
  const nanosOf = nanosReader(type);
  const write = ticksWriter(type);
  if (type.kind === 'time') return (value, by) => write(floorMod(millisOf(value) + by, MILLIS_PER_DAY), nanosOf(value));
  return (value, by) => {
    const millis = millisOf(value);
    return write(months ? millisAddMonths(millis, by) : millis + by, nanosOf(value));
  };
}

function millisAddMonths(millis: number, months: number): number {
  const days = Math.floor(millis / MILLIS_PER_DAY);
  return addMonths(days, months) * MILLIS_PER_DAY + millis - days * MILLIS_PER_DAY;
}

/** Units by the months or the milliseconds that they have. */
const UNIT_MONTHS: Readonly<Record<string, number>> = { YEAR: 12, QUARTER: 3, MONTH: 1 };
const UNIT_MILLIS: Readonly<Record<string, number>> = { ...CLOCK_LENGTHS, WEEK: 7 * MILLIS_PER_DAY };

function isUnit(unit: string): boolean {
  return UNIT_MONTHS[unit] !== undefined || UNIT_MILLIS[unit] !== undefined;
}

function timestampDiff(site: CallSite): (unit: string, from: Ticks, to: Ticks) => number {
  const unit = literalText(site, 0) as string;
  const [fromOf, toOf] = [1, 2].map((place) =>
    DATE(site.types[place] as LogicalType)
      ? (days: Ticks) => Number(days) * MILLIS_PER_DAY
      : millisReader(site.types[place] as LogicalType),
  ) as [(ticks: Ticks) => number, (ticks: Ticks) => number];
  const months = UNIT_MONTHS[unit];
  const millis = UNIT_MILLIS[unit] as number;
  return (_, from, to) => {
    const [start, end] = [fromOf(from), toOf(to)];
    return months === undefined ? ((end - start) / millis) | 0 : (monthsBetween(start, end) / months) | 0;
  };
}

function timestampAdd(site: CallSite): (unit: string, count: Ticks, value: Ticks) => Ticks {
  const unit = literalText(site, 0) as string;
  const shift = shifter(site.types[2] as LogicalType, UNIT_MONTHS[unit] !== undefined);
  const each = { ...UNIT_MILLIS, ...UNIT_MONTHS }[unit] as number;
  return (_, count, value) => shift(value, Number(count) * each);
}

/** Intervals of one kind, added or subtracted. */
function intervals(sign: 1 | -1): ScalarFunction {
  return scalarFunction(
    [INTERVAL, INTERVAL],
    ({ types: [a, b] }) => (a?.kind === b?.kind ? a : undefined),
    ({ types }) => narrowed(types[0] as LogicalType, (a: Ticks, b: Ticks) => Number(a) + sign * Number(b)),
  );
}

function narrowed<V extends Ticks[]>(type: LogicalType, compute: (...values: V) => number): (...values: V) => number {
  return MONTHS(type) ? (...values) => compute(...values) | 0 : (...values) => Math.trunc(compute(...values)) + 0;
}

/** A pattern that is a literal is compiled once, others when they come. */
function compiled<T>(
  site: CallSite,
  place: number,
  fallback: string,
  compile: (pattern: string) => T,
): (pattern?: string) => T {
  const pattern = site.types.length > place ? literalText(site, place) : fallback;
  if (pattern !== undefined) {
    const only = compile(pattern);
    return () => only;
  }
  return (given) => compile(given as string);
}

const TIMESTAMP_PATTERN = 'yyyy-MM-dd HH:mm:ss';
const DATE_PATTERN = 'yyyy-MM-dd';

/** DATE_FORMAT(value, pattern, zone); a text is read as a timestamp first. */
function dateFormat(site: CallSite): (value: never, pattern: string) => string | undefined {
  const format = compiled(site, 1, TIMESTAMP_PATTERN, dateFormatter);
  const type = site.types[0] as LogicalType;
  if (TEXT(type)) {
    const read = dateParser(TIMESTAMP_PATTERN);
    return (text: string, pattern) => {
      const time = read(text);
      return time === undefined ? undefined : format(pattern)(time.millis, time.nanos);
    };
  }
  const localOf = localReader(site, 0, 2);
  const nanosOf = nanosReader(type);
  return (value: Ticks, pattern) => format(pattern)(localOf(value), nanosOf(value));
}

/** Reads text by a pattern, or else as a literal of SQL is written. */
function timestampReader(site: CallSite): (text: string, pattern?: string) => LocalTime | undefined {
  if (site.types.length === 1) return parseTimestamp;
  const parser = compiled(site, 1, TIMESTAMP_PATTERN, dateParser);
  return (text, pattern) => parser(pattern)(text) ?? parseTimestamp(text.trim());
}

function toTimestamp(site: CallSite): (text: string, pattern?: string) => number | undefined {
  const read = timestampReader(site);
  return (text, pattern) => read(text, pattern)?.millis;
}

function toDate(site: CallSite): (text: string, pattern?: string) => number | undefined {
  if (site.types.length === 1) return parseDate;
  const parser = compiled(site, 1, DATE_PATTERN, dateParser);
  return (text, pattern) => {
    const time = parser(pattern)(text);
    return time === undefined ? undefined : Math.floor(time.millis / MILLIS_PER_DAY);
  };
}

/** The least BIGINT stands for a text that is no timestamp. */
const NO_TIME = -(2n ** 63n);

/** UNIX_TIMESTAMP(text, pattern, zone), in seconds. */
function unixTimestamp(site: CallSite): (text: string, pattern: string) => Ticks {
  const parser = compiled(site, 1, TIMESTAMP_PATTERN, dateParser);
  const zone = zoneOf(site, 2);
  return (text, pattern) => {
    const time = parser(pattern)(text);
    return time === undefined ? NO_TIME : Math.trunc(zone.instantOf(time.millis) / MILLIS_PER_SECOND) + 0;
  };
}

/** FROM_UNIXTIME(seconds, pattern, zone). */
function fromUnixtime(site: CallSite): (seconds: Ticks, pattern: string) => string {
  const format = compiled(site, 1, TIMESTAMP_PATTERN, dateFormatter);
  const zone = zoneOf(site, 2);
  return (seconds, pattern) => {
    const millis = Number(seconds) * MILLIS_PER_SECOND;
    return format(pattern)(millis + zone.offsetAt(millis), 0);
  };
}

/** The years from 0 to 9999. */
const INSTANT_LEAST = daysOf(0, 1, 1) * MILLIS_PER_DAY;
const INSTANT_BEYOND = daysOf(10_000, 1, 1) * MILLIS_PER_DAY;

/** TO_TIMESTAMP_LTZ of seconds or milliseconds, by a precision of 0 or 3. */
function numberToInstant(value: number | bigint, precision: number = 3): number | undefined {
  if (precision !== 0 && precision !== 3)
    failed(`TO_TIMESTAMP_LTZ has no precision ${precision}. Take 0 for seconds or 3 for milliseconds.`);
  const millis = Math.trunc(Number(value) * (precision === 0 ? MILLIS_PER_SECOND : 1)) + 0;
  return millis >= INSTANT_LEAST && millis < INSTANT_BEYOND ? millis : undefined;
}

/** TO_TIMESTAMP_LTZ(text, pattern, zone). */
function textToInstant(site: CallSite): (text: string, pattern: string) => number | undefined {
  const parser = compiled(site, 1, TIMESTAMP_PATTERN, dateParser);
  const zone = zoneOf(site, 2);
  return (text, pattern) => {
    const time = parser(pattern)(text) ?? parseTimestamp(text.trim());
    return time === undefined ? undefined : zone.instantOf(time.millis);
  };
}

/** CONVERT_TZ(text, from, to): what one clock shows when another shows the text. */
function convertTz(): (text: string, from: string, to: string) => string | undefined {
  const read = dateParser(TIMESTAMP_PATTERN);
  const format = dateFormatter(TIMESTAMP_PATTERN);
  return (text, from, to) => {
    const time = read(text);
    if (time === undefined) return undefined;
    const instant = timeZone(from).instantOf(time.millis);
    return format(instant + timeZone(to).offsetAt(instant), 0);
  };
}

const NUMBER: Parameter = (type) => INTEGER(type) || type.kind === 'float' || type.kind === 'double';
const PARTIAL = { partial: true };

/** The unit of a function, which must be one that it knows. */
function withUnit(result: (site: CallSite) => LogicalType) {
  return (site: CallSite): LogicalType | undefined => (isUnit(literalText(site, 0) ?? '') ? result(site) : undefined);
}

export const TIME_FUNCTIONS: Readonly<Record<string, ScalarFunction>> = {
  EXTRACT: scalarFunction([TEXT, (type) => TEMPORAL(type) || INTERVAL(type)], extractType, extract, {
    optional: [TEXT],
  }),
  FLOOR_TIME: rounding(false),
  CEIL_TIME: rounding(true),
  DATETIME_PLUS: shifting(1),
  DATETIME_MINUS: shifting(-1),
  INTERVAL_PLUS: intervals(1),
  INTERVAL_MINUS: intervals(-1),
  INTERVAL_TIMES: scalarFunction(
    [INTERVAL, NUMBER],
    ({ types }) => types[0],
    ({ types }) => narrowed(types[0] as LogicalType, (a: Ticks, b: Ticks) => Number(a) * Number(b)),
  ),
  TIMESTAMPADD: scalarFunction(
    [TEXT, INTEGER, TEMPORAL],
    withUnit(({ types }) => types[2] as LogicalType),
    timestampAdd,
  ),
  TIMESTAMPDIFF: scalarFunction(
    [TEXT, TEMPORAL, TEMPORAL],
    withUnit(() => INT),
    timestampDiff,
  ),
  DATE_FORMAT: scalarFunction(
    [(type) => TEXT(type) || TEMPORAL(type), TEXT],
    (site) => (zoned(site, 0, 2) ? STRING : undefined),
    dateFormat,
    { optional: [TEXT], partial: true },
  ),
  TO_TIMESTAMP: scalarFunction([TEXT], MILLIS_TIMESTAMP, toTimestamp, { optional: [TEXT], partial: true }),
  TO_DATE: scalarFunction([TEXT], LogicalType.date(), toDate, { optional: [TEXT], partial: true }),
  UNIX_TIMESTAMP: scalarFunction([TEXT, TEXT, TEXT], BIGINT, unixTimestamp),
  FROM_UNIXTIME: scalarFunction([INTEGER, TEXT, TEXT], STRING, fromUnixtime),
  TO_TIMESTAMP_LTZ: scalarFunction(
    [(type) => TEXT(type) || NUMBER(type)],
    ({ types }) => (TEXT(types[0] as LogicalType) === (types.length === 3) ? MILLIS_INSTANT : undefined),
    (site) => (TEXT(site.types[0] as LogicalType) ? textToInstant(site) : numberToInstant),
    { optional: [(type) => TEXT(type) || INTEGER(type), TEXT], partial: true },
  ),
  CONVERT_TZ: scalarFunction([TEXT, TEXT, TEXT], STRING, convertTz, PARTIAL),
};
