/** Builds another graph on worker threads than on the main thread. */

import { isMainThread } from 'node:worker_threads';
import { job } from 'millstream';

export default job('moody', (env) => {
  env
    .fromSequence(1, 10)
    .map((n) => n)
    .name(isMainThread ? 'main' : 'worker')
    .print();
});
