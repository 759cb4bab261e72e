/** Timers of the increments of a snapshot are not restored. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'timer-lost-on-restore',
  file: 'src/state/timer-service.ts',
  find: `      const removals = part.part.kind === 'removals';
`,
  replace: `      const removals = part.part.kind !== 'base';
`,
  jobs: ['growing-state', 'timers'],
};
