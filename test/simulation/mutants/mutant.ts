/** A bug that is planted while a module is loaded, to see whether simulations find it. */

import type { SimulatedFaults } from '../../../src/testing/simulation/simulated-run.ts';

export interface Mutant {
  /** What is wrong, in a few words. */
  readonly name: string;
  /** The file that is changed, from the root of the repository. */
  readonly file: string;
  /** Occurs in it exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Jobs of `jobs/` that are simulated, one after the other, until one fails. */
  readonly jobs: readonly string[];
  /** What goes wrong in them, where that is not what always does. */
  readonly faults?: SimulatedFaults;
}
