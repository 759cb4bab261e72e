import assert from 'node:assert/strict';
import { test } from 'node:test';
import { harness } from './harness.ts';

test('a million keys at one timestamp and two hundred thousand timestamps of one key fire all, in order', () => {
  const { backend } = harness();
  let count = 0;
  let last = -1;
  const driver = backend.timers('t', (timestamp) => {
    assert.ok(timestamp >= last);
    last = timestamp;
    count++;
  });
  for (let key = 0; key < 1_000_000; key++) {
    backend.setCurrentKey(key);
    driver.service.registerEventTimeTimer(100_000);
  }
  for (let i = 0; i < 200_000; i++) driver.service.registerEventTimeTimer((i * 7919) % 200_000);
  // The last key stood at 100,000 before.
  assert.equal(driver.size, 1_199_999);
  driver.advance(200_000, () => {});
  assert.equal(count, 1_199_999);
  assert.equal(backend.size, 0);
});
