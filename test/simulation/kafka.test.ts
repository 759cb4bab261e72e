import * as module from './jobs/kafka.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('kafka', module);
