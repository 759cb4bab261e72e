/** The tests of the backend in memory, on the backend on disk: with room for a few rows, and segments of a few records. */
import { testOnDisk } from './disk/test-on-disk.ts';

testOnDisk(30_000, 4096);

await import('./memory-backend.test.ts');
await import('./migration.test.ts');
await import('./model.test.ts');
