/** Temporary directories for tests, and a Storage that hands out files in small pieces. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Storage, World } from '../../src/base/world.ts';

/** A directory that goes when the test ends. */
export function scratchDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'millstream-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The same World, whose files are read `bytes` at a time, so that borders of blocks fall everywhere. */
export function inPieces(world: World, bytes: number): World {
  const storage: Storage = Object.assign(Object.create(world.storage) as Storage, {
    openRead: async (path: string) => {
      const file = await world.storage.openRead(path);
      return {
        bytes: file.bytes,
        read: (into: Uint8Array, position: number) => file.read(into.subarray(0, bytes), position),
        close: () => file.close(),
      };
    },
  });
  // The methods of the real one need their own `this`.
  for (const method of [
    'status',
    'list',
    'openAppend',
    'makeDirectory',
    'rename',
    'remove',
    'temporaryDirectory',
  ] as const) {
    Object.assign(storage, { [method]: world.storage[method].bind(world.storage) });
  }
  return { ...world, storage };
}
