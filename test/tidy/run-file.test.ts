/** The test runner counts what passed and lets nothing through: not a hang, not an early end, not an empty file. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runFile } from '../../scripts/test/run-file.ts';
import type { FileResult } from '../../scripts/test/run-file.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'millstream-run-file-'));
after(() => rmSync(FOLDER, { recursive: true, force: true }));
mkdirSync(join(FOLDER, 'scratch'));

let files = 0;
async function run(text: string, timeoutMs = 60_000): Promise<FileResult> {
  const file = `case-${files++}.test.ts`;
  writeFileSync(join(FOLDER, file), `import { describe, before, test } from 'node:test';\n${text}`);
  return runFile(FOLDER, file, join(FOLDER, 'scratch'), timeoutMs).result;
}

function counts({ passed, skipped, failures }: FileResult): [number, number, string[]] {
  return [passed, skipped, failures.map((failure) => failure.name)];
}

test('tests are counted, suites are not', async () => {
  const result = await run(`
    test('one', () => {});
    describe('suite', () => { test('two', () => {}); });
    test('later', { skip: true }, () => {});
    test.todo('some day');
  `);
  assert.deepEqual(counts(result), [2, 2, []]);
});

test('a failure carries its full name, its place and its error', async () => {
  const result = await run(`describe('suite', () => { test('breaks', () => { throw new Error('the reason'); }); });`);
  assert.deepEqual(counts(result), [0, 0, ['suite > breaks']]);
  assert.match(result.failures[0]?.where ?? '', /case-\d+\.test\.ts:2:/);
  assert.match(result.failures[0]?.error ?? '', /the reason/);
});

test('a suite whose hook throws fails', async () => {
  const result = await run(
    `describe('suite', () => { before(() => { throw new Error('hook'); }); test('never', () => {}); });`,
  );
  assert.ok(result.failures.some((failure) => failure.name === 'suite' && failure.error.includes('hook')));
});

test('a file that ends its process early fails', async () => {
  const result = await run(`test('exits', () => process.exit(0)); test('never', () => {});`);
  assert.deepEqual(counts(result), [0, 0, ['(the file)']]);
  assert.match(
    result.failures[0]?.error ?? '',
    /Ended before its tests were done \(exit code 0\)|ended before one was done/,
  );
});

test('a file that cannot be loaded fails and shows why', async () => {
  const result = await run(`throw new Error('not even loaded');`);
  assert.deepEqual(counts(result), [0, 0, ['(the file)']]);
  assert.match(result.output, /not even loaded/);
});

test('an error after the last test fails the file', async () => {
  const result = await run(`test('fine', () => {}); setTimeout(() => { throw new Error('too late'); }, 20);`);
  assert.deepEqual(counts(result), [1, 0, ['(the file)']]);
  assert.match(result.failures[0]?.error ?? '', /too late/);
});

test('a file without a test fails', async () => {
  assert.match((await run('void test, describe, before;')).failures[0]?.error ?? '', /Holds no test/);
});

test('a file that hangs is ended with all that it started, and names the test that ran last', async () => {
  // Node.js takes a while to start: below that, the test would not have begun.
  const result = await run(
    `
    import { spawn } from 'node:child_process';
    test('waits for ever', async () => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      console.log('child ' + child.pid);
      await new Promise(() => setInterval(() => {}, 1000));
    });
  `,
    4_000,
  );
  assert.match(result.failures[0]?.error ?? '', /Did not end within 4 s.*"waits for ever"/);
  // The result came, so the child is gone: it held the same output open.
  assert.match(result.output, /child \d+/);
});

test('a process that the file left behind in a group of its own does not hold up the run', async () => {
  const result = await run(`
    import { spawn } from 'node:child_process';
    test('leaves', () => {
      const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'inherit', detached: true });
      child.unref();
      console.log('child ' + child.pid);
    });
  `);
  assert.deepEqual(counts(result), [1, 0, []]);
  // The result came before the child's end: it can still be killed.
  process.kill(Number(/child (\d+)/.exec(result.output)?.[1]), 'SIGKILL');
});
