/** Encoding a record for a sink, with an error that names the record when that fails. */

import { inspect } from 'node:util';
import { MillstreamError } from '../base/error.ts';
import type { ByteAppender } from '../format/byte-appender.ts';
import { FormatError, type Encoder } from '../format/format.ts';

const EXCERPT_LENGTH = 200;

export function encodeRecord<T>(encoder: Encoder<T>, value: T, into: ByteAppender, target: string): void {
  const start = into.length;
  try {
    encoder.encode(value, into);
  } catch (error) {
    into.truncate(start);
    if (!(error instanceof FormatError)) throw error;
    const shown = inspect(value, { breakLength: Number.POSITIVE_INFINITY, compact: true, depth: 3 });
    const record = shown.length > EXCERPT_LENGTH ? `${shown.slice(0, EXCERPT_LENGTH)}…` : shown;
    throw new MillstreamError(
      'RECORD_UNENCODABLE',
      `A record cannot be written to ${target} because ${error.message}. The record is ${record}.`,
      { cause: error, details: { record, target } },
    );
  }
}
