/** The linter's configuration keeps clock, randomness, timers, I/O and the process inside src/world. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');

/** Lints one file as if it stood at `path` of this checkout; returns `line: rule` for each finding. */
function lint(path: string, text: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'millstream-lint-'));
  try {
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
      copyFileSync(join(ROOT, file), join(folder, file));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    const args = [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '--format=json', path];
    const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: Array<{ code: string; labels: Array<{ span: { line: number } }> }>;
    };
    return diagnostics
      .map(({ code, labels }) => `${labels[0]?.span.line}: ${code.replace(/^.*\((.*)\)$/, '$1')}`)
      .toSorted();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const WORLDLY = `import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
export const now = Date.now();
export const luck = Math.random();
export const at = performance.now();
setTimeout(() => console.log(process.env['A']), 1);
export const used = [readFileSync, connect, Worker];
`;

test('outside of src/world every way to the world is found', () => {
  assert.deepEqual(lint('src/runtime/task.ts', WORLDLY), [
    '1: no-restricted-imports',
    '2: no-restricted-imports',
    '3: no-restricted-imports',
    '4: no-restricted-properties',
    '5: no-restricted-properties',
    '6: no-restricted-globals',
    '7: no-restricted-globals',
    '7: no-restricted-globals',
    '7: no-restricted-globals',
  ]);
});

test('src/world, tests and examples may touch it', () => {
  assert.deepEqual(lint('src/world/clock.ts', WORLDLY), []);
  assert.deepEqual(lint('examples/clock.ts', WORLDLY), []);
});

test('names that only look like the world are left alone, and types of the world too', () => {
  const text = `import type { Readable } from 'node:stream';
import type { Socket } from 'node:net';
export class Operator {
  process(input: Readable | Socket): unknown {
    return input;
  }
}
export function run(process: string, setTimeout: () => void): string {
  setTimeout();
  return process;
}
`;
  assert.deepEqual(lint('src/runtime/task.ts', text), []);
});

test('a forgotten promise and an any are found', () => {
  const text = `async function work(): Promise<void> {}
export function run(value: any): unknown {
  work();
  return value;
}
`;
  assert.deepEqual(lint('src/runtime/task.ts', text), ['2: no-explicit-any', '3: no-floating-promises']);
});
