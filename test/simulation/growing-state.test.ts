import * as module from './jobs/growing-state.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('growing-state', module);
