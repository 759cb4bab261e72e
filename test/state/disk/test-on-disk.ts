/** Lets tests that are written for any backend run on the one on disk. */
import { createDiskBackend } from '../../../src/state/disk/disk-backend.ts';
import { SlotMemory } from '../../../src/state/disk/slot-memory.ts';
import { testBackend } from '../harness.ts';
import { MemoryFiles } from './memory-files.ts';

export function testOnDisk(bytes: number, segmentBytes: number, pageBytes = 4096): void {
  testBackend((settings) =>
    createDiskBackend({
      ...settings,
      files: new MemoryFiles(),
      directory: undefined,
      memory: new SlotMemory(bytes),
      segmentBytes,
      pageBytes,
    }),
  );
}
