import * as module from './jobs/keyed-reduce.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('keyed-reduce', module);
