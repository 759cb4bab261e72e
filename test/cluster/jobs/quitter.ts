/** Ends the thread of its slot, which no job should. */

import { job } from 'millstream';

export default job('quitter', (env) => {
  env
    .fromSequence(1, 10)
    .map((n) => {
      if (n === 5) process.exit(3);
      return n;
    })
    .filter(() => false)
    .print();
});
