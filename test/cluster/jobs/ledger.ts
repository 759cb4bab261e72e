/**
 * Running counts of five keys over two subtasks, written to files; `parameters`: records, perSecond, checkpoints,
 * output (directories).
 */

import { fileSink, job, text } from 'millstream';

export default job('ledger', (env, parameters) => {
  env.setParallelism(2);
  env.enableCheckpointing(40);
  env.set({ checkpoint: { directory: String(parameters['checkpoints']) } });
  env.setRestartStrategy({ kind: 'fixed-delay', attempts: 100, delayMs: 50 });
  env
    .fromGenerator((i) => i, {
      count: Number(parameters['records']),
      recordsPerSecond: Number(parameters['perSecond']),
    })
    .uid('source')
    .map((i): [number, number] => [i % 5, 1])
    .keyBy(([key]) => key)
    .reduce(([key, a], [, b]) => [key, a + b])
    .uid('counts')
    .map(([key, count]) => `${key} ${count}`)
    .sinkTo(
      fileSink({
        path: String(parameters['output']),
        format: text(),
        bucket: () => '',
        rolling: { onCheckpoint: true },
      }),
    )
    .uid('files');
});
