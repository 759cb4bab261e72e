/** Whole jobs in BATCH and AUTOMATIC mode. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvironmentOptions } from '../../src/api/environment.ts';
import type { ExecutionSettings } from '../../src/graph/settings.ts';
import { EventTimeSessionWindows } from '../../src/time/windows/session-windows.ts';
import { SlidingEventTimeWindows } from '../../src/time/windows/sliding-windows.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { valueState } from '../../src/state/descriptor.ts';
import { environment, sorted } from './environments.ts';

const batch = (settings: Partial<ExecutionSettings> = {}): EnvironmentOptions => ({
  settings: { runtimeMode: 'batch', ...settings },
});

const WORDS = 'to be or not to be that is the question'.split(' ');

function counts(options: EnvironmentOptions): Promise<{ word: string; count: number }[]> {
  return environment(options)
    .fromCollection(WORDS)
    .map((word) => ({ word, count: 1 }))
    .keyBy((pair) => pair.word)
    .sum('count')
    .executeAndCollect();
}

test('in BATCH mode each key gives its final result only, at any parallelism', async () => {
  const expected = sorted([...Map.groupBy(WORDS, (word) => word)].map(([word, all]) => ({ word, count: all.length })));
  assert.deepEqual(sorted(await counts(batch())), expected);
  assert.deepEqual(sorted(await counts(batch({ parallelism: 3 }))), expected);
  assert.deepEqual(sorted(await counts(batch({ parallelism: 2, localChannels: 'bytes', chaining: false }))), expected);
});

test('AUTOMATIC is BATCH when all sources are bounded, and STREAMING otherwise', async () => {
  assert.equal((await counts({ settings: { runtimeMode: 'automatic' } })).length, new Set(WORDS).size);
  const env = environment({ settings: { runtimeMode: 'automatic' } });
  env
    .fromData(1)
    .union(env.fromGenerator((i) => i))
    .print();
  assert.equal(env.buildGraph().settings.runtimeMode, 'streaming');
});

test('BATCH mode refuses an unbounded source by its name', () => {
  const env = environment(batch());
  env
    .fromGenerator((i) => i)
    .name('Ticker')
    .print();
  assert.throws(
    () => env.buildGraph(),
    (error: Error & { code?: string }) => error.code === 'GRAPH_INVALID' && /"Ticker" is unbounded/.test(error.message),
  );
});

test('timers of a process function fire at the end of its key', async () => {
  const results = await environment(batch({ parallelism: 2 }))
    .fromCollection(WORDS)
    .keyBy((word) => word)
    .process({
      state: { count: valueState<number>('count') },
      processElement(_word, ctx) {
        ctx.state.count.update((ctx.state.count.value() ?? 0) + 1);
        ctx.timerService().registerEventTimeTimer(1_000_000);
      },
      *onTimer(_time, ctx) {
        yield `${ctx.getCurrentKey()} ${ctx.state.count.value()}`;
      },
    })
    .executeAndCollect();
  assert.deepEqual(results.toSorted(), ['be 2', 'is 1', 'not 1', 'or 1', 'question 1', 'that 1', 'the 1', 'to 2']);
});

for (const runtimeMode of ['streaming', 'batch'] as const) {
  test(`whole partitions are mapped, sorted, reduced and aggregated in ${runtimeMode} mode`, async () => {
    const options: EnvironmentOptions = { settings: { runtimeMode } };
    const numbers = () => environment(options).fromData(5, 3, 9, 1, 4).fullWindowPartition();
    const perParity = () =>
      environment(options)
        .fromData(5, 3, 8, 1, 4)
        .keyBy((n) => n % 2)
        .fullWindowPartition();
    const count = {
      createAccumulator: () => 0,
      add: (_n: number, acc: number) => acc + 1,
      getResult: (acc: number) => acc,
    };
    assert.deepEqual(
      await numbers()
        .mapPartition((all) => [Math.max(...all)])
        .executeAndCollect(),
      [9],
    );
    assert.deepEqual(
      await numbers()
        .sortPartition((n) => n)
        .executeAndCollect(),
      [1, 3, 4, 5, 9],
    );
    assert.deepEqual(
      await numbers()
        .reduce((a, b) => a + b)
        .executeAndCollect(),
      [22],
    );
    assert.deepEqual(await numbers().aggregate(count).executeAndCollect(), [5]);
    assert.deepEqual(
      (
        await perParity()
          .mapPartition((all) => [[...all].join()])
          .executeAndCollect()
      ).toSorted(),
      ['5,3,1', '8,4'],
    );
    assert.deepEqual(
      (
        await perParity()
          .reduce((a, b) => a + b)
          .executeAndCollect()
      ).toSorted(),
      [12, 9],
    );
    assert.deepEqual((await perParity().aggregate(count).executeAndCollect()).toSorted(), [2, 3]);
    const sortedPerParity = await perParity()
      .sortPartition((n) => n, 'descending')
      .executeAndCollect();
    assert.deepEqual(
      sortedPerParity.filter((n) => n % 2 === 1),
      [5, 3, 1],
    );
    assert.deepEqual(
      sortedPerParity.filter((n) => n % 2 === 0),
      [8, 4],
    );
  });
}

for (const parallelism of [1, 2]) {
  test(`windows of each key fire at the end of the key, at parallelism ${parallelism}`, async () => {
    const of = (runtimeMode: 'batch' | 'streaming') =>
      environment({ settings: { runtimeMode, parallelism } })
        .fromCollection(Array.from({ length: 60 }, (_, i) => ({ key: i % 4, time: (i * 37) % 100, n: i })))
        .assignTimestampsAndWatermarks(WatermarkStrategy.forBoundedOutOfOrderness(100, (row) => row.time))
        .keyBy((row) => row.key);
    const tumbling = (mode: 'batch' | 'streaming') =>
      of(mode)
        .window(TumblingEventTimeWindows.of(10))
        .reduce((a, b) => ({ ...a, n: a.n + b.n, time: Math.min(a.time, b.time) }))
        .executeAndCollect();
    const sliding = (mode: 'batch' | 'streaming') =>
      of(mode)
        .window(SlidingEventTimeWindows.of(20, 5))
        .aggregate({
          createAccumulator: () => 0,
          add: (row, acc: number) => acc + row.n,
          getResult: (acc) => acc,
          merge: (a, b) => a + b,
        })
        .executeAndCollect();
    const sessions = (mode: 'batch' | 'streaming') =>
      of(mode)
        .window(EventTimeSessionWindows.withGap(3))
        .reduce((a, b) => ({ ...a, n: a.n + b.n, time: Math.min(a.time, b.time) }))
        .executeAndCollect();
    assert.deepEqual(sorted(await tumbling('batch')), sorted(await tumbling('streaming')));
    assert.deepEqual(sorted(await sliding('batch')), sorted(await sliding('streaming')));
    assert.deepEqual(sorted(await sessions('batch')), sorted(await sessions('streaming')));
  });
}

test('joins of two streams work key by key', async () => {
  const run = async (runtimeMode: 'batch' | 'streaming') => {
    const env = environment({ settings: { runtimeMode, parallelism: 2 } });
    const timed = (count: number, step: number) =>
      env
        .fromCollection(Array.from({ length: count }, (_, i) => ({ key: i % 3, time: i * step })))
        .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((row: { time: number }) => row.time));
    const pairs = timed(20, 3)
      .keyBy((row) => row.key)
      .intervalJoin(timed(12, 5).keyBy((row) => row.key))
      .between(-4, 4)
      .process(function* (left, right) {
        yield `${left.key} ${left.time} ${right.time}`;
      });
    return (await pairs.executeAndCollect()).toSorted();
  };
  assert.deepEqual(await run('batch'), await run('streaming'));
});
