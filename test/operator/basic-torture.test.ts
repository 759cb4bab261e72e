/** The basic stateful operators under torture: element by element, in batches, restored after every item, interrupted everywhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { aggregate } from '../../src/operator/aggregate.ts';
import { coProcess, keyedCoProcess } from '../../src/operator/co-process.ts';
import { broadcastProcess } from '../../src/operator/broadcast-process.ts';
import { flatMap } from '../../src/operator/flat-map.ts';
import type { KeyedProcessFunction } from '../../src/operator/functions.ts';
import { keyedBroadcastProcess } from '../../src/operator/keyed-broadcast-process.ts';
import { keyedProcess } from '../../src/operator/keyed-process.ts';
import { mapPartition } from '../../src/operator/map-partition.ts';
import { map } from '../../src/operator/map.ts';
import { partitionFold } from '../../src/operator/partition-fold.ts';
import { process } from '../../src/operator/process.ts';
import { reduce } from '../../src/operator/reduce.ts';
import { maxBy, sum } from '../../src/operator/rolling-aggregation.ts';
import { sortPartition } from '../../src/operator/sort-partition.ts';
import { MAX_WATERMARK } from '../../src/data/element.ts';
import { listState, mapState, valueState } from '../../src/state/descriptor.ts';
import type { OperatorListState } from '../../src/state/operator-state.ts';
import {
  element,
  element2,
  finish,
  processingTime,
  side,
  torture,
  watermark,
  type TortureInput,
} from '../../src/testing/torture.ts';

interface Row {
  readonly key: number;
  readonly n: number;
}

const key = (row: Row): number => row.key;
const rows: readonly Row[] = [
  { key: 1, n: 5 },
  { key: 2, n: 1 },
  { key: 1, n: 7 },
  { key: 2, n: 4 },
  { key: 1, n: 6 },
];
const given = rows.map((row, i) => element(row, i));

test('reduce, sum, maxBy and aggregate go on where a snapshot was taken', () => {
  torture(() => reduce(key, (a: Row, b: Row) => ({ key: a.key, n: a.n + b.n }), false))
    .given(...given)
    .expect(...[5, 1, 12, 5, 18].map((n, i) => element({ key: rows[i]?.key, n }, i)));
  torture(() => sum(key, 'n', false))
    .given(...given)
    .expect(...[5, 1, 12, 5, 18].map((n, i) => element({ key: rows[i]?.key, n }, i)));
  torture(() => maxBy(key, 'n', true, false))
    .given(...given)
    .expect(...[5, 1, 7, 4, 7].map((n, i) => element({ key: rows[i]?.key, n }, i)));
  const mean = {
    createAccumulator: () => ({ sum: 0, count: 0 }),
    add: (row: Row, acc: { sum: number; count: number }) => ({ sum: acc.sum + row.n, count: acc.count + 1 }),
    getResult: (acc: { sum: number; count: number }) => acc.sum / acc.count,
  };
  torture(() => aggregate(key, mean, false))
    .given(...given)
    .expect(...[5, 1, 6, 2.5, 6].map((n, i) => element(n, i)));
});

test('a process function with state, timers in both time domains and side outputs survives torture', () => {
  const f: KeyedProcessFunction<number, Row, string> = {
    state: { values: listState<number>('values') },
    *processElement(row, ctx) {
      const values = ctx.state['values'] as unknown as { add(n: number): void; get(): readonly number[] };
      values.add(row.n);
      ctx.timerService().registerEventTimeTimer((ctx.timestamp() ?? 0) + 10);
      if (row.n === 7) ctx.timerService().registerProcessingTimeTimer(100);
      ctx.output({ id: 'seen' }, row.n);
      yield `${row.key} +${row.n}`;
    },
    *onTimer(time, ctx) {
      const values = ctx.state['values'] as unknown as { get(): readonly number[]; clear(): void };
      yield `${ctx.getCurrentKey()} ${ctx.timeDomain()} ${time}`;
      for (const value of values.get()) yield value.toString();
      if (ctx.timeDomain() === 'event' && time >= 14) values.clear();
    },
  };
  torture(() => keyedProcess(key, f), { sides: ['seen'] })
    .given(...given, watermark(11), processingTime(100), watermark(20))
    .expect(
      ...rows.flatMap((row, i) => [side('seen', row.n, i), element(`${row.key} +${row.n}`, i)]),
      element('1 event 10', 10),
      ...['5', '7', '6'].map((value) => element(value, 10)),
      element('2 event 11', 11),
      ...['1', '4'].map((value) => element(value, 11)),
      watermark(11),
      element('1 processing 100', 100),
      ...['5', '7', '6'].map((value) => element(value, 100)),
      element('1 event 12', 12),
      ...['5', '7', '6'].map((value) => element(value, 12)),
      element('2 event 13', 13),
      ...['1', '4'].map((value) => element(value, 13)),
      element('1 event 14', 14),
      ...['5', '7', '6'].map((value) => element(value, 14)),
      watermark(20),
    );
});

test('timers of random functions fire once, in order, and leave nothing behind', () => {
  const item = fc.oneof(
    fc.record({ key: fc.nat(3), n: fc.nat(30) }).map((row): TortureInput => element(row, row.n)),
    fc.nat(40).map((time): TortureInput => watermark(time)),
  );
  fc.assert(
    fc.property(fc.array(item, { maxLength: 30 }), (items) => {
      let last = -Infinity;
      const input = items.filter(
        (one) => one.kind !== 'watermark' || (one.timestamp > last && ((last = one.timestamp), true)),
      );
      const output = torture(() =>
        keyedProcess<number, Row, string, Record<string, never>>(key, {
          processElement(_row, ctx) {
            const time = ctx.timestamp() ?? 0;
            if (time > ctx.currentWatermark()) ctx.timerService().registerEventTimeTimer(time);
          },
          *onTimer(time, ctx) {
            yield `${ctx.getCurrentKey()}@${time}`;
          },
        }),
      )
        .given(...input, watermark(1000))
        .leavesNoState()
        .agree();
      const fired = output.flatMap((seen) => (seen.kind === 'element' ? [seen.value] : []));
      const expected = new Set<string>();
      let now = -Infinity;
      for (const one of input) {
        if (one.kind === 'watermark') now = one.timestamp;
        else if (one.kind === 'element' && one.timestamp > now)
          expected.add(`${(one.value as Row).key}@${one.timestamp}`);
      }
      assert.deepEqual(fired.toSorted(), [...expected].toSorted());
      const times = output.flatMap((seen) => (seen.kind === 'element' ? [seen.timestamp] : []));
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
    }),
    { numRuns: 100 },
  );
});

test('the two inputs of a keyed co-process function share state through a restore', () => {
  const last = valueState<number>('last');
  torture(
    () =>
      keyedCoProcess<number, Row, Row, string, { last: typeof last }>(key, key, {
        state: { last },
        processElement1(row, ctx) {
          ctx.state.last.update(row.n);
        },
        *processElement2(row, ctx) {
          yield `${row.key}: ${ctx.state.last.value() ?? 'none'}`;
        },
      }),
    { inputs: 2 },
  )
    .given(element2(rows[0], 1), element(rows[0], 2), element(rows[1], 3), element2(rows[2], 4), element2(rows[3], 5))
    .expect(element('1: none', 1), element('1: 5', 4), element('2: 1', 5));
});

test('process and co-process functions without keys emit what they collect', () => {
  torture(() =>
    process<number, number>({
      *processElement(n) {
        for (let i = 0; i < n; i++) yield i;
      },
    }),
  )
    .given(element(2, 1), element(0, 2), element(3, 3), watermark(5))
    .expect(element(0, 1), element(1, 1), element(0, 3), element(1, 3), element(2, 3), watermark(5));
  torture(
    () =>
      coProcess<number, string, string>({
        processElement1: (n, _ctx, out) => out.collect(`${n}`),
        processElement2: (word) => [word, word],
      }),
    { inputs: 2 },
  )
    .given(element(1, 1), element2('a', 2))
    .expect(element('1', 1), element('a', 2), element('a', 2));
});

test('flatMap emits its results in order wherever it is interrupted', () => {
  torture(() => flatMap((n: number) => Array.from({ length: n }, (_, i) => i)))
    .given(element(3, 1), element(2, 2), watermark(2), finish())
    .expect(element(0, 1), element(1, 1), element(2, 1), element(0, 2), element(1, 2), watermark(2), finish());
});

test('broadcast state is part of the snapshot, and is read by keyed and plain functions', () => {
  const limits = mapState<string, number>('limits');
  const seen = valueState<number>('seen');
  const inputs = [
    element({ key: 1, n: 2 }, 1),
    element2(3, 2),
    element({ key: 1, n: 5 }, 3),
    element({ key: 2, n: 3 }, 4),
    element2(1, 5),
    element({ key: 2, n: 3 }, 6),
  ];
  torture(
    () =>
      broadcastProcess<Row, number, number>([limits], {
        processBroadcastElement: (limit, ctx) => ctx.getBroadcastState(limits).put('limit', limit),
        *processElement(row, ctx) {
          if (row.n > (ctx.getBroadcastState(limits).get('limit') ?? Infinity)) yield row.n;
        },
      }),
    { inputs: 2 },
  )
    .given(...inputs)
    .expect(element(5, 3), element(3, 6));
  torture(
    () =>
      keyedBroadcastProcess<number, Row, number, string, { seen: typeof seen }>(key, [limits], {
        state: { seen },
        *processBroadcastElement(limit, ctx) {
          const found: string[] = [];
          ctx.getBroadcastState(limits).put('limit', limit);
          ctx.applyToKeyedState(seen, (key, state) => found.push(`${key}=${state.value()}`));
          yield found.toSorted().join();
        },
        *processElement(row, ctx) {
          ctx.state.seen.update((ctx.state.seen.value() ?? 0) + 1);
          yield `${row.key}: ${ctx.state.seen.value()} of ${ctx.getBroadcastState(limits).get('limit')}`;
        },
      }),
    { inputs: 2 },
  )
    .given(...inputs)
    .expect(
      element('1: 1 of undefined', 1),
      element('1=1', 2),
      element('1: 2 of 3', 3),
      element('2: 1 of 3', 4),
      element('1=2,2=1', 5),
      element('2: 2 of 1', 6),
    );
});

test('partitions are emitted when event time ends, before its last watermark', () => {
  torture(() => mapPartition<number, number>({ mapPartition: (values) => [[...values].reduce((a, b) => a + b, 0)] }))
    .given(element(1, 1), element(2, 2), watermark(5), element(3, 3), watermark(MAX_WATERMARK))
    .expect(watermark(5), element(6), watermark(MAX_WATERMARK));
  torture(() =>
    partitionFold({
      kind: 'fold',
      f: {},
      next: (_f, acc: number | undefined, n: number) => (acc ?? 0) + n,
      result: (_f, acc) => -acc,
    }),
  )
    .given(element(1, 1), element(2, 2), watermark(5), watermark(MAX_WATERMARK))
    .expect(watermark(5), element(-3), watermark(MAX_WATERMARK));
});

test('operator state of a function survives through its snapshot hooks', () => {
  class Counting {
    count = 0;
    list: OperatorListState<number> | undefined;
    initializeState(context: {
      readonly operatorState: { list<T>(name: string, how: 'split' | 'union'): OperatorListState<T> };
    }): void {
      this.list = context.operatorState.list<number>('count', 'split');
      this.count = this.list.items.reduce((a, b) => a + b, 0);
    }
    snapshotState(): void {
      this.list?.update([this.count]);
    }
    map(n: number): string {
      this.count += n;
      return `${this.count}`;
    }
  }
  torture(() => map<number, string>(Counting))
    .given(element(1), element(2), element(3))
    .expect(element('1'), element('3'), element('6'));
});

test('sortPartition gives all of a streaming partition in order after a restore', async () => {
  const { OperatorHarness } = await import('../../src/testing/operator-harness.ts');
  const define = () =>
    sortPartition<number>({ figure: (n) => n, order: 'descending', key: undefined, memoryMegabytes: 1 }, 'streaming');
  const first = new OperatorHarness(define());
  for (const n of [3, 1, 4]) first.element(n);
  const second = new OperatorHarness(define(), { restore: first.snapshot() });
  for (const n of [1, 5]) second.element(n);
  second.watermark(MAX_WATERMARK);
  await second.settled();
  assert.deepEqual(second.values, [5, 4, 3, 1, 1]);
});
