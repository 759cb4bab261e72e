/** A source notes the position behind the record that it reads next. */

import type { Mutant } from './mutant.ts';

export const mutant: Mutant = {
  name: 'position-one-ahead',
  file: 'src/connect/sequence-source.ts',
  find: `next: this.#range.next, last: this.#range.end - 1 };`,
  replace: `next: this.#range.next + 1, last: this.#range.end - 1 };`,
  jobs: ['keyed-reduce', 'file-sink'],
};
