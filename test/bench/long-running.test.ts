import { BENCHMARKS } from '../../bench/catalogue.ts';
import { LONG, testTinyRun } from './tiny-run.ts';

for (const benchmark of BENCHMARKS) if (LONG.includes(benchmark.name)) testTinyRun(benchmark);
