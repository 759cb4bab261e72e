/** Running counts of five keys over two subtasks; `parameters`: records, perSecond, checkpointMs, silent. */

import { discardSink, job } from 'millstream';

export default job('paced', (env, parameters) => {
  const records = Number(parameters['records']);
  env.setParallelism(2);
  if (parameters['checkpointMs'] !== undefined) {
    env.enableCheckpointing(Number(parameters['checkpointMs']));
    env.setRestartStrategy({ kind: 'fixed-delay', attempts: 10, delayMs: 100 });
  }
  const counts = env
    .fromGenerator((i) => i, { count: records, recordsPerSecond: Number(parameters['perSecond']) })
    .uid('source')
    .map((i): [number, number] => [i % 5, 1])
    .keyBy(([key]) => key)
    .reduce(([key, a], [, b]) => [key, a + b])
    .uid('counts');
  if (parameters['silent'] === true) return void counts.sinkTo(discardSink());
  return counts;
});
