/** Runs an example with a simulated cluster behind its environments, and gives what it wrote to the console. */

import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SimulatedRun } from '../../../src/testing/simulation/simulated-run.ts';
import type { Simulation } from '../../../src/testing/simulated-world.ts';
import { SIMULATED_EXAMPLES, type SimulatedExample } from './list.ts';
import { simulation } from './simulation-of-example.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../../examples');
const SIMULATED = new URL('./simulated-millstream.ts', import.meta.url).href;
const EXAMPLES_URL = `${pathToFileURL(EXAMPLES).href}/`;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'millstream' && context.parentURL?.startsWith(EXAMPLES_URL) === true)
      return { url: SIMULATED, format: 'module-typescript', shortCircuit: true };
    return next(specifier, context);
  },
});

export interface RunOptions {
  readonly seeds: number | readonly number[];
  readonly trace?: (line: string) => void;
}

/** What an example gave. */
export interface ExampleRun {
  /** The lines that it printed itself. */
  readonly lines: readonly string[];
  /** How many results of its jobs were compared from every seed. */
  readonly compared: number;
}

/** @param name one of {@link SIMULATED_EXAMPLES}. */
export async function simulateExample(name: string, { seeds, trace }: RunOptions): Promise<ExampleRun> {
  const example = SIMULATED_EXAMPLES[name] as SimulatedExample;
  const lines: string[] = [];
  let compared = 0;
  const console = globalThis.console.log;
  const real = { argv: process.argv, setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  Object.assign(simulation, {
    name,
    seeds,
    trace,
    faults: example.faults,
    check: example.check,
    mayRestart: example.mayRestart === true,
    onUndisturbed: ({ collected }: SimulatedRun) => {
      for (const values of collected.values()) compared += values.length;
    },
    prepare: (...[disk, world]: Parameters<typeof simulation.prepare>) => {
      if (example.timers === true) simulateTimers(world);
      example.prepare?.(disk, world);
    },
  });
  process.argv = [...process.argv.slice(0, 2), ...(example.arguments ?? [])];
  globalThis.console.log = (...values: readonly unknown[]) => void lines.push(values.join(' '));
  try {
    await import(`${EXAMPLES_URL}${name}.ts`);
  } finally {
    Object.assign(globalThis, { setTimeout: real.setTimeout, clearTimeout: real.clearTimeout });
    process.argv = real.argv;
    globalThis.console.log = console;
  }
  return { lines, compared };
}

/** What an example waits for outside, a slow service or somebody who types, takes its time in the simulation. */
function simulateTimers(world: Simulation): void {
  Object.assign(globalThis, {
    setTimeout: (callback: () => void, delay = 0) => world.after(delay, callback),
    clearTimeout: (timer: { cancel(): void } | undefined) => timer?.cancel(),
  });
}
