/**
 * Forgets state that nobody has written for a while. Alerts are let through once; the same alert again is a repetition,
 * until a second and a half has passed without one. State with a time to live needs no timer, and no clean-up.
 */

import { createEnvironment, valueState } from 'millstream';

const TIME_TO_LIVE_MS = 1_500;

const sleep = (milliseconds: number): Promise<void> => new Promise((awake) => setTimeout(awake, milliseconds));

async function* alerts(): AsyncGenerator<string> {
  yield* ['disk full', 'disk full', 'fan broken', 'disk full'];
  await sleep(TIME_TO_LIVE_MS + 1_000);
  yield* ['disk full', 'fan broken', 'fan broken'];
}

const env = createEnvironment();

env
  .fromAsyncIterable(alerts)
  .keyBy((alert) => alert)
  .process({
    state: {
      seen: valueState<number>('seen', { ttl: { timeToLive: TIME_TO_LIVE_MS, update: 'on-create-and-write' } }),
    },
    *processElement(alert, ctx) {
      const times = (ctx.state.seen.value() ?? 0) + 1;
      ctx.state.seen.update(times);
      yield times === 1 ? `ALERT: ${alert}` : `(${alert} again, ${times} times)`;
    },
  })
  .print();

await env.execute('state with a time to live');
