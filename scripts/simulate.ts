/**
 * `npm run simulate [-- --seeds N --from SEED --seed SEED --job NAME … --trace]`: runs the jobs of test/simulation/jobs
 * in simulated clusters, each from N seeds (default 200), and prints the command that replays the first seed that fails.
 */
import { globSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { JobProgram } from '../src/graph/launch.ts';
import { simulate, type SimulateOptions } from '../src/testing/simulate.ts';

const ROOT = resolve(import.meta.dirname, '..');
const JOBS = 'test/simulation/jobs/*.ts';
const SEEDS = 200;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: String(SEEDS) },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    job: { type: 'string', multiple: true },
    trace: { type: 'boolean', default: false },
  },
});

/** What a file of a job exports beside the job. */
type JobModule = { readonly default: JobProgram } & Pick<SimulateOptions, 'prepare' | 'check' | 'parameters'>;

function number(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) fail(`--${option} must be a whole number, not "${text}".`);
  return value;
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

const files = globSync(JOBS, { cwd: ROOT }).toSorted();
const names = files.map((file) => basename(file, '.ts'));
for (const name of values.job ?? [])
  if (!names.includes(name)) fail(`There is no job "${name}". Known: ${names.join(', ')}.`);

const from = values.seed === undefined ? number('from', values.from) : number('seed', values.seed);
const count = values.seed === undefined ? number('seeds', values.seeds) : 1;
const seeds = Array.from({ length: count }, (_, index) => from + index);

for (const [index, name] of names.entries()) {
  if (values.job !== undefined && !values.job.includes(name)) continue;
  const module = (await import(join(ROOT, files[index] as string))) as JobModule;
  const started = performance.now();
  try {
    const { runs, faults, restarts } = await simulate(module.default, {
      ...(module.prepare === undefined ? {} : { prepare: module.prepare }),
      ...(module.check === undefined ? {} : { check: module.check }),
      ...(module.parameters === undefined ? {} : { parameters: module.parameters }),
      ...(values.trace ? { trace: (line: string) => console.log(line) } : {}),
      seeds,
      replay: (seed) => `npm run simulate -- --job ${name} --seed ${seed} --trace`,
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`ok     ${name}: ${runs} seeds, ${faults} faults, ${restarts} restarts, ${seconds} s`);
  } catch (error) {
    console.error(`FAILED ${name}`);
    fail(error instanceof Error ? error.message : String(error));
  }
}
