/** What it means for a sink that a path cannot be written. */

import { describeThrown, MillstreamError, type ErrorCode } from '../base/error.ts';
import { StorageError } from '../base/world.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly says: string;
}

const FULL: Meaning = {
  code: 'SINK_DISK_FULL',
  says: 'the disk or its quota is full. Free space; the job goes on from its last checkpoint',
};
const DENIED: Meaning = { code: 'SINK_PERMISSION', says: 'permission is denied. Let the process write there' };

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: {
    code: 'SINK_PERMISSION',
    says: 'the file system is mounted read-only. Mount it writable, or choose another path',
  },
  ENOTDIR: { code: 'SINK_FAILED', says: 'a directory in the path is a file. Choose another path' },
  EMFILE: {
    code: 'SINK_FAILED',
    says: 'the process has too many files open. Raise its limit (ulimit -n) or use fewer buckets',
  },
};

/** The typed error for what went wrong while `path` was written. */
export function sinkFailure(error: unknown, path: string): MillstreamError {
  if (error instanceof MillstreamError) return error;
  const system = error instanceof StorageError ? error.system : undefined;
  const meaning = system === undefined ? undefined : MEANINGS[system];
  const says = meaning?.says ?? `${describeThrown(error)}. See the cause`;
  return new MillstreamError(meaning?.code ?? 'SINK_FAILED', `The file sink cannot write ${path}: ${says}.`, {
    cause: error,
    details: { path, ...(system === undefined ? {} : { system }) },
  });
}
