/** A restart begins at the oldest checkpoint that is retained. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'restored-from-subsumed',
  file: 'src/checkpoint/storage/job-storage.ts',
  find: `    return this.#completed.at(-1);
`,
  replace: `    return this.#completed.at(0);
`,
  jobs: ['keyed-reduce', 'file-sink'],
};
