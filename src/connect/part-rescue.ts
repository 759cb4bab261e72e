/**
 * What becomes of the files that were in progress when a checkpoint was taken, once somebody goes on from it.
 *
 * Nobody appends to such a file again: whoever wrote it may still be alive somewhere and not know that it was given up,
 * and the same savepoint may be restored twice. Its first bytes, those that the checkpoint holds, are copied to a
 * pending file, whose name follows from the original's: whoever restores the same state arrives at the same name. The
 * original stays for other checkpoints and savepoints that hold it.
 */

import { MillstreamError } from '../base/error.ts';
import type { Storage } from '../base/world.ts';
import { copyBytes, inProgressPath, pendingPath, type OpenPart, type PendingPart } from './part-file.ts';

/**
 * Makes a pending file of what a checkpoint holds of a file in progress. Undefined when that is published already: the
 * file was finished after a later checkpoint.
 *
 * @throws SINK_FAILED when the bytes are nowhere to be found.
 */
export async function rescue(storage: Storage, open: OpenPart, note: string): Promise<PendingPart | undefined> {
  const { final, bytes } = open;
  if (((await storage.status(final))?.bytes ?? -1) >= bytes) return undefined;
  const hidden = pendingPath(final, `.${bytes}`);
  if ((await storage.status(hidden)) === undefined) await copyFirst(storage, open, hidden, note);
  return { hidden, final, bytes, beginning: true };
}

/** Under a name of its own until it is whole. */
async function copyFirst(storage: Storage, open: OpenPart, hidden: string, note: string): Promise<void> {
  const original = await findOriginal(storage, open);
  const unfinished = inProgressPath(open.final, `.${note}`);
  const file = await storage.openAppend(unfinished);
  try {
    await copyBytes(storage, original, { start: 0, end: open.bytes }, (bytes) => file.append(bytes));
    await file.sync();
  } finally {
    await file.close();
  }
  await storage.rename(unfinished, hidden);
}

/** The file may have been closed, and even have become part of another checkpoint, after this one was taken. */
async function findOriginal(storage: Storage, { hidden, final, bytes }: OpenPart): Promise<string> {
  let shorter = false;
  for (const path of [hidden, pendingPath(final)]) {
    const status = await storage.status(path);
    if (status !== undefined && status.bytes >= bytes) return path;
    shorter ||= status !== undefined;
  }
  throw new MillstreamError(
    'SINK_FAILED',
    `The file sink cannot go on with ${hidden}, of which the checkpoint holds ${bytes} bytes: ${shorter ? 'the file is shorter' : 'the file is gone'}. Put it back, or restore from another checkpoint.`,
    { details: { path: hidden } },
  );
}
