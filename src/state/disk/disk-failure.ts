/** What the disk refuses, as a failure of the state that lies there. */

import { MillstreamError } from '../../base/error.ts';
import { StorageError } from '../../base/world.ts';

/** Does something with files. */
export function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw diskFailure(error);
  }
}

export function diskFailure(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  const { system, path } = error;
  return new MillstreamError(
    'STATE_DISK',
    `The working files of keyed state cannot be used (${system} at ${path}). Free space there, or set \`stateDirectory\` to another disk.`,
    { cause: error, details: { file: path, system } },
  );
}
