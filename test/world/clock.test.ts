import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRealWorld } from '../../src/world/real-world.ts';

const { clock, random, ...world } = createRealWorld();

test('a timer never rings before its delay has passed', async () => {
  for (const delay of [0, 0.5, 1, 3, 7.25]) {
    const start = clock.monotonic();
    await new Promise<void>((resolve) => void clock.after(delay, resolve));
    assert.ok(clock.monotonic() - start >= delay);
  }
});

test('a cancelled timer does not ring, and a delay beyond what timers can hold does not ring at once', async () => {
  let rung = 0;
  const cancelled = clock.after(1, () => rung++);
  cancelled.cancel();
  const distant = clock.after(2 ** 40, () => rung++);
  await new Promise<void>((resolve) => void clock.after(10, resolve));
  distant.cancel();
  distant.cancel();
  assert.equal(rung, 0);
});

test('a later turn lets timers and promises go first', async () => {
  const order: string[] = [];
  const later = new Promise<void>((resolve) =>
    clock.nextTurn(() => {
      order.push('turn');
      resolve();
    }),
  );
  void Promise.resolve().then(() => order.push('promise'));
  order.push('now');
  await later;
  assert.deepEqual(order, ['now', 'promise', 'turn']);
});

test('wall-clock time counts from the epoch', () => {
  assert.ok(Math.abs(clock.now() - new Date().getTime()) < 60_000);
});

test('random numbers lie in [0, 1) and identifiers are 32 hexadecimal digits, each its own', () => {
  for (let count = 0; count < 1000; count++) {
    const number = random.next();
    assert.ok(number >= 0 && number < 1);
  }
  const ids = Array.from({ length: 1000 }, () => random.id());
  assert.ok(ids.every((id) => /^[0-9a-f]{32}$/.test(id)));
  assert.equal(new Set(ids).size, 1000);
});

test('CPU time of the process grows', () => {
  const before = world.cpuMicroseconds();
  let sum = 0;
  do for (let i = 0; i < 100_000; i++) sum += i;
  while (world.cpuMicroseconds() === before);
  assert.ok(sum > 0 && world.cpuMicroseconds() > before);
});
