import { testExamples } from './examples/examples-of.ts';

testExamples(3, 4);
