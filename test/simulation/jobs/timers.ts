/** Keyed state and event-time timers: numbers are gathered per key, and come out when event time passes the next ten. */

import { job, listState, sequenceSource, WatermarkStrategy } from 'millstream';

const RECORDS = 800;
const KEYS = 5;
const PERIOD_MS = 10;

export default job('timers', (env) => {
  env.setParallelism(2);
  env
    .fromSource(
      sequenceSource(0, RECORDS - 1),
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
