/** Makes a snapshot self-contained: files that lie elsewhere are copied beside it. */

import { MillstreamError } from '../../base/error.ts';
import type { Random } from '../../base/world.ts';
import { encodeMetadata, type CheckpointContent } from './metadata.ts';
import { filesOf, mapSegments } from './file-references.ts';
import { METADATA, stateFileName, writtenBy } from './layout.ts';
import { removeFiles, type FoundSnapshot } from './snapshot-location.ts';
import { corrupt } from './storage-failure.ts';
import { storeUrl, type CheckpointStores } from './stores.ts';

/** Files are copied in pieces of this size. */
const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * Writes the metadata of a savepoint to its directory, and copies there what lies elsewhere: it is self-contained.
 *
 * @throws CHECKPOINT_FAILED when there is one already, CHECKPOINT_STORAGE.
 */
export async function writeSavepoint(
  stores: CheckpointStores,
  random: Random,
  content: CheckpointContent,
  directory: string,
): Promise<FoundSnapshot> {
  const url = storeUrl(directory);
  const copied: string[] = [];
  try {
    const operators = await copyInto(stores, url, content.operators, random, copied);
    const own: CheckpointContent = { ...content, operators };
    const { store, key } = stores.find(`${url}/${METADATA}`);
    if (!(await store.putNew(key, encodeMetadata(own, url, random.id()))))
      throw new MillstreamError('CHECKPOINT_FAILED', `There is a savepoint at ${url} already.`);
    return { directory: url, content: own, files: filesOf(operators) };
  } catch (error) {
    await removeFiles(stores, copied).catch(() => {});
    throw error;
  }
}

/**
 * @param copied Takes the URLs of the copies as they are begun, so that a failure can remove them.
 * @returns The operators with all files in `directory`.
 */
async function copyInto(
  stores: CheckpointStores,
  directory: string,
  operators: CheckpointContent['operators'],
  random: Random,
  copied: string[],
): Promise<CheckpointContent['operators']> {
  const copies = new Map<string, string>();
  for (const file of filesOf(operators)) {
    if (file.startsWith(`${directory}/`)) continue;
    const { epoch, checkpoint } = writtenBy(file) ?? { epoch: 0, checkpoint: 0 };
    const copy = `${directory}/${stateFileName(epoch, checkpoint, random)}`;
    copied.push(copy);
    await copyFile(stores, file, copy);
    copies.set(file, copy);
  }
  if (copies.size === 0) return operators;
  return mapSegments(operators, (segment) => ({
    ...segment,
    file: copies.get(segment.file) ?? segment.file,
  })) as CheckpointContent['operators'];
}

async function copyFile(stores: CheckpointStores, file: string, copy: string): Promise<void> {
  const from = stores.find(file);
  const to = stores.find(copy);
  const writer = to.store.openWriter(to.key);
  try {
    for (;;) {
      const piece = await from.store.getRange(from.key, writer.length, PIECE_BYTES);
      if (piece === undefined) throw corrupt(file, writer.length, 'the file is missing');
      if (piece.length > 0) await writer.write(piece);
      if (piece.length < PIECE_BYTES) break;
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
