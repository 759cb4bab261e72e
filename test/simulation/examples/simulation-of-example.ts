/** How the example is simulated that is imported next. */

import type { SimulateOptions } from '../../../src/testing/simulate.ts';
import type { SimulatedFaults } from '../../../src/testing/simulation/simulated-run.ts';
import type { SimulatedRun } from '../../../src/testing/simulation/simulated-run.ts';
import type { Simulation } from '../../../src/testing/simulated-world.ts';
import type { SimulatedDisk } from '../../../src/testing/simulation/storage.ts';

interface SimulationOfExample {
  name: string;
  seeds: number | readonly number[];
  faults: SimulatedFaults | undefined;
  prepare: (disk: SimulatedDisk, simulation: Simulation) => void;
  check: SimulateOptions['check'];
  /** Whether the job fails by itself, and restarts. */
  mayRestart: boolean;
  trace: ((line: string) => void) | undefined;
  /** Hears of every run without faults: what the others are compared with. */
  onUndisturbed: (run: SimulatedRun) => void;
}

export const simulation: SimulationOfExample = {
  name: '',
  seeds: 1,
  faults: undefined,
  prepare: () => {},
  check: undefined,
  mayRestart: false,
  trace: undefined,
  onUndisturbed: () => {},
};
