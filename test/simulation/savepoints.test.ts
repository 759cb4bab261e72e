import * as module from './jobs/savepoints.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('savepoints', module, 200);
