/** Small files that are put together before they are finished. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { World } from '../../src/base/world.ts';
import { noBuckets } from '../../src/connect/bucket.ts';
import { fileSink, type CompactionOptions } from '../../src/connect/file-sink.ts';
import { fileSource } from '../../src/connect/file-source.ts';
import { csv } from '../../src/format/csv.ts';
import type { Format } from '../../src/format/format.ts';
import { json } from '../../src/format/json.ts';
import { text } from '../../src/format/text.ts';
import { runSink, runSource, type SinkRun, type SinkSnapshot } from '../../src/testing/connector-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { Crash, MemoryStorage } from './memory-storage.ts';
import { scratchDirectory } from './scratch.ts';

const real = createRealWorld();

function worldOf(storage: MemoryStorage): World {
  return { ...real, storage };
}

interface StartOptions {
  readonly restore?: SinkSnapshot;
  readonly jobId?: string;
  readonly parallelism?: number;
}

async function start(
  storage: MemoryStorage,
  compaction: CompactionOptions,
  options: StartOptions = {},
): Promise<SinkRun<string>> {
  const sink = fileSink<string>({
    path: '/out',
    format: text(),
    bucket: (value) => `b${value.length % 2}`,
    rolling: { onCheckpoint: true },
    compaction,
  });
  return await runSink(sink, { world: worldOf(storage), ...options });
}

function finished(storage: MemoryStorage): Record<string, string> {
  const entries = Object.entries(storage.contents('/out')).filter(([name]) => !name.includes('/.'));
  return Object.fromEntries(
    entries.map(([name, content]) => [name.replaceAll(/-[0-9a-f]{8}-/g, '-*-'), content] as const),
  );
}

function published(storage: MemoryStorage): string[] {
  const files = Object.entries(storage.contents('/out')).filter(([name]) => !name.includes('/.'));
  const records = files.flatMap(([, content]) => {
    assert.ok(content.endsWith('\n'), 'only whole files');
    return content.trimEnd().split('\n');
  });
  return records.toSorted();
}

function hidden(storage: MemoryStorage): string[] {
  return Object.keys(storage.contents('/out')).filter((name) => name.includes('/.'));
}

async function round(run: SinkRun<string>, ...records: readonly string[]): Promise<SinkSnapshot> {
  for (const record of records) await run.write(record);
  const checkpoint = await run.checkpoint();
  await run.commit(checkpoint);
  // What is put together in the background is there at the next checkpoint.
  await new Promise((resolve) => setImmediate(resolve));
  return checkpoint;
}

test('files are put together after so many checkpoints, per bucket, and the small ones are gone', async () => {
  const storage = new MemoryStorage();
  const run = await start(storage, { checkpoints: 2 });
  await round(run, 'a', 'bb');
  assert.deepEqual(finished(storage), {}, 'they wait');
  await round(run, 'c');
  await round(run, 'd', 'ee');
  assert.deepEqual(finished(storage), { 'b1/compacted-part-0-*-0-2.txt': 'a\nc\n', 'b0/part-0-*-1.txt': 'bb\n' });
  await run.finish();
  await run.close();
  assert.deepEqual(published(storage), ['a', 'bb', 'c', 'd', 'ee']);
  assert.deepEqual(hidden(storage), []);
});

test('files are put together once they are large enough, and one that is large by itself is finished as it is', async () => {
  const storage = new MemoryStorage();
  const run = await start(storage, { bytes: 10 });
  await round(run, 'a'.repeat(21));
  assert.deepEqual(Object.keys(finished(storage)), ['b1/part-0-*-0.txt']);
  for (const record of ['1', '2', '3', '4']) await round(run, record);
  assert.equal(Object.keys(finished(storage)).length, 1);
  await round(run, '5');
  await round(run);
  assert.equal(finished(storage)['b1/compacted-part-0-*-1-5.txt'], '1\n2\n3\n4\n5\n');
  await run.finish();
  await run.close();
  assert.equal(published(storage).length, 6);
});

test('CSV files are put together with one header, and those with other columns stay apart', async (t) => {
  const path = scratchDirectory(t);
  const plain = csv({ header: true });
  // Each file has the columns of its first row.
  const format: Format<Record<string, string>> = {
    ...plain,
    encoder: () => {
      let encoder = plain.encoder();
      return {
        prologue: (first, into) => {
          encoder = plain.encoder();
          encoder.prologue?.(first, into);
        },
        encode: (row, into) => encoder.encode(row, into),
      };
    },
  };
  const sink = fileSink<Record<string, string>>({
    path,
    format,
    bucket: noBuckets(),
    rolling: { onCheckpoint: true },
    compaction: { checkpoints: 9 },
  });
  const run = await runSink(sink, { world: real });
  for (const row of [{ a: '1' }, { a: '2' }, { b: '3' }, { b: '4' }]) {
    await run.write(row);
    await run.commit(await run.checkpoint());
  }
  await run.finish();
  await run.close();
  const files = readdirSync(path).map((name) => readFileSync(join(path, name), 'utf8'));
  assert.deepEqual(files.toSorted(), ['a\n1\n2\n', 'b\n3\n4\n']);
});

test('files of a format that says nothing of it are put together record by record', async (t) => {
  const path = scratchDirectory(t);
  const lines = json<{ n: number }>();
  const format: Format<{ n: number }, unknown> = { ...lines, name: 'own', concatenable: false };
  const sink = fileSink<unknown>({
    path,
    format,
    bucket: noBuckets(),
    rolling: { onCheckpoint: true },
    compaction: { checkpoints: 3 },
  });
  const run = await runSink(sink, { world: real });
  for (let n = 0; n < 10; n++) {
    await run.write({ n });
    await run.commit(await run.checkpoint());
  }
  await run.finish();
  await run.close();
  assert.ok(readdirSync(path).every((name) => name.startsWith('compacted-') || name.startsWith('part-')));
  assert.ok(readdirSync(path).length < 6);
  const source = runSource(fileSource({ path, format: lines }), { world: real });
  const values = await source.finish();
  await source.close();
  assert.deepEqual(
    values.map(({ n }) => n).toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

test('a savepoint with files that wait is restored twice, before and after they were put together', async () => {
  const storage = new MemoryStorage();
  const original = await start(storage, { checkpoints: 2 }, { jobId: 'original' });
  await round(original, 'a');
  const savepoint = await original.savepoint();
  await round(original, 'c');
  await round(original);
  assert.deepEqual(published(storage), ['a', 'c']);
  await original.close();
  for (const jobId of ['one', 'two']) {
    const run = await start(storage, { checkpoints: 2 }, { jobId, restore: savepoint });
    await round(run, jobId);
    await run.finish();
    await run.close();
  }
  assert.deepEqual(published(storage), ['a', 'c', 'one', 'two']);
});

test('what was published in another file is recognised by the names, also when the small files are still there', async () => {
  const storage = new MemoryStorage();
  const original = await start(storage, { checkpoints: 2 }, { jobId: 'original' });
  await round(original, 'a');
  const savepoint = await original.savepoint();
  await round(original, 'c');
  const last = await original.checkpoint();
  // The process dies between the two halves of the commit: the large file has its name, the small ones are not gone.
  storage.fault = (operation) => (operation === 'remove' ? 'crash' : undefined);
  await assert.rejects(original.commit(last));
  await original.close().catch(() => {});
  const second = new MemoryStorage(storage);
  const run = await start(second, { checkpoints: 1 }, { jobId: 'other', restore: savepoint });
  await run.finish();
  await run.close();
  assert.deepEqual(published(second), ['a', 'c']);
});

test('wherever a sink that puts files together crashes, the files have each record exactly once', async () => {
  const compaction = { bytes: 30, checkpoints: 2 };
  const all = Array.from({ length: 12 }, (_, index) => `record ${index}`);
  let crashes = 0;
  for (let step = 0; ; step++) {
    const first = new MemoryStorage();
    let state: { readonly snapshot: SinkSnapshot; readonly records: number } | undefined;
    first.fault = (_operation, _path, count) => {
      const records = published(first);
      assert.equal(new Set(records).size, records.length, 'no record twice at any moment');
      return count === step ? 'crash' : undefined;
    };
    const run = await start(first, compaction, { parallelism: 2 });
    let crashed = false;
    try {
      for (const [index, record] of all.entries()) {
        await run.write(record, { subtask: index % 2 });
        if (index % 2 === 0) continue;
        const snapshot = await run.checkpoint();
        state = { snapshot, records: index + 1 };
        await run.commit(snapshot);
      }
      await run.finish();
    } catch (error) {
      assert.ok(error instanceof Crash || (error as Error).cause instanceof Crash, String(error));
      crashed = true;
    }
    await run.close().catch(() => {});
    if (!crashed) break;
    crashes++;
    const second = new MemoryStorage(first);
    const restored = await start(second, compaction, {
      parallelism: 2 + (step % 2),
      ...(state === undefined ? {} : { restore: state.snapshot }),
    });
    for (const record of all.slice(state?.records ?? 0)) await restored.write(record);
    await restored.finish();
    await restored.close();
    assert.deepEqual(published(second), all.toSorted(), `crashed at step ${step}`);
  }
  assert.ok(crashes > 40, `${crashes} crashes`);
});

test('options of compaction that make no sense are refused', () => {
  const sink = (compaction: CompactionOptions, format: Format<string> = text()): unknown =>
    fileSink<string>({ path: '/out', format, compaction });
  for (const compaction of [{}, { bytes: 0 }, { checkpoints: 0 }])
    assert.throws(() => sink(compaction), { code: 'OPTION_INVALID', message: /compaction/ });
  assert.throws(() => sink({ bytes: 1, by: 'bytes' }, { ...text(), concatenable: false }), { code: 'OPTION_INVALID' });
});
