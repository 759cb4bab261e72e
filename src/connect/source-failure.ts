/** What it means for a source that a path cannot be read. */

import { describeThrown, MillstreamError, type ErrorCode } from '../base/error.ts';
import { StorageError } from '../base/world.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly says: string;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: 'SOURCE_MISSING', says: 'it does not exist. Create it, or correct the path' },
  ENOTDIR: { code: 'SOURCE_MISSING', says: 'a directory in the path is a file. Correct the path' },
  EACCES: { code: 'SOURCE_PERMISSION', says: 'permission is denied. Let the process read it' },
  EPERM: { code: 'SOURCE_PERMISSION', says: 'the system does not permit it. Let the process read it' },
  EMFILE: {
    code: 'SOURCE_FAILED',
    says: 'the process has too many files open. Raise its limit (ulimit -n) or lower the parallelism',
  },
};

/** The typed error for what went wrong while `path` was read. */
export function sourceFailure(error: unknown, path: string): MillstreamError {
  if (error instanceof MillstreamError) return error;
  const system = error instanceof StorageError ? error.system : undefined;
  const meaning = system === undefined ? undefined : MEANINGS[system];
  const says = meaning?.says ?? `${describeThrown(error)}. See the cause`;
  return new MillstreamError(meaning?.code ?? 'SOURCE_FAILED', `The file source cannot read ${path}: ${says}.`, {
    cause: error,
    details: { path, ...(system === undefined ? {} : { system }) },
  });
}
