/**
 * Records to files, exactly once: what stands under final names is what was written, each record once, whatever
 * crashed in between.
 */

import { job, text } from 'millstream';
import { fileSink } from '../../../src/connect/file-sink.ts';
import type { SimulatedRun } from '../../../src/testing/simulation/simulated-run.ts';
import { multisetDifference } from '../../../src/testing/simulation/multiset.ts';

export const RECORDS = 400;
export const RECORDS_PER_SECOND = 2_000;

export default job('file-sink', (env) => {
  env.setParallelism(2);
  env
    .fromGenerator((n) => `record ${n + 1}`, { count: RECORDS, recordsPerSecond: RECORDS_PER_SECOND })
    .rebalance()
    .sinkTo(
      fileSink({
        path: '/output',
        format: text(),
        bucket: (line) => `bucket-${line.length}`,
        rolling: { maxBytes: 300 },
      }),
    );
});

export function check(run: SimulatedRun): void {
  const final = run.disk.files().filter((path) => path.startsWith('/output/') && !path.includes('/.'));
  const lines = final.flatMap((path) => new TextDecoder().decode(run.disk.read(path)).trimEnd().split('\n'));
  const expected = Array.from({ length: RECORDS }, (_, i) => `record ${i + 1}`);
  const { missing, extra } = multisetDifference(expected, lines);
  if (missing.length === 0 && extra.length === 0) return;
  throw new Error(
    `missing ${missing.join(', ')}; extra ${extra.join(', ')}. Faults: ${run.faults.join('; ')}. Files: ${run.disk.files().join(' ')}`,
  );
}
