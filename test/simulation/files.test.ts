import * as module from './jobs/files.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('files', module);
