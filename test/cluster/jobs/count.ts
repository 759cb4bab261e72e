/** Counts per key, from a generator, over two subtasks; `parameters`: count, keys, rate, failAt. */

import { job } from 'millstream';

export default job('count', (env, parameters) => {
  const keys = Number(parameters['keys'] ?? 10);
  const rate = parameters['rate'] === undefined ? {} : { recordsPerSecond: Number(parameters['rate']) };
  env.setParallelism(2);
  return env
    .fromGenerator((i) => i, { count: Number(parameters['count'] ?? 1000), ...rate })
    .uid('source')
    .map((i) => ({ key: `key-${i % keys}`, n: 1 }))
    .keyBy((value) => value.key)
    .sum('n')
    .uid('count');
});
