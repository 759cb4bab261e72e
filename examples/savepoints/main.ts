/**
 * Stops a job with a savepoint and continues it on more threads, without losing or repeating a count.
 */

import { runJob, type JobClient } from 'millstream';
import { CLICKS, type Count } from './job.ts';

const JOB = new URL('./job.ts', import.meta.url);

const counts = new Map<string, number>();

/** Reads results until the job ends; says when there are some. */
async function read(client: JobClient, someRead: () => void = () => {}): Promise<void> {
  let results = 0;
  for await (const { page, clicks } of client.collected<Count>('results')) {
    if (clicks !== (counts.get(page) ?? 0) + 1)
      throw new Error(`${clicks} clicks on ${page} after ${counts.get(page)}`);
    counts.set(page, clicks);
    if (++results === CLICKS / 10) someRead();
  }
}

const first = await runJob(JOB, { parameters: { threads: 1 } });
const some = Promise.withResolvers<void>();
const reading = read(first, some.resolve);
await some.promise;
const fromSavepoint = await first.stopWithSavepoint();
await reading;
const stoppedAt = [...counts.values()].reduce((sum, clicks) => sum + clicks, 0);
console.log(`stopped on 1 thread, before the end: ${stoppedAt < CLICKS}`);

const second = await runJob(JOB, { parameters: { threads: 2 }, fromSavepoint });
await read(second);
console.log('continued on 2 threads:', Object.fromEntries([...counts].toSorted(([a], [b]) => a.localeCompare(b))));
