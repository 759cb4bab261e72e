/** Makes a snapshot self-contained: files that lie elsewhere are copied beside it. */

import type { Random } from '../../base/world.ts';
import type { CheckpointContent } from './metadata.ts';
import { filesOf, mapSegments } from './file-references.ts';
import { stateFileName, writtenBy } from './layout.ts';
import { corrupt } from './storage-failure.ts';
import type { CheckpointStores } from './stores.ts';

/** Files are copied in pieces of this size. */
const PIECE_BYTES = 4 * 1024 * 1024;

/**
 * @param copied Takes the URLs of the copies as they are begun, so that a failure can remove them.
 * @returns The operators with all files in `directory`.
 */
export async function copyInto(
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
