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
  jobs: ['growing-state'],
  // A full disk is what aborts checkpoints, and what was lost shows after a restart.
  faults: { fullDisks: 8, crashes: 4, hangs: 0, slowdowns: 0, partitions: 0, savepoints: 0, stops: 0, cancels: 0 },
};
