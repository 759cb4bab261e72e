/**
 * How long a job with a gigabyte of keyed state gives no results when one of its workers is killed: from `kill -9` to the
 * first right result of the last of its subtasks. With copies of the state files on the machine, and without.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessCluster, type JobClient, type SettingsPart } from 'millstream';
import { median, scaled, WrongResult, type Benchmark, type Outcome, type Parameters } from './benchmark.ts';
import { accessOf, type Note } from './jobs/recovery.ts';

const JOB = new URL('./jobs/recovery.ts', import.meta.url);
const KEYS = 1_000_000;
const BYTES = 1_000;
const PER_SECOND = 100_000;
const CHECKPOINT_MS = 1_000;
const MILLISECONDS_MOST = 2_000;
const SUBTASKS = 2;
const GIVE_UP_MS = 300_000;
const LOOK_MS = 20;

interface Variant {
  readonly backend: 'memory' | 'disk';
  readonly localBackup: boolean;
}

const VARIANTS: readonly Variant[] = [
  { backend: 'memory', localBackup: true },
  { backend: 'memory', localBackup: false },
  { backend: 'disk', localBackup: true },
];

export const recovery: Benchmark = {
  name: 'recovery',
  run: async ({ scale, runs }) => {
    const keys = scaled(KEYS, scale);
    const outcomes: Outcome[] = [];
    for (const variant of VARIANTS) {
      const times = await timesOf(variant, keys, runs);
      const milliseconds = median(times, (time) => time);
      const parameters: Parameters = {
        ...variant,
        localBackup: String(variant.localBackup),
        stateMegabytes: Math.round((keys * BYTES) / 1e6),
        keys,
        checkpointMs: CHECKPOINT_MS,
      };
      const figure = {
        benchmark: 'recovery',
        parameters,
        milliseconds,
        value: milliseconds,
        unit: 'ms from kill -9 to results',
      };
      if (!variant.localBackup) outcomes.push({ figure });
      else
        outcomes.push({
          figure: { ...figure, target: MILLISECONDS_MOST },
          target: { measure: 'milliseconds', value: MILLISECONDS_MOST, atMost: true },
        });
    }
    return outcomes;
  },
};

/** Of so many kills, one after the other, each of the other worker. */
async function timesOf({ backend, localBackup }: Variant, keys: number, kills: number): Promise<number[]> {
  const directory = mkdtempSync(join(tmpdir(), 'millstream-recovery-'));
  const notes = join(directory, 'notes');
  writeFileSync(notes, '');
  try {
    await using cluster = await ProcessCluster.start({ taskManagers: SUBTASKS, jobDirectory: join(directory, 'jobs') });
    const settings: SettingsPart = {
      stateBackend: backend,
      stateMemoryMegabytes: 256,
      stateDirectory: directory,
      checkpoint: {
        intervalMs: CHECKPOINT_MS,
        directory: join(directory, 'checkpoints'),
        localBackup,
        localBackupDirectories: localBackup ? [join(directory, 'copies')] : [],
      },
    };
    const parameters = { keys, bytes: BYTES, perSecond: Math.min(PER_SECOND, keys), notes };
    const client = await cluster.run(JOB, { parameters, settings });
    await until(client, () => notesOf(notes, keys).some(({ i }) => i >= keys));
    const times: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      // What is restored is whole, and a little of it has changed since it was last written.
      await client.triggerCheckpoint();
      await client.triggerCheckpoint();
      await sleep(CHECKPOINT_MS / 2);
      const attempt = Math.max(...notesOf(notes, keys).map((note) => note.attempt));
      const at = Date.now();
      cluster.kill(kill % SUBTASKS);
      const first = (subtask: number): Note | undefined =>
        notesOf(notes, keys).find((note) => note.attempt > attempt && note.subtask === subtask);
      await until(client, () => first(0) !== undefined && first(1) !== undefined);
      times.push(Math.max(first(0)?.at ?? 0, first(1)?.at ?? 0) - at);
    }
    await client.cancel();
    return times;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @throws WrongResult when one is not what a plain loop gives. */
function notesOf(path: string, keys: number): readonly Note[] {
  const text = readFileSync(path, 'utf8');
  const notes = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Note);
  for (const { i, count } of notes) {
    const expected = accessOf(i, keys).count;
    if (count !== expected) throw new WrongResult(`Record ${i} was counted as ${count} of its key; it is ${expected}.`);
  }
  return notes;
}

async function until(client: JobClient, condition: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + GIVE_UP_MS;
  while (!condition()) {
    const status = await client.status();
    if (status === 'failed' || status === 'finished' || Date.now() > giveUpAt)
      throw new WrongResult(`The job is ${status} and gives no results: ${JSON.stringify(await client.exceptions())}`);
    await sleep(LOOK_MS);
  }
}
