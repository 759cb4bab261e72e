import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { collectionSource } from '../../src/connect/collection-source.ts';
import { fileSource } from '../../src/connect/file-source.ts';
import { generatorSource } from '../../src/connect/generator-source.ts';
import { hybridSource } from '../../src/connect/hybrid-source.ts';
import type { HybridSwitch } from '../../src/connect/hybrid-step.ts';
import { sequenceSource } from '../../src/connect/sequence-source.ts';
import { socketSource } from '../../src/connect/socket-source.ts';
import { json } from '../../src/format/json.ts';
import { assertReplays, runSource } from '../../src/testing/connector-harness.ts';
import { createRealWorld } from '../../src/world/real-world.ts';
import { scratchDirectory } from './scratch.ts';

const world = createRealWorld();

const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

test('sources are read one after the other, the next when all subtasks have read the one before', async (t) => {
  const path = scratchDirectory(t);
  for (const file of [0, 1, 2])
    writeFileSync(join(path, `${file}.jsonl`), [1, 2, 3].map((line) => file * 10 + line).join('\n'));
  const source = hybridSource([
    fileSource({ path, format: json<number>() }),
    collectionSource([100, 101]),
    sequenceSource(200, 205),
  ]);
  assert.equal(source.boundedness, 'bounded');
  assert.equal(source.replayable, true);
  for (const parallelism of [1, 3]) {
    const run = runSource({ ...source, parallelism }, { world });
    const values = await run.finish();
    await run.close();
    assert.deepEqual(ascending(values), [1, 2, 3, 11, 12, 13, 21, 22, 23, 100, 101, 200, 201, 202, 203, 204, 205]);
    const steps = values.map((value) => Math.floor(value / 100));
    assert.deepEqual(steps, ascending(steps), 'no value of a source before the last of the one before');
    assert.ok(run.records.every(({ split, value }) => split?.startsWith(`${Math.floor(value / 100)}:`)));
    assert.equal(run.released.length, new Set(run.records.map(({ split }) => split)).size);
  }
});

test('an interrupted hybrid source goes on with exactly the rest, in whichever source it was', async () => {
  for (const restoredParallelism of [1, 2, 3]) {
    await assertReplays(
      () =>
        hybridSource([
          sequenceSource(1, 5),
          generatorSource((index) => 100 + index, { count: 5 }),
          sequenceSource(200, 204),
        ]),
      { world, parallelism: 2, restoredParallelism },
    );
  }
});

test('a step may be made from what is known when it begins, the same in every subtask and after a restart', async () => {
  const switches: HybridSwitch[] = [];
  const make = (): ReturnType<typeof hybridSource<number>> =>
    hybridSource<number>(
      [
        sequenceSource(1, 4),
        (from) => {
          switches.push(from);
          return sequenceSource(10, 13);
        },
      ],
      { boundedness: 'bounded' },
    );
  assert.equal(hybridSource([sequenceSource(1, 2), () => sequenceSource(1, 2)]).boundedness, 'unbounded');
  const run = runSource(make(), { world, parallelism: 2 });
  await run.take(5);
  const snapshot = run.snapshot();
  await run.close();
  const rest = runSource(make(), { world, parallelism: 2, restore: snapshot });
  const values = [...run.records.map(({ value }) => value), ...(await rest.finish())];
  await rest.close();
  assert.deepEqual(ascending(values), [1, 2, 3, 4, 10, 11, 12, 13]);
  assert.ok(switches.length >= 4);
  assert.equal(new Set(switches.map((from) => JSON.stringify(from))).size, 1);
  assert.deepEqual(switches[0]?.previous, { pending: [] });
});

test('the last source may go on without end, the others may not', async () => {
  const endless = hybridSource([sequenceSource(1, 2), generatorSource((index) => 10 + index)]);
  assert.equal(endless.boundedness, 'unbounded');
  const run = runSource(endless, { world, parallelism: 2 });
  await run.take(20);
  assert.equal(run.finished, false);
  await run.close();
  assert.throws(() => hybridSource([generatorSource((index) => index), sequenceSource(1, 2)]), {
    code: 'OPTION_INVALID',
    message: /source 1 of 2 has no end/,
  });
  assert.throws(() => hybridSource([]), { code: 'OPTION_INVALID' });
  const once = hybridSource<unknown>([sequenceSource(1, 2), socketSource({ host: 'localhost', port: 1 })]);
  assert.equal(once.replayable, false);
  assert.equal(once.parallelism, 1);
});

test('splits of a hybrid source can be paused', async () => {
  const run = runSource(hybridSource([sequenceSource(1, 2), generatorSource((index) => index + 10)]), {
    world,
    parallelism: 2,
  });
  await run.take(10);
  run.pauseOrResumeSplits(['1:0'], []);
  assert.ok((await run.take(5)).every(({ split }) => split === '1:1'));
  run.pauseOrResumeSplits([], ['1:0']);
  assert.ok((await run.take(5)).some(({ split }) => split === '1:0'));
  await run.close();
});
