/** Files as a source: once, or a directory that is watched for new ones. */

import type { Format } from '../format/format.ts';
import { compressionOf, type Compression } from './block-reader.ts';
import { FileCursor } from './file-cursor.ts';
import { FileEnumerator, type FileEnumeratorOptions, type FileEnumeratorState } from './file-enumerator.ts';
import type { FileSplit } from './file-split.ts';
import { assertCount, invalidOption } from './option.ts';
import type { Source } from './source.ts';
import { SplitReader } from './split-reader.ts';
import type { OnUndecodable } from './undecodable.ts';

/** Which files are read, and how. */
export interface FileSourceOptions<T> {
  /** A file, a directory, or several of either. */
  readonly path: string | readonly string[];
  /** How the bytes are read, for example `csv({ header: true })`, `json()` or `text()`. */
  readonly format: Format<T, never>;
  /** Whether directories inside the directories are searched. Default true. */
  readonly recursive?: boolean;
  /**
   * Which files of a directory: a glob on the path below it (`'*.csv'`, `'**\/2024-*.json'`), or a function of the
   * whole path. Default all. Names that begin with `.` or `_` are always left out.
   */
  readonly include?: string | ((path: string) => boolean);
  /** Default by the name's ending: `.gz`, `.deflate`, `.br`, `.zst`. Compressed files are not cut into ranges. */
  readonly compression?: Compression;
  /**
   * Milliseconds between two looks for new files, which makes the source unbounded. A file is read once, with the
   * length that it has when it is found: put files into place whole, by renaming them. Default: one look.
   */
  readonly monitorIntervalMs?: number;
  /**
   * Large files are cut into ranges of about this many bytes, which are read in parallel. Default by the amount of
   * data and the parallelism, between 1 and 64 MiB. Formats that need the whole file are not cut.
   */
  readonly splitBytes?: number;
  /**
   * `'any'` (default): whoever is free reads the next range. `'deterministic'`: the same subtask reads the same
   * ranges in the same order in every run.
   */
  readonly order?: 'any' | 'deterministic';
  /** What to do with a record that cannot be decoded. Default `'fail'`. */
  readonly onUndecodable?: OnUndecodable;
}

/**
 * The records of files. Positions are exact to the record: a job that restarts goes on in the middle of a file.
 *
 * @example
 * ```ts
 * const flights = fileSource({
 *   path: 'data/flights',
 *   include: '*.csv.gz',
 *   format: csv({ header: true, columns: { origin: 'string', delay: 'integer?' } }),
 *   onUndecodable: 'side-output',
 * });
 * ```
 */
export function fileSource<T>(options: FileSourceOptions<T>): Source<T, FileSplit, FileEnumeratorState> {
  const settings = fileSettings(options);
  const { format, compression, onUndecodable = 'fail' } = options;
  return {
    name: 'file',
    boundedness: settings.monitorIntervalMs === undefined ? 'bounded' : 'unbounded',
    replayable: true,
    createEnumerator: (context, restored) => new FileEnumerator(context, settings, restored),
    createReader: (context) =>
      new SplitReader(context, {
        splitId,
        open: (split) =>
          new FileCursor(split, {
            storage: context.world.storage,
            format,
            compression: compression ?? compressionOf(split.path),
            onUndecodable,
          }),
        order: 'one-by-one',
      }),
    splitId,
  };
}

function splitId(split: FileSplit): string {
  return split.id;
}

function fileSettings<T>(options: FileSourceOptions<T>): FileEnumeratorOptions {
  const { path, format, compression, monitorIntervalMs, splitBytes } = options;
  const paths = typeof path === 'object' ? [...path] : [path];
  if (paths.length === 0 || paths.some((one) => typeof one !== 'string' || one === ''))
    throw invalidOption('file source', 'path must name a file or a directory');
  if (monitorIntervalMs !== undefined) assertCount('file source', 'monitorIntervalMs', monitorIntervalMs, 1);
  if (splitBytes !== undefined) assertCount('file source', 'splitBytes', splitBytes, 1);
  return Object.freeze({
    paths,
    recursive: options.recursive ?? true,
    include: options.include,
    splittable: (file: string) => format.splittable && (compression ?? compressionOf(file)) === 'none',
    splitBytes,
    monitorIntervalMs,
    order: options.order ?? 'any',
  });
}
