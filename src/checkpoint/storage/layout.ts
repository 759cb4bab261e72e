/**
 * Names. Below the root that the user names, everything of a job lies in a directory of its own:
 *
 * ```
 * <job>/epoch                                    the register: epoch, and the checkpoints that count
 * <job>/shared/e<epoch>-c<checkpoint>-<id>.state state files, which later checkpoints may share
 * <job>/chk-<checkpoint>/_metadata               one per completed checkpoint
 * ```
 *
 * A savepoint is a directory with its `_metadata` and its state files side by side.
 */

import { MillstreamError } from '../../base/error.ts';
import type { Random } from '../../base/world.ts';

export const METADATA = '_metadata';

const FILE = /(?:^|\/)\.?e(\d+)-c(\d+)-[0-9a-f]+\.state/;

/** Characters of a random id that make names differ. */
const ID_DIGITS = 16;

/** Job ids become directory names. */
export function checkJobId(job: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(job)) return job;
  throw new MillstreamError(
    'OPTION_INVALID',
    `The job id "${job}" cannot be the name of a directory: it must be up to 128 letters, digits, "_", "." or "-".`,
  );
}

export function epochKey(job: string): string {
  return `${job}/epoch`;
}

export function sharedPrefix(job: string): string {
  return `${job}/shared/`;
}

export function stateFileName(epoch: number, checkpoint: number, random: Random): string {
  return `e${epoch}-c${checkpoint}-${random.id().slice(0, ID_DIGITS)}.state`;
}

/** Who wrote a state file, by its name (also by that of its unfinished upload); undefined for other files. */
export function writtenBy(name: string): { readonly epoch: number; readonly checkpoint: number } | undefined {
  const match = FILE.exec(name);
  return match === null ? undefined : { epoch: Number(match[1]), checkpoint: Number(match[2]) };
}

/** The directory of a checkpoint; with a suffix when somebody stale has taken the name. */
export function checkpointPrefix(job: string, checkpoint: number, suffix = ''): string {
  return `${job}/chk-${checkpoint}${suffix}/`;
}

export function savepointName(job: string, random: Random): string {
  return `savepoint-${job.slice(0, 6)}-${random.id().slice(0, 12)}`;
}
