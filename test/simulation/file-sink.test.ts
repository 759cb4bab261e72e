import * as module from './jobs/file-sink.ts';
import { testManySeeds } from './many-seeds.ts';

testManySeeds('file-sink', module);
