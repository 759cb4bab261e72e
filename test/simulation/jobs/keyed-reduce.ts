/** Counts per key, with a rolling reduce behind an exchange. */

import { job } from 'millstream';

const RECORDS = 1_500;
const KEYS = 7;

export default job('keyed-reduce', (env) => {
  env.setParallelism(2);
  env
    .fromSequence(1, RECORDS)
    .map((n) => ({ key: n % KEYS, count: 1 }))
    .keyBy((one) => one.key)
    .reduce((a, b) => ({ key: a.key, count: a.count + b.count }))
    .collect('result');
});
