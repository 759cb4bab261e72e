/** A restart begins at the oldest checkpoint that is retained. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'restored-from-subsumed',
  file: 'src/checkpoint/storage/job-storage.ts',
  find: `    return this.#completed.at(-1);
`,
  replace: `    return this.#completed.at(0);
`,
  jobs: ['file-sink'],
  faults: { crashes: 4, resets: 4, hangs: 0, slowdowns: 0, partitions: 0, fullDisks: 0, savepoints: 0, cancels: 0 },
};
