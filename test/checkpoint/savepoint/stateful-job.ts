/** A job with state of every kind, driven by hand: fed with records, stopped with a savepoint, and started from one. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createEnvironment,
  EventTimeSessionWindows,
  listState,
  mapState,
  reducingState,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
  type DataStream,
  type LaunchOptions,
  type SavepointOptions,
  type SettingsPart,
  type StreamEnvironment,
} from 'millstream';

export interface Sale {
  readonly shop: string;
  readonly amount: number;
  readonly time: number;
}

const sale = (n: number): Sale => ({ shop: `shop-${n % 7}`, amount: n % 11, time: 1000 + n * 10 });

export const HALF = 30;

export const SALES: readonly Sale[] = Array.from({ length: 60 }, (_, n) => sale(n));

/** A hundred years: golden savepoints shall not expire. */
export const TIME_TO_LIVE_MS = 100 * 365 * 86_400_000;
const ttl = { timeToLive: TIME_TO_LIVE_MS };

export const totals = valueState<{ sum: number; exact: bigint; last: Date; note?: string | null | undefined }>(
  'totals',
);

const DECLARED = {
  totals,
  amounts: listState<number>('amounts'),
  perAmount: mapState<number, { count: number }>('per-amount'),
  most: reducingState<number>('most', (a, b) => Math.max(a, b)),
  fresh: valueState<string>('fresh', { ttl }),
  freshList: listState<string>('fresh-list', { ttl }),
  freshMap: mapState<string, number>('fresh-map', { ttl }),
  shared: valueState<unknown>('shared'),
};

/** What the state of a shop looks like after each sale; and what its timers and windows give. */
export function buildStateful(env: StreamEnvironment, sales: DataStream<Sale>): void {
  env.setMaxParallelism(64);
  const timed = sales
    .assignTimestampsAndWatermarks(
      WatermarkStrategy.forMonotonousTimestamps<Sale>().withTimestampAssigner((one: Sale) => one.time),
    )
    // The sales of a shop shall stay in order.
    .setParallelism(1);
  const keyed = timed.keyBy((one) => one.shop);
  const states = keyed
    .process<string, typeof DECLARED>({
      state: DECLARED,
      *processElement({ shop, amount, time }, ctx) {
        const { totals: sums, amounts, perAmount, most, fresh, freshList, freshMap, shared } = ctx.state;
        const before = sums.value() ?? { sum: 0, exact: 0n, last: new Date(0) };
        const note = amount % 3 === 0 ? {} : { note: amount % 3 === 1 ? null : undefined };
        sums.update({ sum: before.sum + amount, exact: before.exact + 2n ** 40n, last: new Date(time), ...note });
        amounts.add(amount);
        perAmount.put(amount, { count: (perAmount.get(amount)?.count ?? 0) + 1 });
        most.add(amount);
        fresh.update(`${shop}/${amount}`);
        freshList.add(`${amount}`);
        freshMap.put(`${amount}`, time);
        const twice = { amount };
        shared.update([twice, twice]);
        if (amount % 2 === 0) ctx.timerService().registerEventTimeTimer(time + 200);
        const [first, second] = shared.value() as readonly unknown[];
        const { sum, exact, last, ...rest } = sums.value() as NonNullable<ReturnType<typeof sums.value>>;
        const all = [
          [sum, `${exact}`, last.getTime(), 'note' in rest, rest.note === undefined],
          amounts.get(),
          [...perAmount.entries()].toSorted((a, b) => a[0] - b[0]),
          most.get(),
          fresh.value(),
          freshList.get(),
          [...freshMap.entries()].toSorted(([a], [b]) => a.localeCompare(b)),
          first === second,
        ];
        yield `${shop} ${JSON.stringify(all)}`;
      },
      *onTimer(time, ctx) {
        // Which sales it has seen by then depends on when the watermark came.
        yield `timer ${ctx.getCurrentKey()} ${time} ${ctx.state.amounts.get().length > 0}`;
      },
    })
    .uid('states');
  const tumbling = keyed
    .window(TumblingEventTimeWindows.of(100))
    .aggregate(
      {
        createAccumulator: () => ({ sum: 0, count: 0 }),
        add: (one: Sale, acc) => ({ sum: acc.sum + one.amount, count: acc.count + 1 }),
        getResult: (acc) => acc,
      },
      (key, ctx, results) => [...results].map(({ sum, count }) => `${key} ${ctx.window().start}: ${sum}/${count}`),
    )
    .uid('tumbling');
  const sessions = keyed
    .window(EventTimeSessionWindows.withGap(75))
    .reduce((a, b) => ({ ...b, amount: a.amount + b.amount }))
    .uid('sessions')
    .map(({ shop, amount, time }) => `session ${shop} ${time} ${amount}`);
  const sums = keyed
    .sum('amount')
    .uid('sums')
    .map(({ shop, amount }) => `sum ${shop} ${amount}`);
  states.union(tumbling, sessions, sums).collect('lines');
}

export interface Course {
  readonly settings?: SettingsPart;
  readonly launch?: LaunchOptions;
  readonly stop?: SavepointOptions & { readonly drain?: boolean };
  readonly build?: (env: StreamEnvironment, sales: DataStream<Sale>) => void;
}

/** Gives the sales, and then nothing more until it is left. */
function thenWait(sales: readonly Sale[], waits: boolean): AsyncIterableIterator<Sale> {
  const left = Promise.withResolvers<IteratorResult<Sale>>();
  const end: IteratorResult<Sale> = { done: true, value: undefined };
  let at = 0;
  return {
    next: async () => {
      const value = sales[at++];
      if (value !== undefined) return { done: false, value };
      return waits ? await left.promise : end;
    },
    async return() {
      left.resolve(end);
      return end;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Feeds the sales, and stops with a savepoint (or, without `stop`, at the end of the input). */
export async function course(
  sales: readonly Sale[],
  { settings = {}, launch = {}, stop, build = buildStateful }: Course,
): Promise<{ readonly lines: readonly string[]; readonly path: string }> {
  const read = Promise.withResolvers<void>();
  const env = createEnvironment({ settings: { bufferTimeoutMs: 0, ...settings } });
  const source = env.fromAsyncIterable(() => thenWait(sales, stop !== undefined), {
    boundedness: stop === undefined ? 'bounded' : 'unbounded',
  });
  build(env, source.uid('sales'));
  const client = await env.executeAsync('sales', launch);
  const lines: string[] = [];
  const collecting = (async () => {
    let seen = 0;
    for await (const line of client.collected<string>('lines')) {
      lines.push(line);
      // Such an iterable is read ahead, and has no position: all of it must have arrived before the job is stopped.
      if (line.includes('[[') && ++seen === sales.length) read.resolve();
    }
  })();
  if (stop === undefined) {
    await Promise.all([client.result(), collecting]);
    return { lines, path: '' };
  }
  await Promise.race([read.promise, client.result()]);
  const { path } = await client.stopWithSavepoint(stop);
  await collecting;
  return { lines, path: path ?? '' };
}

/** A directory that is removed behind the test. */
export async function inScratch(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millstream-savepoint-'));
  try {
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
