/** What an aborted checkpoint had written counts as written. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'aborted-delta-lost',
  file: 'src/state/keyed-snapshots.ts',
  find: `    if (pending === undefined) return;
    this.#pending.delete(checkpoint);
`,
  replace: `    if (pending === undefined) return;
    for (const state of this.#states) state.completed(pending.generation);
    this.#pending.delete(checkpoint);
`,
  jobs: ['growing-state', 'timers'],
};
