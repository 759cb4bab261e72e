/**
 * Averages the readings of each sensor over five seconds of event time, converted from °F to °C.
 *
 * Event time is when a sensor took a reading, not when it arrived. The readings here arrive up to two seconds out of
 * order, and the averages are right all the same: a window waits until the watermark says that it is complete.
 */

import { createEnvironment, TumblingEventTimeWindows, WatermarkStrategy } from 'millstream';

interface Reading {
  readonly sensor: string;
  readonly time: number;
  readonly fahrenheit: number;
}

const SECOND = 1_000;
const START = Date.parse('2026-03-01T12:00:00Z');

/** Ten readings a second from three sensors that grow warmer; every fourth one arrives two seconds late. */
function reading(index: number): Reading {
  const delay = index % 4 === 3 ? 2 * SECOND : 0;
  return {
    sensor: `sensor_${index % 3}`,
    time: Math.max(START, START + index * 100 - delay),
    fahrenheit: 60 + 10 * (index % 3) + index / 20,
  };
}

const env = createEnvironment();

env
  .fromGenerator(reading, { count: 150 })
  .assignTimestampsAndWatermarks(WatermarkStrategy.forBoundedOutOfOrderness(2 * SECOND, (r) => r.time))
  .map((r) => ({ sensor: r.sensor, celsius: ((r.fahrenheit - 32) * 5) / 9 }))
  .keyBy((r) => r.sensor)
  .window(TumblingEventTimeWindows.of(5 * SECOND))
  .aggregate(
    {
      createAccumulator: () => ({ sum: 0, count: 0 }),
      add: (r, acc) => ({ sum: acc.sum + r.celsius, count: acc.count + 1 }),
      getResult: (acc) => ({ mean: acc.sum / acc.count, count: acc.count }),
    },
    function* (sensor, ctx, [result]) {
      const from = new Date(ctx.window().start).toISOString().slice(11, 19);
      if (result !== undefined) yield `${from}  ${sensor}  ${result.mean.toFixed(2)} °C  of ${result.count} readings`;
    },
  )
  .print();

await env.execute('sensor temperatures');
