/** Keyed streams, run end to end: folds, state, timers, in STREAMING mode. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Collector, KeyedProcessFunction, MapFunction } from '../../src/operator/functions.ts';
import type { RuntimeContext } from '../../src/operator/runtime-context.ts';
import {
  AverageAccumulator,
  HistogramAccumulator,
  IntCounter,
  ListAccumulator,
  LongCounter,
} from '../../src/operator/accumulators.ts';
import { listState, mapState, valueState, type ValueState } from '../../src/state/descriptor.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { environment, sorted, WAYS } from './environments.ts';

interface Order {
  readonly customer: string;
  readonly amount: number;
  readonly item: string;
}

const ORDERS: readonly Order[] = [
  { customer: 'ann', amount: 5, item: 'pen' },
  { customer: 'bob', amount: 2, item: 'ink' },
  { customer: 'ann', amount: 3, item: 'cap' },
  { customer: 'ann', amount: 3, item: 'bag' },
  { customer: 'bob', amount: 9, item: 'map' },
];

const perCustomer = (options = {}) =>
  environment(options)
    .fromCollection(ORDERS)
    .keyBy((order) => order.customer);
const ofAnn = <T extends { customer: string }>(rows: readonly T[]) => rows.filter((row) => row.customer === 'ann');

for (const { name, options } of WAYS) {
  test(`reduce emits the accumulated value after each record of a key, with ${name}`, async () => {
    const results = await perCustomer(options)
      .reduce((a, b) => ({ ...a, amount: a.amount + b.amount, item: `${a.item}+${b.item}` }))
      .executeAndCollect();
    assert.deepEqual(ofAnn(results), [
      { customer: 'ann', amount: 5, item: 'pen' },
      { customer: 'ann', amount: 8, item: 'pen+cap' },
      { customer: 'ann', amount: 11, item: 'pen+cap+bag' },
    ]);
    assert.equal(results.length, ORDERS.length);
  });
}

test('sum, min and max put the figure of a field into the first record of the key', async () => {
  const of = async (fold: (stream: ReturnType<typeof perCustomer>) => AsyncIterable<Order>) =>
    ofAnn(await Array.fromAsync(fold(perCustomer())));
  assert.deepEqual(
    (await of((orders) => orders.sum('amount'))).map((row) => [row.amount, row.item]),
    [
      [5, 'pen'],
      [8, 'pen'],
      [11, 'pen'],
    ],
  );
  assert.deepEqual(
    (await of((orders) => orders.min('amount'))).map((row) => [row.amount, row.item]),
    [
      [5, 'pen'],
      [3, 'pen'],
      [3, 'pen'],
    ],
  );
  assert.deepEqual(
    (await of((orders) => orders.max('amount'))).map((row) => [row.amount, row.item]),
    [
      [5, 'pen'],
      [5, 'pen'],
      [5, 'pen'],
    ],
  );
});

test('minBy and maxBy keep whole records, of equal ones the first unless told otherwise', async () => {
  const items = async (fold: (stream: ReturnType<typeof perCustomer>) => AsyncIterable<Order>) =>
    ofAnn(await Array.fromAsync(fold(perCustomer()))).map((row) => row.item);
  assert.deepEqual(await items((orders) => orders.minBy('amount')), ['pen', 'cap', 'cap']);
  assert.deepEqual(await items((orders) => orders.minBy('amount', false)), ['pen', 'cap', 'bag']);
  assert.deepEqual(await items((orders) => orders.maxBy((order) => order.amount)), ['pen', 'pen', 'pen']);
  assert.deepEqual(await items((orders) => orders.maxBy((order) => -order.amount, false)), ['pen', 'cap', 'bag']);
});

test('by a function, sum, min and max emit the figure alone', async () => {
  const all = environment().fromData(3, 1, 2);
  assert.deepEqual(
    await all
      .keyBy(() => 0)
      .sum((n) => n)
      .executeAndCollect(),
    [3, 4, 6],
  );
  assert.deepEqual(
    await environment()
      .fromData(3n, 1n)
      .keyBy(() => 0)
      .sum((n) => n)
      .executeAndCollect(),
    [3n, 4n],
  );
  assert.deepEqual(
    await environment()
      .fromData(3, 1, 2)
      .keyBy(() => 0)
      .min((n) => n)
      .executeAndCollect(),
    [3, 1, 1],
  );
  assert.deepEqual(
    await environment()
      .fromData('b', 'c', 'a')
      .keyBy(() => 0)
      .max((text) => text)
      .executeAndCollect(),
    ['b', 'c', 'c'],
  );
});

test('a sum keeps the class of its records', async () => {
  class Money {
    amount: number;
    constructor(amount: number) {
      this.amount = amount;
    }
    get doubled(): number {
      return 2 * this.amount;
    }
  }
  const env = environment();
  env.registerType('Money', Money);
  const results = await env
    .fromData(new Money(1), new Money(2))
    .keyBy(() => 0)
    .sum('amount')
    .map((money) => money.doubled)
    .executeAndCollect();
  assert.deepEqual(results, [2, 6]);
});

test('aggregate emits the result of the accumulator after each record', async () => {
  const results = await perCustomer()
    .aggregate({
      createAccumulator: () => ({ sum: 0, count: 0 }),
      add: (order, acc) => {
        acc.sum += order.amount;
        acc.count++;
        return acc;
      },
      getResult: (acc) => acc.sum / acc.count,
    })
    .executeAndCollect();
  assert.deepEqual(results, [5, 2, 4, 11 / 3, 5.5]);
});

test('a process function has the state of its key, and event-time timers fire in their order before the watermark passes', async () => {
  interface Beat {
    readonly device: string;
    readonly time: number;
  }
  const beats: readonly Beat[] = [
    { device: 'a', time: 10 },
    { device: 'b', time: 5 },
    { device: 'a', time: 20 },
    { device: 'b', time: 30 },
  ];
  const results = await environment()
    .fromCollection(beats)
    .assignTimestampsAndWatermarks(
      WatermarkStrategy.forPunctuated(
        (beat: Beat) => beat.time - 6,
        (beat) => beat.time,
      ),
    )
    .keyBy((beat) => beat.device)
    .process({
      state: { beats: listState<number>('beats'), byTime: mapState<number, string>('byTime') },
      processElement(beat, ctx) {
        ctx.state.beats.add(beat.time);
        ctx.state.byTime.put(beat.time, beat.device);
        ctx.timerService().registerEventTimeTimer(beat.time + 2);
        ctx.timerService().registerEventTimeTimer(beat.time + 2);
        ctx.timerService().registerEventTimeTimer(beat.time + 1);
        ctx.timerService().deleteEventTimeTimer(beat.time + 1);
      },
      *onTimer(time, ctx) {
        yield {
          key: ctx.getCurrentKey(),
          time,
          beats: [...ctx.state.beats.get()],
          domain: ctx.timeDomain(),
          timestamp: ctx.timestamp(),
        };
      },
    })
    .executeAndCollect();
  assert.deepEqual(results, [
    { key: 'b', time: 7, beats: [5], domain: 'event', timestamp: 7 },
    { key: 'a', time: 12, beats: [10, 20], domain: 'event', timestamp: 12 },
    { key: 'a', time: 22, beats: [10, 20], domain: 'event', timestamp: 22 },
    { key: 'b', time: 32, beats: [5, 30], domain: 'event', timestamp: 32 },
  ]);
});

test('a processing-time timer fires while the job runs', async () => {
  const results: string[] = [];
  const stream = environment()
    .fromAsyncIterable(async function* () {
      yield 'go';
      await new Promise(() => {});
    })
    .keyBy((word) => word)
    .process({
      processElement(_word, ctx) {
        ctx.timerService().registerProcessingTimeTimer(ctx.currentProcessingTime() + 5);
      },
      onTimer(_time, ctx, out: Collector<string>) {
        out.collect(`${ctx.getCurrentKey()} ${ctx.timeDomain()}`);
      },
    });
  for await (const result of stream) {
    results.push(result);
    break;
  }
  assert.deepEqual(results, ['go processing']);
});

test('function objects on a keyed stream have state too, by the runtime context', async () => {
  class Numbering implements MapFunction<string, string> {
    count: ValueState<number> | undefined;
    open(context: RuntimeContext): void {
      this.count = context.getState(valueState<number>('count'));
    }
    map(word: string): string {
      const count = this.count as ValueState<number>;
      count.update((count.value() ?? 0) + 1);
      return `${word}${count.value()}`;
    }
  }
  const words = ['a', 'b', 'a', 'a', 'b'];
  assert.deepEqual(
    await environment()
      .fromCollection(words)
      .keyBy((word) => word)
      .map(Numbering)
      .executeAndCollect(),
    ['a1', 'b1', 'a2', 'a3', 'b2'],
  );
  await assert.rejects(
    environment().fromCollection(words).map(Numbering).executeAndCollect(),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'STATE_INVALID');
      assert.match(error.message, /keyed state "count".*not keyed.*keyBy/);
      return true;
    },
  );
});

test('keys are equal by their canonical encoding', async () => {
  const results = await environment()
    .fromData({ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1, b: 3 })
    .keyBy((key) => key)
    .process({
      state: { count: valueState<number>('count', { initial: () => 0 }) },
      *processElement(_key, ctx) {
        ctx.state.count.update((ctx.state.count.value() ?? 0) + 1);
        yield ctx.state.count.value();
      },
    })
    .executeAndCollect();
  assert.deepEqual(results, [1, 2, 1]);
  const invalid = environment()
    .fromData(1)
    .keyBy(() => ({ f: () => 1 }))
    .sum((n) => n)
    .executeAndCollect();
  await assert.rejects(invalid, { code: 'KEY_INVALID' });
});

test('accumulators of all subtasks are merged into the result of the job', async () => {
  class Counting implements KeyedProcessFunction<number, number, number> {
    readonly records = new IntCounter();
    readonly sum = new LongCounter();
    readonly mean = new AverageAccumulator();
    readonly lengths = new HistogramAccumulator();
    readonly odd = new ListAccumulator<number>();
    open(context: RuntimeContext): void {
      context.addAccumulator('records', this.records);
      context.addAccumulator('sum', this.sum);
      context.addAccumulator('mean', this.mean);
      context.addAccumulator('lengths', this.lengths);
      context.addAccumulator('odd', this.odd);
    }
    processElement(n: number): void {
      this.records.add();
      this.sum.add(n);
      this.mean.add(n);
      this.lengths.add(String(n).length);
      if (n % 2 === 1) this.odd.add(n);
    }
  }
  const env = environment({ settings: { parallelism: 2 } });
  env
    .fromSequence(1, 10)
    .keyBy((n) => n)
    .process(Counting)
    .print();
  const { accumulators } = await env.execute();
  assert.equal(accumulators['records'], 10);
  assert.equal(accumulators['sum'], 55n);
  assert.equal(accumulators['mean'], 5.5);
  assert.deepEqual(
    accumulators['lengths'],
    new Map([
      [1, 9],
      [2, 1],
    ]),
  );
  assert.deepEqual(sorted(accumulators['odd'] as number[]), [1, 3, 5, 7, 9]);
});
