/** Whole jobs under back pressure: a checkpoint taken while channels are full, and a restore from it, at any parallelism. */

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createEnvironment, type ExecutionSettings } from 'millstream';
import { CollectedValues } from '../../src/cluster/result-queue.ts';
import type { CompletedCheckpoint } from '../../src/cluster/completed-checkpoint.ts';
import type { StreamGraph } from '../../src/graph/stream-graph.ts';
import { runInProcess, type JobInProcess } from './job-in-process.ts';
import { EVENTS, SLOW_JOBS, type SlowJob } from './slow-jobs.ts';

const CHANNELS: readonly ExecutionSettings['localChannels'][] = ['direct', 'bytes', 'ring', 'network'];
const PARALLELISM: readonly (readonly [before: number, after: number])[] = [
  [2, 2],
  [1, 3],
  [2, 3],
  [3, 1],
];

const MODES = {
  unaligned: { unaligned: true, alignedTimeoutMs: 0 },
  timeout: { unaligned: true, alignedTimeoutMs: 4 },
  aligned: { unaligned: false },
} as const;

/** Milliseconds that all slow records of a job take together. */
const SLOW_MS = 120;

/** Channels that held something, by mode. */
const held = new Map<string, number>();

function graphOf(
  job: SlowJob,
  mode: keyof typeof MODES,
  channels: ExecutionSettings['localChannels'],
  parallelism: number,
  slow: number,
): StreamGraph {
  const env = createEnvironment();
  env.setParallelism(parallelism).set({
    localChannels: channels,
    batchRows: 4,
    maxParallelism: 12,
    autoWatermarkIntervalMs: 5,
    // Only those that are asked for; but results wait for one.
    checkpoint: { intervalMs: 3_600_000, ...MODES[mode] },
  });
  job.build(env, slow).collect('out');
  return env.buildGraph(job.name);
}

/** Reads what comes out until the job has ended, in whatever way. */
async function read({ job, types }: JobInProcess): Promise<string[]> {
  const lines: string[] = [];
  try {
    for await (const line of new CollectedValues(job.batches('out'), types)) lines.push(line as string);
  } catch {
    // It was cancelled.
  }
  return lines;
}

async function midway({ job }: JobInProcess): Promise<void> {
  for (let seen = 0; seen < EVENTS / 20;) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const { operators } = await job.metrics();
    seen = operators.reduce((sum, { values }) => sum + (values['numRecordsOut'] ?? 0), 0);
  }
}

for (const job of SLOW_JOBS) {
  const expected = [...job.expected].sort();
  for (const mode of Object.keys(MODES) as (keyof typeof MODES)[]) {
    test(`${job.name}: an ${mode} checkpoint midway loses and repeats nothing`, async () => {
      for (const [i, channels] of CHANNELS.entries()) {
        const [before, after] = PARALLELISM[(i + job.name.length) % PARALLELISM.length] as readonly [number, number];
        const what = `${channels}, ${before} to ${after}`;
        const first = await runInProcess(graphOf(job, mode, channels, before, SLOW_MS / EVENTS));
        let checkpoint: CompletedCheckpoint;
        const reading = read(first);
        try {
          await midway(first);
          checkpoint = await first.job.checkpoint();
        } finally {
          await first.close();
        }
        held.set(mode, (held.get(mode) ?? 0) + checkpoint.channels.length);
        const second = await runInProcess(graphOf(job, mode, channels, after, 0), checkpoint);
        try {
          const rest = await read(second);
          await second.job.result();
          assert.deepEqual([...(await reading), ...rest].sort(), expected, what);
        } finally {
          await second.close();
        }
      }
    });
  }
}

after(() => {
  assert.equal(held.get('aligned') ?? 0, 0, 'barriers in their places overtake nothing');
  assert.ok((held.get('unaligned') ?? 0) > 0, 'barriers have overtaken something');
  assert.ok((held.get('timeout') ?? 0) > 0, 'barriers have overtaken something in time');
});
