/** What the compiler must know of streams without annotations, and what it must refuse. Compiled, never run. */
import { OutputTag } from '../../src/api/output-tag.ts';
import type { StreamEnvironment } from '../../src/api/environment.ts';
import type { ConnectedStreams } from '../../src/api/connected-streams.ts';
import type { DataStream } from '../../src/api/data-stream.ts';
import type { KeyedStream } from '../../src/api/keyed-stream.ts';
import type { SingleOutputStream } from '../../src/api/single-output-stream.ts';
import type { Undecodable } from '../../src/connect/undecodable.ts';
import type { Dropped } from '../../src/operator/dropped.ts';
import type { Collector, KeyedProcessFunction, MapFunction } from '../../src/operator/functions.ts';
import type { Sink } from '../../src/connect/sink.ts';
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  type ListState,
  type MapState,
  type ValueState,
} from '../../src/state/descriptor.ts';
import { WatermarkStrategy } from '../../src/time/watermark-strategy.ts';
import { type Equal, same } from './equal.ts';

declare const env: StreamEnvironment;

interface Click {
  readonly user: string;
  readonly page: string | undefined;
  readonly time: number;
  readonly kind: 'view' | 'buy';
}

declare const clicks: DataStream<Click>;

// From source to sink without an annotation.

const words = env
  .fromData('to be', 'or not')
  .flatMap((line) => line.split(' '))
  .map((word) => ({ word, count: 1 }))
  .keyBy((pair) => pair.word)
  .reduce((a, b) => ({ word: a.word, count: a.count + b.count }));
same<Equal<typeof words, SingleOutputStream<{ word: string; count: number }>>>(true);

const results = words.executeAndCollect();
same<Equal<typeof results, Promise<{ word: string; count: number }[]>>>(true);

async function read(): Promise<void> {
  for await (const pair of words) same<Equal<typeof pair, { word: string; count: number }>>(true);
}
void read;

// Sources.

same<Equal<ReturnType<typeof env.fromSequence>, SingleOutputStream<number>>>(true);
const mixed = env.fromData(1, 'a');
same<Equal<typeof mixed, SingleOutputStream<string | number>>>(true);
const generated = env.fromGenerator((index) => ({ id: index }));
same<Equal<typeof generated, SingleOutputStream<{ id: number }>>>(true);
const iterated = env.fromAsyncIterable(async function* () {
  yield { at: 1 };
});
same<Equal<typeof iterated, SingleOutputStream<{ at: number }>>>(true);

// One record at a time.

const pages = clicks.map((click) => click.page).filter((page) => page !== undefined);
same<Equal<typeof pages, SingleOutputStream<string>>>(true);
const kinds = clicks.map((click) => click.kind);
same<Equal<typeof kinds, SingleOutputStream<'view' | 'buy'>>>(true);
const projected = clicks.project('user', 'kind');
same<Equal<typeof projected, SingleOutputStream<Pick<Click, 'user' | 'kind'>>>>(true);
// @ts-expect-error there is no such field
clicks.project('nobody');

class Lengths implements MapFunction<Click, number> {
  map(click: Click): number {
    return click.user.length;
  }
}
const byInstance = clicks.map(new Lengths());
const byClass = clicks.map(Lengths);
const byObject = clicks.map({ map: (click) => click.user.length });
same<Equal<typeof byInstance, SingleOutputStream<number>>>(true);
same<Equal<typeof byClass, SingleOutputStream<number>>>(true);
same<Equal<typeof byObject, SingleOutputStream<number>>>(true);

const yielded = clicks.flatMap(function* (click) {
  yield click.user;
  yield click.time;
});
same<Equal<typeof yielded, SingleOutputStream<string | number>>>(true);
const collected = clicks.flatMap((click, out: Collector<number>) => out.collect(click.time));
same<Equal<typeof collected, SingleOutputStream<number>>>(true);

// Async lambdas do not compile where they would make records of promises.

// @ts-expect-error Type 'Promise<string>' is not assignable to "… use asyncMap()"
clicks.map(async (click) => click.user);
// @ts-expect-error a promise is no boolean
clicks.filter(async (click) => click.time > 0);
// @ts-expect-error a promise is no iterable
clicks.flatMap(async (click) => [click]);
// @ts-expect-error a promise is no key
clicks.keyBy(async (click) => click.user);
// @ts-expect-error a promise is no record
clicks.keyBy((click) => click.user).reduce(async (a) => a);
// @ts-expect-error a promise is no record
clicks.map({ map: async (click: Click) => click.user });
// @ts-expect-error a function is no key
clicks.keyBy((click) => () => click.user);

const answered = clicks.asyncMap(async (click) => click.user.length);
same<Equal<typeof answered, SingleOutputStream<number>>>(true);
const answers = clicks.asyncFlatMap(async (click) => [click.user]);
same<Equal<typeof answers, SingleOutputStream<string>>>(true);
const retried = clicks.asyncMap(async (click) => click.time, {
  timeoutMs: 10,
  onTimeout: (click) => click.time,
  retry: { kind: 'fixed-delay', attempts: 2, delayMs: 1, ifResult: (time) => time < 0 },
});
same<Equal<typeof retried, SingleOutputStream<number>>>(true);
// @ts-expect-error the answer to a timeout is of the result's type
clicks.asyncMap(async (click) => click.time, { timeoutMs: 10, onTimeout: () => 'late' });

// Keys.

const perUser = clicks.keyBy((click) => click.user);
same<Equal<typeof perUser, KeyedStream<string, Click>>>(true);
const perPair = clicks.keyBy((click) => [click.user, click.kind] as const);
same<Equal<typeof perPair, KeyedStream<readonly [string, 'view' | 'buy'], Click>>>(true);

const summed = perUser.sum('time');
same<Equal<typeof summed, SingleOutputStream<Click>>>(true);
const times = perUser.sum((click) => click.time);
same<Equal<typeof times, SingleOutputStream<number>>>(true);
const latest = perUser.maxBy((click) => click.time);
same<Equal<typeof latest, SingleOutputStream<Click>>>(true);
// @ts-expect-error only numbers can be added
perUser.sum('user');
// @ts-expect-error what may be missing has no order
perUser.min('page');

const means = perUser.aggregate({
  createAccumulator: () => ({ sum: 0, count: 0 }),
  add: (click, acc) => ({ sum: acc.sum + click.time, count: acc.count + 1 }),
  getResult: (acc) => acc.sum / acc.count,
});
same<Equal<typeof means, SingleOutputStream<number>>>(true);

// State is declared, and known where it is used.

const counted = perUser.process({
  state: {
    count: valueState<number>('count'),
    pages: listState<string>('pages'),
    seen: mapState<string, number>('seen'),
    longest: reducingState<number>('longest', Math.max),
    total: aggregatingState<number, { sum: number }, string>('total', {
      createAccumulator: () => ({ sum: 0 }),
      add: (value, acc) => ({ sum: acc.sum + value }),
      getResult: (acc) => String(acc.sum),
    }),
  },
  *processElement(click, ctx) {
    same<Equal<typeof click, Click>>(true);
    same<Equal<typeof ctx.state.count, ValueState<number>>>(true);
    same<Equal<typeof ctx.state.pages, ListState<string>>>(true);
    same<Equal<typeof ctx.state.seen, MapState<string, number>>>(true);
    const key = ctx.getCurrentKey();
    same<Equal<typeof key, string>>(true);
    const total = ctx.state.total.get();
    same<Equal<typeof total, string | undefined>>(true);
    ctx.timerService().registerEventTimeTimer(click.time + 1);
    // @ts-expect-error there is no such state
    void ctx.state.nothing.value();
    // @ts-expect-error the state holds numbers
    ctx.state.count.update('one');
    yield { user: key, count: ctx.state.count.value() };
  },
  *onTimer(timestamp, ctx) {
    same<Equal<typeof timestamp, number>>(true);
    const domain = ctx.timeDomain();
    same<Equal<typeof domain, 'event' | 'processing'>>(true);
    yield { user: ctx.getCurrentKey(), count: ctx.state.count.value() };
  },
});
same<Equal<typeof counted, SingleOutputStream<{ user: string; count: number | undefined }>>>(true);

class Counting implements KeyedProcessFunction<string, Click, number> {
  processElement(click: Click, _ctx: unknown, out: Collector<number>): void {
    out.collect(click.time);
  }
}
const byProcessClass = perUser.process(Counting);
same<Equal<typeof byProcessClass, SingleOutputStream<number>>>(true);

clicks.process({
  processElement(click, ctx, out: Collector<string>) {
    // @ts-expect-error timers belong to keys
    ctx.timerService();
    out.collect(click.user);
  },
});

// Side outputs have the type of their tag.

const late = new OutputTag<{ at: number }>('late');
const main = clicks.process({
  processElement(click, ctx, out: Collector<string>) {
    ctx.output(late, { at: click.time });
    // @ts-expect-error the tag is of another type
    ctx.output(late, 'text');
    out.collect(click.user);
  },
});
const lateOnes = main.getSideOutput(late);
same<Equal<typeof lateOnes, DataStream<{ at: number }>>>(true);

// What is dropped comes with the type that is named; what cannot be decoded, with its bytes.

const dropped = main.getDropped<Click>('late');
same<Equal<typeof dropped, DataStream<Dropped<Click>>>>(true);
const undecodable = main.getDropped('undecodable');
same<Equal<typeof undecodable, DataStream<Dropped<Undecodable>>>>(true);
const failed = main.getDropped('failed');
same<Equal<typeof failed, DataStream<Dropped<unknown>>>>(true);
// @ts-expect-error nothing is dropped for such a reason
main.getDropped('forgotten');
clicks.process({
  processElement(click, ctx) {
    ctx.drop('late', click, 'time has passed it');
    // @ts-expect-error nothing is dropped for such a reason
    ctx.drop('forgotten', click);
  },
});
clicks.asyncMap(async (click) => click.user, { onFailure: 'drop' });
// @ts-expect-error a call fails the job, or is dropped
clicks.asyncMap(async (click) => click.user, { onFailure: 'ignore' });

// Several streams.

declare const numbers: DataStream<number>;
const united = clicks.union(clicks, clicks);
same<Equal<typeof united, DataStream<Click>>>(true);
// @ts-expect-error only streams of one type are united
numbers.union(clicks);
const both = numbers.connect(clicks).map(
  (n) => String(n),
  (click) => click.user,
);
same<Equal<typeof both, SingleOutputStream<string>>>(true);
const bothFlat = numbers.connect(clicks).flatMap(
  (n) => [n],
  (click) => [click.time],
);
same<Equal<typeof bothFlat, SingleOutputStream<number>>>(true);

const joined = clicks
  .connect(numbers)
  .keyBy(
    (click) => click.user,
    (n) => String(n),
  )
  .process({
    state: { last: valueState<number>('last') },
    *processElement1(click, ctx) {
      yield { click, last: ctx.state.last.value() };
    },
    processElement2(n, ctx) {
      same<Equal<typeof n, number>>(true);
      ctx.state.last.update(n);
    },
  });
same<Equal<typeof joined, SingleOutputStream<{ click: Click; last: number | undefined }>>>(true);
const keyedPair = perUser.connect(numbers.keyBy((n) => String(n))).process({
  *processElement1(click, ctx) {
    yield [ctx.getCurrentKey(), click.time] as const;
  },
  processElement2() {},
});
same<Equal<typeof keyedPair, SingleOutputStream<readonly [string, number]>>>(true);
// Streams with keys of different types are connected without keys.
const mismatched = perUser.connect(numbers.keyBy((n) => n));
same<Equal<typeof mismatched, ConnectedStreams<Click, number>>>(true);
clicks.connect(numbers).keyBy(
  (click) => click.user,
  // @ts-expect-error the keys of connected streams are of one type
  (n) => n,
);

// Broadcast state: written on its side, read on the other.

const rules = mapState<string, { limit: number }>('rules');
const alerts = perUser.connect(numbers.broadcast(rules)).process({
  state: { count: valueState<number>('count') },
  processBroadcastElement(n, ctx) {
    ctx.getBroadcastState(rules).put('limit', { limit: n });
    ctx.applyToKeyedState(valueState<number>('count'), (key, count) => {
      same<Equal<typeof key, string>>(true);
      same<Equal<typeof count, ValueState<number>>>(true);
    });
  },
  *processElement(click, ctx) {
    const rule = ctx.getBroadcastState(rules).get('limit');
    same<Equal<typeof rule, { limit: number } | undefined>>(true);
    // @ts-expect-error this side may only read
    ctx.getBroadcastState(rules).put('limit', { limit: 1 });
    if ((ctx.state.count.value() ?? 0) > (rule?.limit ?? 0)) yield click.user;
  },
});
same<Equal<typeof alerts, SingleOutputStream<string>>>(true);

const plainAlerts = clicks.connect(numbers.broadcast(rules)).process({
  processBroadcastElement(n, ctx) {
    ctx.getBroadcastState(rules).put('limit', { limit: n });
  },
  *processElement(click, ctx) {
    yield [click.user, ctx.getBroadcastState(rules).get('limit')?.limit] as const;
  },
});
same<Equal<typeof plainAlerts, SingleOutputStream<readonly [string, number | undefined]>>>(true);
// @ts-expect-error broadcast state is map state
numbers.broadcast(valueState<number>('one'));

// Partitions, time, sinks.

const medians = clicks.fullWindowPartition().mapPartition((all) => [[...all].length]);
same<Equal<typeof medians, SingleOutputStream<number>>>(true);
clicks.fullWindowPartition().sortPartition((click) => click.time, 'descending');
// @ts-expect-error objects have no order
clicks.fullWindowPartition().sortPartition((click) => ({ time: click.time }));

const timed = clicks.assignTimestampsAndWatermarks(
  WatermarkStrategy.forBoundedOutOfOrderness(5, (click) => click.time),
);
same<Equal<typeof timed, SingleOutputStream<Click>>>(true);

declare const clickSink: Sink<Click, never, never>;
declare const anySink: Sink<unknown, never, never>;
clicks.sinkTo(clickSink);
clicks.sinkTo(anySink);
// @ts-expect-error the sink takes clicks
numbers.sinkTo(clickSink);
clicks.partitionCustom(
  (click) => click.time,
  (time, partitions) => time % partitions,
);
