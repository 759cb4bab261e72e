import { testExamples } from './examples/examples-of.ts';

testExamples(0, 4);
