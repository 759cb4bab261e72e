/**
 * Raises an alarm when a card is tried with a tiny amount and then, within a minute, charged with a large one.
 *
 * A keyed process function has state of its own for each card, and timers. The timer ends the suspicion when the minute
 * is over, so that the state of cards that are never used again does not pile up.
 */

import { createEnvironment, valueState, WatermarkStrategy } from 'millstream';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const SMALL = 1;
const LARGE = 500;

const TRANSACTIONS = [
  { time: 0, card: 'A', amount: 0.5 },
  { time: 10 * SECOND, card: 'B', amount: 0.9 },
  { time: 20 * SECOND, card: 'A', amount: 750 }, // 20 s after the small one
  { time: 80 * SECOND, card: 'C', amount: 0.2 },
  { time: 85 * SECOND, card: 'B', amount: 900 }, // 75 s after the small one: no longer suspicious
  { time: 90 * SECOND, card: 'C', amount: 30 }, // a purchase between clears the card
  { time: 95 * SECOND, card: 'C', amount: 800 },
];

const env = createEnvironment();

env
  .fromCollection(TRANSACTIONS)
  // Every transaction moves event time on, so that timers fire between them as they would in the live stream.
  .assignTimestampsAndWatermarks(
    WatermarkStrategy.forPunctuated(
      (_t, time) => time - 1,
      (t) => t.time,
    ),
  )
  .keyBy((transaction) => transaction.card)
  .process({
    state: { suspectedUntil: valueState<number>('suspected-until') },

    *processElement(transaction, ctx) {
      const { suspectedUntil } = ctx.state;
      const until = suspectedUntil.value();
      if (until !== undefined) {
        if (transaction.amount > LARGE && transaction.time < until)
          yield `ALARM: ${transaction.amount} from card ${transaction.card}`;
        ctx.timerService().deleteEventTimeTimer(until);
        suspectedUntil.clear();
      }
      if (transaction.amount < SMALL) {
        const end = transaction.time + MINUTE;
        suspectedUntil.update(end);
        ctx.timerService().registerEventTimeTimer(end);
      }
    },

    *onTimer(time, ctx) {
      ctx.state.suspectedUntil.clear();
      yield `card ${ctx.getCurrentKey()} is above suspicion again at ${time / SECOND} s`;
    },
  })
  .print();

await env.execute('fraud detection');
