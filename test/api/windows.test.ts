/** Windows and joins as users write them: types without annotations, and jobs that run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment } from '../../src/create-environment.ts';
import type { CoGroupFunction } from '../../src/api/co-group.ts';
import { OutputTag } from '../../src/api/output-tag.ts';
import type { DataStream } from '../../src/api/data-stream.ts';
import type { Collector } from '../../src/operator/functions.ts';
import type { ProcessAllWindowFunction } from '../../src/operator/window/window-functions.ts';
import { reducingState, valueState } from '../../src/state/descriptor.ts';
import { CountEvictor } from '../../src/time/evictors/evictors.ts';
import { ContinuousEventTimeTrigger } from '../../src/time/triggers/continuous-triggers.ts';
import { CountTrigger } from '../../src/time/triggers/count-trigger.ts';
import { DeltaTrigger } from '../../src/time/triggers/delta-trigger.ts';
import { PurgingTrigger } from '../../src/time/triggers/purging-trigger.ts';
import { TriggerResult, type Trigger } from '../../src/time/triggers/trigger.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { GlobalWindows } from '../../src/time/windows/global-windows.ts';
import { EventTimeSessionWindows } from '../../src/time/windows/session-windows.ts';
import { SlidingEventTimeWindows } from '../../src/time/windows/sliding-windows.ts';
import { TumblingEventTimeWindows } from '../../src/time/windows/tumbling-windows.ts';
import type { TimeWindow, Window } from '../../src/time/windows/window.ts';

interface Reading {
  readonly sensor: string;
  readonly value: number;
  readonly time: number;
  readonly patience: number;
}

const READINGS: readonly Reading[] = [
  { sensor: 'a', value: 1, time: 1_000, patience: 3_000 },
  { sensor: 'b', value: 10, time: 2_000, patience: 1_000 },
  { sensor: 'a', value: 2, time: 4_000, patience: 3_000 },
  { sensor: 'a', value: 4, time: 12_000, patience: 3_000 },
  { sensor: 'b', value: 20, time: 11_000, patience: 1_000 },
];

/** Says at compile time what a stream is made of. */
function typed<T>(stream: DataStream<T>): DataStream<T> {
  return stream;
}

async function run<R>(
  describe: (readings: DataStream<Reading>) => DataStream<R>,
  runtimeMode: 'streaming' | 'batch' = 'streaming',
): Promise<R[]> {
  const env = createEnvironment({ settings: { parallelism: 1, runtimeMode } });
  const readings = env
    .fromCollection(READINGS)
    .assignTimestampsAndWatermarks((strategy) =>
      strategy.forBoundedOutOfOrderness(5_000).withTimestampAssigner((reading) => reading.time),
    );
  const results: R[] = [];
  for await (const result of describe(readings)) results.push(result);
  return results;
}

const sorted = (rows: readonly unknown[]): unknown[] => rows.map((row) => JSON.stringify(row)).toSorted();

test('a tumbling window with a process function knows key, window and elements', async () => {
  const rows = await run((readings) =>
    readings
      .keyBy((reading) => reading.sensor)
      .window(TumblingEventTimeWindows.of(10_000))
      .process(function* (sensor, ctx, elements) {
        yield { sensor, from: ctx.window().start, sum: [...elements].reduce((sum, reading) => sum + reading.value, 0) };
      }),
  );
  assert.deepEqual(
    sorted(rows),
    sorted([
      { sensor: 'a', from: 0, sum: 3 },
      { sensor: 'b', from: 0, sum: 10 },
      { sensor: 'a', from: 10_000, sum: 4 },
      { sensor: 'b', from: 10_000, sum: 20 },
    ]),
  );
});

test('reduce and aggregate run alone, and before a process window function', async () => {
  const byField = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(TumblingEventTimeWindows.of(10_000))
      .sum('value'),
  );
  assert.deepEqual(
    byField.map((r) => r.value).toSorted((a, b) => a - b),
    [3, 4, 10, 20],
  );
  const figures = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(SlidingEventTimeWindows.of(10_000, 5_000))
      .max((r) => r.value),
  );
  assert.deepEqual(
    figures.toSorted((a, b) => a - b),
    [2, 2, 4, 4, 10, 10, 20, 20],
  );
  const reduced = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(TumblingEventTimeWindows.of(10_000))
      .reduce(
        (a, b) => (b.value > a.value ? b : a),
        (sensor, ctx, elements, out: Collector<string>) => {
          for (const best of elements) out.collect(`${sensor} ${best.value} until ${ctx.window().end}`);
        },
      ),
  );
  assert.deepEqual(reduced.toSorted(), ['a 2 until 10000', 'a 4 until 20000', 'b 10 until 10000', 'b 20 until 20000']);
  const means = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(TumblingEventTimeWindows.of(10_000))
      .aggregate(
        {
          createAccumulator: () => ({ sum: 0, count: 0 }),
          add: (reading, acc) => ({ sum: acc.sum + reading.value, count: acc.count + 1 }),
          getResult: (acc) => acc.sum / acc.count,
        },
        function* (sensor, _ctx, [mean]) {
          yield { sensor, mean };
        },
      ),
  );
  assert.deepEqual(
    sorted(means),
    sorted([
      { sensor: 'a', mean: 1.5 },
      { sensor: 'a', mean: 4 },
      { sensor: 'b', mean: 10 },
      { sensor: 'b', mean: 20 },
    ]),
  );
});

test('sessions have fixed or dynamic gaps', async () => {
  const fixed = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(EventTimeSessionWindows.withGap(5_000))
      .sum((r) => r.value),
  );
  assert.deepEqual(
    fixed.toSorted((a, b) => a - b),
    [3, 4, 10, 20],
  );
  const dynamic = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(EventTimeSessionWindows.withDynamicGap((r) => r.patience))
      .apply(function* (sensor, window, elements) {
        yield `${sensor} ${window.start}-${window.end} ${[...elements].length}`;
      }),
  );
  assert.deepEqual(dynamic.toSorted(), ['a 1000-7000 2', 'a 12000-15000 1', 'b 11000-12000 1', 'b 2000-3000 1']);
});

test('a window function object has state of its window, state of its key, and a last word', async () => {
  const rows = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(TumblingEventTimeWindows.of(10_000))
      .trigger(CountTrigger.of(1))
      .process({
        windowState: { firings: valueState<number>('firings') },
        globalState: { total: valueState<number>('total') },
        *process(sensor, ctx, elements) {
          const firings = (ctx.windowState.firings.value() ?? 0) + 1;
          const total = (ctx.globalState.total.value() ?? 0) + 1;
          ctx.windowState.firings.update(firings);
          ctx.globalState.total.update(total);
          yield `${sensor} ${ctx.window().start} #${firings}/${total}: ${[...elements].length}`;
        },
        clear(ctx) {
          ctx.windowState.firings.clear();
        },
      }),
  );
  assert.deepEqual(rows.toSorted(), [
    'a 0 #1/1: 1',
    'a 0 #2/2: 2',
    'a 10000 #1/3: 1',
    'b 0 #1/1: 1',
    'b 10000 #1/2: 1',
  ]);
});

test('count windows tumble and slide', async () => {
  const pairs = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .countWindow(2)
      .sum('value'),
  );
  assert.deepEqual(
    pairs.map((r) => r.value).toSorted((a, b) => a - b),
    [3, 30],
  );
  const last = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .countWindow(2, 1)
      .sum((r) => r.value),
  );
  assert.deepEqual(
    last.toSorted((a, b) => a - b),
    [1, 3, 6, 10, 30],
  );
  const all = await run((readings) => readings.countWindowAll(2).sum((r) => r.value));
  assert.equal(all.length, 2);
});

test('windowAll meets everything in one subtask', async () => {
  const rows = await run((readings) =>
    readings.windowAll(TumblingEventTimeWindows.of(10_000)).process(function* (ctx, elements) {
      yield `${ctx.window().end} ${[...elements].length}`;
    }),
  );
  assert.deepEqual(rows.toSorted(), ['10000 3', '20000 2']);
});

test('a window join gives the pairs of a window, a co-group both sides', async () => {
  const limits = [
    { of: 'a', limit: 2, time: 3_000 },
    { of: 'c', limit: 3, time: 3_000 },
  ];
  const withLimits = async <R>(
    describe: (readings: DataStream<Reading>, others: DataStream<(typeof limits)[number]>) => DataStream<R>,
  ): Promise<R[]> =>
    run((readings) => {
      const { scope } = readings.handle;
      assert.ok(scope);
      return describe(
        readings,
        readings
          .flatMap((_r, _out: Collector<(typeof limits)[number]>) =>
            _r === READINGS[0] || _r.time === 1_000 ? limits : [],
          )
          .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((each) => each.time)),
      );
    });
  const joined = await withLimits((readings, others) =>
    readings
      .join(others)
      .where((r) => r.sensor)
      .equalTo((l) => l.of)
      .window(TumblingEventTimeWindows.of(10_000))
      .apply((r, l) => `${r.sensor} ${r.value}/${l.limit}`),
  );
  assert.deepEqual(joined.toSorted(), ['a 1/2', 'a 2/2']);
  const grouped = await withLimits((readings, others) =>
    readings
      .coGroup(others)
      .where((r) => r.sensor)
      .equalTo((l) => l.of)
      .window(TumblingEventTimeWindows.of(10_000))
      .apply(function* (rs, ls) {
        yield `${[...rs].length}:${[...ls].map((l) => l.of).join('')}`;
      }),
  );
  assert.deepEqual(grouped.toSorted(), ['0:c', '1:', '1:', '1:', '2:a']);
});

test('functions may be objects and classes, each subtask with its own', async () => {
  class Numbering {
    #calls = 0;

    *process(_key: string, _ctx: unknown, elements: Iterable<Reading>): Iterable<string> {
      yield `${++this.#calls}: ${[...elements].length}`;
    }
  }
  const tumbling = TumblingEventTimeWindows.of(100_000);
  const processed = await run((readings) =>
    readings
      .keyBy((r) => r.sensor)
      .window(tumbling)
      .process<string>(Numbering),
  );
  assert.deepEqual(processed.toSorted(), ['1: 3', '2: 2']);
  class Applying {
    readonly calls: number[] = [];

    apply(_window: TimeWindow, elements: Iterable<Reading>): string[] {
      this.calls.push([...elements].length);
      return [this.calls.join(' ')];
    }
  }
  const applied = await run((readings) =>
    readings.windowAll(TumblingEventTimeWindows.of(10_000)).apply<string>(Applying),
  );
  assert.deepEqual(applied, ['3', '3 2']);
  const opened = await run((readings) =>
    readings.windowAll(tumbling).process({
      factor: 0,
      open() {
        this.factor = 3;
      },
      *process(_ctx, elements) {
        yield [...elements].length * this.factor;
      },
    } as ProcessAllWindowFunction<Reading, number, TimeWindow> & { factor: number }),
  );
  assert.deepEqual(opened, [15]);
  const pairs = await run((readings) =>
    readings
      .join(readings)
      .where((r) => r.sensor)
      .equalTo((r) => r.sensor)
      .window(tumbling)
      .flatApply({
        flatJoin(left, right, out: Collector<string>) {
          if (left.value < right.value) out.collect(`${left.value}<${right.value}`);
        },
      }),
  );
  assert.deepEqual(pairs.toSorted(), ['10<20', '1<2', '1<4', '2<4']);
  class Sizes implements CoGroupFunction<Reading, Reading, number> {
    coGroup(as: Iterable<Reading>, bs: Iterable<Reading>): number[] {
      return [[...as].length + [...bs].length];
    }
  }
  const sizes = await run((readings) =>
    readings
      .coGroup(readings)
      .where((r) => r.sensor)
      .equalTo((r) => r.sensor)
      .window(tumbling)
      .apply<number>(Sizes),
  );
  assert.deepEqual(sizes.toSorted(), [4, 6]);
});

test('in BATCH mode the windows of a key fire when its records have come, and nothing is late', async () => {
  const describe = (readings: DataStream<Reading>): DataStream<string> =>
    readings
      .keyBy((r) => r.sensor)
      .window(SlidingEventTimeWindows.of(10_000, 5_000))
      .reduce(
        (a, b) => ({ ...a, value: a.value + b.value }),
        function* (sensor, ctx, [sum]) {
          yield `${sensor} ${ctx.window().end} ${sum?.value}`;
        },
      );
  const sessions = (readings: DataStream<Reading>): DataStream<number> =>
    readings
      .keyBy((r) => r.sensor)
      .window(EventTimeSessionWindows.withGap(5_000))
      .sum((r) => r.value);
  assert.deepEqual((await run(describe, 'batch')).toSorted(), (await run(describe)).toSorted());
  assert.deepEqual((await run(sessions, 'batch')).toSorted(), (await run(sessions)).toSorted());
});

test('an interval join gives the pairs within its bounds', async () => {
  const rows = await run((readings) => {
    const bySensor = readings.keyBy((r) => r.sensor);
    return bySensor
      .intervalJoin(bySensor)
      .between(0, 8_000)
      .lowerBoundExclusive()
      .process(function* (left, right, ctx) {
        yield `${left.sensor} ${left.time}->${right.time} at ${ctx.getTimestamp()}`;
      });
  });
  assert.deepEqual(rows.toSorted(), ['a 1000->4000 at 4000', 'a 4000->12000 at 12000']);
});

test('wrong windows are refused before the job starts, with the name of the operator', () => {
  const env = createEnvironment();
  const keyed = env.fromCollection(READINGS).keyBy((r) => r.sensor);
  assert.throws(
    () =>
      keyed
        .window(EventTimeSessionWindows.withGap(10))
        .trigger(DeltaTrigger.of<Reading>(1, (a, b) => b.value - a.value))
        .sum('value'),
    /WINDOW_INVALID.*Window\(session event-time\).*cannot merge/,
  );
  assert.throws(
    () =>
      keyed
        .window(EventTimeSessionWindows.withGap(10))
        .aggregate({ createAccumulator: () => 0, add: (r, acc: number) => acc + r.value, getResult: (acc) => acc }),
    /WINDOW_INVALID.*has no merge/,
  );
  assert.throws(
    () =>
      keyed
        .window(EventTimeSessionWindows.withGap(10))
        .process({ windowState: { n: valueState<number>('n') }, process() {} }),
    /WINDOW_INVALID.*cannot have windowState/,
  );
  assert.throws(
    () => keyed.window(TumblingEventTimeWindows.of(10)).allowedLateness(-1),
    /WINDOW_INVALID.*must not be negative/,
  );
  assert.throws(() => keyed.window({} as never), /WINDOW_INVALID.*needs a window assigner/);
  assert.throws(() => TumblingEventTimeWindows.of(0), /WINDOW_INVALID/);
  assert.throws(() => SlidingEventTimeWindows.of(10, 5, 5), /WINDOW_INVALID/);
  assert.throws(() => CountTrigger.of(0), /WINDOW_INVALID/);
  assert.throws(() => keyed.intervalJoin(keyed).between(5, 4), /GRAPH_INVALID/);
  assert.throws(() => keyed.intervalJoin(keyed).between(4, 4).upperBoundExclusive(), /GRAPH_INVALID/);
});

/** Checked by the compiler: nothing here runs. */
export function types(readings: DataStream<Reading>): void {
  const windowed = readings.keyBy((r) => r.sensor).window(TumblingEventTimeWindows.of(10));
  typed<Reading>(windowed.reduce((a, b) => (a.value > b.value ? a : b)));
  typed<Reading>(windowed.trigger(ContinuousEventTimeTrigger.of(5)).evictor(CountEvictor.of(3)).maxBy('value'));
  typed<number>(windowed.sum((r) => r.value));
  typed<string>(windowed.min((r) => r.sensor));
  typed<{ key: string; end: number }>(
    windowed.process((key, ctx, _elements, out: Collector<{ key: string; end: number }>) =>
      out.collect({ key, end: ctx.window().end }),
    ),
  );
  readings
    .keyBy((r) => r.sensor)
    .window(GlobalWindows.create())
    .trigger(PurgingTrigger.of(DeltaTrigger.of(1, (a, b) => b.value - a.value)));
  windowed.sideOutputLateData(new OutputTag<Reading>('late'));
  // @ts-expect-error -- a tag of another type
  windowed.sideOutputLateData(new OutputTag<string>('late'));
  // @ts-expect-error -- not a number
  windowed.sum('sensor');
  const limit: Trigger<Reading, Window> = {
    kind: 'limit',
    canMerge: false,
    onElement(reading, _timestamp, _window, ctx) {
      const sum = ctx.getPartitionedState(reducingState<number>('sum', (a, b) => a + b));
      sum.add(reading.value);
      const last = ctx.getPartitionedState(valueState<string>('last'));
      last.update(reading.sensor);
      return (sum.get() ?? 0) > 100 ? TriggerResult.FIRE_AND_PURGE : TriggerResult.CONTINUE;
    },
    onEventTime: () => TriggerResult.CONTINUE,
    onProcessingTime: () => TriggerResult.CONTINUE,
    clear: (_window, ctx) => ctx.getPartitionedState(valueState<string>('last')).clear(),
  };
  windowed.trigger(limit);
  const global = readings.keyBy((r) => r.sensor).window(GlobalWindows.create());
  // @ts-expect-error -- global windows have no start
  global.process((_key, ctx) => void ctx.window().start);
  // @ts-expect-error -- results are records, not promises
  windowed.reduce(async (a) => a);
  const joining = readings.join(readings).where((r) => r.sensor);
  // @ts-expect-error -- keys of different types never meet
  joining.equalTo((r) => r.value);
}
