/** Windows of all kinds over the same numbers, each collected under its name. */

import {
  CountTrigger,
  EventTimeSessionWindows,
  GlobalWindows,
  job,
  SlidingEventTimeWindows,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from 'millstream';

const COUNTING = {
  createAccumulator: () => 0,
  add: (_value: number, n: number) => n + 1,
  merge: (a: number, b: number) => a + b,
  getResult: (n: number) => n,
};

export default job('windows', (env) => {
  env.setParallelism(2);
  const keyed = env
    .fromCollection(Array.from({ length: 1_000 }, (_, i) => i))
    .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((n) => n))
    .keyBy((n) => n % 3);
  keyed.window(TumblingEventTimeWindows.of(100)).aggregate(COUNTING).collect('tumbling');
  keyed.window(SlidingEventTimeWindows.of(100, 50)).aggregate(COUNTING).collect('sliding');
  keyed.window(EventTimeSessionWindows.withGap(100)).aggregate(COUNTING).collect('session');
  keyed.window(GlobalWindows.create()).trigger(CountTrigger.of(100)).aggregate(COUNTING).collect('global');
});
