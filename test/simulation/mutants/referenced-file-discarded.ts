/** With a subsumed checkpoint go files that later ones refer to. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'referenced-file-discarded',
  file: 'src/checkpoint/storage/job-storage.ts',
  find: `    for (const one of owned) this.#removeLater(() => removeSnapshot(this.#stores, one.directory, []));
`,
  replace: `    for (const one of owned) this.#removeLater(() => removeSnapshot(this.#stores, one.directory, [...one.files]));
`,
  jobs: ['growing-state', 'timers'],
};
