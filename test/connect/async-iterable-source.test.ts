import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { asyncIterableSource, type OpenIterable } from '../../src/connect/async-iterable-source.ts';
import { runSource } from '../../src/testing/connector-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

const world = createRealWorld();

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function readAll<T>(iterable: AsyncIterable<T> | OpenIterable<T>): Promise<readonly T[]> {
  const run = runSource(asyncIterableSource(iterable), { world });
  try {
    return await run.finish();
  } finally {
    await run.close();
  }
}

async function* numbers(count: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index++) {
    if (index % 3 === 0) await turn();
    yield index;
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test('an async generator is read to its end, in order', async () => {
  assert.deepEqual(await readAll(numbers(1000)), upTo(1000));
  assert.deepEqual(await readAll(() => numbers(10)), upTo(10));
});

test('a Node.js stream and a Web stream are sources as they are', async () => {
  assert.deepEqual(await readAll(Readable.from(['a', 'b', 'c'])), ['a', 'b', 'c']);
  assert.deepEqual(await readAll(ReadableStream.from(upTo(700))), upTo(700));
});

test('a factory may return a plain iterable, or a promise of one', async () => {
  assert.deepEqual(await readAll(() => [1, 2, 3]), [1, 2, 3]);
  assert.deepEqual(await readAll(() => Promise.resolve(numbers(3))), [0, 1, 2]);
});

test('only the subtask that reads opens the iterable, and not before the source runs', async () => {
  let opened = 0;
  const source = asyncIterableSource(() => {
    opened++;
    return numbers(5);
  });
  assert.equal(source.parallelism, 1);
  assert.equal(source.replayable, false);
  const run = runSource(source, { world, parallelism: 3 });
  assert.equal(opened, 0);
  await run.finish();
  await run.close();
  assert.equal(opened, 1);
});

test('the iterable is asked for no more than the job takes', async () => {
  let produced = 0;
  const run = runSource(
    asyncIterableSource(async function* endless() {
      for (;;) {
        yield produced++;
        if (produced % 100 === 0) await turn();
      }
    }),
    { world },
  );
  await run.take(10);
  for (let wait = 0; wait < 50; wait++) await turn();
  assert.ok(produced >= 10 && produced <= 300, `${produced} values were produced for 10 that were taken`);
  await run.take(1000);
  assert.deepEqual(
    run.records.map((record) => record.value),
    upTo(1010),
  );
  await run.close();
});

test('an iterable given directly refuses to be read twice, and says what to give instead', async () => {
  const source = asyncIterableSource(numbers(3));
  const first = runSource(source, { world });
  await first.finish();
  await first.close();
  const second = runSource(source, { world });
  await assert.rejects(second.finish(), { code: 'SOURCE_CONSUMED', message: /\(\) => iterable/ });
  await second.close();
});

test('a factory is opened anew by every attempt', async () => {
  const source = asyncIterableSource(() => numbers(4));
  for (let attempt = 0; attempt < 2; attempt++) {
    const run = runSource(source, { world });
    assert.deepEqual(await run.finish(), upTo(4));
    await run.close();
  }
});

test('a source that had ended before the checkpoint is not opened again', async () => {
  let opened = 0;
  const make = (): ReturnType<typeof asyncIterableSource<number>> =>
    asyncIterableSource(() => {
      opened++;
      return numbers(4);
    });
  const before = runSource(make(), { world });
  await before.finish();
  const snapshot = before.snapshot();
  await before.close();
  const after = runSource(make(), { world, restore: snapshot });
  assert.deepEqual(await after.finish(), []);
  await after.close();
  assert.equal(opened, 1);
});

test('what the iterable throws fails the source after the values before it', async () => {
  const run = runSource(
    asyncIterableSource(async function* failing() {
      yield 1;
      await turn();
      throw new Error('the feed went away');
    }),
    { world },
  );
  await assert.rejects(run.finish(), { code: 'SOURCE_FAILED', message: /the feed went away/ });
  assert.deepEqual(
    run.records.map((record) => record.value),
    [1],
  );
  await run.close();
});

test('a job that ends early lets the iterable clean up', async () => {
  let cleaned = false;
  const run = runSource(
    asyncIterableSource(async function* guarded() {
      try {
        for (let index = 0; ; index++) {
          yield index;
          await turn();
        }
      } finally {
        cleaned = true;
      }
    }),
    { world },
  );
  await run.take(3);
  await run.close();
  assert.equal(cleaned, true);
});

test('a stream that waits for data is left at once', async () => {
  const node = new Readable({ objectMode: true, read: () => {} });
  node.push('first');
  let webCancelled = false;
  const web = new ReadableStream<string>({
    start: (controller) => controller.enqueue('first'),
    cancel: () => void (webCancelled = true),
  });
  for (const stream of [node, web] as readonly AsyncIterable<string>[]) {
    const run = runSource(asyncIterableSource(stream), { world });
    await run.take(1);
    await turn();
    await run.close();
  }
  assert.equal(node.destroyed, true);
  assert.equal(webCancelled, true);
});
