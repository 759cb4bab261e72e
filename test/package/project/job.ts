/** A job of a project that has nothing but the package: counts per key, on two slots. */
import { job } from 'millstream';

export default job('packaged', (env) => {
  env.setParallelism(2);
  return env
    .fromGenerator((i) => i, { count: 2000, recordsPerSecond: 8000 })
    .uid('numbers')
    .map((i) => ({ key: `key-${i % 7}`, n: 1 }))
    .keyBy((value) => value.key)
    .sum('n')
    .uid('counts');
});
