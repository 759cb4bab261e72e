/**
 * `npm run check [-- --only NAME…] [--fix]`: everything that can be checked without running the engine.
 *
 * Each step prints its name, its time and its verdict; what it found stands below it. `--fix` lets a step rewrite
 * what it can: formatting, simple lint, docs/errors.md and docs/api.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { packages } from '../build/entries.ts';
import { checkApi } from './api.ts';
import { checkDocs } from './docs.ts';
import { checkErrorCatalogue } from './error-catalogue.ts';
import { checkExamples } from './examples.ts';
import { checkCycles, checkLayers } from './layers.ts';
import { printProblems } from './problem.ts';
import type { Problem } from './problem.ts';
import { readSources } from './source-file.ts';
import { checkTidy } from './tidy.ts';

const ROOT = resolve(import.meta.dirname, '../..');

interface Verdict {
  readonly ok: boolean;
  readonly output: string;
}

interface Step {
  readonly name: string;
  readonly about: string;
  run(fix: boolean): Promise<Verdict>;
}

const STEPS: readonly Step[] = [
  { name: 'types', about: 'tsc, connectors included', run: () => checkTypes() },
  {
    name: 'lint',
    about: 'oxlint, with types',
    run: (fix) => tool('oxlint/bin/oxlint', ['--format=unix', ...(fix ? ['--fix'] : [])]),
  },
  { name: 'format', about: 'oxfmt', run: (fix) => tool('oxfmt/bin/oxfmt', fix ? [] : ['--check']) },
  { name: 'layers', about: 'imports go down, without cycles', run: () => own(checkStructure()) },
  { name: 'tidy', about: 'the shape of the sources', run: () => own(checkTidy(sources(), entries())) },
  { name: 'dead code', about: 'knip', run: () => tool('knip/bin/knip.js', ['--no-progress', '--no-config-hints']) },
  { name: 'docs', about: 'links, paths and names in the prose', run: () => own(checkDocs(ROOT)) },
  {
    name: 'errors',
    about: 'the catalogue, its page and its tests',
    run: async (fix) => own(await checkErrorCatalogue(ROOT, fix)),
  },
  { name: 'api', about: 'the public declarations and their snapshot', run: (fix) => own(checkApi(ROOT, fix)) },
  { name: 'examples', about: 'of doc comments and guides: they compile and run', run: () => own(checkExamples(ROOT)) },
];

/** Each connector is a project of its own. */
async function checkTypes(): Promise<Verdict> {
  const projects = ['.', ...globSync('connectors/*/tsconfig.json', { cwd: ROOT })];
  const verdicts: Verdict[] = [];
  for (const project of projects)
    verdicts.push(await tool('typescript/bin/tsc', ['--noEmit', '--pretty', 'false', '-p', project]));
  return { ok: verdicts.every((verdict) => verdict.ok), output: verdicts.map((verdict) => verdict.output).join('') };
}

function sources(): ReturnType<typeof readSources> {
  return readSources(ROOT, ['src/**/*.ts', 'connectors/*/src/**/*.ts']);
}

function checkStructure(): Problem[] {
  const files = sources();
  return [...checkLayers(files), ...checkCycles(files)];
}

/** The files behind the `exports` of every package.json. */
function entries(): Set<string> {
  return new Set(packages(ROOT).flatMap((one) => one.entries.map((entry) => entry.source)));
}

function own(problems: readonly Problem[]): Promise<Verdict> {
  return Promise.resolve({ ok: problems.length === 0, output: printProblems(problems) });
}

/** Runs the program of a development dependency and takes its word. */
function tool(program: string, args: readonly string[]): Promise<Verdict> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', program), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (text: string): void => {
      output += text;
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.on('error', (error) => done({ ok: false, output: `${error.message}\n` }));
    child.on('close', (code) => done({ ok: code === 0, output }));
  });
}

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, fix: { type: 'boolean', default: false } },
});
const unknown = values.only?.filter((name) => !STEPS.some((step) => step.name.startsWith(name))) ?? [];
if (unknown.length > 0) {
  console.log(
    `There is no check named ${unknown.join(', ')}. There are: ${STEPS.map((step) => step.name).join(', ')}.`,
  );
  process.exit(1);
}

const failed: string[] = [];
for (const step of STEPS) {
  if (values.only !== undefined && !values.only.some((name) => step.name.startsWith(name))) continue;
  const started = performance.now();
  const { ok, output } = await step.run(values.fix);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${step.name} (${step.about}, ${seconds} s)`);
  if (ok) continue;
  failed.push(step.name);
  console.log(output.trimEnd().replaceAll(/^/gm, '    '));
}
console.log(failed.length === 0 ? 'Checks: all ok' : `Checks: ${failed.join(', ')} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
