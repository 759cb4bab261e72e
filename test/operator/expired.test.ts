/** State that expires comes out where what is dropped is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dropTag, type Dropped } from '../../src/operator/dropped.ts';
import type { Collector } from '../../src/operator/functions.ts';
import { keyedProcess } from '../../src/operator/keyed-process.ts';
import { mapState, valueState } from '../../src/state/descriptor.ts';
import type { StateTtl } from '../../src/state/ttl.ts';
import { OperatorHarness } from '../../src/testing/operator-harness.ts';

interface Item {
  readonly key: string;
  readonly value: number;
}

const TTL: StateTtl = { timeToLive: 100, reportExpired: true };

const latest = keyedProcess((item: Item) => item.key, {
  state: { value: valueState<number>('latest', { ttl: TTL }), seen: mapState<number, string>('seen', { ttl: TTL }) },
  processElement(item: Item, ctx, out: Collector<number | undefined>) {
    out.collect(ctx.state.value.value());
    ctx.state.value.update(item.value);
    ctx.state.seen.get(item.value);
    ctx.state.seen.put(item.value, item.key);
  },
});

function dropped(harness: OperatorHarness): unknown[] {
  return harness.output.flatMap((out) => {
    if (out.kind !== 'side') return [];
    const { reason, value, state, key, entryKey, timestamp } = out.value as Dropped;
    return [[reason, value, state, key, entryKey, timestamp]];
  });
}

test('what expired of the state of a process function is a side output, with its state and key', async () => {
  const harness = new OperatorHarness(latest, { sides: [dropTag('expired')] });
  harness.element({ key: 'a', value: 1 });
  harness.processingTime(99);
  harness.element({ key: 'b', value: 2 });
  harness.processingTime(100);
  assert.deepEqual(dropped(harness), []);
  harness.element({ key: 'a', value: 1 });
  assert.deepEqual(dropped(harness), [
    ['expired', 1, 'latest', 'a', undefined, undefined],
    ['expired', 'a', 'seen', 'a', 1, undefined],
  ]);
  assert.equal(harness.metric('dropped.expired'), 2);
  assert.deepEqual(harness.values, [undefined, undefined, undefined]);
  await harness.close();
});

test('it is told before the barrier behind which it is gone from the state', async () => {
  const before = new OperatorHarness(latest, { sides: [dropTag('expired')] });
  before.element({ key: 'a', value: 1 });
  before.processingTime(100);
  const waiting = before.snapshot();
  const restored = new OperatorHarness(latest, { sides: [dropTag('expired')], restore: waiting, now: 100 });
  restored.element({ key: 'a', value: 1 });
  assert.equal(dropped(restored).length, 2);
  const told = restored.snapshot();
  const after = new OperatorHarness(latest, { sides: [dropTag('expired')], restore: told, now: 150 });
  after.element({ key: 'a', value: 1 });
  assert.deepEqual(dropped(after), []);
  for (const harness of [before, restored, after]) await harness.close();
});
