/** A task acknowledges a state file that has not been synced. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'acknowledged-before-durable',
  file: 'src/checkpoint/storage/directory-store.ts',
  find: `      await file.sync();
      await file.close();
      this.#file = undefined;
`,
  replace: `      await file.close();
      this.#file = undefined;
`,
  jobs: ['keyed-reduce', 'timers'],
};
