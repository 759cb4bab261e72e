/**
 * State that grows: every key is written for a moment and then left alone, until a timer at the end of event time tells
 * what is known of it. So nothing that a checkpoint forgets, and no timer, is ever made good by a later record.
 */

import { generatorSource, job, listState, mapState, valueState, WatermarkStrategy } from 'millstream';

const RECORDS = 400;
const RECORDS_PER_SECOND = 700;
const RECORDS_OF_A_KEY = 4;
const END = 1_000_000;

export default job('growing-state', (env) => {
  env.setParallelism(2).setAutoWatermarkInterval(2);
  env
    .fromSource(
      generatorSource((n) => n, { count: RECORDS, recordsPerSecond: RECORDS_PER_SECOND }),
      WatermarkStrategy.forMonotonousTimestamps((n) => n),
    )
    .keyBy((n) => Math.floor(n / RECORDS_OF_A_KEY))
    .process({
      state: {
        count: valueState<number>('count'),
        numbers: listState<number>('numbers'),
        rests: mapState<string, number>('rests'),
      },
      processElement(n: number, ctx) {
        const { count, numbers, rests } = ctx.state;
        count.update((count.value() ?? 0) + 1);
        numbers.add(n);
        const rest = `rest ${n % 2}`;
        rests.put(rest, Math.max(n, rests.get(rest) ?? 0));
        ctx.timerService().registerEventTimeTimer(END);
      },
      *onTimer(_time: number, ctx) {
        const { count, numbers, rests } = ctx.state;
        yield {
          key: ctx.getCurrentKey(),
          count: count.value(),
          numbers: [...numbers.get()].toSorted((a, b) => a - b),
          rests: [...rests.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)),
        };
      },
    })
    .collect('result');
});
