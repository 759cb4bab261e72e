/** As `file-sink`, with small files that are put together before they are finished. */

import { fileSink, job, text } from 'millstream';
import { RECORDS, RECORDS_PER_SECOND } from './file-sink.ts';

export { check } from './file-sink.ts';

export default job('file-compaction', (env) => {
  env.setParallelism(2);
  env
    .fromGenerator((n) => `record ${n + 1}`, { count: RECORDS, recordsPerSecond: RECORDS_PER_SECOND })
    .rebalance()
    .sinkTo(
      fileSink({
        path: '/output',
        format: text(),
        bucket: (line) => `bucket-${line.length}`,
        rolling: { maxBytes: 100 },
        compaction: { bytes: 400, checkpoints: 3 },
      }),
    );
});
