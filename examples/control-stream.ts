/**
 * Changes the limits of a running job through a second stream: every subtask gets each change and keeps it in broadcast
 * state.
 *
 * Two streams arrive in no particular order. For the same answer in every run, a reading waits in keyed state until
 * event time has passed it on both streams; by then every change that concerns it is here.
 */

import { createEnvironment, listState, mapState, WatermarkStrategy } from 'millstream';

const READINGS = [
  { time: 1_000, machine: 'press', temperature: 70 },
  { time: 2_000, machine: 'press', temperature: 85 },
  { time: 3_000, machine: 'oven', temperature: 210 },
  { time: 5_000, machine: 'press', temperature: 85 },
  { time: 6_000, machine: 'oven', temperature: 260 },
];

const CHANGES = [
  { time: 0, machine: 'press', limit: 80 },
  { time: 0, machine: 'oven', limit: 200 },
  { time: 4_000, machine: 'press', limit: 90 },
];

/** The limits of each machine, with the time from which they hold. */
const limits = mapState<string, readonly { readonly from: number; readonly limit: number }[]>('limits');

const env = createEnvironment();
env.setParallelism(2);

const changes = env
  .fromCollection(CHANGES)
  .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((change) => change.time));

env
  .fromCollection(READINGS)
  .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((reading) => reading.time))
  .keyBy((reading) => reading.machine)
  .connect(changes.broadcast(limits))
  .process({
    state: { waiting: listState<{ readonly time: number; readonly temperature: number }>('waiting') },

    processBroadcastElement(change, ctx) {
      const state = ctx.getBroadcastState(limits);
      const known = state.get(change.machine) ?? [];
      state.put(change.machine, [...known, { from: change.time, limit: change.limit }]);
    },

    processElement(reading, ctx) {
      ctx.state.waiting.add(reading);
      ctx.timerService().registerEventTimeTimer(reading.time);
    },

    *onTimer(time, ctx) {
      const machine = ctx.getCurrentKey();
      const limit =
        ctx
          .getBroadcastState(limits)
          .get(machine)
          ?.findLast(({ from }) => from <= time)?.limit ?? Infinity;
      const due = ctx.state.waiting.get().filter((reading) => reading.time <= time);
      ctx.state.waiting.update(ctx.state.waiting.get().filter((reading) => reading.time > time));
      for (const { temperature } of due) {
        if (temperature > limit) yield `${time / 1_000} s: ${machine} at ${temperature} °C, above ${limit}`;
      }
    },
  })
  .print()
  .setParallelism(1);

await env.execute('control stream');
