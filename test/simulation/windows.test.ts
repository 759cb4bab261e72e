import * as module from './jobs/windows.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('windows', module);
