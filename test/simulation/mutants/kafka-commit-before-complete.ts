/** The Kafka writer commits its transaction when it is prepared, before the checkpoint that holds it is complete. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'kafka-commit-before-complete',
  file: 'connectors/kafka/src/kafka-writer.ts',
  find: `    pool.prepare(transaction);
`,
  replace: `    pool.prepare(transaction);
    await this.#retry(() => this.#client.endTransaction(transaction, 'commit'));
`,
  jobs: ['kafka'],
};
