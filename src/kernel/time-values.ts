/**
 * Dates, times and timestamps as values of columns, and their text.
 *
 * A DATE counts days, a TIME what has passed of the day, a timestamp what has passed since the epoch: in milliseconds up
 * to a precision of 3, microseconds up to 6, nanoseconds beyond. Such a count is a number or, in exact code, a bigint.
 * Here it falls into milliseconds, which are always a number, and the nanoseconds behind them.
 */

import type { LogicalType } from '../data/schema.ts';
import {
  dateOf,
  daysOf,
  floorMod,
  lengthOfMonth,
  MILLIS_PER_DAY,
  MILLIS_PER_HOUR,
  MILLIS_PER_MINUTE,
  MILLIS_PER_SECOND,
} from './calendar.ts';

export type Ticks = number | bigint;

const NANOS_PER_MILLI = 1_000_000;

/** What a count of the type counts, per millisecond. */
function ticksPerMilli(type: LogicalType): number {
  if (type.kind !== 'time' && type.kind !== 'timestamp' && type.kind !== 'timestamp_ltz') return 1;
  if (type.precision <= 3) return 1;
  return type.precision <= 6 ? 1000 : NANOS_PER_MILLI;
}

/** Reads the milliseconds of counts of a type, rounded down. */
export function millisReader(type: LogicalType): (ticks: Ticks) => number {
  const per = ticksPerMilli(type);
  if (per === 1) return Number;
  const wide = BigInt(per);
  return (ticks) => {
    if (typeof ticks === 'number') return Math.floor(ticks / per);
    const quotient = ticks / wide;
    return Number(quotient * wide > ticks ? quotient - 1n : quotient);
  };
}

/** Reads the nanoseconds behind the millisecond. */
export function nanosReader(type: LogicalType): (ticks: Ticks) => number {
  const per = ticksPerMilli(type);
  if (per === 1) return () => 0;
  const nanos = NANOS_PER_MILLI / per;
  const wide = BigInt(per);
  return (ticks) => nanos * floorMod(typeof ticks === 'number' ? ticks % per : Number(ticks % wide), per);
}

/** Makes counts of a type out of milliseconds and the nanoseconds behind them, rounded down to its precision. */
export function ticksWriter(type: LogicalType): (millis: number, nanos: number) => Ticks {
  const per = ticksPerMilli(type);
  const precision = 'precision' in type ? type.precision : 3;
  const unit = 10 ** (Math.ceil(Math.max(precision, 1) / 3) * 3 - precision);
  if (per === 1) return (millis) => Math.floor(millis / unit) * unit;
  return (millis, nanos) => {
    const behind = Math.floor((nanos * per) / NANOS_PER_MILLI / unit) * unit;
    const ticks = millis * per + behind;
    return Number.isSafeInteger(ticks) && Number.isSafeInteger(millis * per)
      ? ticks
      : BigInt(millis) * BigInt(per) + BigInt(behind);
  };
}

export function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

export function dateText(days: number): string {
  const { year, month, day } = dateOf(days);
  return `${year < 0 ? `-${pad(-year, 4)}` : pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

/** Hours, minutes and seconds of a time of the day. */
function clockText(millis: number): string {
  const [hours, minutes] = [Math.floor(millis / MILLIS_PER_HOUR), Math.floor(millis / MILLIS_PER_MINUTE) % 60];
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(Math.floor(millis / MILLIS_PER_SECOND) % 60, 2)}`;
}

/** Milliseconds with at most so many digits behind the second: at least one, and no zeros behind it. */
export function timeText(millis: number, precision: number): string {
  const ofDay = floorMod(millis, MILLIS_PER_DAY);
  if (precision === 0) return clockText(ofDay);
  const fraction = pad(ofDay % MILLIS_PER_SECOND, 3).slice(0, precision);
  return `${clockText(ofDay)}.${fraction.replace(/(?<=.)0+$/, '')}`;
}

/** With as many digits behind the second as the precision says, or as there are. */
export function timestampText(millis: number, nanos: number, precision: number): string {
  const days = Math.floor(millis / MILLIS_PER_DAY);
  const ofDay = millis - days * MILLIS_PER_DAY;
  let fraction = pad((ofDay % MILLIS_PER_SECOND) * NANOS_PER_MILLI + nanos, 9);
  while (fraction.length > precision && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
  return `${dateText(days)} ${clockText(ofDay)}${fraction === '' ? '' : `.${fraction}`}`;
}

export function monthsText(months: number): string {
  const all = Math.abs(months);
  return `${months < 0 ? '-' : '+'}${Math.floor(all / 12)}-${pad(all % 12, 2)}`;
}

export function daysTimeText(millis: number): string {
  const all = Math.abs(millis);
  const ofDay = all % MILLIS_PER_DAY;
  const days = (all - ofDay) / MILLIS_PER_DAY;
  return `${millis < 0 ? '-' : '+'}${days} ${clockText(ofDay)}.${pad(ofDay % MILLIS_PER_SECOND, 3)}`;
}

const DATE = /^\s*(\d+)\s*(?:-\s*(\d+)\s*(?:-\s*(\d+)\s*)?)?$/;

/** A date as days; what stands behind a space does not count. Missing parts are 1. */
export function parseDate(text: string): number | undefined {
  const space = text.indexOf(' ');
  const [found, year, month = '1', day = '1'] = DATE.exec(space > 0 ? text.slice(0, space) : text) ?? [];
  return found === undefined ? undefined : checkedDays(Number(year), Number(month), Number(day));
}

/** Days of a date that exists, in the years from 0 to 9999. */
function checkedDays(year: number, month: number, day: number): number | undefined {
  if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 || day > lengthOfMonth(year, month))
    return undefined;
  return daysOf(year, month, day);
}

const TIME =
  /^\s*(\d+)\s*(?::\s*(\d+)\s*(?::\s*(\d+)\s*(?:\.\s*([^+-]*?)\s*)?)?)?(?:([+-])\s*(\d+)\s*(?::\s*(\d+)\s*)?)?$/;

/** A time as milliseconds of the day. Missing parts are 0; digits behind the millisecond round it. */
export function parseTime(text: string): number | undefined {
  const [found, hour, minute = '0', second = '0', fraction = '', sign, zoneHour = '0', zoneMinute = '0'] =
    TIME.exec(text) ?? [];
  if (found === undefined) return undefined;
  const zone = Number(zoneHour) * MILLIS_PER_HOUR + Number(zoneMinute) * MILLIS_PER_MINUTE;
  const millis =
    Number(hour) * MILLIS_PER_HOUR + Number(minute) * MILLIS_PER_MINUTE + Number(second) * MILLIS_PER_SECOND;
  const digits = fraction.replaceAll(/\D/g, '0').padEnd(4, '0');
  const behind = Number(digits.slice(0, 3)) + (digits.charAt(3) >= '5' ? 1 : 0);
  return millis + behind + (sign === '-' ? -zone : zone);
}

const TIMESTAMP = /^(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{0,9}))?)?$/;

export interface LocalTime {
  readonly millis: number;
  readonly nanos: number;
}

export function parseTimestamp(text: string): LocalTime | undefined {
  const [found, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = TIMESTAMP.exec(text) ?? [];
  if (found === undefined) return undefined;
  return localTime(
    checkedDays(Number(year), Number(month), Number(day)),
    Number(hour),
    Number(minute),
    Number(second),
    Number(fraction.padEnd(9, '0')),
  );
}

/** The parts of a time together; undefined where one is out of its range. */
export function localTime(
  days: number | undefined,
  hour: number,
  minute: number,
  second: number,
  nanoOfSecond: number,
): LocalTime | undefined {
  if (days === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  const millis = Math.floor(nanoOfSecond / NANOS_PER_MILLI);
  return {
    millis:
      days * MILLIS_PER_DAY + hour * MILLIS_PER_HOUR + minute * MILLIS_PER_MINUTE + second * MILLIS_PER_SECOND + millis,
    nanos: nanoOfSecond - millis * NANOS_PER_MILLI,
  };
}
