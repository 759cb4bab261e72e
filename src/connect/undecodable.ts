/** Records that cannot be decoded: what the user chose to do with them, and how they are shown. */

import { MillstreamError } from '../base/error.ts';
import type { FormatError } from '../format/format.ts';
import type { ReaderOutput } from './source.ts';

/**
 * `'fail'` stops the job with RECORD_UNDECODABLE; `'side-output'` sends an {@link Undecodable} to the side output
 * `'undecodable'`; `'skip'` leaves the record out, counts it and keeps a sample.
 */
export type OnUndecodable = 'fail' | 'side-output' | 'skip';

/**
 * The name of the side output for records that cannot be decoded; what arrives there is {@link Undecodable}.
 *
 * @example
 * ```ts
 * const undecodable = outputTag<Undecodable>(UNDECODABLE_TAG);
 * ```
 */
export const UNDECODABLE_TAG = 'undecodable';

/** Where a record came from. */
export interface RecordOrigin {
  /** The path of the file, or the address of the server. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Bytes before the record; in a compressed file, of its content. */
  readonly offset: number;
}

/** A record that could not be decoded, as a side output carries it. */
export interface Undecodable {
  readonly bytes: Uint8Array;
  readonly origin: RecordOrigin;
  /** Why, as a clause: "it is not valid JSON: …". */
  readonly error: string;
}

const EXCERPT_BYTES = 200;

/** Does what the user chose with the record in `bytes`, which is copied where it is kept. */
export function handleUndecodable(
  choice: OnUndecodable,
  output: ReaderOutput<never>,
  bytes: Uint8Array,
  origin: RecordOrigin,
  error: FormatError,
): void {
  if (choice === 'fail') throw undecodable(bytes, origin, error);
  const value: Undecodable = { bytes: Uint8Array.from(bytes), origin, error: error.message };
  if (choice === 'skip') output.dropped(value);
  else output.side(UNDECODABLE_TAG, value);
}

export function undecodable(bytes: Uint8Array, origin: RecordOrigin, error: FormatError): MillstreamError {
  const { file, line, offset } = origin;
  const record = excerpt(bytes);
  return new MillstreamError(
    'RECORD_UNDECODABLE',
    `The record at line ${line}, byte ${offset} of ${file} cannot be decoded because ${error.message}. It reads ${record}. Correct it, or choose onUndecodable: 'side-output' or 'skip'.`,
    { cause: error, details: { file, line, offset, record } },
  );
}

/** The beginning of the record, with everything that does not print escaped. */
function excerpt(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, EXCERPT_BYTES)).toString('utf8');
  return `${JSON.stringify(text)}${bytes.length > EXCERPT_BYTES ? '…' : ''}`;
}
