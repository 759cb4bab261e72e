/** Event-time windows of three kinds over events that come out of order, none of them late. */

import { generatorSource, job, WatermarkStrategy } from 'millstream';
import { EventTimeSessionWindows } from '../../../src/time/windows/session-windows.ts';
import { SlidingEventTimeWindows } from '../../../src/time/windows/sliding-windows.ts';
import { TumblingEventTimeWindows } from '../../../src/time/windows/tumbling-windows.ts';

const RECORDS = 600;
const RECORDS_PER_SECOND = 3_000;
const KEYS = 4;
const DISORDER_MS = 20;
const AHEAD_MS = 200;

interface Event {
  readonly key: number;
  readonly time: number;
}

/** Times go up by ten a record, and back and forth by less than the watermark allows for. */
function event(n: number): Event {
  return { key: n % KEYS, time: n * 10 + (n % 50 === 0 ? AHEAD_MS : 0) - (n % 3) * (DISORDER_MS / 2) };
}

const count = {
  createAccumulator: () => ({ events: 0, times: 0 }),
  add: (one: Event, acc: { events: number; times: number }) => ({
    events: acc.events + 1,
    times: acc.times + one.time,
  }),
  getResult: (acc: { events: number; times: number }) => acc,
  merge: (a: { events: number; times: number }, b: { events: number; times: number }) => ({
    events: a.events + b.events,
    times: a.times + b.times,
  }),
};

export default job('windows', (env) => {
  env.setParallelism(2).setAutoWatermarkInterval(2);
  const events = env
    .fromSource(
      generatorSource((n) => n, { count: RECORDS, recordsPerSecond: RECORDS_PER_SECOND }),
      WatermarkStrategy.forBoundedOutOfOrderness(DISORDER_MS + AHEAD_MS, (n) => event(n).time),
    )
    .map(event)
    .keyBy((one) => one.key);
  events.window(TumblingEventTimeWindows.of(100)).aggregate(count).collect('tumbling');
  events.window(SlidingEventTimeWindows.of(120, 40)).aggregate(count).collect('sliding');
  events.window(EventTimeSessionWindows.withGap(45)).aggregate(count).collect('sessions');
});
