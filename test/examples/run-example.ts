/** Runs an example as its reader does, in a process of its own, and gives the lines that it printed. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Far above what an example takes: one that does not end shall fail its test, not the whole file. */
const EXAMPLE_TIMEOUT_MS = 60_000;

/** The failures that an example shows on purpose, on its error stream. */
const SHOWN_RESTART = /^Job ".*" restarts in \d+ ms \(restart \d+\): .* on purpose\n/gm;

export async function runExample(name: string, ...args: readonly string[]): Promise<string[]> {
  const file = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=millstream-source', file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: EXAMPLE_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const code = await new Promise<number | null>((ended, failed) => {
    child.once('error', failed);
    child.once('close', ended);
  });
  err = err.replace(SHOWN_RESTART, '');
  assert.deepEqual({ code, err }, { code: 0, err: '' }, `${name} printed:\n${out}`);
  return out.trimEnd().split('\n');
}

/** The lines, in this order. */
export async function prints(name: string, expected: string): Promise<void> {
  assert.deepEqual(await runExample(name), lines(expected));
}

/** The lines, in any order: for results of several keys at one time, between which no order is promised. */
export async function printsInAnyOrder(name: string, expected: string): Promise<void> {
  assert.deepEqual((await runExample(name)).toSorted(), lines(expected).toSorted());
}

function lines(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trimStart());
}
