import * as module from './jobs/column-counts.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('column-counts', module);
