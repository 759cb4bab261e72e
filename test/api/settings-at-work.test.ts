/** Settings that a program makes, seen where they take effect. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ObjectStore } from '../../src/checkpoint/storage/object-store.ts';
import { registerCheckpointStore } from '../../src/checkpoint/storage/stores.ts';
import type { PollResult, ReaderOutput, Source } from '../../src/connect/source.ts';
import type { MapFunction } from '../../src/operator/functions.ts';
import type { RuntimeContext } from '../../src/operator/runtime-context.ts';
import { valueState } from '../../src/state/descriptor.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { environment } from './environments.ts';

class Parameters implements MapFunction<number, Readonly<Record<string, unknown>>> {
  #seen: Readonly<Record<string, unknown>> = {};

  open(context: RuntimeContext): void {
    this.#seen = context.parameters;
  }

  map(): Readonly<Record<string, unknown>> {
    return this.#seen;
  }
}

test('functions find the global job parameters, and what the job was started with in place of them', async () => {
  const seen = await environment({ parameters: { mode: 'started' } })
    .configure({ 'pipeline.global-job-parameters': 'region:eu,mode:configured' })
    .fromData(1)
    .map(Parameters)
    .executeAndCollect();
  assert.deepEqual(seen, [{ region: 'eu', mode: 'started' }]);
});

test('a job starts from the savepoint that its settings name, on the terms that they name', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'millstream-recovery-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const counting = (uid: string) => {
    const env = environment();
    env
      .fromGenerator((i) => i, { recordsPerSecond: 1_000 })
      .uid('numbers')
      .keyBy(() => 'all')
      .process({
        state: { seen: valueState<number>('seen') },
        *processElement(_n, ctx) {
          const seen = (ctx.state.seen.value() ?? 0) + 1;
          ctx.state.seen.update(seen);
          yield seen;
        },
      })
      .uid(uid)
      .collect('results');
    return env;
  };
  const first = await counting('counts').executeAsync();
  const before = first.collected<number>('results');
  await before.next();
  const draining = (async () => {
    for await (const _ of before);
  })();
  const { path } = await first.stopWithSavepoint({ directory });
  await draining;

  const second = await counting('counts').configure({ 'execution.state-recovery.path': path }).executeAsync();
  const { value } = await second.collected<number>('results').next();
  assert.ok(Number(value) > 1, 'it counts on');
  await second.cancel();

  const changed = () => counting('counts-of-another-name').configure({ 'execution.state-recovery.path': path });
  await assert.rejects(changed().execute(), { code: 'STATE_INCOMPATIBLE' });
  const third = await changed().configure({ 'execution.state-recovery.ignore-unclaimed-state': 'true' }).executeAsync();
  assert.equal((await third.collected<number>('results').next()).value, 1);
  await third.cancel();
});

/** Two splits in one reader, one of which is always far ahead of the other in event time. */
function unevenSplits(): Source<number, string, null> {
  return {
    name: 'uneven',
    boundedness: 'unbounded',
    replayable: true,
    parallelism: 1,
    splitId: (split) => split,
    createEnumerator: (context) => ({
      start() {},
      addReader: (subtask) => context.assign(subtask, ['ahead', 'behind']),
      handleSplitRequest() {},
      addSplitsBack() {},
      snapshot: () => null,
      close() {},
    }),
    createReader: () => {
      let splits: readonly string[] = [];
      let time = 0;
      return {
        start() {},
        addSplits: (added) => void (splits = added),
        noMoreSplits() {},
        poll(output: ReaderOutput<number>): PollResult {
          while (output.proceed()) {
            time += 1;
            for (const split of splits) output.forSplit(split).collect(split === 'ahead' ? time + 1_000_000 : time);
          }
          return 'more';
        },
        available: () => Promise.resolve(),
        snapshot: () => splits,
        close() {},
      };
    },
  };
}

test('a reader that cannot pause splits is refused in an alignment group, unless that is allowed', async () => {
  const aligned = () => {
    const env = environment({ settings: { autoWatermarkIntervalMs: 1 } });
    env
      .fromSource(
        unevenSplits(),
        WatermarkStrategy.forMonotonousTimestamps<number>((n) => n).withWatermarkAlignment('group', 10, 1),
      )
      .filter((n) => n % 100_000 === 0)
      .collect('results');
    return env;
  };
  await assert.rejects(aligned().execute(), {
    code: 'OPTION_INVALID',
    message: /"uneven".*cannot pause single splits/,
  });
  const client = await aligned().set({ allowUnalignedSplits: true }).executeAsync();
  const results = client.collected<number>('results');
  for (let i = 0; i < 20; i++) await results.next();
  await client.cancel();
});

class FirstLine implements MapFunction<string, string> {
  readonly #lines = new Map<string, string>();

  open(context: RuntimeContext): void {
    for (const name of ['local', 'stored']) this.#lines.set(name, readFileSync(context.cachedFile(name), 'utf8'));
  }

  map(name: string): string {
    return this.#lines.get(name) ?? '';
  }
}

test('functions find the registered files, of the file system and of other stores', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'millstream-cached-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'local.txt'), 'of the file system');
  registerCheckpointStore('cached-files', (url) => {
    const objects: Readonly<Record<string, string>> = { 'stored.txt': 'of a store' };
    const get = async (key: string): Promise<Uint8Array | undefined> =>
      objects[key] === undefined ? undefined : new TextEncoder().encode(objects[key]);
    return { url: url.href, get, close: async () => {} } as unknown as ObjectStore;
  });
  const reading = (local: string) =>
    environment({ settings: { parallelism: 2 } })
      .registerCachedFile(join(directory, local), 'local')
      .configure({})
      .registerCachedFile('cached-files://bucket/stored.txt', 'stored')
      .fromData('local', 'stored')
      .map(FirstLine);
  const lines = await reading('local.txt').executeAndCollect();
  assert.deepEqual(lines.toSorted(), ['of a store', 'of the file system']);
  await assert.rejects(reading('gone.txt').executeAndCollect(), {
    code: 'SOURCE_MISSING',
    message: /"local".*gone\.txt/,
  });
  await assert.rejects(environment().fromData('local').map(FirstLine).executeAndCollect(), {
    message: /cached file "local", which the job has not registered/,
  });
  assert.throws(
    () => environment().registerCachedFile('/a', 'x').registerCachedFile('/b', 'x'),
    /two cached files "x"/,
  );
});
