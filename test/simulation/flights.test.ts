import * as module from './jobs/flights.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('flights', module, 200);
