/** A checkpoint that is stored late takes the place of a later one. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'older-checkpoint-last',
  file: 'src/checkpoint/storage/job-storage.ts',
  find: `    if (checkpoint > latest) return;
`,
  replace: `    if (checkpoint > 0) return;
`,
  jobs: ['files', 'timers', 'file-sink'],
};
