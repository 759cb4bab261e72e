/**
 * Puts two streams side by side, per key and window. Unlike a join, `coGroup` also sees what has no partner: here it
 * makes the outer join of the stock that was counted with the stock that was booked.
 */

import { createEnvironment, TumblingEventTimeWindows, WatermarkStrategy } from 'millstream';

const HOUR = 3_600_000;

const COUNTED = [
  { item: 'lamp', pieces: 4, time: 0.1 * HOUR },
  { item: 'chair', pieces: 10, time: 0.3 * HOUR },
  { item: 'lamp', pieces: 3, time: 0.5 * HOUR },
  { item: 'lamp', pieces: 9, time: 1.2 * HOUR },
];
const BOOKED = [
  { article: 'lamp', pieces: 8, time: 0.2 * HOUR },
  { article: 'desk', pieces: 2, time: 0.7 * HOUR },
  { article: 'lamp', pieces: 9, time: 1.4 * HOUR },
];

const env = createEnvironment();
const counted = env
  .fromCollection(COUNTED)
  .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((count) => count.time));
const booked = env
  .fromCollection(BOOKED)
  .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((booking) => booking.time));

const total = (rows: Iterable<{ readonly pieces: number }>): number =>
  [...rows].reduce((sum, row) => sum + row.pieces, 0);

const differences = counted
  .coGroup(booked)
  .where((count) => count.item)
  .equalTo((booking) => booking.article)
  .window(TumblingEventTimeWindows.of(HOUR))
  .apply(function* (counts, bookings) {
    const [there, expected] = [[...counts], [...bookings]];
    const item = there[0]?.item ?? expected[0]?.article;
    yield `${item}: ${total(there)} counted, ${total(expected)} booked`;
  });

for (const line of (await differences.executeAndCollect()).toSorted()) console.log(line);
