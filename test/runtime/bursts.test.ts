import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEnvironment, valueState, WatermarkStrategy, type JobClient } from 'millstream';

const KEYS = 100_000;

/** Every key registers a timer for the same time; all fire when the input has ended. */
function burst(options: { readonly iterable: boolean }) {
  const fired = { count: 0 };
  const env = createEnvironment();
  env
    // The keys, and then the mark that time has come, over and over.
    .fromGenerator((i) => Math.min(i, KEYS), { recordsPerSecond: KEYS * 10 })
    .uid('keys')
    .assignTimestampsAndWatermarks(
      WatermarkStrategy.forGenerator<number>(
        () => ({
          onEvent: (key, _timestamp, output) => key === KEYS && output.emitWatermark(2_000_000),
          onPeriodicEmit: () => {},
        }),
        (key) => key,
      ),
    )
    .uid('time')
    // The marks stay behind: nothing but the watermark stands between the keys and the next barrier.
    .filter((key) => key < KEYS)
    .keyBy((key) => key)
    .process({
      state: { seen: valueState<boolean>('seen') },
      processElement(_key, ctx) {
        ctx.state.seen.update(true);
        ctx.timerService().registerEventTimeTimer(1_000_000);
      },
      onTimer(_timestamp, ctx, out: { collect(key: number): void }) {
        fired.count++;
        ctx.state.seen.clear();
        if (options.iterable) return [ctx.getCurrentKey()];
        out.collect(ctx.getCurrentKey());
        return undefined;
      },
    })
    .uid('burst')
    .collect('out');
  return { env, fired };
}

/** Reads so many results and cancels the job. */
async function take(results: AsyncIterableIterator<number>, count: number): Promise<number[]> {
  const keys: number[] = [];
  for await (const key of results) {
    keys.push(key);
    if (keys.length === count) break;
  }
  return keys;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

for (const iterable of [false, true]) {
  const how = iterable ? 'returning iterables' : 'calling collect';
  test(`a hundred thousand timers that fire at once, ${how}, wait for a slow reader in bounded memory`, async () => {
    const { env, fired } = burst({ iterable });
    const client = await env.executeAsync();
    const results = client.collected<number>('out');
    const first = await results.next();
    await pause(300);
    const before = fired.count;
    await pause(100);
    assert.equal(fired.count, before, 'the burst stands still while nobody reads');
    assert.ok(before < KEYS / 2, `what has fired ahead is bounded, but it was ${before}`);
    const keys = [first.value as number, ...(await take(results, KEYS - 1))];
    assert.equal(new Set(keys).size, KEYS);
    assert.equal(keys.length, KEYS);
    await client.result();
  });

  test(`a checkpoint passes a burst that stands still, ${how}, and holds the half that has not fired`, async () => {
    const first = burst({ iterable });
    const client: JobClient = await first.env.executeAsync();
    const results = client.collected<number>('out');
    await results.next();
    await pause(300);
    assert.ok(first.fired.count < KEYS / 2);
    const savepoint = await client.triggerSavepoint();
    const firedBefore = first.fired.count;
    await client.cancel();
    const second = burst({ iterable });
    const continued = await second.env.executeAsync('continued', { fromSavepoint: savepoint });
    const keys = await take(continued.collected<number>('out'), KEYS - firedBefore);
    assert.equal(
      new Set(keys).size,
      KEYS - firedBefore,
      'exactly the timers that had not fired fire after the restore',
    );
  });
}
