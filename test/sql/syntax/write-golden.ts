/** Writes what now becomes of the golden cases behind them: `node test/sql/syntax/write-golden.ts`, then read the difference. */
import { writeFileSync } from 'node:fs';
import { goldenFiles, readGolden, writtenGolden } from './golden.ts';

for (const path of goldenFiles()) writeFileSync(path, writtenGolden(readGolden(path)));
