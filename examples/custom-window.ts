/**
 * Windows of one's own: calendar months, which no fixed size can say. An assigner says which windows an element belongs
 * to; everything else (state, firing, lateness) is the engine's.
 */

import {
  createEnvironment,
  EventTimeTrigger,
  TimeWindow,
  WatermarkStrategy,
  type Trigger,
  type WindowAssigner,
} from 'millstream';

/** The months of the calendar, in UTC. */
class Months implements WindowAssigner<unknown, TimeWindow> {
  readonly kind = 'months';
  readonly isEventTime = true;
  readonly windows = TimeWindow;

  assignWindows(_element: unknown, timestamp: number): readonly TimeWindow[] {
    const date = new Date(timestamp);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    return [new TimeWindow(Date.UTC(year, month), Date.UTC(year, month + 1))];
  }

  getDefaultTrigger(): Trigger<unknown, TimeWindow> {
    return EventTimeTrigger.create();
  }
}

const PAYMENTS = [
  { account: 'rent', amount: 900, on: '2024-01-31' },
  { account: 'food', amount: 55, on: '2024-02-03' },
  { account: 'food', amount: 35, on: '2024-02-29' },
  { account: 'rent', amount: 900, on: '2024-02-29' },
  { account: 'food', amount: 60, on: '2024-03-01' },
];

const env = createEnvironment();

env
  .fromCollection(PAYMENTS)
  .assignTimestampsAndWatermarks(WatermarkStrategy.forMonotonousTimestamps((payment) => Date.parse(payment.on)))
  .keyBy((payment) => payment.account)
  .window(new Months())
  .process(function* (account, ctx, payments) {
    const { start, end } = ctx.window();
    const sum = [...payments].reduce((total, payment) => total + payment.amount, 0);
    yield `${new Date(start).toISOString().slice(0, 7)}, ${(end - start) / 86_400_000} days: ${account} ${sum}`;
  })
  .print();

await env.execute('custom window');
