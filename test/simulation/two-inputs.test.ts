import * as module from './jobs/two-inputs.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('two-inputs', module);
