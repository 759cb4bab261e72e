import * as module from './jobs/timers.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('timers', module);
