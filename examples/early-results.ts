/**
 * Shows the sum of an hour before the hour is over, and corrects it afterwards.
 *
 * An early firing gives what is there so far, the one on time what the watermark took for complete, a late firing what
 * it became when somebody came late all the same. Each is a new version of the same result.
 */

import {
  createEnvironment,
  EarlyLateTrigger,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
} from 'millstream';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const SALES = [
  { minute: 5, amount: 10 },
  { minute: 20, amount: 20 },
  { minute: 30, amount: 30 }, // the third one: an early result
  { minute: 50, amount: 40 },
  { minute: 70, amount: 1 }, // of the next hour, which ends the first one
  { minute: 55, amount: 50 }, // late, but allowed
  { minute: 140, amount: 2 },
  { minute: 40, amount: 60 }, // later than allowed
];

const env = createEnvironment();

const revenue = env
  .fromCollection(SALES)
  .assignTimestampsAndWatermarks(
    WatermarkStrategy.forPunctuated(
      (_sale, time) => time,
      (sale) => sale.minute * MINUTE,
    ),
  )
  .windowAll(TumblingEventTimeWindows.of(HOUR))
  .trigger(EarlyLateTrigger.of({ early: { everyCount: 3 }, late: { everyCount: 1 } }))
  .allowedLateness(30 * MINUTE)
  .aggregate(
    { createAccumulator: () => 0, add: (sale, sum) => sum + sale.amount, getResult: (sum) => sum },
    {
      windowState: { version: valueState<number>('version') },
      *process(ctx, [sum]: Iterable<number>) {
        const version = (ctx.windowState.version.value() ?? 0) + 1;
        ctx.windowState.version.update(version);
        const { start, end } = ctx.window();
        const complete = ctx.currentWatermark() < end - 1 ? 'so far' : 'in total';
        yield `hour ${start / HOUR}, version ${version}: ${sum} ${complete}`;
      },
      clear(ctx) {
        ctx.windowState.version.clear();
      },
    },
  );

revenue.print();
const client = await env.executeAsync('early results');
await client.result();

// Nothing is dropped in silence.
for (const { reason, record } of (await client.metrics()).dropped) console.log(`dropped, ${reason}: ${record}`);
