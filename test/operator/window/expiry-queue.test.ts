/** The queue of ends gives what a sorted list gives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ExpiryQueue } from '../../../src/operator/window/expiry-queue.ts';

test('items come out by their times, however they went in', () => {
  const step = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant('pop' as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new ExpiryQueue<number>();
      let list: number[] = [];
      for (const each of steps) {
        if (each === 'pop') {
          assert.equal(queue.earliest, list[0] ?? Infinity);
          assert.equal(queue.pop(), list[0]);
          list = list.slice(1);
        } else {
          queue.push(each, each);
          list = [...list, each].toSorted((a, b) => a - b);
        }
        assert.equal(queue.size, list.length);
      }
    }),
  );
});

test('a ring that has wrapped around keeps its order when it grows', () => {
  const queue = new ExpiryQueue<number>();
  for (let i = 0; i < 60; i++) queue.push(i, i);
  for (let i = 0; i < 50; i++) assert.equal(queue.pop(), i);
  for (let i = 60; i < 400; i++) queue.push(i, i);
  for (let i = 50; i < 400; i++) assert.equal(queue.pop(), i);
  assert.equal(queue.pop(), undefined);
});
