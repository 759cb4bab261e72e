/**
 * Joins two streams by key and window: every click of a user with every purchase of the same user in the same window,
 * in tumbling, sliding and session windows.
 *
 * Windows decide what belongs together, by where their borders happen to lie: compare with interval-join.ts.
 */

import {
  createEnvironment,
  EventTimeSessionWindows,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  type TimeWindow,
  type WindowAssigner,
} from 'millstream';

const MINUTE = 60_000;

const CLICKS = [
  { user: 'ada', page: 'lamps', minute: 1 },
  { user: 'bob', page: 'chairs', minute: 3 },
  { user: 'ada', page: 'clocks', minute: 9 },
];
const PURCHASES = [
  { user: 'ada', item: 'lamp', minute: 4 },
  { user: 'ada', item: 'clock', minute: 12 },
  { user: 'cyd', item: 'desk', minute: 5 },
];

async function show(title: string, windows: WindowAssigner<unknown, TimeWindow>): Promise<void> {
  const env = createEnvironment();
  const timed = <T extends { readonly minute: number }>(values: readonly T[]) =>
    env
      .fromCollection(values)
      .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((value) => value.minute * MINUTE));

  const pairs = timed(CLICKS)
    .join(timed(PURCHASES))
    .where((click) => click.user)
    .equalTo((purchase) => purchase.user)
    .window(windows)
    .apply((click, purchase) => `  ${click.user}: ${click.page} → ${purchase.item}`);
  console.log(title);
  for (const pair of (await pairs.executeAndCollect()).toSorted()) console.log(pair);
}

await show('tumbling, ten minutes', TumblingEventTimeWindows.of(10 * MINUTE));
await show('sliding, ten minutes every five', SlidingEventTimeWindows.of(10 * MINUTE, 5 * MINUTE));
await show('sessions with a gap of four minutes', EventTimeSessionWindows.withGap(4 * MINUTE));
