/** Temporary files of records: how they are cut into blocks, and whose failure it is when the disk refuses. */

import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { describeThrown, MillstreamError } from '../base/error.ts';

/** Read and written at once: large enough for a disk, small enough for one of each of many files. */
export const SPILL_BLOCK_BYTES = 64 * 1024;

/** Records of a temporary file that are read together. */
export interface SpillBlock {
  readonly position: number;
  readonly bytes: number;
}

/** Records as bytes. */
export interface SpillCodec<T> {
  write(record: T, writer: ByteWriter): void;
  read(reader: ByteReader): T;
}

/** What the disk says is the environment's failure, not the user's. */
export function spillFailure(error: unknown): MillstreamError {
  if (error instanceof MillstreamError) return error;
  return new MillstreamError(
    'SPILL_FAILED',
    `Records could not be spilled to a temporary file: ${describeThrown(error)}`,
    { cause: error },
  );
}

export function fileTooShort(path: string): MillstreamError {
  return new MillstreamError('SPILL_FAILED', `The temporary file ${path} is shorter than it was written.`);
}
