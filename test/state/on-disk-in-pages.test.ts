/** The tests of keyed state on the backend on disk, with pages so small that maps and lists of a few entries are in several. */
import { testOnDisk } from './disk/test-on-disk.ts';

testOnDisk(100_000, 4096, 40);

await import('./expired.test.ts');
await import('./memory-backend.test.ts');
await import('./migration.test.ts');
await import('./model.test.ts');
