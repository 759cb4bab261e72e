/** Keyed state and event-time timers: numbers are gathered per key, and come out when event time passes the next ten. */

import { generatorSource, job, listState, WatermarkStrategy } from 'millstream';

const RECORDS = 800;
const RECORDS_PER_SECOND = 4_000;
const KEYS = 5;
const PERIOD_MS = 10;

export default job('timers', (env) => {
  env.setParallelism(2).setAutoWatermarkInterval(2);
  env
    .fromSource(
      generatorSource((n) => n, { count: RECORDS, recordsPerSecond: RECORDS_PER_SECOND }),
      WatermarkStrategy.forMonotonousTimestamps((n) => n),
    )
    .keyBy((n) => n % KEYS)
    .process({
      state: { numbers: listState<number>('numbers') },
      processElement(n: number, ctx) {
        ctx.state.numbers.add(n);
        ctx.timerService().registerEventTimeTimer((Math.floor(n / PERIOD_MS) + 1) * PERIOD_MS);
      },
      *onTimer(time: number, ctx) {
        const all = [...ctx.state.numbers.get()];
        ctx.state.numbers.update(all.filter((n) => n >= time));
        yield { key: ctx.getCurrentKey(), time, numbers: all.filter((n) => n < time).toSorted((a, b) => a - b) };
      },
    })
    .collect('result');
});
