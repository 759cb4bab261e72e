/** Runs the job on two worker threads, stops it with a savepoint, and goes on from there. Prints ok when nothing is missing or doubled. */
import { runJob, type JobClient } from 'millstream';

interface Count {
  readonly key: string;
  readonly n: number;
}

async function read(client: JobClient, counts: Count[] = []): Promise<Count[]> {
  for await (const count of client.collected<Count>('result')) counts.push(count);
  return counts;
}

const module = new URL('./job.ts', import.meta.url);
const first = await runJob(module, { slots: 2 });
const before: Count[] = [];
const reading = read(first, before);
while (before.length < 100) await new Promise((resolve) => setTimeout(resolve, 5));
const fromSavepoint = await first.stopWithSavepoint();
await reading;
const all = [...before, ...(await read(await runJob(module, { slots: 2, fromSavepoint })))];

const last = new Map<string, number>();
const consecutive = all.every(({ key, n }) => {
  const follows = n === (last.get(key) ?? 0) + 1;
  last.set(key, n);
  return follows;
});
const midway = before.length > 0 && before.length < 2000;
console.log(
  midway && consecutive && all.length === 2000
    ? 'ok'
    : `wrong: ${before.length} before, ${all.length} in all, consecutive: ${consecutive}`,
);
