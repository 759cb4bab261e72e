/** A sink whose task is cancelled commits what it has prepared, whether its checkpoint is complete or not. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'zombie-commits',
  file: 'src/operator/async-commits.ts',
  find: `    this.#closed = true;
    this.#resumePause?.();
`,
  replace: `    await this.#commit(Infinity, 'restored');
    this.#closed = true;
    this.#resumePause?.();
`,
  jobs: ['file-sink', 'file-compaction'],
};
