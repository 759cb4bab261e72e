/** A Kafka writer does not end what earlier attempts have left open: readers wait for it, and zombies write on. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'kafka-lingering-not-fenced',
  file: 'connectors/kafka/src/transaction-pool.ts',
  find: `    await this.#commitSealed();
    await this.#fenceLingering();
`,
  replace: `    await this.#commitSealed();
`,
  jobs: ['kafka'],
};
