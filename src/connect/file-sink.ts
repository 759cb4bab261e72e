/** Files as a sink, exactly once: Flink's `FileSink`. */

import type { Format } from '../format/format.ts';
import { bucketByTime, type BucketAssigner } from './bucket.ts';
import { FileCommitter } from './file-committer.ts';
import { FileCompactor, type CompactionSettings } from './file-compaction.ts';
import { FileWriter, type FileWriterState, type RollingSettings } from './file-writer.ts';
import { assertCount, invalidOption } from './option.ts';
import type { PendingPart } from './part-file.ts';
import type { Sink } from './sink.ts';

/** When a file is closed and another begun. */
export interface RollingOptions {
  /** Once it has this many bytes. Default 128 MiB. Of the limits, `Infinity` means never. */
  readonly maxBytes?: number;
  /** Once it was begun this long ago, in milliseconds. Default one minute. */
  readonly rolloverMs?: number;
  /** Once nothing was written to it for this long, in milliseconds. Default one minute. */
  readonly inactivityMs?: number;
  /** How often the two times are looked at, in milliseconds. Default one minute. */
  readonly checkIntervalMs?: number;
  /** With every checkpoint too. Default false. */
  readonly onCheckpoint?: boolean;
}

/** When small files are put together before they are finished, and how: Flink's `FileCompactStrategy`. */
export interface CompactionOptions {
  /** Once the files of a bucket that wait have so many bytes together. Default: not for their size. */
  readonly bytes?: number;
  /** Once the first of them has waited for so many checkpoints. Default: not for their age. One of the two must be given. */
  readonly checkpoints?: number;
  /**
   * `'bytes'`: one file behind the other, without the later ones' headers; files whose headers differ stay apart.
   * `'records'`: every record is read and written again, which takes a format that reads what it writes. Default: bytes
   * where the format is `concatenable`, as text, JSON lines and CSV are, else records.
   */
  readonly by?: 'bytes' | 'records';
}

/** Where files are written, and how. */
export interface FileSinkOptions<T> {
  /** The directory that the files are written below. It is created where it is missing. */
  readonly path: string;
  /** How records are written, for example `csv({ header: true })`, `json()` or `text()`. */
  readonly format: Format<unknown, T>;
  /** Which directory below the path a record belongs to. Default one for each hour: `bucketByTime()`. */
  readonly bucket?: BucketAssigner<T>;
  readonly rolling?: RollingOptions;
  /** Puts small files together, in each subtask those that it wrote to a bucket. Default: each is finished as it is. */
  readonly compaction?: CompactionOptions;
  /** How the names of files begin. Default `'part'`. */
  readonly partPrefix?: string;
  /** How they end. Default the format's extension, `'.csv'` for example. */
  readonly partSuffix?: string;
}

const ROLLING_DEFAULTS: RollingSettings = Object.freeze({
  maxBytes: 128 * 1024 * 1024,
  rolloverMs: 60_000,
  inactivityMs: 60_000,
  checkIntervalMs: 60_000,
  onCheckpoint: false,
});

/**
 * Writes each record to a file of its bucket. Files are named `part-<subtask>-<run>-<n>`, where `run` is a number of
 * the writer's own, so that no two writers ever use the same name.
 *
 * A file that is written (`.part-….inprogress`), and one that is closed and waits for its checkpoint (`.part-….pending`),
 * is hidden. It gets its final name when the checkpoint that holds all its records is complete, or when the input has
 * ended: under a final name there are only whole files, and each record exactly once. A job that restarts goes on in
 * new files. It removes hidden files that the attempt before left behind where no checkpoint or savepoint can hold them;
 * others stay where they are, and sources do not read them.
 *
 * With `compaction`, small files become larger ones before they are finished (`compacted-part-…`).
 *
 * @example
 * ```ts
 * const sink = fileSink<{ user: string; at: number }>({
 *   path: 'out/clicks',
 *   format: json(),
 *   bucket: bucketByTime({ pattern: 'dt=yyyy-MM-dd', by: 'event-time' }),
 *   rolling: { maxBytes: 64 * 1024 * 1024, rolloverMs: 15 * 60_000 },
 * });
 * ```
 */
export function fileSink<T>(options: FileSinkOptions<T>): Sink<T, PendingPart, FileWriterState> {
  const settings = Object.freeze({
    path: withoutSlash(options.path),
    format: options.format,
    bucket: options.bucket ?? bucketByTime(),
    rolling: rollingSettings(options.rolling),
    partPrefix: namePart('partPrefix', options.partPrefix ?? 'part'),
    partSuffix: namePart('partSuffix', options.partSuffix ?? options.format.extension),
  });
  const compaction = options.compaction === undefined ? undefined : compactionSettings(options.compaction, settings);
  return {
    name: 'file',
    guarantee: 'exactly-once',
    createWriter: (context, restored) => new FileWriter(settings, context, restored),
    ...(compaction === undefined
      ? {}
      : { createPreCommitter: (context, restored) => new FileCompactor(compaction, context, restored) }),
    createCommitter: (world) => new FileCommitter(world.storage),
  };
}

function compactionSettings<T>(
  options: CompactionOptions,
  { format, partSuffix }: { readonly format: Format<unknown, T>; readonly partSuffix: string },
): CompactionSettings<T> {
  const { bytes = Number.POSITIVE_INFINITY, checkpoints = Number.POSITIVE_INFINITY } = options;
  if (options.bytes === undefined && options.checkpoints === undefined)
    throw invalidOption('file sink', 'compaction must say when: after how many bytes, checkpoints, or both');
  if (options.bytes !== undefined) assertCount('file sink', 'compaction.bytes', bytes, 1);
  if (options.checkpoints !== undefined) assertCount('file sink', 'compaction.checkpoints', checkpoints, 1);
  const { by = format.concatenable === true ? 'bytes' : 'records' } = options;
  if (by === 'bytes' && format.concatenable !== true)
    throw invalidOption('file sink', `compaction.by must be 'records': files of ${format.name} are not concatenable`);
  return Object.freeze({ format, partSuffix, bytes, checkpoints, by });
}

function withoutSlash(path: string): string {
  if (path === '') throw invalidOption('file sink', 'path must name a directory');
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function namePart(option: string, text: string): string {
  if (!/[/\\\0]/.test(text)) return text;
  throw invalidOption('file sink', `${option} must be part of a file's name, and is ${JSON.stringify(text)}`);
}

function rollingSettings(options: RollingOptions = {}): RollingSettings {
  const settings = { ...ROLLING_DEFAULTS, ...options };
  assertCount('file sink', 'rolling.checkIntervalMs', settings.checkIntervalMs, 1);
  for (const name of ['maxBytes', 'rolloverMs', 'inactivityMs'] as const) {
    if (settings[name] !== Number.POSITIVE_INFINITY) assertCount('file sink', `rolling.${name}`, settings[name], 1);
  }
  return Object.freeze(settings);
}
