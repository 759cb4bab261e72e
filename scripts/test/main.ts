/**
 * `npm test [-- PATTERN… --jobs N]`: runs every test file, or those whose path contains a pattern.
 *
 * Files run in processes of their own, as many at once as the machine has cores. Each prints a line when it is
 * done; what failed is repeated at the end, above the one line that counts.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runFile } from './run-file.ts';
import type { FileResult, FileRun } from './run-file.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PATTERNS = ['test/**/*.test.ts', 'examples/**/*.test.ts', 'connectors/*/test/**/*.test.ts'];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { jobs: { type: 'string' } } });
const jobs = values.jobs === undefined ? availableParallelism() : Math.max(1, Number.parseInt(values.jobs, 10) || 1);

const files = globSync(PATTERNS, { cwd: ROOT })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => positionals.length === 0 || positionals.some((pattern) => file.includes(pattern)))
  .toSorted();

if (files.length === 0) {
  console.log(
    positionals.length === 0 ? 'There are no test files.' : `No test file's path contains ${positionals.join(' or ')}.`,
  );
  console.log('Tests: 0 passed, 0 failed');
  process.exit(1);
}

if (!prepare()) process.exit(1);

const scratch = mkdtempSync(join(tmpdir(), 'millstream-test-'));
const running = new Set<FileRun>();

function abandon(): void {
  for (const run of running) run.kill();
  rmSync(scratch, { recursive: true, force: true });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    abandon();
    console.log(`Interrupted by ${signal}.`);
    process.exit(1);
  });
}

/**
 * Tests may need what npm does not bring, such as a server: the `prepare.ts` beside them, or in the `test` of their
 * connector, does that before them, so that they know nothing of how long it takes on a fresh machine.
 */
function prepare(): boolean {
  const folders = files.flatMap((file) => [dirname(file), ...(/^connectors\/[^/]+\/test/.exec(file) ?? [])]);
  for (const folder of new Set(folders)) {
    const script = join(ROOT, folder, 'prepare.ts');
    if (!existsSync(script)) continue;
    console.log(`Preparing the tests in ${folder}, which takes minutes the first time on a machine.`);
    if (spawnSync(process.execPath, [...process.execArgv, script], { stdio: 'inherit' }).status === 0) continue;
    console.log('Tests: 0 passed, 0 failed');
    return false;
  }
  return true;
}

const results: FileResult[] = [];
const started = performance.now();
console.log(`Running ${files.length} test files, ${jobs} at once, on Node.js ${process.versions.node}.`);

let next = 0;
async function work(): Promise<void> {
  for (let file = files[next++]; file !== undefined; file = files[next++]) {
    const run = runFile(ROOT, file, scratch);
    running.add(run);
    const result = await run.result;
    running.delete(run);
    results.push(result);
    printFile(result);
  }
}

function printFile(result: FileResult): void {
  const width = String(files.length).length;
  const progress = `[${String(results.length).padStart(width)}/${files.length}]`;
  const tests = result.passed + result.failures.length + result.skipped;
  const seconds = (result.milliseconds / 1000).toFixed(1);
  const state = result.failures.length === 0 ? 'ok    ' : 'FAILED';
  console.log(`${progress} ${state} ${result.file} (${tests} ${tests === 1 ? 'test' : 'tests'}, ${seconds} s)`);
  if (result.failures.length > 0) printFailures(result);
}

function printFailures(result: FileResult): void {
  for (const failure of result.failures) {
    console.log(`\n  ${failure.name}\n  at ${failure.where}\n${indent(failure.error, 4)}\n`);
  }
  if (result.output.trim() !== '') console.log(`  Printed by the file:\n${indent(result.output.trimEnd(), 4)}\n`);
}

function indent(text: string, by: number): string {
  return text.replaceAll(/^/gm, ' '.repeat(by));
}

await Promise.all(Array.from({ length: Math.min(jobs, files.length) }, work));
rmSync(scratch, { recursive: true, force: true });

const total = (count: (result: FileResult) => number): number =>
  results.reduce((sum, result) => sum + count(result), 0);
const passed = total((result) => result.passed);
const failed = total((result) => result.failures.length);
const skipped = total((result) => result.skipped);

if (failed > 0) {
  console.log('\nFailed:');
  for (const result of results) {
    for (const failure of result.failures) console.log(`  ${result.file}: ${failure.name}`);
  }
}
console.log(`\n${files.length} files in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
console.log(`Tests: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
