import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectionSource } from '../../src/connect/collection-source.ts';
import { generatorSource } from '../../src/connect/generator-source.ts';
import { sequenceSource } from '../../src/connect/sequence-source.ts';
import type { ReaderOutput } from '../../src/connect/source.ts';
import { OperatorMetricGroup } from '../../src/runtime/metrics.ts';
import { assertReplays, runSource, type SourceRun } from '../../src/testing/connector-harness.ts';
import { ManualClock } from '../../src/testing/manual-world.ts';
import { createRealWorld } from '../../src/world/real-world.ts';

const world = createRealWorld();

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

async function readAll<T>(run: SourceRun<T>): Promise<readonly T[]> {
  try {
    return await run.finish();
  } finally {
    await run.close();
  }
}

test('a sequence emits each number of its range once, whatever the parallelism', async () => {
  for (const parallelism of [1, 2, 3, 7]) {
    const run = runSource(sequenceSource(-3, 21), { world, parallelism });
    assert.deepEqual(ascending(await readAll(run)), range(-3, 21), `parallelism ${parallelism}`);
  }
});

test('a sequence gives each subtask a range of its own, in order', async () => {
  const run = runSource(sequenceSource(1, 10), { world, parallelism: 3 });
  await readAll(run);
  const bySubtask = [0, 1, 2].map((subtask) =>
    run.records.filter((record) => record.subtask === subtask).map((record) => record.value),
  );
  assert.deepEqual(bySubtask, [range(1, 4), range(5, 7), range(8, 10)]);
});

test('a sequence of fewer numbers than subtasks leaves the rest of the subtasks without a split', async () => {
  const run = runSource(sequenceSource(5, 6), { world, parallelism: 4 });
  assert.deepEqual(ascending(await readAll(run)), [5, 6]);
  assert.deepEqual(run.released.toSorted(), ['0', '1']);
});

test('a sequence refuses bounds that are no safe integers or stand the wrong way round', () => {
  assert.throws(() => sequenceSource(2, 1), {
    code: 'OPTION_INVALID',
    message: /from \(2\) must not lie above to \(1\)/,
  });
  assert.throws(() => sequenceSource(0.5, 1), { code: 'OPTION_INVALID' });
  assert.throws(() => sequenceSource(0, 2 ** 53), { code: 'OPTION_INVALID' });
  assert.throws(() => sequenceSource(-(2 ** 53 - 1), 2 ** 53 - 1), { code: 'OPTION_INVALID' });
});

test('an interrupted sequence goes on with exactly the rest, at any parallelism', async () => {
  for (const restoredParallelism of [1, 2, 5]) {
    await assertReplays(() => sequenceSource(1, 13), { world, parallelism: 2, restoredParallelism });
  }
});

test('a collection is emitted in order by one subtask', async () => {
  const words = ['to', 'be', 'or', 'not', 'to', 'be'];
  const source = collectionSource(words);
  assert.equal(source.parallelism, 1);
  assert.deepEqual(await readAll(runSource(source, { world, parallelism: 4 })), words);
});

test('a collection emits the values themselves, and reads other iterables to their end', async () => {
  const value = { name: 'one' };
  const [emitted] = await readAll(runSource(collectionSource(new Set([value])), { world }));
  assert.equal(emitted, value);
});

test('a parallel collection gives every subtask a range, and emits undefined too', async () => {
  const values = [1, undefined, 3, null, 5];
  const run = runSource(collectionSource(values, { parallel: true }), { world, parallelism: 2 });
  await readAll(run);
  assert.deepEqual(
    run.records.filter((record) => record.subtask === 0).map((record) => record.value),
    [1, undefined],
  );
  assert.deepEqual(
    run.records.filter((record) => record.subtask === 1).map((record) => record.value),
    [3, null, 5],
  );
});

test('an empty collection ends at once', async () => {
  assert.deepEqual(await readAll(runSource(collectionSource([]), { world })), []);
});

test('an interrupted collection goes on with exactly the rest', async () => {
  await assertReplays(() => collectionSource(['a', 'b', 'a', 'c']), { world });
  await assertReplays(() => collectionSource(range(1, 9), { parallel: true }), {
    world,
    parallelism: 3,
    restoredParallelism: 2,
  });
});

test('a generator makes each value from its index, the subtasks in turn', async () => {
  const run = runSource(
    generatorSource((index) => index * index, { count: 10 }),
    { world, parallelism: 3 },
  );
  assert.deepEqual(
    ascending(await readAll(run)),
    range(0, 9).map((index) => index * index),
  );
  const first = run.records.filter((record) => record.subtask === 0).map((record) => record.value);
  assert.deepEqual(first, [0, 9, 36, 81]);
});

test('a generator without a count is unbounded and goes on', async () => {
  const source = generatorSource((index) => index);
  assert.equal(source.boundedness, 'unbounded');
  const run = runSource(source, { world, parallelism: 2 });
  await run.take(100);
  assert.equal(run.records.length, 100);
  assert.equal(run.finished, false);
  await run.close();
});

test('an interrupted generator goes on with exactly the rest, at any parallelism', async () => {
  for (const restoredParallelism of [1, 2, 4]) {
    await assertReplays(() => generatorSource((index) => `#${index}`, { count: 11 }), {
      world,
      parallelism: 3,
      restoredParallelism,
    });
  }
});

test('the endless splits of a generator all go on when the parallelism falls, also those nobody had asked for', async () => {
  const before = runSource(
    generatorSource((index) => index),
    { world, parallelism: 3 },
  );
  const snapshot = before.snapshot();
  await before.close();
  const after = runSource(
    generatorSource((index) => index),
    { world, parallelism: 1, restore: snapshot },
  );
  for (let turn = 0; turn < 6; turn++) await after.take(1);
  await after.close();
  const seen = new Set(after.records.map((record) => record.value % 3));
  assert.deepEqual(
    [...seen].toSorted((a, b) => a - b),
    [0, 1, 2],
  );
});

test('a rate limit holds over all subtasks together, and time that passed unused is kept for a second at most', async () => {
  const clock = new ManualClock(1_000);
  const source = generatorSource((index) => index, { recordsPerSecond: 10 });
  const run = runSource(source, { world: { ...world, clock }, parallelism: 2 });
  run.poll();
  assert.equal(run.records.length, 2, 'each subtask may emit one at once');
  for (let step = 1; step <= 40; step++) {
    clock.advanceTo(1_000 + step * 50);
    run.poll();
  }
  // Two seconds at ten a second, and the two at the start.
  assert.equal(run.records.length, 22);
  clock.advanceTo(60_000);
  run.poll();
  assert.equal(run.records.length, 32);
  await run.close();
});

test('a rate-limited generator tells when it may go on, and its alarms go when it closes', async () => {
  const clock = new ManualClock();
  const run = runSource(
    generatorSource((index) => index, { recordsPerSecond: 1, count: 3 }),
    { world: { ...world, clock } },
  );
  const taken = run.take(2);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(run.records.length, 1);
  assert.equal(clock.pending, 1);
  clock.advanceTo(1_000);
  assert.deepEqual(
    (await taken).map((record) => record.value),
    [0, 1],
  );
  run.poll();
  await run.close();
  assert.equal(clock.pending, 0);
});

test('a generator refuses a count or a rate that makes no sense', () => {
  const identity = (index: number): number => index;
  assert.throws(() => generatorSource(identity, { count: -1 }), {
    code: 'OPTION_INVALID',
    message: /count must be a whole number/,
  });
  assert.throws(() => generatorSource(identity, { recordsPerSecond: 0 }), {
    code: 'OPTION_INVALID',
    message: /recordsPerSecond/,
  });
  assert.throws(() => generatorSource(identity, { recordsPerSecond: Number.NaN }), { code: 'OPTION_INVALID' });
});

test('a paused split stands still until it is resumed, and others go on', async () => {
  const run = runSource(
    generatorSource((index) => index),
    { world, parallelism: 2 },
  );
  await run.take(10);
  run.pauseOrResumeSplits(['0'], []);
  const paused = await run.take(10);
  assert.ok(paused.every((record) => record.split === '1'));
  run.pauseOrResumeSplits([], ['0']);
  const resumed = await run.take(10);
  assert.ok(resumed.some((record) => record.split === '0'));
  await run.close();
});

test('a reader notices splits that come between a poll and the wait for the next, or in the middle of a poll', async () => {
  const source = sequenceSource(1, 4);
  for (const answer of ['at once', 'after the poll'] as const) {
    const values: number[] = [];
    const mail: (() => void)[] = [];
    const post = (letter: () => void): void => void (answer === 'at once' ? letter() : mail.push(letter));
    const shared = { parallelism: 1, world };
    const output: ReaderOutput<number> = {
      collect: (value) => void values.push(value),
      proceed: () => false,
      forSplit: () => output,
      releaseSplit: () => {},
      side: () => {},
      dropped: () => {},
    };
    const reader = source.createReader({
      ...shared,
      subtask: 0,
      requestSplit: () => post(() => enumerator.handleSplitRequest(0)),
      toEnumerator: () => {},
      now: () => 0,
      after: () => {},
      metrics: new OperatorMetricGroup(),
    });
    const enumerator = source.createEnumerator(
      {
        ...shared,
        readers: () => [0],
        assign: (_subtask, splits) => post(() => reader.addSplits(splits)),
        noMoreSplits: () => post(() => reader.noMoreSplits()),
        toReader: () => {},
        call: () => {},
      },
      undefined,
    );
    reader.start();
    for (let result = reader.poll(output); result !== 'finished'; result = reader.poll(output)) {
      while (mail.length > 0) mail.shift()?.();
      if (result === 'waiting') await reader.available();
    }
    assert.deepEqual(values, [1, 2, 3, 4]);
    await reader.close();
  }
});
