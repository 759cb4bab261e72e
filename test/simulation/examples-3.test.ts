import { testExamples } from './examples/examples-of.ts';

testExamples(2, 4);
