/** Buckets of a file sink: which directory a record's file lies in. */

import { NO_TIMESTAMP } from '../data/record-batch.ts';
import { MillstreamError } from '../base/error.ts';
import { invalidOption } from './option.ts';

/** What a bucket may be chosen by. Valid during the call only. */
export interface BucketContext {
  /** The record's event time; `undefined` when it has none. */
  readonly timestamp: number | undefined;
  readonly watermark: number;
  /** Wall-clock time in milliseconds. */
  readonly now: number;
}

/** Names the directory of a record, below the path of the sink: `''`, `'2024-05-01'`, `'dt=2024-05-01/hour=13'`. */
export type BucketAssigner<T> = (value: T, context: BucketContext) => string;

/** Which time names a bucket, and how. */
export interface TimeBucketOptions {
  /** From `yyyy`, `MM`, `dd`, `HH`, `mm`, `ss`; everything else stands for itself. Default `'yyyy-MM-dd--HH'`. */
  readonly pattern?: string;
  /** Which time: of the clock (default), or the record's own. */
  readonly by?: 'processing-time' | 'event-time';
  /** IANA name of the zone that days and hours are of. Default `'UTC'`. */
  readonly timeZone?: string;
}

const SECOND_MS = 1000;

/**
 * A bucket for each hour, day or minute: Flink's `DateTimeBucketAssigner`.
 *
 * @example
 * ```ts
 * const hourly = bucketByTime();
 * const daily = bucketByTime({ pattern: 'dt=yyyy-MM-dd', by: 'event-time' });
 * ```
 */
export function bucketByTime(options: TimeBucketOptions = {}): BucketAssigner<unknown> {
  const { pattern = 'yyyy-MM-dd--HH', by = 'processing-time', timeZone = 'UTC' } = options;
  const format = timeFormat(pattern, timeZone);
  let lastSecond = Number.NaN;
  let lastBucket = '';
  return (_value, context) => {
    const time = by === 'processing-time' ? context.now : context.timestamp;
    if (time === undefined) {
      throw new MillstreamError(
        'TIMESTAMP_MISSING',
        'The file sink chooses buckets by event time, and a record has none. Assign timestamps with a watermark strategy.',
      );
    }
    const second = Math.floor(time / SECOND_MS);
    if (second !== lastSecond) {
      lastSecond = second;
      lastBucket = format(second * SECOND_MS);
    }
    return lastBucket;
  };
}

function timeFormat(pattern: string, timeZone: string): (time: number) => string {
  let parts: Intl.DateTimeFormat;
  try {
    const digits = {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    } as const;
    parts = new Intl.DateTimeFormat('en-US', { ...digits, hourCycle: 'h23', calendar: 'iso8601', timeZone });
  } catch {
    throw invalidOption('file sink', `the time zone "${timeZone}" of its buckets is not known`);
  }
  return (time) => {
    const of: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
    for (const { type, value } of parts.formatToParts(time)) of[type] = value;
    return pattern.replaceAll(/yyyy|MM|dd|HH|mm|ss/g, (token) => of[TOKENS[token as keyof typeof TOKENS]] ?? token);
  };
}

const TOKENS = { yyyy: 'year', MM: 'month', dd: 'day', HH: 'hour', mm: 'minute', ss: 'second' } as const;

/**
 * All files in one directory, the path of the sink: Flink's `BasePathBucketAssigner`.
 *
 * @example
 * ```ts
 * const bucket = noBuckets();
 * ```
 */
export function noBuckets(): BucketAssigner<unknown> {
  return () => '';
}

/** The event time of a write, as assigners see it. */
export function bucketTimestamp(timestamp: number): number | undefined {
  return timestamp === NO_TIMESTAMP ? undefined : timestamp;
}

/** Buckets come from data: they must not lead out of the sink's directory. */
export function assertBucket(bucket: string, path: string): void {
  if (bucket === '') return;
  const bad =
    typeof bucket !== 'string' ||
    bucket.split('/').some((name) => name === '' || name === '.' || name === '..' || /[\\\0]/.test(name));
  if (!bad) return;
  throw new MillstreamError(
    'RECORD_UNENCODABLE',
    `A record cannot be written below ${path} because its bucket ${JSON.stringify(bucket)} is no relative path of plain names.`,
    { details: { bucket, path } },
  );
}
