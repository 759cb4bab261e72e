/** Functions in the form of objects and classes, which keep fields of their own in every subtask. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Collector } from '../../src/operator/functions.ts';
import { map } from '../../src/operator/map.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import type { TimeWindow } from '../../src/time/windows/window.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { OutputTag } from '../../src/api/output-tag.ts';
import { environment, sorted } from './environments.ts';

const BY_VALUE = WatermarkStrategy.forMonotonousTimestamps<number>((n) => n);

test('filters and flat maps may be classes', async () => {
  class EverySecond {
    #seen = 0;

    filter(): boolean {
      return this.#seen++ % 2 === 0;
    }
  }
  class Repeated {
    readonly times = 2;

    flatMap(n: number, out: Collector<number>): void {
      for (let i = 0; i < this.times; i++) out.collect(n);
    }
  }
  const values = await environment().fromData(1, 2, 3, 4, 5).filter(EverySecond).flatMap(Repeated).executeAndCollect();
  assert.deepEqual(values, [1, 1, 3, 3, 5, 5]);
});

test('both sides of connected streams may be mapped and flat-mapped by one object', async () => {
  const connected = () => {
    const env = environment();
    return env.fromData(1, 2).connect(env.fromData('a', 'b'));
  };
  class Prefixed {
    readonly prefix = 'is ';

    map1(n: number): string {
      return this.prefix + String(n);
    }

    map2(text: string): string {
      return this.prefix + text;
    }
  }
  const mapped = await connected().map(new Prefixed()).executeAndCollect();
  assert.deepEqual(sorted(mapped), ['is 1', 'is 2', 'is a', 'is b']);
  class Twice {
    *flatMap1(n: number): Iterable<string> {
      yield `${n}`;
      yield `${n}`;
    }

    flatMap2(text: string, out: Collector<string>): void {
      out.collect(text);
    }
  }
  assert.deepEqual(sorted(await connected().flatMap(Twice).executeAndCollect()), ['1', '1', '2', '2', 'a', 'b']);
});

test('joins and coGroup may be objects and classes', async () => {
  const windows = () => {
    const env = environment();
    const left = env.fromData(1, 2, 3).assignTimestampsAndWatermarks(BY_VALUE);
    const right = env.fromData(2, 3, 4).assignTimestampsAndWatermarks(BY_VALUE);
    const joined = left
      .join(right)
      .where((n) => n)
      .equalTo((n) => n)
      .window(TumblingEventTimeWindows.of(10));
    const grouped = left
      .coGroup(right)
      .where((n) => n)
      .equalTo((n) => n)
      .window(TumblingEventTimeWindows.of(10));
    return { joined, grouped };
  };
  class Sum {
    pairs = 0;

    join(a: number, b: number): string {
      this.pairs++;
      return `${a + b}`;
    }
  }
  assert.deepEqual(sorted(await windows().joined.apply(Sum).executeAndCollect()), ['4', '6']);
  const flat = windows().joined.flatApply({
    *flatJoin(a: number, b: number) {
      yield a;
      yield -b;
    },
  });
  assert.deepEqual(
    (await flat.executeAndCollect()).toSorted((a, b) => a - b),
    [-3, -2, 2, 3],
  );
  class Sides {
    *coGroup(a: Iterable<number>, b: Iterable<number>): Iterable<string> {
      yield `${[...a].length}+${[...b].length}`;
    }
  }
  assert.deepEqual(sorted(await windows().grouped.apply(Sides).executeAndCollect()), ['0+1', '1+0', '1+1', '1+1']);
});

test('windows of all elements may have objects with apply, and partitions objects with mapPartition', async () => {
  const totals = await environment()
    .fromData(1, 2, 11)
    .assignTimestampsAndWatermarks(BY_VALUE)
    .windowAll(TumblingEventTimeWindows.of(10))
    .apply({
      *apply(window: TimeWindow, elements: Iterable<number>) {
        yield [window.start, [...elements].length];
      },
    })
    .executeAndCollect();
  assert.deepEqual(totals, [
    [0, 2],
    [10, 1],
  ]);
  class Last {
    mapPartition(values: Iterable<number>, out: Collector<number>): void {
      out.collect([...values].at(-1) ?? 0);
    }
  }
  const last = environment({ settings: { runtimeMode: 'batch' } })
    .fromData(5, 6, 7)
    .fullWindowPartition();
  assert.deepEqual(await last.mapPartition(Last).executeAndCollect(), [7]);
});

test('a function hears that a checkpoint was given up', () => {
  const heard: number[] = [];
  const listening = {
    map: (n: number): number => n,
    notifyCheckpointComplete(): void {},
    notifyCheckpointAborted(checkpoint: number): void {
      heard.push(checkpoint);
    },
  };
  const harness = new OperatorHarness(map(listening, undefined));
  harness.element(1);
  harness.snapshot();
  harness.checkpointAborted();
  assert.deepEqual(heard, [1]);
});

test('records that are late for an interval join go to the side output of their side', () => {
  const env = environment();
  const [left, right] = [new OutputTag<number>('late left'), new OutputTag<number>('late right')];
  env
    .fromData(1)
    .keyBy(() => 0)
    .intervalJoin(env.fromData(2).keyBy(() => 0))
    .between(-5, 5)
    .lowerBoundExclusive()
    .upperBoundExclusive()
    .sideOutputLeftLateData(left)
    .sideOutputRightLateData(right)
    .process((a, b) => [`${a}-${b}`]);
  const definition = env.buildGraph().nodes.find(({ name }) => name === 'Interval Join')?.definition;
  assert.ok(definition !== undefined);
  const harness = new OperatorHarness(definition, { inputs: 2, sides: [left.id, right.id] });
  harness.element(20, 20, 0, 0);
  harness.element(15, 15, 0, 1);
  harness.element(16, 16, 0, 1);
  harness.element(25, 25, 0, 1);
  harness.watermark(30);
  harness.element(10, 10, 0, 0);
  harness.element(11, 11, 0, 1);
  assert.deepEqual(harness.values, ['20-16']);
  const sides = harness.output.flatMap((one) => (one.kind === 'side' ? [[one.tag, one.value]] : []));
  assert.deepEqual(sides, [
    ['late left', 10],
    ['late right', 11],
  ]);
});
