/** Sinks that commit, in whole jobs that fail, are stopped, and go on from savepoints. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { noBuckets } from '../../src/connect/bucket.ts';
import { fileSink, type FileSinkOptions } from '../../src/connect/file-sink.ts';
import type { Sink } from '../../src/connect/sink.ts';
import { text } from '../../src/format/text.ts';
import type { JobClient, LaunchOptions } from '../../src/graph/launch.ts';
import { scratchDirectory } from '../connect/scratch.ts';
import { environment } from './environments.ts';

const RECORDS = 150;

function lines(path: string): string[] {
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => readFileSync(`${path}/${name}`, 'utf8').split('\n').slice(0, -1));
}

/** Numbers, each with the name of the run that wrote it. */
function start(
  run: string,
  path: string,
  options: Partial<FileSinkOptions<string>>,
  launch: LaunchOptions = {},
): Promise<JobClient> {
  const env = environment({ settings: { checkpoint: { intervalMs: 15 } } });
  env
    .fromGenerator((index) => index, { count: RECORDS, recordsPerSecond: 500 })
    .setParallelism(1)
    .map((index) => `${run} ${index}`)
    .sinkTo(fileSink<string>({ path, format: text(), bucket: noBuckets(), ...options }));
  return env.executeAsync(run, launch);
}

for (const [name, options] of Object.entries({
  'as it is': {},
  'with compaction': { rolling: { onCheckpoint: true }, compaction: { checkpoints: 2 } },
} satisfies Record<string, Partial<FileSinkOptions<string>>>)) {
  test(`a file sink ${name}: a savepoint restored twice, and an older one, lose and repeat nothing`, async (t) => {
    const path = scratchDirectory(t);
    const original = await start('original', path, options);
    await sleep(40);
    const older = await original.triggerSavepoint();
    await sleep(60);
    const newer = await original.triggerSavepoint();
    await sleep(30);
    await original.cancel();
    const starts: Record<string, number> = {};
    for (const [run, savepoint] of [
      ['first', newer],
      ['second', newer],
      ['third', older],
    ] as const) {
      const client = await start(run, path, options, { fromSavepoint: savepoint });
      await client.result();
      const all = lines(path);
      assert.equal(new Set(all).size, all.length, `${run}: nothing stands there twice`);
      const own = numbersOf(all, run);
      const from = own[0] ?? RECORDS;
      starts[run] = from;
      assert.deepEqual(own, range(from, RECORDS), `${run} wrote everything behind its savepoint`);
      assert.deepEqual(numbersOf(all, 'original').slice(0, from), range(0, from), `what ${run} starts from is there`);
    }
    assert.equal(starts['first'], starts['second']);
    assert.ok((starts['third'] as number) < (starts['first'] as number));
  });
}

function numbersOf(all: readonly string[], run: string): number[] {
  const own = all.filter((line) => line.startsWith(`${run} `)).map((line) => Number(line.slice(run.length + 1)));
  return own.toSorted((a, b) => a - b);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** Numbers as committables. */
function numberSink(parts: Partial<Sink<number, number, never>>): Sink<number, number, never> {
  return {
    name: 'numbers',
    guarantee: 'exactly-once',
    createWriter: () => {
      let open: number[] = [];
      return {
        write: (value) => void open.push(value),
        flush: () => {},
        prepareCommit: () => open.splice(0),
        close: () => {
          open = [];
        },
      };
    },
    createCommitter: () => ({ commit: () => {}, close: () => {} }),
    ...parts,
  };
}

test('a job whose committable is lost fails at once and for good, whatever its restart strategy', async () => {
  let commits = 0;
  const env = environment({
    settings: {
      checkpoint: { intervalMs: 10 },
      restart: { kind: 'fixed-delay', attempts: 1_000, delayMs: 1 },
    },
  });
  env
    .fromGenerator((index) => index, { recordsPerSecond: 500 })
    .sinkTo(
      numberSink({
        createCommitter: () => ({
          commit: ([request]) => {
            commits++;
            request?.failed(new Error('its transaction has expired'));
          },
          close: () => {},
        }),
      }),
    );
  const client = await env.executeAsync();
  await assert.rejects(client.result(), { code: 'SINK_DATA_LOST', message: /committ?.*its transaction has expired/ });
  assert.equal(commits, 1);
  assert.equal((await client.exceptions()).length, 1);
});

test('a global committer gets every checkpoint as a whole, also when it fails the job once', async () => {
  const calls: { readonly checkpoint: number; readonly values: readonly number[] }[] = [];
  let fails = true;
  const env = environment({
    settings: {
      parallelism: 2,
      checkpoint: { intervalMs: 10 },
      restart: { kind: 'fixed-delay', attempts: 5, delayMs: 1 },
    },
  });
  env
    .fromGenerator((index) => index, { count: 120, recordsPerSecond: 600 })
    .sinkTo(
      numberSink({
        createGlobalCommitter: () => ({
          commit: (checkpoint, values) => {
            if (fails && checkpoint > 3) {
              fails = false;
              throw new Error('the catalogue is out of reach');
            }
            calls.push({ checkpoint, values: values.toSorted((a, b) => a - b) });
          },
          close: () => {},
        }),
      }),
    );
  const client = await env.executeAsync();
  const { restarts } = await client.result();
  assert.equal(restarts, 1);
  const byCheckpoint = new Map<number, readonly number[]>();
  for (const { checkpoint, values } of calls) {
    assert.deepEqual(values, byCheckpoint.get(checkpoint) ?? values, `checkpoint ${checkpoint} is always the same`);
    byCheckpoint.set(checkpoint, values);
  }
  const all = [...byCheckpoint.values()].flat().toSorted((a, b) => a - b);
  assert.deepEqual(all, range(0, 120));
});
