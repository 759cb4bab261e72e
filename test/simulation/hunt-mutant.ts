/**
 * A process of its own that plants a mutant and simulates jobs until one fails. Prints how it went, as a line of JSON.
 * Arguments: the module of the mutant, and how many seeds to try at most, over all jobs together.
 */

import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillstreamError } from '../../src/base/error.ts';
import type { JobModule } from './many-seeds.ts';
import type { Mutant } from './mutants/mutant.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** How a hunt ended. */
export interface Hunt {
  readonly mutant: string;
  /** The job and the seed that failed; undefined when the mutant has survived. */
  readonly found: { readonly job: string; readonly seed: number; readonly message: string } | undefined;
  /** How many seeds were tried, the failing one included. */
  readonly seeds: number;
}

const [path = '', most = ''] = process.argv.slice(2);
const { mutant } = (await import(pathToFileURL(resolve(path)).href)) as { readonly mutant: Mutant };
plant(mutant);
console.log(JSON.stringify(await hunt(mutant, Number(most))));

function plant({ file, find, replace }: Mutant): void {
  const target = pathToFileURL(resolve(ROOT, file)).href;
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (url !== target) return loaded;
      return { ...loaded, source: textOf(loaded.source).replace(find, () => replace) };
    },
  });
}

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source);
}

async function hunt({ name, jobs, faults = {} }: Mutant, seedsMax: number): Promise<Hunt> {
  // Loaded only now, so that the mutant is in it.
  const { simulate } = await import('../../src/testing/simulate.ts');
  let seeds = 0;
  for (const job of jobs) {
    const { default: program, ...options } = (await import(`./jobs/${job}.ts`)) as JobModule;
    const share = Math.floor(seedsMax / jobs.length);
    let done = 0;
    try {
      await simulate(program, { ...options, faults, seeds: share, onRun: () => void done++ });
    } catch (error) {
      // The run without faults must not fail: what is wrong there needs no simulation to be found.
      if (!(error instanceof MillstreamError) || error.details['seed'] === 0) throw error;
      const found = { job, seed: Number(error.details['seed']), message: error.message };
      return { mutant: name, found, seeds: seeds + done + 1 };
    }
    seeds += done;
  }
  return { mutant: name, found: undefined, seeds };
}
