/** Failures of the outside as errors of the catalogue. */

import { MillstreamError } from '../../base/error.ts';
import { StorageError } from '../../base/world.ts';

/** CHECKPOINT_STORAGE: something did not work, where, and why. Errors that have a code already pass. */
export function storageFailure(what: string, where: string, cause: unknown): MillstreamError {
  if (cause instanceof MillstreamError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new MillstreamError('CHECKPOINT_STORAGE', `Could not ${what} ${where}: ${why}.`, {
    cause,
    details: { place: where, ...(cause instanceof StorageError ? { system: cause.system } : {}) },
  });
}

/** STATE_CORRUPT at a place of a file. */
export function corrupt(file: string, offset: number, what: string): MillstreamError {
  return new MillstreamError('STATE_CORRUPT', `${file} is damaged at byte ${offset}: ${what}.`, {
    details: { file, offset },
  });
}
