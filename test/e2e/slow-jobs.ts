/** Jobs whose last stages can be slow, so that records pile up in the channels before them; each with what it computes. */

import {
  EventTimeSessionWindows,
  generatorSource,
  listState,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
  type DataStream,
  type StreamEnvironment,
} from 'millstream';
import { ColumnSchema, count, DataTypes } from 'millstream/columns';

export const EVENTS = 300;
const USERS = 7;

interface Event {
  readonly id: number;
  readonly user: string;
  readonly time: number;
}

function event(n: number): Event {
  return { id: n, user: `user-${(n * 5) % USERS}`, time: n * 10 + ((n * 7) % 3) * 10 };
}

const ALL = Array.from({ length: EVENTS }, (_, n) => event(n));

/** Keeps the thread busy, as a slow function would. */
function spin(milliseconds: number): void {
  for (const until = performance.now() + milliseconds; performance.now() < until;);
}

function events(env: StreamEnvironment, uid: string): DataStream<Event> {
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<Event>(30).withTimestampAssigner((e: Event) => e.time);
  return env.fromSource(generatorSource(event, { count: EVENTS }), strategy, uid).uid(uid);
}

export interface SlowJob {
  readonly name: string;
  /** `slow` is how many milliseconds a record takes where it is slow. */
  build(env: StreamEnvironment, slow: number): DataStream<string>;
  readonly expected: readonly string[];
}

const countsByUser = (): string[] => {
  const counts = new Map<string, number>();
  return ALL.map(({ user }) => {
    const n = (counts.get(user) ?? 0) + 1;
    counts.set(user, n);
    return `${user} ${n}`;
  });
};

const COLUMNS = ColumnSchema.of({ id: DataTypes.INT().notNull(), user: DataTypes.STRING().notNull() });

export const SLOW_JOBS: readonly SlowJob[] = [
  {
    name: 'three stages with keyed state',
    build: (env, slow) =>
      events(env, 'events')
        .rebalance()
        .map((e) => e)
        .keyBy((e) => e.user)
        .process({
          state: { seen: valueState<number>('seen') },
          *processElement(e, ctx) {
            spin(slow);
            const seen = (ctx.state.seen.value() ?? 0) + 1;
            ctx.state.seen.update(seen);
            yield `${e.user} ${seen}`;
            yield `id ${e.id}`;
          },
        })
        .uid('counts'),
    expected: [...countsByUser(), ...ALL.map((e) => `id ${e.id}`)],
  },
  {
    name: 'a slow flatMap between shuffled edges',
    build: (env, slow) =>
      events(env, 'events')
        .shuffle()
        .flatMap(function* (e) {
          for (const part of ['a', 'b', 'c']) yield `${e.id} ${part}`;
        })
        .rebalance()
        .map((line) => {
          spin(slow / 3);
          return line;
        }),
    expected: ALL.flatMap((e) => ['a', 'b', 'c'].map((part) => `${e.id} ${part}`)),
  },
  {
    name: 'a union into tumbling windows',
    build: (env, slow) => {
      const all = events(env, 'events');
      return all
        .filter((e) => e.id % 2 === 0)
        .union(all.filter((e) => e.id % 2 === 1))
        .keyBy((e) => e.user)
        .window(TumblingEventTimeWindows.of(200))
        .aggregate(
          {
            createAccumulator: () => 0,
            add: (_e: Event, n: number) => {
              spin(slow);
              return n + 1;
            },
            merge: (a, b) => a + b,
            getResult: (n) => n,
          },
          function* (user, ctx, [n]) {
            yield `${user} ${ctx.window().end} ${n}`;
          },
        )
        .uid('windows');
    },
    expected: [...Map.groupBy(ALL, (e) => `${e.user} ${Math.floor(e.time / 200) * 200 + 200}`)].map(
      ([key, members]) => `${key} ${members.length}`,
    ),
  },
  {
    name: 'two connected inputs',
    build: (env, slow) => {
      const left = events(env, 'left').filter((e) => e.id % 3 === 0);
      const right = events(env, 'right').filter((e) => e.id % 5 === 0);
      return left
        .keyBy((e) => e.user)
        .connect(right.keyBy((e) => e.user))
        .process({
          state: { left: listState<number>('left'), right: listState<number>('right') },
          *processElement1(e, ctx) {
            spin(slow);
            ctx.state.left.add(e.id);
            for (const id of ctx.state.right.get()) yield `${e.id} ${id}`;
          },
          *processElement2(e, ctx) {
            spin(slow);
            ctx.state.right.add(e.id);
            for (const id of ctx.state.left.get()) yield `${id} ${e.id}`;
          },
        })
        .uid('both');
    },
    expected: ALL.filter((e) => e.id % 3 === 0).flatMap((l) =>
      ALL.filter((r) => r.id % 5 === 0 && r.user === l.user).map((r) => `${l.id} ${r.id}`),
    ),
  },
  {
    name: 'session windows behind all in one',
    build: (env, slow) =>
      events(env, 'events')
        .filter((e) => e.id % 40 < 20)
        .keyBy((e) => e.user)
        .window(EventTimeSessionWindows.withGap(150))
        .aggregate(
          {
            createAccumulator: () => 0,
            add: (_e: Event, n: number) => {
              spin(slow);
              return n + 1;
            },
            merge: (a, b) => a + b,
            getResult: (n) => n,
          },
          function* (user, ctx, [n]) {
            yield `${user} ${ctx.window().start} ${n}`;
          },
        )
        .uid('windows')
        .global()
        .map((line) => line),
    expected: sessions(),
  },
  {
    name: 'columns by key',
    build: (env, slow) =>
      events(env, 'events')
        .map(({ id, user }) => ({ id, user }))
        .toColumns(COLUMNS, { batchRows: 8 })
        .keyBy('user')
        .aggregate(() => ({ n: count() }))
        .uid('counts')
        .toRows()
        .map(({ user, n }) => {
          spin(slow);
          return `${user} ${n}`;
        }),
    expected: countsByUser(),
  },
];

function sessions(): string[] {
  const lines: string[] = [];
  for (const [user, members] of Map.groupBy(
    ALL.filter((e) => e.id % 40 < 20),
    (e) => e.user,
  )) {
    const times = members.map((e) => e.time).sort((a, b) => a - b);
    for (let from = 0; from < times.length;) {
      let to = from + 1;
      while (to < times.length && (times[to] as number) - (times[to - 1] as number) < 150) to++;
      lines.push(`${user} ${times[from]} ${to - from}`);
      from = to;
    }
  }
  return lines;
}
