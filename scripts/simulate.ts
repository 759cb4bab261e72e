/**
 * `npm run simulate [-- --seeds N --from SEED --seed SEED --job NAME … --trace]`: runs the jobs of test/simulation/jobs
 * and the examples in simulated clusters, each from N seeds (default 200), and prints the command that replays the first
 * seed that fails.
 */
import { globSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { JobProgram } from '../src/graph/launch.ts';
import { simulate, type SimulateOptions } from '../src/testing/simulate.ts';
import { SIMULATED_EXAMPLES } from '../test/simulation/examples/list.ts';
import { simulateExample } from '../test/simulation/examples/run-example.ts';

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

/** Runs a job, or an example, from all seeds; what it printed or how much went wrong is told in a few words. */
type Runner = () => Promise<string>;

const files = globSync(JOBS, { cwd: ROOT }).toSorted();
const from = values.seed === undefined ? number('from', values.from) : number('seed', values.seed);
const count = values.seed === undefined ? number('seeds', values.seeds) : 1;
const seeds = Array.from({ length: count }, (_, index) => from + index);
const trace = values.trace ? (line: string): void => void process.stdout.write(`${line}\n`) : undefined;

const runners = new Map<string, Runner>([
  ...files.map((file): [string, Runner] => [basename(file, '.ts'), () => runJob(basename(file, '.ts'), file)]),
  ...Object.keys(SIMULATED_EXAMPLES).map((name): [string, Runner] => [name, () => runExample(name)]),
]);
for (const name of values.job ?? [])
  if (!runners.has(name)) fail(`There is no job "${name}". Known: ${[...runners.keys()].join(', ')}.`);

async function runJob(name: string, file: string): Promise<string> {
  const { default: program, ...options } = (await import(join(ROOT, file))) as JobModule;
  const { faults, restarts } = await simulate(program, {
    ...options,
    ...(trace === undefined ? {} : { trace }),
    seeds,
    replay: (seed) => `npm run simulate -- --job ${name} --seed ${seed} --trace`,
  });
  return `${faults} faults, ${restarts} restarts`;
}

async function runExample(name: string): Promise<string> {
  const { compared } = await simulateExample(name, { seeds, ...(trace === undefined ? {} : { trace }) });
  return `an example with ${compared} results`;
}

for (const [name, run] of runners) {
  if (values.job !== undefined && !values.job.includes(name)) continue;
  const started = performance.now();
  try {
    const told = await run();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`ok     ${name}: ${seeds.length} seeds, ${told}, ${seconds} s`);
  } catch (error) {
    console.error(`FAILED ${name}`);
    fail(error instanceof Error ? error.message : String(error));
  }
}
