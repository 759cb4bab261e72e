/** Casts from, to and among dates, times, timestamps and intervals. */

import { type LogicalType } from '../../data/schema.ts';
import { floorMod, MILLIS_PER_DAY } from '../calendar.ts';
import { timeZone } from '../time-zone.ts';
import {
  dateText,
  daysTimeText,
  type LocalTime,
  millisReader,
  monthsText,
  nanosReader,
  parseDate,
  parseTime,
  parseTimestamp,
  type Ticks,
  ticksWriter,
  timestampText,
  timeText,
} from '../time-values.ts';

const KINDS: readonly LogicalType['kind'][] = ['date', 'time', 'timestamp', 'timestamp_ltz'];

export function isTemporal(type: LogicalType): boolean {
  return KINDS.includes(type.kind);
}

export function isInterval(type: LogicalType): boolean {
  return type.kind === 'interval_year_month' || type.kind === 'interval_day_time';
}

/** Whether one can be made of the other. A TIME of the day has no date, and a DATE no time. */
export function isTemporalCast(from: LogicalType, to: LogicalType): boolean {
  if (!isTemporal(from) || !isTemporal(to)) return false;
  return !((from.kind === 'date' && to.kind === 'time') || (from.kind === 'time' && to.kind === 'date'));
}

/** Whether the cast has to know the zone of the session. Text is what a clock shows. */
export function needsZone(from: LogicalType, to: LogicalType): boolean {
  return (from.kind === 'timestamp_ltz') !== (to.kind === 'timestamp_ltz');
}

/** What computes a cast among temporal types. */
export function temporalCast(from: LogicalType, to: LogicalType, zone: string | undefined): (value: Ticks) => Ticks {
  const read = localReader(from, needsZone(from, to) ? zone : undefined);
  const write = localWriter(to, needsZone(from, to) ? zone : undefined);
  return (value) => write(read(value));
}

/** What a clock shows; in UTC where no zone is given. */
function localReader(type: LogicalType, zone: string | undefined): (value: Ticks) => LocalTime {
  if (type.kind === 'date') return (days) => ({ millis: Number(days) * MILLIS_PER_DAY, nanos: 0 });
  const millisOf = millisReader(type);
  const nanosOf = nanosReader(type);
  if (type.kind !== 'timestamp_ltz' || zone === undefined)
    return (value) => ({ millis: millisOf(value), nanos: nanosOf(value) });
  const known = timeZone(zone);
  return (value) => {
    const millis = millisOf(value);
    return { millis: millis + known.offsetAt(millis), nanos: nanosOf(value) };
  };
}

function localWriter(type: LogicalType, zone: string | undefined): (time: LocalTime) => Ticks {
  if (type.kind === 'date') return ({ millis }) => Math.floor(millis / MILLIS_PER_DAY);
  const write = ticksWriter(type);
  if (type.kind === 'time') return ({ millis, nanos }) => write(floorMod(millis, MILLIS_PER_DAY), nanos);
  if (type.kind !== 'timestamp_ltz' || zone === undefined) return ({ millis, nanos }) => write(millis, nanos);
  const known = timeZone(zone);
  return ({ millis, nanos }) => write(known.instantOf(millis), nanos);
}

/** What writes a value of a temporal type or an interval as text. */
export function temporalText(type: LogicalType, zone: string | undefined): (value: Ticks) => string {
  switch (type.kind) {
    case 'date':
      return (days) => dateText(Number(days));
    case 'interval_year_month':
      return (months) => monthsText(Number(months));
    case 'interval_day_time':
      return (millis) => daysTimeText(Number(millis));
    case 'time': {
      const millisOf = millisReader(type);
      return (value) => timeText(millisOf(value), type.precision);
    }
    default: {
      const precision = 'precision' in type ? type.precision : 0;
      const read = localReader(type, zone);
      return (value) => {
        const { millis, nanos } = read(value);
        return timestampText(millis, nanos, precision);
      };
    }
  }
}

/** What reads text as a value of a temporal type; undefined where it is none. */
export function temporalParser(type: LogicalType, zone: string | undefined): (text: string) => Ticks | undefined {
  if (type.kind === 'date') return parseDate;
  if (type.kind === 'time') {
    const write = ticksWriter(type);
    return (text) => {
      const millis = parseTime(text);
      return millis === undefined ? undefined : write(millis, 0);
    };
  }
  const write = localWriter(type, zone);
  return (text) => {
    const time = parseTimestamp(text);
    return time === undefined ? undefined : write(time);
  };
}
