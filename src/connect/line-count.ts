/** Counting lines, for messages that name one. */

import type { Storage } from '../base/world.ts';
import { countNewlines } from '../format/lines.ts';
import { sourceFailure } from './source-failure.ts';

const BLOCK_BYTES = 1024 * 1024;

/** Line breaks in the first `length` bytes of a file, or in fewer when `cancelled` says so. */
export async function countLines(
  storage: Storage,
  path: string,
  length: number,
  cancelled: () => boolean,
): Promise<number> {
  try {
    const file = await storage.openRead(path);
    try {
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      let count = 0;
      for (let position = 0; position < length && !cancelled();) {
        const read = await file.read(block, position);
        if (read === 0) break;
        count += countNewlines(block, 0, Math.min(read, length - position));
        position += read;
      }
      return count;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw sourceFailure(error, path);
  }
}
