import * as module from './jobs/file-compaction.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('file-compaction', module);
