/** From the start of a script to its first result: a new process, nothing warm but the disk's cache. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { median, WrongResult, type Benchmark } from './benchmark.ts';

const SCRIPT = fileURLToPath(new URL('./programs/first-result.ts', import.meta.url));
const STARTS = 5;
const RESULT = '42';

async function millisecondsToFirstResult(): Promise<number> {
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [...process.execArgv.filter((flag) => !flag.startsWith('--cpu-prof')), SCRIPT],
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
