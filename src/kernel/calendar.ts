/** The proleptic Gregorian calendar: days since 1970-01-01 and what they are called. */

export interface CalendarDate {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
}

export const MILLIS_PER_SECOND = 1000;
export const MILLIS_PER_MINUTE = 60_000;
export const MILLIS_PER_HOUR = 3_600_000;
export const MILLIS_PER_DAY = 86_400_000;

const DAYS_PER_ERA = 146_097;
const YEARS_PER_ERA = 400;
/** From 0000-03-01, with which eras begin, to the epoch. */
const EPOCH_DAYS = 719_468;

/** The rest of a division that rounds down. */
export function floorMod(value: number, by: number): number {
  const rest = value % by;
  return rest < 0 ? rest + by : rest + 0;
}

export function daysOf(year: number, month: number, day: number): number {
  // Years begin in March, so that the day that leap years add is their last.
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / YEARS_PER_ERA);
  const ofEra = shifted - era * YEARS_PER_ERA;
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const days = ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear;
  return era * DAYS_PER_ERA + days - EPOCH_DAYS;
}

export function dateOf(days: number): CalendarDate {
  const shifted = days + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const ofEra = shifted - era * DAYS_PER_ERA;
  const years = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * years + Math.floor(years / 4) - Math.floor(years / 100));
  const shiftedMonth = Math.floor((5 * ofYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: years + era * YEARS_PER_ERA + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

export function lengthOfMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The same day of another month, or its last one. */
export function addMonths(days: number, months: number): number {
  const { year, month, day } = dateOf(days);
  const all = year * 12 + month - 1 + months;
  const [toYear, toMonth] = [Math.floor(all / 12), floorMod(all, 12) + 1];
  return daysOf(toYear, toMonth, Math.min(day, lengthOfMonth(toYear, toMonth)));
}

/** Whole months between two times in milliseconds, rounded towards zero. */
export function monthsBetween(from: number, to: number): number {
  if (to < from) return -monthsBetween(to, from) + 0;
  const [start, end] = [Math.floor(from / MILLIS_PER_DAY), Math.floor(to / MILLIS_PER_DAY)];
  const [first, last] = [dateOf(start), dateOf(end)];
  let months = (last.year - first.year) * 12 + last.month - first.month;
  while (addMonths(start, months) > end) months--;
  const sameDay = addMonths(start, months) === end;
  return sameDay && floorMod(to, MILLIS_PER_DAY) < floorMod(from, MILLIS_PER_DAY) ? months - 1 : months;
}

/** From Sunday, which is 1. */
export function dayOfWeek(days: number): number {
  return floorMod(days + 4, 7) + 1;
}

/** From Monday, which is 1. */
export function isoDayOfWeek(days: number): number {
  return floorMod(days + 3, 7) + 1;
}

/** Weeks begin on Monday and belong to the year in which their Thursday lies. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  const thursday = days - isoDayOfWeek(days) + 4;
  const { year } = dateOf(thursday);
  return { year, week: Math.floor((thursday - daysOf(year, 1, 1)) / 7) + 1 };
}

export type DateUnit = 'MILLENNIUM' | 'CENTURY' | 'DECADE' | 'YEAR' | 'QUARTER' | 'MONTH' | 'WEEK';

/** The first day of what a day lies in. Weeks begin on Sunday, as in Flink. */
export function floorDate(unit: DateUnit, days: number): number {
  const { year, month } = dateOf(days);
  switch (unit) {
    case 'MILLENNIUM':
      return daysOf(1000 * Math.floor((year + 999) / 1000) - 999, 1, 1);
    case 'CENTURY':
      return daysOf(100 * Math.floor((year + 99) / 100) - 99, 1, 1);
    case 'DECADE':
      return daysOf(10 * Math.floor(year / 10), 1, 1);
    case 'YEAR':
      return daysOf(year, 1, 1);
    case 'QUARTER':
      return daysOf(year, month - ((month - 1) % 3), 1);
    case 'MONTH':
      return daysOf(year, month, 1);
    case 'WEEK':
      return days - dayOfWeek(days) + 1;
  }
}

/** The first day of the next one, or the day itself where something begins with it. */
export function ceilDate(unit: DateUnit, days: number): number {
  const floor = floorDate(unit, days);
  if (floor === days) return days;
  return unit === 'WEEK' ? floor + 7 : addMonths(floor, MONTHS[unit]);
}

const MONTHS = { MILLENNIUM: 12_000, CENTURY: 1200, DECADE: 120, YEAR: 12, QUARTER: 3, MONTH: 1 };
