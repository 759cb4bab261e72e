import { testExamples } from './examples/examples-of.ts';

testExamples(1, 4);
