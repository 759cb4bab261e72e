/** How long an unaligned checkpoint takes in a job that is back-pressured throughout, from its request to its end. */

import { LocalCluster, type JobClient, type JobStatus } from 'millstream';
import { median, scaled, WrongResult, type Extent, type Outcome } from './benchmark.ts';

const CHECKPOINTS = 100;
const CHECKPOINTS_LEAST = 3;

/** A record at the end. */
const RECORD_MS = 1;

/** Between two looks at a job that fills up. */
const LOOK_MS = 100;

const OVER: ReadonlySet<JobStatus> = new Set<JobStatus>(['finished', 'failed', 'cancelled']);

export async function unalignedCheckpoint({ scale, runs }: Extent): Promise<readonly Outcome[]> {
  const checkpoints = scaled(CHECKPOINTS, scale, CHECKPOINTS_LEAST);
  const times: number[] = [];
  await using cluster = await LocalCluster.start({ slots: 3 });
  for (let run = 0; run < runs; run++) {
    const client = await cluster.run(new URL('./jobs/back-pressured.ts', import.meta.url), {
      parameters: { recordMs: RECORD_MS },
      settings: { checkpoint: { unaligned: true } },
    });
    try {
      await full(client);
      // The first ones meet cold code.
      for (let i = -CHECKPOINTS_LEAST; i < checkpoints; i++) {
        const start = performance.now();
        await client.triggerCheckpoint();
        if (i >= 0) times.push(performance.now() - start);
      }
    } finally {
      await client.cancel();
    }
  }
  const parameters = { variant: 'unaligned', recordMs: RECORD_MS, checkpoints };
  const slowest = Math.max(...times);
  return [
    {
      figure: {
        benchmark: 'checkpoint',
        parameters: { ...parameters, quantile: 'p50' },
        milliseconds: median(times, (time) => time),
      },
      target: { measure: 'milliseconds', value: 50, atMost: true },
    },
    { figure: { benchmark: 'checkpoint', parameters: { ...parameters, quantile: 'max' }, milliseconds: slowest } },
  ];
}

/** Resolves when the source cannot send any more, because everything before the last stage is full. */
async function full(client: JobClient): Promise<void> {
  for (let before = -1, same = 0; same < 2;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const sent = await recordsOut(client, 'source');
    same = sent === before && sent > 0 ? same + 1 : 0;
    before = sent;
    if (OVER.has(await client.status())) throw new WrongResult('The job has ended before it was measured.');
  }
}

async function recordsOut(client: JobClient, uid: string): Promise<number> {
  const { operators } = await client.metrics();
  const source = operators.filter(({ operatorId }) => operatorId === uid);
  return source.reduce((sum, { values }) => sum + (values['numRecordsOut'] ?? 0), 0);
}
