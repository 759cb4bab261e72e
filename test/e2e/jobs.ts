/**
 * Jobs that the end-to-end suite runs every way there is, each with what it must compute, worked out naively.
 *
 * Results are compared as multisets of lines, so that they may not depend on how subtasks take turns; event time is
 * what makes windows and joins repeatable.
 */

import {
  EventTimeSessionWindows,
  generatorSource,
  mapState,
  outputTag,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
  type DataStream,
  type StreamEnvironment,
} from 'millstream';
import { ColumnSchema, count, DataTypes, type ColumnBatch } from 'millstream/columns';

export interface Event {
  readonly id: number;
  readonly user: string;
  readonly amount: number;
  readonly time: number;
}

export const EVENTS = 600;

/** Event n: five users, times that grow but are out of order by up to 40 ms. */
function event(n: number): Event {
  return { id: n, user: `user-${(n * 7) % 5}`, amount: (n * 31) % 17, time: n * 10 + ((n * 13) % 5) * 10 - 40 + 1000 };
}

const ALL: readonly Event[] = Array.from({ length: EVENTS }, (_, n) => event(n));

export interface JobCase {
  readonly name: string;
  /** Uid'd operators; returns lines. */
  build(env: StreamEnvironment, rate: number | undefined): DataStream<string>;
  expected(): readonly string[];
}

function events(env: StreamEnvironment, rate: number | undefined, uid = 'events'): DataStream<Event> {
  // Watermarks by split: a restored subtask that has several splits reads them unevenly.
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Event>(100).withTimestampAssigner((e: Event) => e.time);
  return env
    .fromSource(
      generatorSource(event, { count: EVENTS, ...(rate === undefined ? {} : { recordsPerSecond: rate }) }),
      strategy,
      'events',
    )
    .uid(uid);
}

function groupBy<T, K>(values: readonly T[], key: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) groups.set(key(value), [...(groups.get(key(value)) ?? []), value]);
  return groups;
}

const sum = (values: readonly Event[]): number => values.reduce((total, e) => total + e.amount, 0);

/** Sums per user and window, for windows by start. */
function windowSums(starts: (time: number) => readonly number[], size: number): string[] {
  const windows = groupBy(
    ALL.flatMap((e) => starts(e.time).map((start) => ({ e, key: `${e.user} ${start + size}` }))),
    ({ key }) => key,
  );
  return [...windows].map(([key, members]) => `${key} ${sum(members.map(({ e }) => e))}`);
}

const LARGE = outputTag<Event>('large');

const EVENT_COLUMNS = ColumnSchema.of({
  id: DataTypes.INT().notNull(),
  user: DataTypes.STRING().notNull(),
  amount: DataTypes.BIGINT().notNull(),
  time: DataTypes.BIGINT().notNull(),
});

const COLUMN_ROWS = 20;

/** The events from 20 n on, as a batch. */
function columnsOfEvents(n: number): ColumnBatch {
  const rows = ALL.slice(n * COLUMN_ROWS, (n + 1) * COLUMN_ROWS);
  return EVENT_COLUMNS.batch({
    id: rows.map((e) => e.id),
    user: rows.map((e) => e.user),
    amount: rows.map((e) => e.amount),
    time: rows.map((e) => e.time),
  });
}

function slidingStarts(time: number): number[] {
  const last = Math.floor(time / 100) * 100;
  return [last, last - 100, last - 200, last - 300];
}

export const JOBS: readonly JobCase[] = [
  {
    name: 'map, filter, flatMap, union',
    build: (env, rate) => {
      const all = events(env, rate);
      const even = all.filter((e) => e.id % 2 === 0).map((e) => `even ${e.id}`);
      const odd = all
        .filter((e) => e.id % 2 === 1)
        .flatMap((e) => (e.amount > 8 ? [`odd ${e.id}`, `large ${e.id}`] : [`odd ${e.id}`]));
      return even.union(odd);
    },
    expected: () =>
      ALL.flatMap((e) =>
        e.id % 2 === 0 ? [`even ${e.id}`] : e.amount > 8 ? [`odd ${e.id}`, `large ${e.id}`] : [`odd ${e.id}`],
      ),
  },
  {
    name: 'keyed process with state and timers',
    build: (env, rate) =>
      events(env, rate)
        .keyBy((e) => e.user)
        .process({
          state: { total: valueState<number>('total'), seen: mapState<number, number>('seen') },
          processElement(e, ctx) {
            ctx.state.total.update((ctx.state.total.value() ?? 0) + e.amount);
            ctx.state.seen.put(e.id % 3, (ctx.state.seen.get(e.id % 3) ?? 0) + 1);
            ctx.timerService().registerEventTimeTimer(1_000_000);
          },
          *onTimer(_timestamp, ctx) {
            const seen = [...ctx.state.seen.entries()].sort(([a], [b]) => a - b).map(([k, n]) => `${k}:${n}`);
            yield `${ctx.getCurrentKey()} ${ctx.state.total.value()} ${seen.join(',')}`;
          },
        })
        .uid('totals'),
    expected: () =>
      [...groupBy(ALL, (e) => e.user)].map(([user, members]) => {
        const seen = [...groupBy(members, (e) => e.id % 3)]
          .sort(([a], [b]) => a - b)
          .map(([k, list]) => `${k}:${list.length}`);
        return `${user} ${sum(members)} ${seen.join(',')}`;
      }),
  },
  {
    name: 'tumbling windows',
    build: (env, rate) =>
      events(env, rate)
        .keyBy((e) => e.user)
        .window(TumblingEventTimeWindows.of(500))
        .reduce(
          (a, b) => ({ ...a, amount: a.amount + b.amount }),
          function* (user, ctx, [e]) {
            yield `${user} ${ctx.window().end} ${e?.amount}`;
          },
        )
        .uid('windows'),
    expected: () => windowSums((time) => [Math.floor(time / 500) * 500], 500),
  },
  {
    name: 'sliding windows that share slices',
    build: (env, rate) =>
      events(env, rate)
        .keyBy((e) => e.user)
        .window(SlidingEventTimeWindows.of(400, 100))
        .aggregate(
          {
            createAccumulator: () => 0,
            add: (e: Event, acc: number) => acc + e.amount,
            merge: (a, b) => a + b,
            getResult: (acc) => acc,
          },
          function* (user, ctx, [total]) {
            yield `${user} ${ctx.window().end} ${total}`;
          },
        )
        .uid('windows'),
    expected: () => windowSums((time) => [0, 1, 2, 3].map((i) => (Math.floor(time / 100) - i) * 100), 400),
  },
  {
    name: 'session windows',
    build: (env, rate) =>
      events(env, rate)
        .filter((e) => e.id % 40 < 20)
        .keyBy((e) => e.user)
        .window(EventTimeSessionWindows.withGap(150))
        .reduce(
          (a, b) => ({ ...a, amount: a.amount + b.amount }),
          function* (user, ctx, [e]) {
            yield `${user} ${ctx.window().start} ${ctx.window().end} ${e?.amount}`;
          },
        )
        .uid('windows'),
    expected: () =>
      [
        ...groupBy(
          ALL.filter((e) => e.id % 40 < 20),
          (e) => e.user,
        ),
      ].flatMap(([user, members]) => {
        const lines: string[] = [];
        let session: Event[] = [];
        const close = (): void => {
          const [first] = session;
          if (first !== undefined)
            lines.push(`${user} ${first.time} ${Math.max(...session.map((e) => e.time)) + 150} ${sum(session)}`);
          session = [];
        };
        for (const e of [...members].sort((a, b) => a.time - b.time)) {
          const last = session.at(-1);
          if (last !== undefined && e.time >= last.time + 150) close();
          session.push(e);
        }
        close();
        return lines;
      }),
  },
  {
    name: 'connected streams with shared keyed state',
    build: (env, rate) => {
      const all = events(env, rate);
      return all
        .filter((e) => e.id % 2 === 0)
        .keyBy((e) => e.user)
        .connect(all.filter((e) => e.id % 2 === 1).keyBy((e) => e.user))
        .process({
          state: { even: valueState<number>('even'), odd: valueState<number>('odd') },
          processElement1(e, ctx) {
            ctx.state.even.update((ctx.state.even.value() ?? 0) + e.amount);
            ctx.timerService().registerEventTimeTimer(1_000_000);
          },
          processElement2(e, ctx) {
            ctx.state.odd.update((ctx.state.odd.value() ?? 0) + e.amount);
            ctx.timerService().registerEventTimeTimer(1_000_000);
          },
          *onTimer(_timestamp, ctx) {
            yield `${ctx.getCurrentKey()} ${ctx.state.even.value() ?? 0} ${ctx.state.odd.value() ?? 0}`;
          },
        })
        .uid('both');
    },
    expected: () =>
      [...groupBy(ALL, (e) => e.user)].map(
        ([user, members]) =>
          `${user} ${sum(members.filter((e) => e.id % 2 === 0))} ${sum(members.filter((e) => e.id % 2 === 1))}`,
      ),
  },
  {
    name: 'side outputs',
    build: (env, rate) => {
      const small = events(env, rate).process({
        processElement(e, ctx, out: { collect(line: string): void }) {
          if (e.amount > 12) ctx.output(LARGE, e);
          else out.collect(`small ${e.id}`);
        },
      });
      return small.union(small.getSideOutput(LARGE).map((e) => `large ${e.id}`));
    },
    expected: () => ALL.map((e) => (e.amount > 12 ? `large ${e.id}` : `small ${e.id}`)),
  },
  {
    name: 'asynchronous enrichment',
    build: (env, rate) =>
      events(env, rate).asyncMap(
        async (e) => {
          await Promise.resolve();
          return `${e.id} ${e.user}`;
        },
        { capacity: 20, timeoutMs: 5_000 },
      ),
    expected: () => ALL.map((e) => `${e.id} ${e.user}`),
  },
  {
    name: 'columns: filter, select, rolling counts',
    build: (env, rate) =>
      events(env, rate)
        .toColumns(EVENT_COLUMNS, { batchRows: 16 })
        .filter((e) => e.amount.isGreater(3))
        .select((e) => ({ user: e.user.upperCase(), half: e.amount.dividedBy(2) }))
        .keyBy('user')
        .aggregate((e) => ({ n: count(), most: e.half.max() }))
        .uid('counts')
        .toRows()
        .map(({ user, n }) => `${user} ${n}`),
    expected: () =>
      [
        ...groupBy(
          ALL.filter((e) => e.amount > 3),
          (e) => e.user,
        ),
      ].flatMap(([user, members]) => members.map((_, i) => `${user.toUpperCase()} ${i + 1}`)),
  },
  {
    name: 'columns: tumbling windows from a column source',
    build: (env, rate) =>
      env
        .fromColumnSource(
          generatorSource(columnsOfEvents, {
            count: EVENTS / COLUMN_ROWS,
            ...(rate === undefined ? {} : { recordsPerSecond: rate / COLUMN_ROWS }),
          }),
          EVENT_COLUMNS,
          { timestamp: 'time', maxOutOfOrdernessMs: 100 },
        )
        .uid('events')
        .keyBy('user')
        .window(TumblingEventTimeWindows.of(500))
        .aggregate((e) => ({ sum: e.amount.sum() }))
        .uid('windows')
        .toRows()
        .map(({ user, window_end, sum: total }) => `${user} ${window_end} ${total}`),
    expected: () => windowSums((time) => [Math.floor(time / 500) * 500], 500),
  },
  {
    name: 'columns: sliding windows',
    build: (env, rate) =>
      events(env, rate)
        .toColumns(EVENT_COLUMNS, { batchRows: 16 })
        .keyBy('user')
        .window(SlidingEventTimeWindows.of(400, 100))
        .aggregate((e) => ({ sum: e.amount.sum() }))
        .uid('windows')
        .toRows()
        .map(({ user, window_end, sum: total }) => `${user} ${window_end} ${total}`),
    expected: () => windowSums(slidingStarts, 400),
  },
  {
    name: 'interval join',
    build: (env, rate) => {
      const all = events(env, rate);
      return all
        .filter((e) => e.id % 3 === 0)
        .keyBy((e) => e.user)
        .intervalJoin(all.filter((e) => e.id % 3 === 1).keyBy((e) => e.user))
        .between(-100, 50)
        .process(function* (left, right) {
          yield `${left.id} ${right.id}`;
        })
        .uid('join');
    },
    expected: () =>
      ALL.filter((e) => e.id % 3 === 0).flatMap((left) =>
        ALL.filter(
          (right) =>
            right.id % 3 === 1 &&
            right.user === left.user &&
            right.time >= left.time - 100 &&
            right.time <= left.time + 50,
        ).map((right) => `${left.id} ${right.id}`),
      ),
  },
];
