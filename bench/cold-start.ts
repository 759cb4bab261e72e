/**
 * From the start of a script to its first result, on the package as it is published: a new process, nothing warm but the
 * disk's cache. (The sources take longer: their types are stripped when they are loaded.)
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { emit } from '../scripts/build/emit.ts';
import { median, WrongResult, type Benchmark } from './benchmark.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SCRIPT = join(import.meta.dirname, 'programs/first-result.ts');
const STARTS = 5;
const RESULT = '42';

async function millisecondsToFirstResult(): Promise<number> {
  const start = performance.now();
  const child = spawn(
    process.execPath,
    // Without the condition that leads to the sources.
    [SCRIPT],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const closed = once(child, 'close');
  const [chunk] = (await Promise.race([once(child.stdout, 'data'), closed])) as [unknown];
  const milliseconds = performance.now() - start;
  await closed;
  if (String(chunk).trim() !== RESULT)
    throw new WrongResult(`The script printed ${String(chunk)} instead of ${RESULT}.`);
  return milliseconds;
}

export const coldStart: Benchmark = {
  name: 'coldStart',
  run: async ({ runs }) => {
    const failure = emit(ROOT, { outDir: join(ROOT, 'dist') });
    if (failure !== undefined) throw new WrongResult(failure);
    const times: number[] = [];
    for (let start = 0; start < Math.max(runs, runs > 1 ? STARTS : 1); start++)
      times.push(await millisecondsToFirstResult());
    return [
      {
        figure: { benchmark: 'coldStart', parameters: {}, milliseconds: median(times, (time) => time) },
        target: { measure: 'milliseconds', value: 300, atMost: true, flink: 9_000 },
      },
    ];
  },
};
