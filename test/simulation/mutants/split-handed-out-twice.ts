/** A split that is with a reader is handed out again after a restart. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'split-handed-out-twice',
  file: 'src/connect/split-pool.ts',
  find: `    this.#pending = [...(restored === undefined ? options.splits(context.parallelism) : restored.pending)];
`,
  replace: `    this.#pending = [...options.splits(context.parallelism)];
`,
  jobs: ['files', 'keyed-reduce'],
};
