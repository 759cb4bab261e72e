/** A channel is read on behind its barrier while others are waited for. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'record-past-barrier',
  file: 'src/exchange/alignment.ts',
  find: `    if (this.#exactlyOnce) this.#held[channel] = 1;
`,
  replace: ``,
  jobs: ['keyed-reduce'],
  faults: { crashes: 4, resets: 4, hangs: 0, slowdowns: 0, partitions: 0, fullDisks: 0, savepoints: 0, cancels: 0 },
};
