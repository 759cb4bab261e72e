import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BarrierElement } from '../../src/data/element.ts';
import { Alignment, type AlignmentResult } from '../../src/exchange/alignment.ts';

function barrier(checkpoint: number): BarrierElement {
  return { checkpoint } as unknown as BarrierElement;
}

const WAITING: AlignmentResult = { kind: 'waiting' };

function aligned(checkpoint: number): AlignmentResult {
  return { kind: 'aligned', barrier: barrier(checkpoint) };
}

function held(alignment: Alignment, channels: number): boolean[] {
  return Array.from({ length: channels }, (_, channel) => alignment.holds(channel));
}

test('channels are held from their barrier on, until the last has delivered its own', () => {
  const alignment = new Alignment(3, true);
  assert.equal(alignment.pending, undefined);
  assert.deepEqual(alignment.onBarrier(1, barrier(1)), WAITING);
  assert.equal(alignment.pending, 1);
  assert.deepEqual(held(alignment, 3), [false, true, false]);
  assert.deepEqual(alignment.onBarrier(0, barrier(1)), WAITING);
  assert.deepEqual(held(alignment, 3), [true, true, false]);
  assert.deepEqual(alignment.onBarrier(2, barrier(1)), aligned(1));
  assert.deepEqual(held(alignment, 3), [false, false, false]);
  assert.equal(alignment.pending, undefined);
});

test('the next checkpoint waits for every channel anew', () => {
  const alignment = new Alignment(2, true);
  alignment.onBarrier(0, barrier(1));
  alignment.onBarrier(1, barrier(1));
  assert.deepEqual(alignment.onBarrier(1, barrier(2)), WAITING);
  assert.deepEqual(held(alignment, 2), [false, true]);
  assert.deepEqual(alignment.onBarrier(0, barrier(2)), aligned(2));
});

test('at least once, barriers are counted, and nothing is held', () => {
  const alignment = new Alignment(2, false);
  assert.deepEqual(alignment.onBarrier(0, barrier(1)), WAITING);
  assert.deepEqual(held(alignment, 2), [false, false]);
  assert.deepEqual(alignment.onBarrier(1, barrier(1)), aligned(1));
});

test('a newer checkpoint gives the older one up, whose late barriers count for nothing', () => {
  const alignment = new Alignment(2, true);
  alignment.onBarrier(0, barrier(1));
  assert.deepEqual(alignment.onBarrier(1, barrier(2)), { kind: 'superseded', checkpoint: 1, next: WAITING });
  assert.deepEqual(held(alignment, 2), [false, true]);
  assert.equal(alignment.pending, 2);
  assert.deepEqual(alignment.onBarrier(0, barrier(1)), WAITING);
  assert.deepEqual(held(alignment, 2), [false, true]);
  assert.deepEqual(alignment.onBarrier(0, barrier(2)), aligned(2));
});

test('a newer checkpoint may be aligned by the very barrier that gives the older one up', () => {
  const alignment = new Alignment(2, true);
  alignment.onBarrier(0, barrier(3));
  assert.deepEqual(alignment.onEnd(0), WAITING);
  assert.deepEqual(alignment.onBarrier(1, barrier(4)), { kind: 'superseded', checkpoint: 3, next: aligned(4) });
  assert.equal(alignment.pending, undefined);
});

test('a barrier of a checkpoint that is over or was given up begins nothing', () => {
  const alignment = new Alignment(2, true);
  alignment.onBarrier(0, barrier(5));
  assert.equal(alignment.abort(), 5);
  assert.deepEqual(held(alignment, 2), [false, false]);
  assert.deepEqual(alignment.onBarrier(1, barrier(5)), WAITING);
  assert.deepEqual(alignment.onBarrier(1, barrier(4)), WAITING);
  assert.equal(alignment.pending, undefined);
  assert.equal(alignment.abort(), undefined);
  assert.deepEqual(alignment.onBarrier(1, barrier(6)), WAITING);
  assert.deepEqual(alignment.onBarrier(0, barrier(6)), aligned(6));
  assert.deepEqual(alignment.onBarrier(0, barrier(6)), WAITING);
  assert.equal(alignment.pending, undefined);
});

test('a channel that has ended is waited for no longer, in this checkpoint and in later ones', () => {
  const alignment = new Alignment(3, true);
  assert.deepEqual(alignment.onEnd(2), WAITING);
  assert.deepEqual(alignment.onBarrier(0, barrier(1)), WAITING);
  assert.deepEqual(alignment.onEnd(1), aligned(1));
  assert.deepEqual(held(alignment, 3), [false, false, false]);
  assert.deepEqual(alignment.onBarrier(0, barrier(2)), aligned(2));
  assert.deepEqual(alignment.onEnd(0), WAITING);
});

test('a barrier that overtakes after all releases what was held, and tells who had delivered it', () => {
  const alignment = new Alignment(3, true);
  assert.equal(alignment.release(1), undefined);
  alignment.onBarrier(2, barrier(1));
  assert.equal(alignment.release(2), undefined);
  assert.deepEqual(held(alignment, 3), [false, false, true]);
  assert.deepEqual(alignment.release(1), Uint8Array.of(0, 0, 1));
  assert.deepEqual(held(alignment, 3), [false, false, false]);
  assert.equal(alignment.pending, undefined);
  assert.equal(alignment.release(1), undefined);
  // What was delivered for it does not count for the next.
  assert.deepEqual(alignment.onBarrier(0, barrier(2)), WAITING);
  assert.deepEqual(alignment.onBarrier(1, barrier(2)), WAITING);
  assert.deepEqual(alignment.onBarrier(2, barrier(2)), aligned(2));
});
