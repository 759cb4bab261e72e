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
import { isCompacted, partName } from './compacted-name.ts';
import { copyBytes, inProgressPath, pendingPath, type OpenPart, type PendingPart } from './part-file.ts';

/**
 * Makes a pending file of what a checkpoint holds of a file in progress. Undefined when that is published already: the
 * file was finished after a later checkpoint, by itself or as part of a compacted one.
 *
 * @throws SINK_FAILED when the bytes are nowhere to be found.
 */
export async function rescue(
  storage: Storage,
  open: OpenPart,
  { note, suffix }: { readonly note: string; readonly suffix: string },
): Promise<PendingPart | undefined> {
  const { final, bytes } = open;
  if (((await storage.status(final))?.bytes ?? -1) >= bytes) return undefined;
  const hidden = pendingPath(final, `.${bytes}`);
  if ((await storage.status(hidden)) === undefined) {
    const original = await findOriginal(storage, open);
    if (original === undefined) {
      if (await isCompacted(storage, partName(final, suffix), suffix)) return undefined;
      throw gone(open, false);
    }
    await copyFirst(storage, open, original, hidden, note);
  }
  return { hidden, final, bytes, beginning: true };
}

/** The copy has a name of its own until it is whole; `note` tells apart those who make one at the same time. */
async function copyFirst(
  storage: Storage,
  open: OpenPart,
  original: string,
  hidden: string,
  note: string,
): Promise<void> {
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
async function findOriginal(storage: Storage, open: OpenPart): Promise<string | undefined> {
  const { hidden, final, bytes } = open;
  let shorter = false;
  for (const path of [hidden, pendingPath(final)]) {
    const status = await storage.status(path);
    if (status !== undefined && status.bytes >= bytes) return path;
    shorter ||= status !== undefined;
  }
  if (shorter) throw gone(open, true);
  return undefined;
}

function gone({ hidden, bytes }: OpenPart, shorter: boolean): MillstreamError {
  return new MillstreamError(
    'SINK_FAILED',
    `The file sink cannot go on with ${hidden}, of which the checkpoint holds ${bytes} bytes: ${shorter ? 'the file is shorter' : 'the file is gone'}. Put it back, or restore from another checkpoint.`,
    { details: { path: hidden } },
  );
}
