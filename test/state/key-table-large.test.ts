/** More keys than a JavaScript Map can hold, in a process of their own with a heap to match. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const PROGRAM = new URL('large-keys.ts', import.meta.url).pathname;

async function run(kind: string, count: number): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=4096',
    PROGRAM,
    kind,
    String(count),
  ]);
  return stdout.trim();
}

test('twenty million integer keys keep their state', async () => {
  assert.equal(await run('integers', 20_000_000), 'size 20000000, wrong 0, left 0');
});

test('seventeen million text keys have rows of their own', async () => {
  assert.equal(await run('texts', 17_000_000), 'size 17000000, wrong 0');
});
