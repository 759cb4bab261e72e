/** The type tests are compiled with everything else: what they claim is checked by `npm run check`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');

test('every type test is a file of the TypeScript project', () => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const files = execFileSync(process.execPath, [tsc, '--listFilesOnly', '-p', ROOT], { encoding: 'utf8' }).split('\n');
  const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test-d.ts'));
  assert.ok(tests.length > 0);
  for (const name of tests) assert.ok(files.includes(join(import.meta.dirname, name)), name);
});
