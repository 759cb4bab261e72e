/** The tests of timers and of time to live on the backend on disk, with room for all that they put there. */
import { testOnDisk } from './disk/test-on-disk.ts';

testOnDisk(2 ** 30, 2 ** 24);

await import('./expired.test.ts');
await import('./timers.test.ts');
await import('./timers-large.test.ts');
await import('./ttl.test.ts');
