/** The last key group of a subtask is restored by nobody. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'key-group-off-by-one',
  file: 'src/state/snapshot-data.ts',
  find: `group >= start && group <= end`,
  replace: `group >= start && group < end`,
  jobs: ['keyed-reduce', 'windows'],
};
